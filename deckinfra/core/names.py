"""Names that people type: what one may look like, and which one they probably meant."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

from deckinfra.errors import UnknownNameError

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}\Z")
_SEGMENT = r"[A-Za-z0-9_-][A-Za-z0-9._-]*"
_BLOB = re.compile(rf"{_SEGMENT}(/{_SEGMENT}){{0,7}}\Z")


def is_name(text: str) -> bool:
    """Whether ``text`` can name an environment, plugin, store scheme or remote.

    A name starts with a lower-case letter and goes on with lower-case letters, digits, ``-`` and
    ``_``, up to 63 characters in all: safe in file names, environment variables and URLs.
    """
    return _NAME.match(text) is not None


def is_blob_name(text: str) -> bool:
    """Whether ``text`` can name a blob, as :class:`deckinfra.ports.Store` says; none leads out of a store."""
    return _BLOB.match(text) is not None


def closest(name: str, known: Iterable[str]) -> str | None:
    """Give the one of ``known`` that ``name`` is most likely a misspelling of, or None."""
    found = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return found[0] if found else None


def unknown_name(kind: str, name: str, known: Iterable[str], *, hint: str = "") -> UnknownNameError:
    """Make the error for a ``name`` that no ``kind`` has: it says what was probably meant, or what there is."""
    candidates = sorted(known)
    meant = closest(name, candidates)
    if meant is not None:
        advice = f"Did you mean '{meant}'?"
    elif candidates:
        advice = f"Known: {', '.join(candidates)}."
    else:
        advice = "There is none yet."
    return UnknownNameError(f"unknown {kind} '{name}'", hint=f"{advice} {hint}".strip())
