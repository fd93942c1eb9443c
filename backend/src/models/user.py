"""Users."""

from __future__ import annotations

from sqlalchemy.orm import Mapped, mapped_column

from src.models.base import Base, Timestamped


class User(Timestamped, Base):
    """Somebody who signs in and owns decks.

    Names and addresses are the same in upper and lower case; SQLite knows that of the letters A to Z alone.
    """

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    username: Mapped[str]
    email: Mapped[str]
    password_hash: Mapped[str]
