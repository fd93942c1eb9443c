"""Text that people type, with limits: names, addresses, passwords."""

from __future__ import annotations

import unicodedata
from typing import Annotated, Final

from pydantic import AfterValidator, Field, StringConstraints

LARGEST_ID: Final = 2**31 - 1
"""The largest id that the database's columns hold."""


def _printable(text: str) -> str:
    categories = {unicodedata.category(letter) for letter in text}
    if categories & {"Cc", "Cs", "Zl", "Zp"}:
        raise ValueError("it has control characters")
    return text


def _visible(text: str) -> str:
    if not any(unicodedata.category(letter)[0] in "LNPS" for letter in text):
        raise ValueError("it has nothing to see")
    return _printable(text)


Id = Annotated[int, Field(strict=True, ge=1, le=LARGEST_ID)]
UserName = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=50), AfterValidator(_visible)
]
DeckName = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100), AfterValidator(_visible)
]
Email = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, min_length=3, max_length=254, pattern=r"^[^@\s]{1,64}@[^@\s.]+(\.[^@\s.]+)*$"
    ),
    AfterValidator(_printable),
]
NewPassword = Annotated[str, StringConstraints(min_length=8, max_length=128)]
Searched = Annotated[str, StringConstraints(min_length=1, max_length=64), AfterValidator(_printable)]
