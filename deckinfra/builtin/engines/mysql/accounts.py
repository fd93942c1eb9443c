"""The accounts that use a schema, as values that a snapshot keeps.

With how they log in: what a server keeps of a password goes into the snapshot, and nowhere else. :mod:`.holders` reads
them, :mod:`.admitting` makes them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from deckinfra.core.documents import field_of

from .grants import Grant

ACCOUNTS: Final = "accounts"
"""The name of the part that holds them."""


@dataclass(frozen=True)
class Account:
    """One of them, ``user@host``, or on MariaDB a role, which has no host.

    ``statements`` make it; ``roles`` are those that it has, each with whether it may hand it on, ``active`` those of
    them that it has unasked.
    """

    name: str
    statements: tuple[str, ...] = field(repr=False)
    grants: tuple[Grant, ...] = ()
    roles: Mapping[str, bool] = field(default_factory=dict)
    active: tuple[str, ...] = ()


def document_of(accounts: Iterable[Account]) -> dict[str, Any]:
    """Give accounts as a JSON object."""
    return {
        ACCOUNTS: [
            {
                "name": each.name,
                "statements": list(each.statements),
                "grants": [grant.document() for grant in each.grants],
                "roles": dict(each.roles),
                "active": list(each.active),
            }
            for each in accounts
        ]
    }


def accounts_from(document: Mapping[str, Any], what: str) -> tuple[Account, ...]:
    """Read accounts back; a :class:`DamagedError` that names ``what`` otherwise."""
    return tuple(
        Account(
            field_of(each, "name", str, what),
            tuple(map(str, field_of(each, "statements", list, what))),
            tuple(Grant.parse(grant, what) for grant in field_of(each, "grants", list, what)),
            field_of(each, "roles", dict, what),
            tuple(map(str, field_of(each, "active", list, what))),
        )
        for each in field_of(document, ACCOUNTS, list, what)
    )
