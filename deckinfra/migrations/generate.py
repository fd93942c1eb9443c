"""Writes a new revision's file: empty, or what Alembic found by comparing the models with the database."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from deckinfra.errors import DeckinfraError, MigrationError, UsageError
from deckinfra.migrations.environment import METADATA
from deckinfra.migrations.execution import run_environment
from deckinfra.migrations.revisions import Revisions

if TYPE_CHECKING:
    from alembic.autogenerate.api import RevisionContext
    from alembic.runtime.migration import MigrationContext
    from sqlalchemy import Connection

LONGEST: Final = 100
"""Characters of a message: it is the first line of the file, and is shown in lists."""


def write_revision(revisions: Revisions, message: str, connection: Connection | None) -> Path:
    """Write the revision that follows the newest one and give its file; with ``connection``, compare the models.

    Raises :class:`UsageError` for a message that is empty or too long, :class:`MigrationError` if there is no place
    for the file, no models, or no difference between them and the database.
    """
    from alembic.autogenerate.api import RevisionContext
    from alembic.config import Config

    message = " ".join(message.split())
    if not 0 < len(message) <= LONGEST:
        raise UsageError(
            f"a revision needs a message of 1 to {LONGEST} characters, not {len(message)}",
            hint="No file was written. Say what the revision changes, as in 'decks have a description'.",
        )
    revisions.require_one_head()
    if revisions.directory is None:
        raise MigrationError(
            f"there is no folder {revisions.folder}",
            hint="Make it with an env.py and a script.py.mako, or set `migrations` in setup.cfg.",
        )
    arguments: dict[str, Any] = {
        "message": message.replace("\\", "\\\\").replace('"', '\\"'),  # it becomes a docstring
        "rev_id": revisions.next_id(),
        "head": "head",
        "autogenerate": connection is not None,
        **dict.fromkeys(("splice", "sql"), False),
        **dict.fromkeys(("branch_label", "version_path", "depends_on"), None),
    }
    work = RevisionContext(Config(), revisions.directory, arguments)
    try:
        if connection is not None:
            _compare(revisions, work, connection)
        (script,) = work.generate_scripts()
    except DeckinfraError:
        raise
    except Exception as error:
        raise MigrationError(
            f"no revision could be written into {revisions.folder}: {type(error).__name__}: {error}",
            hint="Look at the folder's env.py and script.py.mako, and at its owner and mode.",
        ) from error
    assert script is not None
    return Path(script.path)


def _compare(revisions: Revisions, work: RevisionContext, connection: Connection) -> None:
    def plan(heads: Any, context: MigrationContext) -> Iterable[Any]:
        if context.opts["target_metadata"] is not None:
            work.run_autogenerate(heads, context)
        return ()

    config = run_environment(revisions, connection, plan, lambda **_: None)
    if config.attributes[METADATA] is None:
        raise MigrationError(
            f"{revisions.folder / 'env.py'} hands over no models to compare the database with",
            hint="No file was written. Let it call run(metadata), or leave --autogenerate out and write it by hand.",
        )
    if all(operations.is_empty() for operations in work.generated_revisions[0].upgrade_ops_list):
        raise MigrationError(
            "the database is what the models say, so there is nothing to write a revision for",
            hint="No file was written. For a revision that only changes data, leave --autogenerate out.",
        )
