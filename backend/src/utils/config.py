"""The settings: typed values from the process environment, and from files that ``NAME_FILE`` names.

``NAME`` goes before ``NAME_FILE``, and an empty value is no value. Names and defaults are those of
deckinfra's schema, which writes the environment files and the documentation; a test holds them together.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
)
from pydantic_core import ErrorDetails
from sqlalchemy import URL

from src.utils.database_url import parse_database_url

ROOT: Final = Path(__file__).resolve().parents[3]
"""The project's folder, at which relative paths start."""

SHORTEST_KEY: Final = 32
"""Characters of the key that tokens are signed with: HS256 wants 32 bytes (RFC 7518, section 3.2)."""

_ORIGIN: Final = re.compile(r"\*|[a-z][a-z0-9+.-]*://[^/\s?#@]+", re.IGNORECASE)
_LARGEST_FILE: Final = 1024 * 1024


class ConfigurationError(Exception):
    """The settings cannot be worked with. ``problems`` has a line for each variable, without any secret."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def _split(value: object) -> object:
    return [entry.strip() for entry in value.split(",") if entry.strip()] if isinstance(value, str) else value


def _are_origins(origins: tuple[str, ...]) -> tuple[str, ...]:
    if not all(map(_ORIGIN.fullmatch, origins)):
        raise ValueError("each has to be SCHEME://HOST or SCHEME://HOST:PORT, without a path")
    return origins


def _long_enough(key: SecretStr) -> SecretStr:
    if len(key.get_secret_value()) < SHORTEST_KEY:
        raise ValueError(f"it has fewer than {SHORTEST_KEY} characters, so tokens could be forged")
    return key


class Settings(BaseModel):
    """What the application is told. The field ``app_port`` is set by the variable ``APP_PORT``."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    app_host: str = "127.0.0.1"
    app_port: int = Field(default=8000, ge=1, le=65535)
    app_debug: bool = False
    app_secret_key: Annotated[SecretStr, AfterValidator(_long_enough)]
    app_log_level: Literal["critical", "error", "warning", "info", "debug"] = "info"
    app_workers: int = Field(default=1, ge=1, le=64)
    app_token_minutes: int = Field(default=30, ge=1, le=1440)
    app_pool_size: int = Field(default=10, ge=1, le=200)
    app_pool_overflow: int = Field(default=10, ge=0, le=200)
    app_pool_timeout: int = Field(default=5, ge=1, le=60)
    app_pool_recycle: int = Field(default=1800, ge=1, le=86400)
    app_database_wait: int = Field(default=60, ge=0, le=3600)
    cors_origins: Annotated[tuple[str, ...], BeforeValidator(_split), AfterValidator(_are_origins)] = ()
    database_url: str = Field(default="sqlite:///var/app.db", repr=False)
    database_password: SecretStr | None = None

    @property
    def database(self) -> URL:
        """The database with its password put in. Shown, it has none."""
        password = self.database_password.get_secret_value() if self.database_password else None
        return parse_database_url(self.database_url, password, ROOT)


def load_settings(environ: Mapping[str, str], root: Path = ROOT) -> Settings:
    """Read the settings from ``environ`` and the files that it names; a relative name starts at ``root``.

    Raises :class:`ConfigurationError` with everything that is wrong.
    """
    values: dict[str, str] = {}
    problems: dict[str, str] = {}
    for field in Settings.model_fields:
        try:
            found = _find(field.upper(), environ, root)
        except ValueError as error:
            problems[field] = str(error)
        else:
            values |= {} if found is None else {field: found}
    if not problems.keys() & {"database_url", "database_password"}:
        url = values.get("database_url", Settings.model_fields["database_url"].default)
        try:
            parse_database_url(url, values.get("database_password"), root)
        except ValueError as error:
            problems["database_url"] = f"DATABASE_URL cannot be used: {error}"
    try:
        settings = Settings.model_validate(values)
    except ValidationError as invalid:
        for detail in invalid.errors(include_url=False, include_input=False):
            field = str(detail["loc"][0])
            problems.setdefault(field, _sentence(field.upper(), detail, values.get(field)))
    if problems:
        raise ConfigurationError(list(problems.values()))
    return settings


def _find(name: str, environ: Mapping[str, str], root: Path) -> str | None:
    """Give the text of one variable; :class:`ValueError` says why its file cannot be read."""
    if environ.get(name):
        return environ[name]
    pointer = f"{name}_FILE"
    if not environ.get(pointer):
        return None
    path = root / environ[pointer]
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST_FILE + 1)
        text = data.decode("utf-8-sig").removesuffix("\n").removesuffix("\r")
    except OSError as error:
        raise ValueError(f"{pointer} names {path}, which cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{pointer} names {path}, which is not UTF-8 text") from None
    if len(data) > _LARGEST_FILE:
        raise ValueError(f"{pointer} names {path}, which is larger than 1 MiB")
    if not text:
        raise ValueError(f"{pointer} names {path}, which is empty")
    return text


_HIDDEN: Final = frozenset({"APP_SECRET_KEY", "DATABASE_PASSWORD", "DATABASE_URL"})


def _sentence(name: str, error: ErrorDetails, value: str | None) -> str:
    """Tell of one invalid value. One that is a secret, or may hold one, is not shown."""
    if error["type"] == "missing":
        return f"{name} is not set, and {name}_FILE is not either"
    context: Mapping[str, Any] = error.get("ctx", {})
    reason = str(context.get("error", error["msg"]))
    reason = f"it {reason.removeprefix('Input ')}" if reason.startswith("Input ") else reason
    return f"{name} is malformed: {reason}" if name in _HIDDEN or value is None else f"{name} is {value!r}: {reason}"
