"""What an engine may do beside :class:`Engine`: write a snapshot as SQL, and take SQL that others wrote."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol, runtime_checkable

from .engine import Shadow, SnapshotReader


@runtime_checkable
class WritesScripts(Protocol):
    """An :class:`Engine` that can write a snapshot which it took as SQL."""

    def script(self, source: SnapshotReader) -> Iterator[bytes]:
        """Give the text that makes an empty database what the snapshot saw, in pieces, without asking any server.

        The database's own client runs it, and :meth:`TakesScripts.run` too. Lines that begin with ``--`` are comments;
        whoever writes it to a file adds some at its beginning and its end. :class:`DamagedError` comes through.
        """


@runtime_checkable
class TakesScripts(Protocol):
    """An :class:`Engine` that can load SQL into a shadow."""

    script_ends: Sequence[str]
    """How the last line of a script begins that the database's own tools wrote to its end."""

    def run(self, shadow: Shadow, script: Iterator[bytes]) -> Sequence[str]:
        """Run what :meth:`WritesScripts.script` or the database's own dump tool wrote.

        Gives a sentence on each thing that was left out. It is somebody else's text: before the swap, nothing that it
        says reaches anything but the shadow, and after it only what stands in its views, triggers, routines and events
        does. :class:`RefusedError` names the line of what is not run for that; :class:`DatabaseError` that of what the
        database does not take; :class:`DamagedError` says that it ends within a statement.
        """
