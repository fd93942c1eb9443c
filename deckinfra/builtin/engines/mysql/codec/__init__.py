"""The codec: rows as a server sends them, made into the text that ``LOAD DATA`` reads, without a value being touched.

A server answers a query in the text protocol with one packet for each row: three bytes of length, a number, and each
value with its own length before it; 0xFB is NULL. A packet of 0xFFFFFF bytes goes on in the next one.
https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_query_response_text_resultset.html and
https://mariadb.com/kb/en/result-set-packets/ have the format.

``LOAD DATA`` with its default options reads a line for each row, values parted by tabs, ``\\N`` for NULL, and a
backslash before what would be taken for something else. Only ``\\\\``, ``\\t``, ``\\n`` and ``\\0`` are written so;
every other byte stands for itself.

There are two of it that give the same for the same: :mod:`.compiled`, where Cython and a C compiler made something of
it when this was installed, and :mod:`.plain`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.machinery import ExtensionFileLoader
from importlib.util import find_spec
from typing import Final, Protocol

from deckinfra.errors import ConfigurationError

VARIABLE: Final = "DECKINFRA_CODEC"
"""The variable of the process environment that says which codec to use, ``compiled`` or ``plain``."""

MORE: Final = 0
"""The rest of ``source`` is the beginning of a packet, or nothing."""

CUT: Final = 1
"""A row has ended at which to cut: what is in ``target`` is a chunk."""

FULL: Final = 2
"""The next row may need more room than ``target`` has left."""

LONG: Final = 3
"""The next row may need more room than ``target`` has in all, or is in several packets: :mod:`..long` writes those."""

END: Final = 4
"""What comes next is the packet that ends the rows."""

FAILED: Final = 5
"""What comes next is a packet with the server's error."""

MALFORMED: Final = 6
"""What comes next is no row of so many columns, or not the next one."""


class Encode(Protocol):
    """What both codecs are."""

    def __call__(
        self,
        source: bytearray,
        start: int,
        end: int,
        number: int,
        columns: int,
        target: bytearray,
        at: int,
        least: int,
        span: int,
    ) -> tuple[int, int, int, int]:
        """Write the rows in ``source[start:end]`` as lines into ``target``, from ``at`` on.

        Each row is a packet with ``columns`` values, and the first one's number is ``number``, from 0 to 255.
        Gives why it stopped, one of the constants of this module; how far it has read; how far it has written, always
        whole rows; and how many rows those are. What stands in ``target`` behind them is of no meaning.

        It stops to cut where ``target`` has ``least`` bytes or more and a row's first bytes say so: once in ``span``
        bytes, on average. So rows that come or go change the chunk that they are in, and none after it.

        Nobody else may write to either buffer meanwhile; neither can be resized. Raises :class:`ValueError` for
        places outside of them, and where ``columns`` is not between 1 and 65535, or ``span`` between 1 and 2**32.
        """
        ...


@dataclass(frozen=True)
class Codec:
    """One of the two: what it is called, and the function."""

    name: str
    encode: Encode


def codecs() -> Mapping[str, Codec]:
    """Give those that there are by their names, the fastest first."""
    from . import plain

    found = {"plain": Codec("plain", plain.encode)}
    spec = find_spec(f"{__name__}.compiled")
    if spec is None or not isinstance(spec.loader, ExtensionFileLoader):
        return found
    try:
        from . import compiled
    except ImportError:  # made for another machine
        return found
    return {"compiled": Codec("compiled", compiled.encode), **found}


def chosen(environ: Mapping[str, str]) -> Codec:
    """Give the codec that ``DECKINFRA_CODEC`` names, else the fastest one that is there.

    :class:`ConfigurationError` if it is not there.
    """
    found, wanted = codecs(), environ.get(VARIABLE, "")
    if not wanted:
        return next(iter(found.values()))
    if wanted in found:
        return found[wanted]
    if wanted == "compiled":
        raise ConfigurationError(
            f"{VARIABLE}=compiled, and there is no compiled codec in this installation",
            hint="Install a C compiler and Python's headers and then deckinfra again, or leave the variable out: "
            "backups are the same without it, and slower.",
        )
    raise ConfigurationError(
        f"{VARIABLE}={wanted} is no codec", hint="There are 'compiled' and 'plain'. Without it, the fastest is used."
    )
