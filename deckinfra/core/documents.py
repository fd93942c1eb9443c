"""JSON documents that outlive the program that wrote them: one spelling, and fields read with their type."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeVar

from deckinfra.errors import DamagedError

_T = TypeVar("_T")


def encode(document: Mapping[str, Any]) -> bytes:
    """Write ``document`` in its one canonical spelling: sorted keys, no spaces, UTF-8.

    A lone surrogate, as Python has it in a file's name that is not UTF-8, is written as JSON's escape for it.
    """
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode("utf-8", "backslashreplace")


def decode(data: bytes, what: str) -> dict[str, Any]:
    """Read a JSON object; a :class:`DamagedError` that names ``what`` says that it is none."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise DamagedError(f"{what} is not readable as JSON: {error}") from error
    if not isinstance(document, dict):
        raise DamagedError(f"{what} does not hold a JSON object")
    return document


def field_of(document: Mapping[str, Any], name: str, kind: type[_T], what: str) -> _T:
    """Give field ``name`` if it is a ``kind``; else a :class:`DamagedError` that names the field and ``what``."""
    value = document.get(name)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise DamagedError(f"{what} has no usable field '{name}'")
    return value


def number_of(document: Mapping[str, Any], name: str, what: str) -> float:
    """Give field ``name`` if it is a number, whole or not; else the error that :func:`field_of` raises."""
    if isinstance(document.get(name), int):
        return field_of(document, name, int, what)
    return field_of(document, name, float, what)
