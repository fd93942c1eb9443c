"""Where a database is and where a store is, as values: parsed once, and safe to show."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Final
from urllib.parse import quote, unquote, urlsplit

from deckinfra.core.secret import REDACTED, Secret
from deckinfra.errors import ConfigurationError

# A password that was not percent-encoded may hold a slash or an @: it reaches to the last @. Digits up
# to a slash are a port, with an @ somewhere behind it.
_PASSWORD: Final = re.compile(r"(://[^/@:\[ \t]*):(?!\d{1,5}/)([^ \t]+)@")
_NO_SLASHES: Final = re.compile(r"\A([a-z+]+:[^/@:\[ \t]*):([^ \t]+)@")
# An option of a URL, and how those are called that are secrets. "ssl_key" names a file.
_OPTION: Final = re.compile(r"([?&])([^?&=\s]+)=([^&\s]+?)(?='?(?:[&\s]|\Z))")
_SECRET_OPTION: Final = re.compile(
    r"pass(?:w|phrase|\Z)|pwd|secret|token|credential|signature|\Asig\Z|(?<!\Assl[-_])(?<!public[-_])key\Z",
    re.IGNORECASE,
)
_SCHEME: Final = re.compile(r"([a-z][a-z0-9+.-]*):(.*)\Z", re.DOTALL)


@dataclass(frozen=True)
class StoreURL:
    """Where blobs are kept: ``scheme:location``. What the location means is the store's business.

    ``file:backups/local`` and ``sftp://deck@host/backups`` have the schemes ``file`` and ``sftp``.
    """

    scheme: str
    location: str

    @classmethod
    def parse(cls, text: str) -> StoreURL:
        """Read ``text``; a :class:`ConfigurationError` says what is wrong with it, without its password."""
        _refuse_secret_options(text, "store")
        match = _SCHEME.match(text)
        if match is None or not match[2]:
            raise ConfigurationError(
                f"'{without_url_passwords(text)}' is not a store URL",
                hint="Write SCHEME:LOCATION, as in file:backups/local.",
            )
        if url_password(text) is not None:
            raise ConfigurationError(
                f"the store URL '{without_url_passwords(text)}' has a password in it",
                hint="Leave the password out of the URL: a URL is shown and logged.",
            )
        return cls(match[1], match[2])

    def __str__(self) -> str:
        return f"{self.scheme}:{self.location}"


@dataclass(frozen=True)
class DatabaseURL:
    """Which database, on which server or in which file.

    ``dialect`` chooses the engine (``sqlite``, ``mysql``, ``mariadb``); ``driver`` is SQLAlchemy's
    and may be empty; ``database`` is a name on the server, or for SQLite the path of the file, as
    written: never percent-encoded, so that spaces, quotes and any letters stand for themselves.
    """

    dialect: str
    driver: str = ""
    username: str = ""
    host: str = ""
    port: int | None = None
    database: str = ""
    query: str = ""
    password: Secret | None = field(default=None, repr=False)
    within: bool = field(default=False, repr=False, compare=False)
    """Whether the way there does not leave this machine, so that nobody has to hide what is said on it."""

    @classmethod
    def parse(cls, text: str) -> DatabaseURL:
        """Read ``text`` in SQLAlchemy's form, ``dialect[+driver]://user@host:port/name``, or ``sqlite:///path``."""
        _refuse_secret_options(text, "database")
        match = _SCHEME.match(text)
        if match is None or not match[2].startswith("//"):
            raise ConfigurationError(
                f"'{without_url_passwords(text)}' is not a database URL",
                hint="Write sqlite:///var/app.db or mysql+pymysql://user@host:3306/name.",
            )
        dialect, _, driver = match[1].partition("+")
        if dialect == "sqlite":
            return cls(dialect, driver, database=_sqlite_path(match[1], match[2][2:]))
        try:
            parts = urlsplit(text)
            port = parts.port
        except ValueError:
            # Its message may quote a password that has a slash in it: what comes before one is taken for the port.
            raise ConfigurationError(
                f"'{without_url_passwords(text)}' is not a database URL",
                hint="Write mysql+pymysql://user@host:3306/name, and %2F for a slash in a password.",
            ) from None
        if "\0" in unquote(text):
            raise ConfigurationError(
                f"'{without_url_passwords(text)}' is not a database URL: it holds a NUL byte",
                hint="Write mysql+pymysql://user@host:3306/name.",
            )
        if not parts.hostname or len(parts.path) < 2:
            raise ConfigurationError(
                f"'{without_url_passwords(text)}' lacks a host or the name of a database",
                hint="Write mysql+pymysql://user@host:3306/name.",
            )
        return cls(
            dialect,
            driver,
            username=unquote(parts.username or ""),
            host=parts.hostname,
            port=port,
            database=unquote(parts.path[1:]),
            query=parts.query,
            password=Secret(unquote(parts.password)) if parts.password else None,
        )

    def with_password(self, password: Secret | None) -> DatabaseURL:
        """Give the same URL with another password."""
        return replace(self, password=password)

    def with_database(self, database: str) -> DatabaseURL:
        """Give the URL of another database on the same server, or of another file."""
        return replace(self, database=database)

    def __str__(self) -> str:
        scheme = f"{self.dialect}+{self.driver}" if self.driver else self.dialect
        if self.dialect == "sqlite":
            return f"{scheme}:///{self.database}"
        query = f"?{self.query}" if self.query else ""
        user = f"{quote(self.username, safe='')}@" if self.username else ""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = f":{self.port}" if self.port else ""
        return f"{scheme}://{user}{host}{port}/{quote(self.database, safe='')}{query}"


def url_password(text: str) -> str | None:
    """Give the password in a URL, decoded, or None if there is none (or no URL).

    The value of an option that is called like a secret, as in ``?access_token=...``, is one too.
    """
    match = _PASSWORD.search(text)
    if match:
        return unquote(match[2])
    return next((unquote(option[3]) for option in _OPTION.finditer(text) if _is_secret(option)), None)


def has_secret_option(text: str) -> bool:
    """Whether an option of a URL in ``text`` is called like a secret, as in ``?access_token=...``."""
    return any(map(_is_secret, _OPTION.finditer(text)))


def without_url_passwords(text: str) -> str:
    """Give ``text`` with the password of each URL in it replaced, or of one that lacks its slashes."""
    text = _OPTION.sub(_without_secret, text)
    return _NO_SLASHES.sub(rf"\1:{REDACTED}@", _PASSWORD.sub(rf"\1:{REDACTED}@", text))


def _is_secret(option: re.Match[str]) -> bool:
    return _SECRET_OPTION.search(unquote(option[2])) is not None


def _without_secret(option: re.Match[str]) -> str:
    return f"{option[1]}{option[2]}={REDACTED}" if _is_secret(option) else option[0]


def _refuse_secret_options(text: str, what: str) -> None:
    """Refuse a URL with a secret among its options. Nothing of it is shown: who knows where the secret ends?"""
    if has_secret_option(text):
        raise ConfigurationError(
            f"the {what} URL has a password among its options",
            hint="Leave the password out of the URL's options: they are shown and logged.",
        )


def _sqlite_path(scheme: str, location: str) -> str:
    """Give the path in an SQLite URL, of which ``location`` is what stands behind the two slashes."""
    path, options, _ = location.partition("?")
    shown = without_url_passwords(f"{scheme}://{path}")
    if not path.startswith("/") or path in {"/", "/:memory:"} or path.startswith("/file:") or "\0" in path:
        raise ConfigurationError(
            f"'{shown}' names no database file",
            hint="Write sqlite:///var/app.db, with four slashes for an absolute path.",
        )
    if options:
        raise ConfigurationError(
            f"the SQLite URL '{shown}' has options, and SQLite has none here",
            hint="Write sqlite:///var/app.db, without the question mark and what follows it.",
        )
    return path[1:]
