"""What the health check tells."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field


class ProcessHealth(BaseModel):
    """The process that answered; with several workers, one of them."""

    version: str
    pid: int
    uptime_seconds: float


class DatabaseHealth(BaseModel):
    """Whether a new connection to the database works."""

    reachable: bool
    connect_ms: float | None = Field(description="To open a connection and sign in.")
    latency_ms: float | None = Field(description="For one query on it.")
    error: str | None


class PoolHealth(BaseModel):
    """The connections of the process that answered."""

    size: int
    max_overflow: int
    checked_out: int
    overflow: int


class Health(BaseModel):
    """Whether the application can do its work."""

    status: Literal["ok", "unavailable"]
    process: ProcessHealth
    database: DatabaseHealth
    pool: PoolHealth
    # "schema" is a name that pydantic's base class has, hence the alias.
    schema_state: Literal["current", "behind", "ahead", "unknown"] = Field(serialization_alias="schema")
    revision: list[str] = Field(description="Where the database is.")
    expected: list[str] = Field(description="Where this version of the application expects it to be.")
