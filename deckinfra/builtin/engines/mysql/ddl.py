"""The statement that makes a table, taken apart: what it must have while rows are loaded, and what is added later.

To put rows into a secondary index one by one costs more than to sort them once. So ``KEY`` and ``UNIQUE KEY`` come
after the rows, and so do foreign keys, which may lead to tables that are not there yet.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from deckinfra.core.manifest import Facts
from deckinfra.mysql.tables import comparable, without_counter

_TOKEN: Final = re.compile(r"`(?:[^`]|``)*`|'(?:[^'\\]|\\.|'')*'|\"(?:[^\"\\]|\\.|\"\")*\"|[(),]", re.DOTALL)
_FOREIGN: Final = re.compile(r"CONSTRAINT `(?:[^`]|``)*` FOREIGN KEY|FOREIGN KEY")
_PLAIN: Final = re.compile(r"(?:UNIQUE )?KEY `")
_PRIMARY: Final = re.compile(r"PRIMARY KEY \((`(?:[^`]|``)*`)")
_COLUMN: Final = re.compile(r"`(?:[^`]|``)*`")
_COUNTED: Final = re.compile(r"\bAUTO_INCREMENT\b")
_STRING: Final = re.compile(r"'(?:[^'\\]|\\.|'')*'|`(?:[^`]|``)*`", re.DOTALL)
_RISING: Final = "ARCHIVE"
"""An engine that takes no number below the one that AUTO_INCREMENT is at: it counts up as the rows come."""

_SORTING: Final = ("InnoDB", "ROCKSDB")
"""Engines that are quicker at an index made of rows that are there. Others get all of theirs at once."""


@dataclass(frozen=True)
class Definition:
    """A table's definition: the statement to begin with, and what ALTER TABLE adds when its rows are there.

    ``keys`` come before ``foreign_keys``, for which all tables must be there. ``counts`` tells whether a column may
    count itself up.
    """

    create: str
    keys: tuple[str, ...]
    foreign_keys: tuple[str, ...]
    counts: bool = True


def taken_apart(definition: str, engine: str) -> Definition:
    """Take apart what ``SHOW CREATE TABLE`` printed of a table of that storage engine.

    Where it is not understood, or all keys are needed from the start, only foreign keys are taken out, or nothing.
    """
    if engine == _RISING:
        definition = without_counter(definition.encode()).decode()
    found = _items(definition)
    if found is None:
        return Definition(definition, (), ())
    head, items, tail = found
    foreign = tuple(item for item in items if _FOREIGN.match(item))
    keys = tuple(item for item in items if _PLAIN.match(item)) if _may_wait(items, engine) else ()
    kept = [item for item in items if item not in foreign and item not in keys]
    return Definition(f"{head}\n  {(',' + chr(10) + '  ').join(kept)}\n{tail}", keys, foreign, bool(_counted(items)))


def fact_of_table(name: str, rows: int | None, definition: str) -> Facts:
    """Give the facts of a table: how many rows were read of it, None for none of its own; how it is defined."""
    return Facts("table", name, rows, hashlib.sha256(comparable(definition.encode())).hexdigest())


def _may_wait(items: Sequence[str], engine: str) -> bool:
    """Whether rows lie in the order of a primary key, and what counts itself up does not need another one."""
    if engine not in _SORTING:
        return False
    primary = next(filter(None, map(_PRIMARY.match, items)), None)
    if primary is None:
        return False
    return all((name := _COLUMN.match(item)) and name[0] == primary[1] for item in _counted(items))


def _counted(items: Sequence[str]) -> list[str]:
    """Give the columns that count themselves up."""
    return [item for item in items if item.startswith("`") and _COUNTED.search(_STRING.sub("", item))]


def _items(definition: str) -> tuple[str, list[str], str] | None:
    """Cut at the outermost brackets, and between them at the commas that are in no others."""
    depth, items, begin, head = 0, [], 0, ""
    for token in _TOKEN.finditer(definition):
        sign = token[0]
        if sign == "(":
            depth += 1
            if depth == 1:
                head, begin = definition[: token.end()], token.end()
        elif sign == ")":
            depth -= 1
            if depth == 0:
                items.append(definition[begin : token.start()].strip())
                return head, items, definition[token.start() :]
        elif sign == "," and depth == 1:
            items.append(definition[begin : token.start()].strip())
            begin = token.end()
    return None
