"""Users: registering, and finding them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

from sqlalchemy import CursorResult, select, update
from sqlalchemy.orm import Session

from src.models import User
from src.utils.errors import Unauthorized
from src.utils.security import Holder


def add_user(session: Session, username: str, email: str, password_hash: str, now: datetime) -> User:
    """Add a user; :class:`Duplicate` where the name or the address is taken."""
    user = User(username=username, email=email, password_hash=password_hash, created_at=now, updated_at=now)
    session.add(user)
    session.flush()
    return user


def find_user(session: Session, username: str) -> User | None:
    """Give the user of a name, in upper or lower case."""
    return session.scalar(select(User).where(User.username == username))


def require_user(session: Session, holder: Holder, *, lock: bool = False) -> User:
    """Give the user of a token; :class:`Unauthorized` where the account is gone, or is another's now.

    With ``lock``, others who ask for it wait until the transaction ends. It has to come first in the
    transaction: what was read before the wait may be over.
    """
    statement = select(User).where(User.id == holder.user_id)
    user = session.scalar(statement.with_for_update() if lock else statement)
    if user is None:
        raise gone()
    require_same(holder, user.password_hash)
    return user


def gone() -> Unauthorized:
    """Say that there is no account of a token's id."""
    return Unauthorized("This account is not there any more.")


def require_same(holder: Holder, password_hash: str) -> None:
    """Let the holder of a token in whose account has this hash; :class:`Unauthorized` where it is another's."""
    if not holder.has(password_hash):
        raise Unauthorized("The account or its password is not the one that this token was given for: sign in again.")


def replace_hash(session: Session, user_id: int, old: str, new: str) -> bool:
    """Store a new hash of the same password, and tell whether that was done: not where it changed meanwhile."""
    changed = session.execute(
        update(User).where(User.id == user_id, User.password_hash == old).values(password_hash=new)
    )
    return cast("CursorResult[Any]", changed).rowcount == 1
