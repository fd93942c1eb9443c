"""Users and logins over the wire."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from src.schemas.text import Email, NewPassword, UserName


class Registration(BaseModel):
    """Who wants to have an account."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    username: UserName
    email: Email
    password: NewPassword = Field(description="8 to 128 characters.")


class Login(BaseModel):
    """Who wants to sign in."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    username: UserName
    password: str = Field(min_length=1, max_length=128)


class Token(BaseModel):
    """A bearer token, to be sent as `Authorization: Bearer …`."""

    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105
    expires_in: int = Field(description="Seconds until it is over.")


class UserOut(BaseModel):
    """A user, as the user sees it."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    username: str
    email: str
    created_at: datetime
