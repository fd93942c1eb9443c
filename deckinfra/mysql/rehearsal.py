"""Trying out, beside the live database, whatever a swap will have to make in it, while nothing has been changed yet."""

from __future__ import annotations

from deckinfra.errors import DatabaseError, RefusedError

from .apply import clear
from .definitions import SchemaObject, account
from .faults import NEEDS_PRIVILEGE, code_of
from .making import NO_SUCH_DEFINER
from .names import qualified
from .objects import ObjectSet
from .server import Session

_PROBE = "deckinfra~probe"


def rehearse(
    session: Session, schema: str, new: ObjectSet, old: ObjectSet, *, strict: bool
) -> tuple[SchemaObject, ...]:
    """Make the objects of ``new`` in ``schema``, which nobody uses, and something for every definer in ``old``.

    So the swap can make the new ones and, if need be, the old ones again. :class:`DatabaseError` says what cannot be
    made. With ``strict``, a definer that is no account here is a :class:`RefusedError`, unless it was so before:
    nothing would work that is to run in its name. Otherwise, views that stand on something missing, which did not work
    before either, are no error: gives them.
    """
    clear(session, schema)
    broken: list[SchemaObject] = []
    missing = new.create(session, schema, events=False, broken=None if strict else broken)
    gone = {definer for definer in sorted({each.definer for each in old.objects}) if is_gone(session, schema, definer)}
    clear(session, schema)
    for definer in sorted(missing - gone) if strict else ():
        belongings = ", ".join(str(each) for each in new.objects if each.definer == definer)
        raise RefusedError(
            f"{belongings} belong to {definer}, and the server has no such account: they would fail at every use",
            hint=f"Nothing was changed. Run CREATE USER {account(definer)} ACCOUNT LOCK with the rights they need.",
        )
    return tuple(broken)


def is_gone(session: Session, schema: str, definer: str) -> bool:
    """Try in ``schema`` whether this account may make things for ``definer``; gives whether there is no such account.

    :class:`DatabaseError` if it may not.
    """
    probe = qualified(schema, _PROBE)
    try:
        warnings = session.define(f"CREATE DEFINER = {account(definer)} PROCEDURE {probe}() SELECT 1", "utf8mb4")
    except DatabaseError as error:
        if code_of(error) == NEEDS_PRIVILEGE:
            raise DatabaseError(
                f"there are things that belong to {definer}, and this account may not make such",
                hint="Nothing was changed. Give the account in DATABASE_ADMIN_USER the privilege SET_ANY_DEFINER "
                "(MariaDB: SET USER).",
            ) from error
        raise
    session.execute(f"DROP PROCEDURE {probe}")
    return any(warning.startswith(NO_SUCH_DEFINER) for warning in warnings)
