"""The database's own command-line tools: which ones fit a server, and their command lines as values.

The password goes by standard input. A few lines of shell read the options from there, up to an empty line, and hand
them to the tool as an option file that is only a pipe; what follows on standard input is the tool's. So it is in no
argument, no variable and no file. No other option file is read: what somebody set there for other work, as a ``where``,
would change what a backup holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

from deckinfra.core.command import Command
from deckinfra.core.secret import redact
from deckinfra.core.urls import DatabaseURL
from deckinfra.errors import DatabaseError
from deckinfra.mysql import Server
from deckinfra.ports import DatabaseTools

LIMIT: Final = 24 * 3600.0
"""Seconds that one dump or load may take."""

MAX_PACKET: Final = 1024 * 1024 * 1024
"""Bytes of the largest row that the tools take: as much as the servers' protocol does."""

_QUICK: Final = 60.0
_SESSION: Final = f"SET SESSION sql_select_limit = {2**64 - 1}, max_execution_time = 0, sql_big_selects = 1"
_MOST: Final = 1000
_NAMES: Final = {"mysql": ("mysqldump", "mysql"), "mariadb": ("mariadb-dump", "mariadb")}
_VENDORS: Final = {"mysql": "MySQL", "mariadb": "MariaDB"}
_OPTIONS: Final = {"ssl_ca": "ssl-ca", "ssl_cert": "ssl-cert", "ssl_key": "ssl-key", "unix_socket": "socket"}
_VERSION: Final = re.compile(r"(?:Distrib |from |Ver )(?!.*(?:Distrib|from) )(\d+(?:\.\d+)+)")
"""Older tools have a version of their own before that of the distribution, as in ``Ver 10.13 Distrib 5.7.44``."""

_ESCAPES: Final = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"})
_NO_LOGIN_FILE: Final = {"MYSQL_TEST_LOGIN_FILE": "/dev/null"}
"""MySQL's tools read ~/.mylogin.cnf in any case, and last."""

_TELL_VERSIONS: Final = 'for tool do "$tool" --version || exit; done'

_WITH_OPTIONS: Final = """\
options=
while IFS= read -r line && [ -n "$line" ]; do options="$options$line
"; done
exec "$@" 3<<END
$options
END
"""


@dataclass(frozen=True)
class Tools:
    """The tools that fit a server, where they run, and the account that they use.

    ``about`` is what the dump tool calls itself.
    """

    given: DatabaseTools
    vendor: str
    about: str

    @classmethod
    def fitting(cls, given: DatabaseTools, server: Server) -> Tools:
        """Look whether the tools fit ``server``; :class:`DatabaseError` if one is missing or of another kind.

        A dump tool of another vendor or version is the commonest cause of a bad dump, which shows only at a restore.
        """
        return cls(given, server.vendor, _version(given, server))

    @property
    def dump_name(self) -> str:
        """What the dump tool is called."""
        return _NAMES[self.vendor][0]

    @property
    def client_name(self) -> str:
        """What the client is called."""
        return _NAMES[self.vendor][1]

    def dump(self, schema: str, *, leave_out: Sequence[str], locked: bool) -> Command:
        """Give the command that dumps the tables of ``schema``, and nothing else of it: see :mod:`.snapshot`.

        ``leave_out`` are its views. With ``locked``, nobody can write to the tables meanwhile, for those of engines
        that have no transactions.
        """
        words = [
            *("--quick", "--hex-blob", "--order-by-primary", "--complete-insert", "--tz-utc", "--skip-triggers"),
            *("--skip-dump-date", "--skip-add-locks", "--skip-disable-keys", "--no-tablespaces"),
            *("--default-character-set=utf8mb4", f"--max-allowed-packet={MAX_PACKET}"),
            "--lock-tables" if locked else "--single-transaction",
        ]
        if self.vendor == "mysql":
            # MariaDB's sets its own limit of time, and knows no such option.
            words += ["--set-gtid-purged=OFF", "--column-statistics=0", f"--loose-init-command={_SESSION}"]
        else:
            words.append("--skip-no-autocommit")
        words += [f"--ignore-table={schema}.{name}" for name in leave_out]
        return self._command(self.dump_name, *words, "--", schema)

    def load(self, schema: str) -> Command:
        """Give the command that runs a dump, from standard input, in ``schema``; it stops at the first error."""
        words = ("--batch", "--binary-mode", "--local-infile=0", "--default-character-set=utf8mb4")
        # Each table becomes one transaction, which the next one's DDL ends: it spares a sync for each statement.
        rest = (f"--max-allowed-packet={MAX_PACKET}", "--init-command=SET autocommit=0", f"--database={schema}")
        # MariaDB's would print all of a statement that fails, with its rows.
        quiet = ("--loose-print-query-on-error=0",) if self.vendor == "mariadb" else ()
        return self._command(self.client_name, *words, *quiet, *rest)

    def options(self) -> bytes:
        """Give what a command of ours must be fed before all else: where to log in, and as whom."""
        return b"".join(f"{line}\n".encode() for line in _option_lines(self.given.url, self.vendor)) + b"\n"

    def feed(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """Put the options before what a command is to be fed."""
        yield self.options()
        yield from pieces

    def said(self, text: bytes) -> str:
        """Give what a tool said, on one line, without the password."""
        password = self.given.url.password
        words = " ".join(text.decode(errors="replace").split())
        return redact(words, [password] if password else [])

    def complaint(self, text: bytes) -> str:
        """Give what a client said of its failure, without the rest of what it said; it may quote a statement."""
        lines = text.splitlines()
        said = self.said(b"\n".join([line for line in lines if line.startswith(b"ERROR")] or lines))
        return f"{said[:_MOST]} ..." if len(said) > _MOST else said

    def _command(self, *words: str) -> Command:
        name, *rest = words
        argv = ("sh", "-c", _WITH_OPTIONS, "sh", name, "--defaults-file=/dev/fd/3", *rest)
        return Command(argv, LIMIT, env=_NO_LOGIN_FILE)


def option_value(text: str) -> str:
    """Write a value for an option file, so that any text stands for itself."""
    return f'"{text.translate(_ESCAPES)}"'


def _option_lines(url: DatabaseURL, vendor: str) -> Iterator[str]:
    given = {_OPTIONS[name]: value for name, value in parse_qsl(url.query) if name in _OPTIONS}
    yield "[client]"
    yield f"user={option_value(url.username)}"
    yield f"password={option_value(url.password.reveal() if url.password else '')}"
    if "socket" not in given:
        yield f"host={option_value(url.host)}"
        yield f"port={url.port or 3306}"
        yield "protocol=TCP"
    for name, value in given.items():
        yield f"{name}={option_value(value)}"
    # As the application connects: encrypted where the server can, its certificate checked where one is given.
    if vendor == "mysql":
        yield "get-server-public-key"
    elif "ssl-ca" not in given:
        yield "ssl-verify-server-cert=0"


def _version(given: DatabaseTools, server: Server) -> str:
    """Give what the dump tool calls itself; its version is that of ``server`` but for the last part."""
    vendor, series = _VENDORS[server.vendor], ".".join(map(str, server.version_number[:2]))
    names = _NAMES[server.vendor]
    hint = (
        f"Nothing was done. Install the client tools of {vendor} {series} there, or run this in the stack, whose image "
        "has them: docker compose --env-file FILE run --rm ops invoke ..., where FILE is the environment's env file."
    )
    done = given.executor.run(Command(("sh", "-c", _TELL_VERSIONS, "sh", *names), _QUICK, env=_NO_LOGIN_FILE))
    lines = done.stdout.decode(errors="replace").splitlines()
    if not done.ok or len(lines) != len(names):
        reason = " ".join(done.stderr.decode(errors="replace").split()) or "it told no version"
        raise DatabaseError(
            f"backups and restores of {server.url} need the tools {' and '.join(names)} on {given.executor}: {reason}",
            hint=hint,
        )
    for name, line in zip(names, lines, strict=True):
        if _kind(line) != (server.vendor, series):
            raise DatabaseError(
                f"'{name}' on {given.executor} does not fit the server of {server.url}, which is {vendor} "
                f"{server.version}, so a dump by it may be wrong: it calls itself '{line.strip()}'",
                hint=hint,
            )
    return lines[0].strip()


def _kind(line: str) -> tuple[str, str]:
    """Give the vendor and the first two numbers of the version that a tool says it has."""
    version = _VERSION.search(line)
    vendor = "mariadb" if "mariadb" in line.lower() else "mysql"
    return vendor, ".".join(version[1].split(".")[:2]) if version else ""
