"""Data is not migrated without a backup before, by whichever verb starts the migration."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from deckinfra import open_project
from deckinfra.errors import MigrationError, RefusedError
from deckinfra.services.at_stake import refuse_to_migrate, revisions_at_stake
from tests.support.stacks import IMAGE, StackProject
from tests.tasks.support import TASKS_PY, Project, new_project

SECOND = '''"""Another column."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("things", sa.Column("size", sa.Integer))


def downgrade() -> None:
    op.drop_column("things", "size")
'''
COMPOSE = f"""
services:
  base:
    image: {IMAGE}
    environment:
      MARIADB_DATABASE: deck
      MARIADB_USER: deck
      MARIADB_PASSWORD_FILE: /password
      MARIADB_ROOT_PASSWORD_FILE: /password
    command: [--innodb-buffer-pool-size=32M]
    volumes: ["data:/var/lib/mysql", "./password:/password:ro"]
    stop_grace_period: 20s
    healthcheck:
      test: [CMD-SHELL, 'mariadb-admin ping --host=127.0.0.1 --user=deck --password="$$(cat /password)"']
      interval: 500ms
      retries: 120
  work:
    image: {IMAGE}
    entrypoint: [sh, -c, "echo did the work"]
    labels: {{deckinfra.one-shot: "true"}}
    depends_on: {{base: {{condition: service_healthy}}}}
volumes:
  data:
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project that was set up, with a revision that came later."""
    made = new_project(tmp_path / "my shop")
    open_project(made.root, environ={}).setup()
    made.write("migrations/versions/0002_size.py", SECOND)
    return made


def test_setup_backs_up_what_it_is_about_to_migrate(project: Project) -> None:
    app = open_project(project.root, environ={})
    result = app.setup()
    assert [(step.name, step.changed) for step in result.steps] == [
        ("environment", False),
        ("backup", True),
        ("migrate", True),
        ("seed", False),
        ("backup", True),
        ("drill", True),
    ]
    after, before, _ = (listed.manifest for listed in app.backups())
    assert (before.revisions, after.revisions) == (("0001",), ("0002",))
    assert result.steps[1].summary == f"snapshot {before.id} from before 0002"
    assert not app.setup().changed


def test_a_backup_that_fails_leaves_the_schema_as_it_is(project: Project) -> None:
    project.write("backups/local/config.json", "not JSON")
    app = open_project(project.root, environ={})
    with pytest.raises(Exception, match=r"config\.json"):
        app.setup()
    assert app.migration_status().current == ("0001",)


def test_a_database_without_tables_has_nothing_at_stake(tmp_path: Path) -> None:
    app = open_project(new_project(tmp_path / "new").root, environ={})
    assert revisions_at_stake(app) is None
    refuse_to_migrate(app)


def test_a_database_that_is_ahead_is_refused_before_anything_is_built(project: Project) -> None:
    open_project(project.root, environ={}).migrate()
    (project.root / "migrations/versions/0002_size.py").unlink()
    with pytest.raises(MigrationError):
        refuse_to_migrate(open_project(project.root, environ={}))


@pytest.fixture
def shop(project: Project, make_stack: Callable[..., StackProject]) -> StackProject:
    """A stack with a real database, which was set up; a revision came later."""
    made = make_stack(COMPOSE)
    for name in ("migrations", "plugins"):
        (project.root / name).rename(made.root / name)
    later = made.root / "migrations/versions/0002_size.py"
    text = later.read_text()
    later.unlink()
    made.setting(DATABASE_ADMIN_USER="root")
    password = (made.root / ".secrets/docker/DATABASE_PASSWORD").read_text().strip()
    made.secret("DATABASE_ADMIN_PASSWORD", password)
    (made.root / "password").write_text(password)
    made.open().setup()
    later.write_text(text)
    return made


def test_a_stack_is_not_brought_to_a_schema_that_has_no_backup_before_it(shop: StackProject) -> None:
    with pytest.raises(RefusedError, match="to apply: 0002") as caught:
        refuse_to_migrate(shop.open())
    assert "'invoke deploy -e docker' takes a backup first" in caught.value.hint

    # A stack that is down may have data all the same.
    shop.open().stack.down()
    (shop.root / "tasks.py").write_text(TASKS_PY)
    refused = Project(shop.root).invoke("stack.up", "--build", "-e", "docker")
    assert (refused.code, "error: the database of 'docker' has data" in refused.err) == (10, True), refused.err
    assert {service.name: service.state for service in shop.stack.services()} == {"base": "running", "work": "absent"}

    shop.open().stack.down()
    result = shop.open().setup()
    assert [step.name for step in result.steps if step.changed] == ["backup", "stack", "migrate", "backup", "drill"]
    assert [listed.manifest.revisions for listed in shop.open().backups()] == [("0002",), ("0001",), ("0001",)]
    refuse_to_migrate(shop.open())
