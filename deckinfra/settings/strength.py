"""What makes a secret a good one, and what gives away that something is one."""

from __future__ import annotations

import re
import secrets
import string
from typing import Final

_ALPHABET: Final = string.ascii_letters + string.digits
_SHORTEST: Final = 12
_FEWEST: Final = 6

_STAND_IN: Final = re.compile(
    r"<.*>|\[.*\]|\{.*\}|\$\{.*\}|\$[A-Z_]+"
    r"|(.)\1*"
    r"|(change|replace|edit|insert|enter|fill|put|set)[-_ ]?(me|this|it|in|here|your)([-_ ].*|\W*\d*\W*)"
    r"|(your|example|sample|dummy|default)[-_ ].*"
    r"|(todo|tbd|fixme|none|null|placeholder|secret|password|passw0rd|passwd|pass|token|key|root|admin|example|default"
    r"|letmein|welcome|qwerty\w*|hunter2|abc|dev|test)[-_ ]?(key|token|password|secret|value|here)?\W*\d*\W*",
    re.IGNORECASE | re.DOTALL,
)
_SECRET_NAME: Final = re.compile(r"SECRET|PASSW|TOKEN|PRIVATE|CREDENTIAL|KEY(?=_|\Z)", re.IGNORECASE)
_PUBLIC_NAME: Final = re.compile(r"PUBLIC|PUBLISHABLE", re.IGNORECASE)


def new_secret(length: int = 48) -> str:
    """Make a secret of letters and digits only: env files, Compose and shells all read it the same way."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def is_placeholder(text: str) -> bool:
    """Whether ``text`` only stands where a secret should be."""
    return _STAND_IN.fullmatch(text.strip()) is not None


def weakness(text: str) -> str | None:
    """Say why ``text`` is no good as a secret, or give None. The sentence does not hold it."""
    if is_placeholder(text):
        return "is a placeholder"
    if len(text) < _SHORTEST:
        return f"is weak: it has fewer than {_SHORTEST} characters"
    if len(set(text)) < _FEWEST:
        return f"is weak: it has fewer than {_FEWEST} different characters"
    return None


def names_secret(name: str) -> bool:
    """Whether a variable of this name probably holds a secret."""
    return bool(_SECRET_NAME.search(name)) and not _PUBLIC_NAME.search(name)
