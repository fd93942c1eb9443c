"""Views, triggers, routines and events as text that the servers' own clients run, each set up as it was when made.

What a client takes for the end of a statement is its delimiter; in a body there may be any, so each has one of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from .definitions import EVENT, OWN_SCHEMA, ROUTINES, VIEW, SchemaObject
from .names import quoted
from .objects import ObjectSet
from .server import encoded
from .statements import PLAIN

_TOKEN: Final = re.compile(r"'(?:[^'\\]|\\.)*+'|`((?:[^`]|``)*+)`", re.DOTALL)
_ANYWHERE: Final = "utf8mb4"


def written(objects: ObjectSet, collation: str) -> Iterator[bytes]:
    """Give statements that make ``objects`` in the client's default schema, whose collation is ``collation``.

    Afterwards the session is set as the last of them was.
    """
    for one in (
        *objects.of_kind(*ROUTINES),
        *in_order(objects.of_kind(VIEW)),
        *objects.triggers,
        *objects.of_kind(EVENT),
    ):
        yield from _made(one, collation)


def in_order(views: Sequence[SchemaObject]) -> Iterator[SchemaObject]:
    """Give views so that those come first on which others stand, by the names in their statements."""
    left = {view.name: view for view in views}
    needed = {name: _named(view) & left.keys() - {name} for name, view in left.items()}
    while left:
        # A name may also be a column's alias; then nothing may be ready, and one goes first all the same.
        ready = [name for name in left if not needed[name] & left.keys()] or list(left)[:1]
        for name in ready:
            yield left.pop(name)


def _named(view: SchemaObject) -> set[str]:
    """Give what may be names of tables: all names but those with a dot beside them, and those of columns."""
    text = view.statement.replace(OWN_SCHEMA, "")
    found = set()
    for token in _TOKEN.finditer(text):
        before, after = text[max(0, token.start() - 4) : token.start()], text[token.end() : token.end() + 1]
        if token[1] is not None and after != "." and not before.endswith(".") and before.upper() != " AS ":
            found.add(token[1].replace("``", "`"))
    return found


def _made(one: SchemaObject, collation: str) -> Iterator[bytes]:
    if one.client not in PLAIN:
        # In such a charset nobody could tell where a string ends. What it says is the same.
        one = replace(one, client=_ANYWHERE)
    deviates = one.collation not in {"", collation}
    text = one.statement.replace(OWN_SCHEMA, "")
    if deviates:
        yield f"ALTER DATABASE COLLATE {one.collation};\n".encode()
    yield f"{one.context()};\n".encode()
    delimiter = _delimiter(text)
    yield f"DELIMITER {delimiter}\n".encode()
    yield encoded(text, one.client) + f"\n{delimiter}\nDELIMITER ;\n".encode()
    if deviates:
        yield f"ALTER DATABASE COLLATE {collation};\n".encode()


def _delimiter(text: str) -> str:
    longest = max(map(len, re.findall(";+", text)), default=0)
    return ";" * max(2, longest + 1)


def terminated(statements: Iterable[bytes]) -> Iterator[bytes]:
    """Give statements as lines, each with its end."""
    for statement in statements:
        yield statement + b";\n"


def sequences_by_name(definition: str, sequences: Iterable[str]) -> str:
    """Leave out the schema with which MariaDB names the sequences of a column's default, where they are these."""
    for name in map(quoted, sequences):
        definition = re.sub(rf"\b((?:next|last)val\()`(?:[^`]|``)*`\.(?={re.escape(name)}\))", r"\1", definition)
    return definition
