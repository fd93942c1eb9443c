from __future__ import annotations

from pathlib import Path

import pytest

from deckinfra import open_project
from deckinfra.app import App
from deckinfra.errors import ConfigurationError, DamagedError, RepositoryError
from deckinfra.services.results import Step
from tests.tasks.support import Project, new_project

STEPS = ["environment", "migrate", "seed", "backup", "drill"]
LIFECYCLE = """
from pathlib import Path

from deckinfra import hookimpl

LOG = Path(__file__).parent.parent / "log"


def log(line):
    with LOG.open("a") as file:
        file.write(line + "\\n")


@hookimpl
def deckinfra_before_setup(project):
    log(f"before: {project.engine.state().exists}")


@hookimpl
def deckinfra_after_setup(project, result):
    log(f"after: {result.changed}")


@hookimpl
def deckinfra_on_failure(project, phase, error):
    log(f"failure: {phase}: {error}")
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return new_project(tmp_path / "my shop")


def _open(project: Project, environment: str = "local", **environ: str) -> App:
    return open_project(project.root, environment, environ=environ)


def test_a_checkout_becomes_a_proven_backup(project: Project) -> None:
    result = _open(project).setup()
    assert [(step.name, step.changed) for step in result.steps] == [(name, True) for name in STEPS]
    assert result.changed
    assert "3 rows of example data added" in result.steps[2].summary
    (listed,) = _open(project).backups()
    assert listed.proof is not None
    assert (listed.proof.kind, listed.proof.good) == ("drill", True)


def test_the_second_time_nothing_changes(project: Project) -> None:
    _open(project).setup()
    result = _open(project).setup()
    assert [(step.name, step.changed) for step in result.steps] == [(name, False) for name in STEPS]
    assert not result.changed
    assert len(_open(project).backups()) == 1


def test_a_later_verify_does_not_hide_the_drill(project: Project) -> None:
    _open(project).setup()
    _open(project).verify()
    assert not _open(project).setup().changed


def test_another_schema_or_a_spoilt_snapshot_wants_a_new_backup(project: Project) -> None:
    _open(project).setup()
    _open(project).rollback()
    result = _open(project).setup()
    # The schema that was rolled back is there again, and a backup of it is proven.
    assert [step.name for step in result.steps if step.changed] == ["migrate", "seed"]
    objects = project.root / "backups/local/objects"
    largest = max((path for path in objects.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)
    largest.chmod(0o600)
    largest.write_bytes(largest.read_bytes()[:-1])
    assert not all(proof.good for proof in _open(project).verify().proofs)
    result = _open(project).setup()
    assert [step.name for step in result.steps if step.changed] == ["backup", "drill"]


def test_a_backup_that_no_drill_proved_is_not_enough(project: Project) -> None:
    app = _open(project)
    app.init_settings()
    app.migrate()
    app.seed()
    app.backup()
    result = _open(project).setup()
    assert [step.name for step in result.steps if step.changed] == ["backup", "drill"]


def test_the_backups_of_another_environment_do_not_count(project: Project) -> None:
    project.write(".env.other", "DATABASE_URL=sqlite:///var/other.db\nBACKUP_REPOSITORY=file:backups/local\n")
    _open(project).setup()
    result = _open(project, "other").setup()
    assert [step.name for step in result.steps if step.changed] == STEPS
    assert [line.split("    ")[0].rstrip() for line in result.next] == [
        "invoke status -e other",
        "invoke db.backup -e other",
        "invoke doctor -e other",
        "invoke --list",
    ]


def test_where_a_new_database_is_set_up_so_is_the_repository_that_somebody_chose(project: Project) -> None:
    project.write(".env.other", "DATABASE_URL=sqlite:///var/other.db\nBACKUP_REPOSITORY=file:disk/backups\n")
    result = _open(project, "other").setup()
    assert [step.name for step in result.steps if step.changed] == STEPS
    (project.root / "disk").rename(project.root / "unplugged")
    with pytest.raises(RepositoryError, match="there is no backup repository at file:disk/backups") as caught:
        _open(project, "other").setup()
    assert "'invoke db.backup --init'" in caught.value.hint
    assert not (project.root / "disk").exists()
    (project.root / "unplugged").rename(project.root / "disk")
    assert not _open(project, "other").setup().changed


def test_production_gets_no_example_data(project: Project) -> None:
    result = _open(project, "production", DATABASE_URL="sqlite:///var/production.db", APP_DEBUG="false").setup()
    assert result.steps[2] == Step("seed", changed=False, summary="no example data in production")


def test_a_project_without_seeds_says_so(project: Project) -> None:
    (project.root / "plugins/shop.py").unlink()
    assert _open(project).setup().steps[2].summary == "no plugin brings example data"


@pytest.mark.parametrize(
    ("extra", "said"), [("", "DATABASE_URL"), ("BACKUP_THREADS=many\n", r"DATABASE_URL .* \(and 1 more\)")]
)
def test_wrong_settings_stop_it_before_anything_else(project: Project, extra: str, said: str) -> None:
    project.write(".env.local", f"DATABASE_URL=nonsense\n{extra}")
    with pytest.raises(ConfigurationError, match=said) as caught:
        _open(project).setup()
    assert "invoke env.check -e local" in caught.value.hint
    assert not (project.root / "var").exists()


def test_plugins_hear_of_it(project: Project) -> None:
    project.write("plugins/lifecycle.py", LIFECYCLE)
    _open(project).setup()
    _open(project).setup()
    log = (project.root / "log").read_text().splitlines()
    assert log == ["before: False", "after: True", "before: True", "after: False"]
    project.write(".env.local", "DATABASE_URL=nonsense\n")
    with pytest.raises(ConfigurationError):
        _open(project).setup()
    last = (project.root / "log").read_text().splitlines()[-1]
    assert last.startswith("failure: setup: the configuration of 'local'")


@pytest.mark.parametrize(("config", "error"), [('{"format":99}', RepositoryError), ("not JSON", DamagedError)])
def test_a_repository_that_cannot_be_used_stops_it(project: Project, config: str, error: type[Exception]) -> None:
    project.write("backups/local/config.json", config)
    with pytest.raises(error):
        _open(project).setup()
    assert (project.root / "backups/local/config.json").read_text() == config
