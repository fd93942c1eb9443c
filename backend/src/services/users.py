"""Users: registering, and finding them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from src.models import User
from src.utils.errors import Unauthorized


def add_user(session: Session, username: str, email: str, password_hash: str, now: datetime) -> User:
    """Add a user; :class:`Duplicate` where the name or the address is taken."""
    user = User(username=username, email=email, password_hash=password_hash, created_at=now, updated_at=now)
    session.add(user)
    session.flush()
    return user


def find_user(session: Session, username: str) -> User | None:
    """Give the user of a name, in upper or lower case."""
    return session.scalar(select(User).where(User.username == username))


def require_user(session: Session, user_id: int, *, lock: bool = False) -> User:
    """Give the user of a token; :class:`Unauthorized` where the account is gone.

    With ``lock``, others who ask for it wait until the transaction ends. It has to come first in the
    transaction: what was read before the wait may be over.
    """
    statement = select(User).where(User.id == user_id)
    user = session.scalar(statement.with_for_update() if lock else statement)
    if user is None:
        raise Unauthorized("This account is not there any more.")
    return user


def replace_hash(session: Session, user_id: int, old: str, new: str) -> None:
    """Store a new hash of the same password, unless the password was changed meanwhile."""
    session.execute(update(User).where(User.id == user_id, User.password_hash == old).values(password_hash=new))
