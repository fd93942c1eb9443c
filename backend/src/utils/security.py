"""Passwords, hashed with argon2id, and the tokens that a login gives."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Final

import jwt
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from pydantic import SecretStr

from src.schemas.text import LARGEST_ID

HASHES_AT_ONCE: Final = 2
"""How many passwords are hashed at a time: each takes 64 MiB and four threads."""

_ALGORITHM: Final = "HS256"
_AUDIENCE: Final = "deck-builder"


class Passwords:
    """Hashes passwords and checks them, with argon2-cffi's parameters. Each call takes tens of milliseconds."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher()

    @cached_property
    def _nobodys(self) -> str:
        return self._hasher.hash("nobody has this password")

    def hash(self, password: str) -> str:
        """Give the hash to store."""
        return self._hasher.hash(password)

    def verify(self, stored: str | None, password: str) -> bool:
        """Whether ``password`` is the one of the hash. Without a hash: False, after the time that a check takes."""
        try:
            self._hasher.verify(self._nobodys if stored is None else stored, password)
        except (VerificationError, InvalidHashError):
            return False
        return stored is not None

    def is_outdated(self, stored: str) -> bool:
        """Whether the hash was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(stored)


@dataclass(frozen=True)
class Holder:
    """Who a token is for: the id of a user, and a seal of the password's hash that the user had then.

    An id alone may come again: after a restore the database gives those anew that were given since the backup. A
    hash does not, for its salt is random. So a token ends with the account, and with its password.
    """

    user_id: int
    seal: str

    @classmethod
    def of(cls, user_id: int, password_hash: str) -> Holder:
        """Give the holder that a user is now."""
        return cls(user_id, hashlib.sha256(password_hash.encode()).hexdigest()[:32])

    def has(self, password_hash: str) -> bool:
        """Whether the user of the id is still the one that the token was given to."""
        return hmac.compare_digest(self.seal, Holder.of(self.user_id, password_hash).seal)


class Tokens:
    """Issues and reads bearer tokens: JSON Web Tokens, signed with the application's key."""

    def __init__(self, key: SecretStr, minutes: int) -> None:
        self._key = key
        self.lifetime = timedelta(minutes=minutes)

    def issue(self, holder: Holder, now: datetime) -> str:
        """Give a token for a user, good from ``now`` for the agreed time."""
        claims = {
            "sub": str(holder.user_id),
            "seal": holder.seal,
            "aud": _AUDIENCE,
            "iat": now,
            "exp": now + self.lifetime,
        }
        return jwt.encode(claims, self._key.get_secret_value(), _ALGORITHM)

    def read(self, token: str) -> Holder | None:
        """Give who a token is for; None where it is not ours, was changed, or is over."""
        try:
            claims = jwt.decode(
                token,
                self._key.get_secret_value(),
                algorithms=[_ALGORITHM],
                audience=_AUDIENCE,
                options={"require": ["sub", "seal", "aud", "iat", "exp"]},
            )
            holder = Holder(int(claims["sub"]), str(claims["seal"]))
        except (jwt.InvalidTokenError, ValueError):
            return None
        return holder if holder.seal.isascii() and 1 <= holder.user_id <= LARGEST_ID else None


def utc_now() -> datetime:
    """Give the time to the second, as the database keeps it and tokens have it."""
    return datetime.now(UTC).replace(microsecond=0)
