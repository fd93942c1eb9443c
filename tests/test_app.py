"""The project as a library: every verb on a real project, with its hooks, remotes and environments."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from deckinfra import App, open_project
from deckinfra.core.retention import Policy
from deckinfra.core.urls import StoreURL
from deckinfra.errors import (
    ConfigurationError,
    DamagedError,
    PluginError,
    RefusedError,
    RepositoryError,
    UnknownNameError,
)
from deckinfra.testing import MemoryStore, RecordingReporter
from tests.repository.support import middle, open_repository, publish
from tests.tasks.support import Project, clean_environ, new_project

SPY = '''"""Writes down which hooks are called, and fails where it is told to."""

import json
from pathlib import Path

from deckinfra import hookimpl
from deckinfra.errors import RefusedError

LOG = Path(__file__).parents[1] / "hooks.jsonl"


def note(project, hook, **more):
    with LOG.open("a") as log:
        log.write(json.dumps([hook, more]) + "\\\\n")
    if project.environ.get("FAIL") == hook:
        raise RefusedError(f"{hook} said no")
    if project.environ.get("CRASH") == hook:
        raise ZeroDivisionError(hook)
'''
HOOKS = {
    "before_setup": "",
    "after_setup": "result",
    "before_migrate": "",
    "after_migrate": "result",
    "before_backup": "",
    "after_backup": "manifest",
    "before_restore": "manifest",
    "after_restore": "result",
}


def _spy() -> str:
    text = SPY.replace("\\\\n", "\\n")
    for hook, argument in HOOKS.items():
        arguments = f"project, {argument}" if argument else "project"
        text += f"\n\n@hookimpl\ndef deckinfra_{hook}({arguments}):\n    note(project, '{hook}')\n"
    text += "\n\n@hookimpl\ndef deckinfra_on_failure(project, phase, error):\n"
    return text + "    note(project, 'on_failure', phase=phase, error=str(error))\n"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Give a project, in a folder with an awkward name, that writes its hooks down."""
    root = tmp_path / "it's my größe"
    root.mkdir()
    made = new_project(root)
    made.write("plugins/spy.py", _spy())
    return made


@pytest.fixture
def reporter() -> RecordingReporter:
    return RecordingReporter()


def _open(
    project: Project, environment: str | None = None, reporter: RecordingReporter | None = None, **environ: str
) -> App:
    given = clean_environ() | {"APP_SECRET_KEY": "s0meL0ngAndRandomValue42"} | environ
    return open_project(project.root, environment, environ=given, reporter=reporter)


def _hooks(project: Project) -> list[Any]:
    log = project.root / "hooks.jsonl"
    lines = log.read_text().splitlines() if log.exists() else []
    log.unlink(missing_ok=True)
    return [hook if not more else [hook, more] for hook, more in map(json.loads, lines)]


def _migrated(project: Project, reporter: RecordingReporter | None = None, **environ: str) -> App:
    app = _open(project, reporter=reporter, **environ)
    app.migrate()
    app.seed()
    _hooks(project)
    return app


# Opening -----------------------------------------------------------------------------------------


def test_a_project_is_opened_in_its_default_environment(project: Project) -> None:
    app = _open(project)
    assert (app.root, app.config.name, app.environment_name) == (project.root, "shop", "local")
    assert (app.environment.name, app.environment.kind, app.engine.name) == ("local", "local", "sqlite")
    assert app.engine.url.database == str(project.root / "var" / "shop.db")
    assert not (project.root / "var").exists(), "opening does nothing"


def test_it_is_opened_where_it_stands_and_from_the_process_environment(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.root)
    monkeypatch.setenv("APP_SECRET_KEY", "s0meL0ngAndRandomValue42")
    monkeypatch.setenv("DATABASE_URL", "sqlite:///other.db")
    assert open_project().engine.url.database == str(project.root / "other.db")


@pytest.mark.parametrize("name", ["missing", "setup.cfg"])
def test_what_is_no_folder_is_no_project(project: Project, name: str) -> None:
    with pytest.raises(ConfigurationError, match=f"there is no folder .*{name}"):
        open_project(project.root / name)


def test_a_plugin_that_is_required_and_missing_stops_it(project: Project) -> None:
    project.write("setup.cfg", "[deckinfra]\nrequire_plugins = spi\n")
    with pytest.raises(PluginError, match="there is no plugin 'spi'"):
        _open(project)


def test_an_unknown_environment_is_told_with_what_was_meant(project: Project) -> None:
    app = _open(project, "locall")
    for attempt in (lambda: app.settings, lambda: app.environment, app.check_settings, app.init_settings):
        with pytest.raises(UnknownNameError, match="unknown environment 'locall'") as caught:
            attempt()
        assert "Did you mean 'local'?" in caught.value.hint


def test_an_unknown_dialect_or_scheme_or_kind_is_told(project: Project) -> None:
    with pytest.raises(UnknownNameError, match="'oracle'"):
        _ = _open(project, DATABASE_URL="oracle://deck@host/deck", DATABASE_PASSWORD="s0meL0ngAndRandom42").engine
    with pytest.raises(UnknownNameError, match="'ftp'"):
        _open(project, BACKUP_REPOSITORY="ftp://host/backups").backups()
    with pytest.raises(UnknownNameError, match="'dokcer'"):
        _ = _open(project, DECKINFRA_KIND="dokcer").environment


# Configuration -----------------------------------------------------------------------------------


def test_what_is_missing_is_told_and_made_and_then_used(project: Project) -> None:
    app = open_project(project.root, environ=clean_environ())
    assert [problem.name for problem in app.check_settings()] == ["APP_SECRET_KEY"]
    before = app.environment
    assert len(app.init_settings()) == 1
    assert (len(app.check_settings()), len(app.init_settings())) == (0, 0)
    assert app.environment is not before, "what was made from the old settings is made anew"


# Where backups go --------------------------------------------------------------------------------


def test_backups_go_where_the_settings_say(project: Project) -> None:
    assert _open(project).repository_url() == StoreURL("file", "backups/local")
    assert _open(project, BACKUP_REPOSITORY="file:elsewhere").repository_url() == StoreURL("file", "elsewhere")


def test_remotes_are_named_and_the_first_is_the_default(project: Project) -> None:
    app = _open(project, BACKUP_REMOTES="usb=file:usb offsite=file:offsite")
    assert app.repository_url(True) == StoreURL("file", "usb")
    assert app.repository_url("offsite") == StoreURL("file", "offsite")
    assert app.repository_url(False) == app.repository_url(None) == StoreURL("file", "backups/local")
    with pytest.raises(UnknownNameError, match="unknown remote 'usbb'") as caught:
        app.repository_url("usbb")
    assert caught.value.hint.startswith("Did you mean 'usb'?")


def test_without_remotes_none_is_the_default(project: Project) -> None:
    with pytest.raises(UnknownNameError, match="the settings of 'local' name no remote") as caught:
        _open(project).repository_url(True)
    assert "BACKUP_REMOTES" in caught.value.hint


def test_a_remote_is_a_repository_of_its_own(project: Project) -> None:
    app = _migrated(project, BACKUP_REMOTES="usb=file:usb")
    here, there = app.backup(), app.backup(remote="usb", init=True)
    assert [listed.manifest.id for listed in app.backups()] == [here.id]
    assert [listed.manifest.id for listed in app.backups(remote=True)] == [there.id]
    app.drill(remote="usb")
    assert [proof.snapshot for proof in app.verify(remote="usb").proofs] == [there.id]
    assert app.prune(remote="usb").removed_snapshots == 0
    assert app.restore(remote="usb").manifest.id == there.id
    assert (project.root / "usb" / "config.json").exists()


def test_where_there_is_no_repository_only_a_backup_makes_one(project: Project) -> None:
    app = _migrated(project)
    for attempt in (app.backups, app.verify, app.drill, app.restore, app.prune):
        with pytest.raises(RepositoryError, match="there is no backup repository at file:backups/local"):
            attempt()
    assert not (project.root / "backups").exists()
    app.backup()
    assert len(app.backups()) == 1


def test_at_a_remote_a_repository_is_made_only_when_that_is_asked_for(project: Project) -> None:
    app = _migrated(project, BACKUP_REMOTES="usb=file:mounted/usb")
    with pytest.raises(RepositoryError, match="there is no backup repository at file:mounted/usb") as caught:
        app.backup(remote="usb")
    assert "mounted" in caught.value.hint
    assert "'invoke db.backup --init'" in caught.value.hint
    assert not (project.root / "mounted").exists(), "a disk that is not mounted is not replaced by a folder"
    app.backup(remote="usb", init=True)
    app.backup(remote="usb")
    assert len(app.backups(remote="usb")) == 2


def test_nor_is_one_made_where_somebody_chose_the_place_of_the_environments_own(project: Project) -> None:
    app = _migrated(project, BACKUP_REPOSITORY="file:mounted/backups")
    with pytest.raises(RepositoryError, match="there is no backup repository at file:mounted/backups"):
        app.backup()
    assert not (project.root / "mounted").exists(), "a disk that is not mounted is not replaced by a folder"
    first = app.backup(init=True)
    shutil.move(project.root / "mounted", project.root / "unplugged")
    with pytest.raises(RepositoryError, match="no backup repository"):
        app.backup()
    shutil.move(project.root / "unplugged", project.root / "mounted")
    assert [listed.manifest.id for listed in app.backups()] == [first.id]


@pytest.mark.parametrize(("named", "kind"), [({}, "note"), ({"BACKUP_REPOSITORY": "file:elsewhere"}, "warn")])
def test_a_new_repository_is_told_of_and_a_person_is_warned_of_one_where_a_disk_may_be_missing(
    project: Project, named: dict[str, str], kind: str
) -> None:
    reporter = RecordingReporter()
    app = _migrated(project, reporter=reporter, **named)
    app.backup(init=True)
    app.backup()
    ((how, text),) = [event for event in reporter.events if "made a new backup repository" in event[1]]
    assert (how, str(app.repository_url()) in text, "mounted" in text) == (kind, True, kind == "warn")


# The verbs ---------------------------------------------------------------------------------------


def test_the_whole_way_from_nothing_to_a_proven_backup_and_back(project: Project) -> None:
    app = _open(project)
    assert app.migration_status().state == "not migrated"
    assert app.migrate().revisions == ("0001",)
    assert app.seed() == {"things": 3}
    manifest = app.backup()
    drilled = app.drill()
    assert (drilled.manifest.id, drilled.proof.good) == (manifest.id, True)
    (listed,) = app.backups()
    assert listed.manifest == replace(manifest, seconds=round(manifest.seconds, 3))
    assert listed.proof is not None
    assert listed.proof.kind == "drill"
    assert app.rollback("base").revisions == ("0001",)
    assert app.engine.state().tables == ()
    restored = app.restore(manifest.id)
    assert app.engine.state().tables == ("things",)
    assert app.kept() == [restored.kept]
    undone = app.undo_restore()
    assert (undone.restored, app.engine.state().tables) == (restored.kept, ())
    assert undone.kept is not None
    assert app.discard_kept(undone.kept.id) == undone.kept
    assert list(app.kept()) == []


def test_setup_does_it_all_and_a_second_time_nothing(project: Project) -> None:
    app = open_project(project.root, environ=clean_environ())
    assert app.setup().changed
    assert not app.setup().changed
    assert all(finding.ok for finding in app.doctor() if finding.check in {"settings", "database"})


def test_revisions_can_be_made_and_told(project: Project) -> None:
    app = _migrated(project)
    path = app.new_revision("more things")
    assert path.parent == project.root / "migrations" / "versions"
    assert [(entry.message, entry.applied) for entry in app.migration_history()][-1] == ("more things", False)
    assert app.migration_status().state == "behind"


def test_seeds_are_refused_in_production(project: Project) -> None:
    app = _open(project, DECKINFRA_STAGE="production")
    app.migrate()
    with pytest.raises(RefusedError, match="example data does not belong into production"):
        app.seed()


def test_prune_goes_by_the_settings_or_by_what_is_asked(project: Project) -> None:
    app = _migrated(
        project, BACKUP_KEEP_LAST="2", BACKUP_KEEP_DAILY="0", BACKUP_KEEP_WEEKLY="0", BACKUP_KEEP_MONTHLY="0"
    )
    ids = [app.backup().id for _ in range(4)]
    assert app.prune(dry_run=True).removed_snapshots == 2
    assert app.prune(dry_run=True, policy=Policy(last=1)).removed_snapshots == 3
    assert app.prune().removed_snapshots == 2
    assert [listed.manifest.id for listed in app.backups()] == [ids[3], ids[2]]


def test_damage_is_found_and_never_restored(project: Project) -> None:
    app = _migrated(project)
    manifest = app.backup()
    for path in (project.root / "backups" / "local" / "objects").glob("*/*"):
        path.write_bytes(middle(path.read_bytes()))
    live = (project.root / "var" / "shop.db").read_bytes()
    assert [proof.good for proof in app.verify().proofs] == [False]
    with pytest.raises(DamagedError, match=f"snapshot {manifest.id} in file:backups/local is damaged"):
        app.restore()
    assert (project.root / "var" / "shop.db").read_bytes() == live
    app.backup()
    assert [proof.good for proof in app.verify().proofs] == [True, True]


# Hooks -------------------------------------------------------------------------------------------


def test_hooks_are_called_around_each_phase(project: Project) -> None:
    app = _open(project)
    app.migrate()
    assert _hooks(project) == ["before_migrate", "after_migrate"]
    app.migrate()
    assert _hooks(project) == []
    app.backup()
    assert _hooks(project) == ["before_backup", "after_backup"]
    app.restore()
    assert _hooks(project) == ["before_restore", "after_restore"]
    app.rollback("base")
    assert _hooks(project) == ["before_migrate", "after_migrate"]


def _do(app: App, phase: str) -> object:
    if phase == "migrate":
        return app.rollback("base")
    return app.backup() if phase == "backup" else app.restore()


@pytest.mark.parametrize("phase", ["migrate", "backup", "restore"])
def test_a_before_hook_that_fails_stops_the_phase(project: Project, reporter: RecordingReporter, phase: str) -> None:
    done = _migrated(project)
    done.backup()
    _hooks(project)
    app = _open(project, reporter=reporter, FAIL=f"before_{phase}")
    before = (project.root / "var" / "shop.db").read_bytes()
    with pytest.raises(RefusedError, match=f"before_{phase} said no"):
        _do(app, phase)
    assert _hooks(project) == [
        f"before_{phase}",
        ["on_failure", {"phase": phase, "error": f"before_{phase} said no"}],
    ]
    assert (project.root / "var" / "shop.db").read_bytes() == before
    assert len(app.backups()) == 1
    assert list(app.kept()) == []


def test_an_after_hook_that_fails_fails_the_task_and_what_was_done_stays_done(project: Project) -> None:
    _migrated(project)
    app = _open(project, CRASH="after_backup")
    with pytest.raises(PluginError, match="plugin 'spy' failed in deckinfra_after_backup: ZeroDivisionError"):
        app.backup()
    assert len(app.backups()) == 1
    assert [hook[0] for hook in _hooks(project) if isinstance(hook, list)] == ["on_failure"]


def test_a_failure_hook_that_fails_is_only_reported(project: Project, reporter: RecordingReporter) -> None:
    app = _open(project, reporter=reporter, CRASH="on_failure", BACKUP_REPOSITORY="file:setup.cfg")
    app.migrate()
    with pytest.raises(Exception, match=r"setup\.cfg"):
        app.backup(init=True)
    assert any("plugin 'spy' failed in deckinfra_on_failure" in warning for warning in reporter.warnings)


# Odds and ends -----------------------------------------------------------------------------------


def test_environments_have_databases_and_backups_of_their_own(project: Project) -> None:
    project.write(".env.test", "DATABASE_URL=sqlite:///var/test.db\n")
    local, test = _migrated(project), _open(project, "test")
    local.backup()
    test.migrate()
    assert test.repository_url() == StoreURL("file", "backups/test")
    assert test.engine.state().tables == ("things",)
    test.backup()
    assert len(test.backups()) == len(local.backups()) == 1


def test_one_repository_may_serve_several_environments(project: Project) -> None:
    project.write(".env.test", "DATABASE_URL=sqlite:///var/test.db\n")
    local = _migrated(project, BACKUP_REPOSITORY="file:backups/all")
    test = _open(project, "test", BACKUP_REPOSITORY="file:backups/all")
    test.migrate()
    ours, theirs = local.backup(init=True), test.backup()
    assert local.restore().manifest.id == ours.id
    assert test.restore().manifest.id == theirs.id
    assert len(local.backups()) == 2


def test_a_project_that_was_moved_finds_its_backups(project: Project, tmp_path: Path) -> None:
    manifest = _migrated(project).backup()
    moved = Project(tmp_path / "moved")
    shutil.move(project.root, moved.root)
    (moved.root / "var" / "shop.db").unlink()
    app = _open(moved)
    assert app.restore().manifest.id == manifest.id
    assert app.engine.state().tables == ("things",)


def test_a_kind_that_no_plugin_brings_is_a_problem_of_the_configuration(project: Project) -> None:
    problems = _open(project, DECKINFRA_KIND="dokcer").check_settings()
    assert [(problem.name, problem.message) for problem in problems if problem.name == "DECKINFRA_KIND"] == [
        ("DECKINFRA_KIND", "is 'dokcer', and no plugin brings that kind")
    ]


def test_nothing_is_written_for_a_kind_that_no_plugin_brings(project: Project) -> None:
    with pytest.raises(UnknownNameError, match="unknown kind of environment 'kubernetes'"):
        _open(project, DECKINFRA_KIND="kubernetes").setup()
    assert not (project.root / ".secrets").exists()


@pytest.mark.parametrize("chosen", ["", "client"])
def test_a_snapshot_is_restored_by_the_engine_that_took_it(project: Project, chosen: str) -> None:
    manifest = publish(open_repository(MemoryStore()), {"things": [b"row"]})
    url = "mysql+pymysql://deck@db/deck"
    app = _open(project, DATABASE_URL=url, DATABASE_PASSWORD="x" * 20, DATABASE_ENGINE=chosen)
    lite = _open(project)
    assert app.engine.name == (chosen or "mysql")
    for name in ("mysql", "client"):
        engine = app.engine_of(replace(manifest, engine=name), "rescue" if name == "client" else None)
        assert (engine.name, engine.url.database) == (name, "rescue" if name == "client" else "deck")
    for opened, name in ((app, "sqlite"), (app, "gone"), (lite, "client")):
        with pytest.raises(RefusedError, match=f"is of engine '{name}'"):
            opened.engine_of(replace(manifest, engine=name))
