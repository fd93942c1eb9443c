from pathlib import Path

import pytest

from deckinfra.core.urls import DatabaseURL
from deckinfra.errors import UsageError
from deckinfra.migrations import Migrator
from tests.migrations.support import write_folder, write_revision, write_three


def test_alembic_on_its_own_is_told_to_use_the_task(tmp_path: Path) -> None:
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

    directory = ScriptDirectory(write_three(tmp_path / "migrations"))
    with EnvironmentContext(Config(), directory), pytest.raises(UsageError) as caught:
        directory.run_env()
    assert caught.value.hint == "Run `invoke db.migrate`."


def test_batch_operations_work_in_one_revision_with_others(tmp_path: Path, sqlite_url: DatabaseURL) -> None:
    folder = write_folder(tmp_path / "migrations")
    write_revision(
        folder,
        "0001",
        None,
        "op.create_table('t', sa.Column('id', sa.Integer, primary_key=True), sa.Column('old', sa.Integer))\n"
        "with op.batch_alter_table('t') as batch:\n    batch.drop_column('old')",
    )
    assert Migrator(folder, sqlite_url).upgrade().after == ("0001",)
