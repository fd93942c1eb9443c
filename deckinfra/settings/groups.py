"""The settings that the library itself uses. A plugin's groups are written the same way."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Annotated, Any, Final, TypeVar

from pydantic import BeforeValidator, field_validator, model_validator
from pydantic_core import PydanticCustomError

from deckinfra.core.retention import Policy
from deckinfra.core.secret import Secret
from deckinfra.core.settings import Problem, SettingsGroup, Stage, setting
from deckinfra.core.urls import DatabaseURL, StoreURL, has_secret_option, url_password
from deckinfra.errors import ConfigurationError
from deckinfra.settings.strength import new_secret, weakness

_URL = TypeVar("_URL", DatabaseURL, StoreURL)
SHORTEST_KEY: Final = 32
"""How many characters a key for HMAC with SHA-256 must have: as many bytes as the hash (RFC 7518, section 3.2)."""

_ANOTHER: Final = re.compile(r"\s\S*:")
_ORIGIN: Final = re.compile(r"\*|[a-z][a-z0-9+.-]*://[^/\s?#@]+", re.IGNORECASE)


class ProjectSettings(SettingsGroup):
    """What the environment is."""

    deckinfra_kind: str | None = setting(
        None,
        description="The kind of environment. Not set, it is the environment's own name where a kind is called so, "
        "else `local`.",
        example="docker",
    )
    deckinfra_stage: Stage | None = setting(
        None,
        description="What the environment is for. Not set, it is `production` for the environments `prd`, `live` and "
        "those whose name starts with `prod`, `test` for `test`, and `development` for any other.",
        example="development",
    )


_WHERE: Final = (
    "Write the password that the server goes by into {name} in the environment's folder in .secrets/, or name its file "
    "in {name}_FILE. For a database in a stack of this project, 'invoke env.init' makes one."
)


class DatabaseSettings(SettingsGroup):
    """The database."""

    database_url: str = setting(
        "sqlite:///var/app.db",
        description="The database, in SQLAlchemy's form, without the password. "
        "A relative SQLite path starts at the project's folder.",
        example="mysql+pymysql://deck@127.0.0.1:3306/deck",
    )
    database_password: Secret | None = setting(
        None,
        description="The password of the database's user. A database on a server needs one; SQLite has none. "
        "It is made up for a database in a stack; of any other, it is asked for.",
        generate=new_secret,
    )
    database_admin_user: str | None = setting(
        None,
        description="The account for backups and restores, which makes and drops schemas on the server. Not set, it is "
        "the application's own.",
        example="root",
    )
    database_admin_password: Secret | None = setting(
        None, description="The password of that account.", generate=new_secret
    )
    database_engine: str | None = setting(
        None,
        description="The engine that backs the database up and restores it. Not set, it is the one for the URL's "
        "dialect.",
        example="client",
    )

    @model_validator(mode="before")
    @classmethod
    def _take_password_out(cls, values: Any) -> Any:
        """Keep a URL's password apart from the URL, so that the URL can be shown. ``DATABASE_PASSWORD`` wins."""
        try:
            url = DatabaseURL.parse(values["database_url"])
        except (KeyError, ConfigurationError):
            return values
        if url.password is None:
            return values
        return {"database_password": url.password} | values | {"database_url": str(url)}

    @field_validator("database_url")
    @classmethod
    def _is_database_url(cls, text: str) -> str:
        _parsed(DatabaseURL.parse, text, "database URL", "Write mysql+pymysql://user@host:3306/name.")
        return text

    def url(self) -> DatabaseURL:
        """Give the database's URL, with the password put in."""
        return DatabaseURL.parse(self.database_url).with_password(self.database_password)

    def administering(self, url: DatabaseURL) -> DatabaseURL:
        """Give ``url`` with the account for backups and restores in place of the application's."""
        if self.database_admin_user is None:
            return url
        return replace(url, username=self.database_admin_user, password=self.database_admin_password)

    def problems(self, stage: Stage) -> Iterable[Problem]:
        """Miss the passwords of a database on a server."""
        if self.database_admin_user is not None and not self.database_admin_password:
            yield Problem(
                "DATABASE_ADMIN_PASSWORD",
                "is not set, and DATABASE_ADMIN_USER is",
                _WHERE.format(name="DATABASE_ADMIN_PASSWORD"),
            )
        if self.url().dialect != "sqlite" and not self.database_password:
            yield Problem(
                "DATABASE_PASSWORD",
                f"is not set, and the database '{self.url()}' is on a server",
                _WHERE.format(name="DATABASE_PASSWORD"),
            )


def _store_url(text: str) -> StoreURL:
    if url_password(text) is not None:
        raise _invalid("it has a password in its URL", "Leave the password out: a store URL is shown and logged.")
    return _parsed(StoreURL.parse, text, "store URL", "Write SCHEME:LOCATION, as in file:backups/local.")


def _remote_url(text: str) -> StoreURL:
    if _ANOTHER.search(text):
        raise _invalid(
            "it has a space before what may be another remote", "Write NAME=URL NAME=URL, each with its name and =."
        )
    return _store_url(text)


class BackupSettings(SettingsGroup):
    """Backups."""

    backup_repository: str | None = setting(
        None,
        description="The URL of the store that backups go to. Not set, it is the environment's own, "
        "`file:backups/NAME` for `local` ones. Where one is set, a backup makes it only with `--init`, or as the first "
        "of `invoke setup` of a new database: a disk that is not mounted looks new, too.",
        example="file:backups/local",
    )
    backup_remotes: Mapping[str, Annotated[StoreURL, BeforeValidator(_remote_url)]] = setting(
        {},
        description="Other repositories, each with a name for `--remote=NAME`. The first is meant by `--remote` alone.",
        example="offsite=sftp://deck@backup.example/deck usb=file:/mnt/usb/deck",
    )
    backup_keep_last: int = setting(7, ge=0, description="How many of the newest snapshots `invoke db.prune` keeps.")
    backup_keep_daily: int = setting(7, ge=0, description="For how many days it keeps the newest snapshot of the day.")
    backup_keep_weekly: int = setting(
        4, ge=0, description="For how many weeks it keeps the newest snapshot of the week."
    )
    backup_keep_monthly: int = setting(
        12, ge=0, description="For how many months it keeps the newest snapshot of the month."
    )
    backup_compression_level: int = setting(
        3, ge=1, le=19, description="Zstandard's level: 1 is fastest, 19 is smallest."
    )
    backup_threads: int = setting(
        4, ge=1, le=64, description="How many threads compress, store and load, over as many connections to a server."
    )
    backup_rate_limit: int = setting(
        0, ge=0, description="How many MiB a second a backup reads at most, on the whole. 0 is no limit."
    )

    backup_accounts: bool = setting(
        False,
        description="Whether backups have the database's accounts, too: what stands for their passwords, and their "
        "rights on the database. The engine `mysql` can.",
    )

    @field_validator("backup_repository")
    @classmethod
    def _is_store_url(cls, text: str) -> str:
        _store_url(text)
        return text

    def policy(self) -> Policy:
        """Give what retention keeps."""
        return Policy(
            last=self.backup_keep_last,
            daily=self.backup_keep_daily,
            weekly=self.backup_keep_weekly,
            monthly=self.backup_keep_monthly,
        )


class ApplicationSettings(SettingsGroup):
    """The application."""

    app_debug: bool = setting(
        False, description="Whether errors are shown in full to whoever caused them. Never in production."
    )
    app_host: str = setting("127.0.0.1", description="The address that the application listens on.")
    app_port: int = setting(8000, ge=1, le=65535, description="The port that the application listens on.")
    app_secret_key: Secret = setting(
        description="What sessions and tokens are signed with. Changing it signs everybody out.", generate=new_secret
    )
    cors_origins: tuple[str, ...] = setting(
        (),
        description="The origins whose pages may call the application from a browser. "
        "In production each is an `https://` one, and none is `*`.",
        example="https://decks.example,https://www.decks.example",
    )
    vite_api_url: str = setting(
        "/api",
        description="Where the frontend finds the application. Like every `VITE_` variable it ends up in what "
        "browsers download.",
    )

    @field_validator("cors_origins")
    @classmethod
    def _are_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for origin in origins:
            if not _ORIGIN.fullmatch(origin):
                shown = "one of them" if "@" in origin else f"'{origin}'"
                raise _invalid(
                    f"{shown} is not an origin", "Write SCHEME://HOST or SCHEME://HOST:PORT, without a path."
                )
        return origins

    def problems(self, stage: Stage) -> Iterable[Problem]:
        """Refuse a key that is too short to sign with, and in production what is only good for development."""
        key = self.app_secret_key.reveal()
        if len(key) < SHORTEST_KEY and weakness(key) is None:  # of a weak one that is told anyway
            yield Problem(
                "APP_SECRET_KEY",
                f"has fewer than {SHORTEST_KEY} characters, too few to sign with",
                "Take it away, and 'invoke env.init' makes one.",
            )
        if stage is not Stage.PRODUCTION:
            return
        if self.app_debug:
            yield Problem("APP_DEBUG", "is on in production", "Set APP_DEBUG=false, or leave it out.")
        for origin in self.cors_origins:
            if "*" in origin:
                yield Problem(
                    "CORS_ORIGINS", f"has the wildcard '{origin}' in production", "Name each origin that may call."
                )
            elif not origin.lower().startswith("https://"):
                yield Problem("CORS_ORIGINS", f"has '{origin}' in production", "Only https:// origins are safe there.")


def _parsed(parse: Callable[[str], _URL], text: str, what: str, hint: str) -> _URL:
    try:
        return parse(text)
    except ConfigurationError as error:
        # What stands before an @ may be a password that the parser took for something else.
        if "@" in text and not has_secret_option(text):
            raise _invalid(f"it is not a {what}", hint) from None
        raise _invalid(error.message, error.hint) from None


def _invalid(reason: str, hint: str) -> PydanticCustomError:
    """Make a validation error whose text is ``reason``, and which carries a hint of its own."""
    return PydanticCustomError("setting", "{reason}", {"reason": reason, "hint": hint})
