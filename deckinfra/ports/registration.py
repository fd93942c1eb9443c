"""What plugins register, beside the factories of what the other modules describe."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deckinfra.core.urls import DatabaseURL, StoreURL

from .engine import Engine
from .environment import Environment
from .store import Store

if TYPE_CHECKING:
    from deckinfra.core.settings import Settings


@dataclass(frozen=True)
class Check:
    """One thing that ``invoke doctor`` looks at.

    ``look`` is given the project and gives None when all is well, or ``(what is wrong, how to mend it)``.
    """

    name: str
    look: Callable[[Any], tuple[str, str] | None]


@dataclass(frozen=True)
class Seed:
    """Example data for development. ``plant`` adds what is absent, changes nothing, and gives how many rows it added.

    It is given a SQLAlchemy connection inside a transaction that the caller commits.
    """

    name: str
    plant: Callable[[Any], int]


@dataclass(frozen=True)
class SmokeQuery:
    """What holds for the data whenever it is right, asked of a restored database by ``invoke db.drill``.

    ``sql`` is one statement that gives the rows that are wrong: none is good. With ``expects_rows`` it gives what must
    be there: at least one row is good. Where databases need different words, ``sql`` has them by dialect; ``mysql``
    stands for ``mariadb`` where that has none, and where none fits, nothing is asked. It is asked in a transaction
    that may change nothing, and given up after ``timeout`` seconds.
    """

    name: str
    sql: str | Mapping[str, str]
    expects_rows: bool = False
    timeout: float = 300.0


StoreFactory = Callable[[StoreURL, Path, "Settings"], Store]
"""Opens a store: its URL, the project's root (relative locations start there), the settings."""

EngineFactory = Callable[[DatabaseURL, Path, Environment], Engine]
"""Opens an engine for one database: its URL as seen from here, the project's root, the environment."""

EnvironmentFactory = Callable[[str, Path, "Settings"], Environment]
"""Makes an environment: the name that was asked for, the project's root, its settings."""
