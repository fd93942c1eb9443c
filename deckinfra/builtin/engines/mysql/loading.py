"""Sending rows to ``LOAD DATA LOCAL``: the server asks for a file by name, and gets what we have instead."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from deckinfra.mysql import Session
from deckinfra.mysql.faults import translated

_PACKET: Final = 1024 * 1024
"""How many bytes are sent in one packet, where the server takes twice as many: larger ones cost less."""

AT_ONCE: Final = 64 * 1024 * 1024
"""About how many bytes one statement loads: a transaction that a server can take back in reasonable time."""


def load(session: Session, statement: str, chunks: Iterable[bytes]) -> None:
    """Load the text of ``chunks`` by ``statement``, in several runs of it where it is long.

    What the server warns of is not looked at: the rows are, afterwards.
    """
    rest = iter(chunks)
    packet = min(_PACKET, int(session.query("SELECT @@SESSION.max_allowed_packet")[0][0]) // 2)
    while (run := _Run(rest)).is_there:
        _send(session, statement, run.pieces(), packet)


def takes_local_files(session: Session) -> bool:
    """Whether the server takes rows in this way."""
    return bool(session.query("SELECT @@GLOBAL.local_infile")[0][0])


def takes_turns(session: Session) -> bool:
    """Whether the server lets one such load at a time into a table that counts its rows, and has others wait for it.

    MariaDB does, unless told otherwise: the lock on the counter is held until a statement that it calls a bulk insert
    ends. Whoever waits for longer than ``innodb_lock_wait_timeout`` fails. MySQL has done without since 8.0.
    https://mariadb.com/kb/en/auto_increment-handling-in-innodb/
    """
    return bool(session.query("SELECT @@GLOBAL.innodb_autoinc_lock_mode <> 2")[0][0])


class _Run:
    """Chunks for one statement: about so many bytes, to the end of a row."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._first = next(chunks, None)

    @property
    def is_there(self) -> bool:
        return self._first is not None

    def pieces(self) -> Iterator[bytes]:
        data, sent = self._first, 0
        while data is not None:
            sent += len(data)
            yield data
            # A line feed is written as two other bytes where it is in a value.
            if sent >= AT_ONCE and data.endswith(b"\n"):
                return
            data = next(self._chunks, None)


def _send(session: Session, statement: str, pieces: Iterator[bytes], size: int) -> None:
    connection: Any = session.connection
    in_step = False
    try:
        with translated(session.url):
            _ask(connection, statement)
            number = connection._next_seq_id
            for data in pieces:
                for start in range(0, len(data), size):
                    packet = memoryview(data)[start : start + size]
                    connection._write_bytes(len(packet).to_bytes(3, "little") + bytes((number & 0xFF,)))
                    connection._write_bytes(packet)
                    number += 1
            connection._write_bytes(b"\0\0\0" + bytes((number & 0xFF,)))
            connection._next_seq_id = (number + 1) % 256
            in_step = True
            connection._read_packet()
    finally:
        if not in_step and connection.open:
            connection._force_close()


def _ask(connection: Any, statement: str) -> None:
    """Send the statement, and have the server ask for the file."""
    from pymysql.constants.COMMAND import COM_QUERY
    from pymysql.err import OperationalError

    connection._execute_command(COM_QUERY, statement.encode())
    packet = connection._read_packet()
    if not packet.is_load_local_packet():
        raise OperationalError(0, "the server did not ask for the rows")
