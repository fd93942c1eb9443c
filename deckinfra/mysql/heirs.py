"""Definers that the server does not have: what they made goes to the application's account, or nobody could use it.

A view or routine that runs in the name of an account that is not there fails at every use. The application's own
account is the one that may do no more than it could before, so nothing gains rights by this.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import replace

from deckinfra.core.urls import DatabaseURL
from deckinfra.errors import DatabaseError

from .definitions import SchemaObject, account
from .names import quoted
from .objects import ObjectSet
from .rehearsal import is_gone
from .server import Server, Session


def absent(session: Session, schema: str, objects: ObjectSet) -> list[str]:
    """Give the definers of ``objects`` that are no accounts of the server, tried out in a schema that nobody uses."""
    session.execute(f"USE {quoted(schema)}")
    return [name for name in sorted({each.definer for each in objects.objects}) if is_gone(session, schema, name)]


def heir_of(url: DatabaseURL) -> str | None:
    """Give the account, ``user@host``, that the application at ``url`` is to its server; None if it cannot log in."""
    try:
        with Server(url).connect() as session:
            return str(session.query("SELECT CURRENT_USER()")[0][0])
    except DatabaseError:
        return None


def inherited(objects: ObjectSet, gone: Collection[str], heir: str) -> ObjectSet:
    """Give the same objects, with ``heir`` for each definer that is gone."""
    return ObjectSet(tuple(_with(each, heir) if each.definer in gone else each for each in objects.objects))


def _with(one: SchemaObject, heir: str) -> SchemaObject:
    clause = re.compile(r"(DEFINER ?= ?)" + re.escape(account(one.definer)))
    statement = clause.sub(lambda found: found[1] + account(heir), one.statement, count=1)
    return replace(one, statement=statement, definer=heir)
