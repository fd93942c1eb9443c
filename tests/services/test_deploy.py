"""Deployments of a small stack: an image whose health depends on a file that is built into it, and SQLite."""

from __future__ import annotations

import json
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deckinfra.core.command import Command
from deckinfra.errors import ConfigurationError, DamagedError, LockedError, MigrationError, RefusedError, StackError
from deckinfra.services.going_back import start_database
from deckinfra.services.setup import setup
from deckinfra.services.stack import StackControl
from deckinfra.system.locks import file_lock
from deckinfra.system.processes import Owner
from deckinfra.testing import RecordingReporter
from tests.support.servers import Server
from tests.support.stacks import DATABASE, IMAGE, StackProject, docker
from tests.tasks.support import new_project

COMPOSE = """
services:
  web:
    image: {name}:latest
    build: app
    init: true
    stop_grace_period: 1s
    environment: {{MODE: "${{APP_VERSION:-good}}"}}
"""
DOCKERFILE = f"""
FROM {IMAGE}
COPY version /version
ENTRYPOINT ["sh", "-c", "echo this is $(cat /version); exec sleep 600"]
HEALTHCHECK --interval=1s --start-period=1s --start-interval=200ms --retries=1 \\
    CMD ["sh", "-c", "! grep -q broken /version && [ $MODE != bad ]"]
"""
WITH_TASKS = """
    depends_on: {{work: {{condition: service_completed_successfully}}}}
  work:
    image: {name}-ops:latest
    build: ops
"""
BROKEN_REVISION = '''"""Goes wrong."""

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    raise RuntimeError("this revision goes wrong")
'''


@pytest.fixture
def shop(tmp_path: Path, stack_project: StackProject) -> Iterator[StackProject]:
    """A project with a revision, a database file, and a stack of one service."""
    project = new_project(tmp_path / "shop")
    name = stack_project.name
    project.write("docker-compose.yml", COMPOSE.format(name=name))
    project.write("app/Dockerfile", DOCKERFILE)
    project.write("app/version", "one\n")
    project.write(".env.docker", f"DATABASE_URL=sqlite:///var/shop.db\nCOMPOSE_PROJECT_NAME={name}\nSTACK_TIMEOUT=60\n")
    yield StackProject(project.root, name)
    docker("image", "rm", "--force", f"{name}:latest")


def _version(shop: StackProject) -> str:
    """Give the version that runs."""
    return shop.stack.executor("web").run(Command(("cat", "/version"), 20.0)).stdout.decode().strip()


def test_setup_builds_and_starts_the_stack_and_does_so_once(shop: StackProject) -> None:
    first = setup(shop.open())
    assert [step.name for step in first.steps] == ["environment", "stack", "migrate", "seed", "backup", "drill"]
    assert "started: web" in first.steps[1].summary
    assert _version(shop) == "one"
    second = setup(shop.open())
    assert not second.changed, second.steps


def test_the_first_deployment_starts_what_is_there_without_a_backup(shop: StackProject) -> None:
    app = shop.open()
    app.init_settings()
    result = app.deploy()
    assert result.backup is None
    assert result.migrated is not None
    assert result.migrated.after == ("0001",)
    assert [service.described for service in result.services] == ["healthy"]


def test_a_new_version_is_deployed_after_a_backup(shop: StackProject) -> None:
    setup(shop.open())
    (shop.root / "app" / "version").write_text("two\n")
    result = shop.open().deploy()
    assert _version(shop) == "two"
    assert result.backup is not None
    assert result.backup.id == shop.open().backups()[0].manifest.id


def test_a_version_that_does_not_become_healthy_gives_way_to_the_old_one(shop: StackProject) -> None:
    setup(shop.open())
    (shop.root / "app" / "version").write_text("broken\n")
    reporter = RecordingReporter()
    with pytest.raises(
        StackError, match=r"did not start, and the old one runs again, with the settings .*'web'"
    ) as caught:
        shop.open(reporter).deploy()
    newest = shop.open().backups()[0].manifest.id
    assert newest in caught.value.hint
    assert _version(shop) == "one"
    assert ("note", "web | this is broken") in reporter.events
    (service,) = shop.stack.services()
    assert service.ready


def test_a_first_version_that_does_not_become_healthy_has_nothing_to_go_back_to(shop: StackProject) -> None:
    (shop.root / "app" / "version").write_text("broken\n")
    app = shop.open()
    app.init_settings()
    with pytest.raises(StackError, match=r"'docker' did not start") as caught:
        app.deploy()
    assert "Nothing ran before" in caught.value.hint


def test_a_version_that_cannot_be_built_leaves_the_old_one_running(shop: StackProject) -> None:
    setup(shop.open())
    started = shop.stack.services()[0].started
    (shop.root / "app" / "Dockerfile").write_text(f"FROM {IMAGE}\nRUN exit 3\n")
    with pytest.raises(StackError) as caught:
        shop.open().deploy()
    assert "The services that ran before go on running, as they were." in caught.value.hint
    assert shop.stack.services()[0].started == started


def test_a_migration_that_fails_leaves_the_old_version_running(shop: StackProject) -> None:
    setup(shop.open())
    started = shop.stack.services()[0].started
    (shop.root / "migrations" / "versions" / "0002_wrong.py").write_text(BROKEN_REVISION)
    (shop.root / "app" / "version").write_text("two\n")
    with pytest.raises(MigrationError) as caught:
        shop.open().deploy()
    assert "The services that ran before go on running, as they were." in caught.value.hint
    assert f"The backup from before is {shop.open().backups()[0].manifest.id}." in caught.value.hint
    assert shop.stack.services()[0].started == started
    assert _version(shop) == "one"


def test_settings_that_are_wrong_are_all_named_before_anything_is_done(shop: StackProject) -> None:
    shop.setting(BACKUP_THREADS="many", APP_PORT=0)
    with pytest.raises(ConfigurationError) as caught:
        shop.open().deploy()
    for name in ("BACKUP_THREADS", "APP_PORT", "APP_SECRET_KEY"):
        assert name in caught.value.message
    assert docker("image", "inspect", f"{shop.name}:latest").returncode != 0
    assert not (shop.root / "var").exists()


def test_two_deployments_at_once_do_not_meet(shop: StackProject) -> None:
    shop.open().init_settings()
    folder = shop.root / "var"
    folder.mkdir()
    with (
        file_lock(folder / "deploy-docker.lock", Owner.me("deploy"), timeout=0, what="it"),
        pytest.raises(LockedError, match="'docker'"),
    ):
        shop.open().deploy()
    assert docker("image", "inspect", f"{shop.name}:latest").returncode != 0


def test_an_image_of_another_name_is_not_called_by_the_new_one(shop: StackProject) -> None:
    setup(shop.open())
    compose = shop.root / "docker-compose.yml"
    compose.write_text(compose.read_text().replace(":latest", ":two"))
    (shop.root / "app" / "version").write_text("broken\n")
    (shop.root / "var" / "stack-docker.json").unlink()
    try:
        with pytest.raises(StackError, match="could not be brought back: the settings name other images") as caught:
            shop.open().deploy()
        assert "'invoke deploy -e docker --back' tries again" in caught.value.hint
        assert docker("run", "--rm", "--entrypoint", "cat", f"{shop.name}:two", "/version").stdout == "broken\n"
    finally:
        docker("image", "rm", "--force", f"{shop.name}:two")


def _mode(shop: StackProject) -> str:
    """Give the setting that the service runs with."""
    return shop.stack.executor("web").run(Command(("sh", "-c", "echo $MODE"), 20.0)).stdout.decode().strip()


def _change(shop: StackProject, old: str, new: str) -> None:
    """Change a line of the env file."""
    file = shop.root / ".env.docker"
    assert f"{old}\n" in file.read_text()
    file.write_text(file.read_text().replace(f"{old}\n", f"{new}\n"))


def test_a_setting_that_keeps_the_new_version_from_starting_gives_way_to_the_old_one(shop: StackProject) -> None:
    setup(shop.open())
    (shop.root / "app" / "version").write_text("two\n")
    shop.setting(APP_VERSION="bad")
    with pytest.raises(StackError, match="the old one runs again, with the settings and the compose files"):
        shop.open().deploy()
    assert (_version(shop), _mode(shop)) == ("one", "good")
    assert not (shop.root / "var" / "deploy-docker.json").exists()
    with pytest.raises(StackError, match="the old one runs again, with the settings and the compose files"):
        shop.open().deploy()
    assert (_version(shop), _mode(shop)) == ("one", "good")
    _change(shop, "APP_VERSION=bad", "APP_VERSION=good")
    shop.open().deploy()
    assert (_version(shop), _mode(shop)) == ("two", "good")


def test_a_compose_file_that_names_another_image_gives_way_to_the_old_one(shop: StackProject) -> None:
    setup(shop.open())
    compose = shop.root / "docker-compose.yml"
    compose.write_text(compose.read_text().replace(":latest", ":two"))
    (shop.root / "app" / "version").write_text("broken\n")
    try:
        with pytest.raises(StackError, match="the old one runs again"):
            shop.open().deploy()
        assert _version(shop) == "one"
        assert shop.stack.services()[0].image == f"{shop.name}:latest"
    finally:
        docker("image", "rm", "--force", f"{shop.name}:two")


@pytest.mark.parametrize("record", [None, b"nonsense"])
def test_without_a_record_only_the_images_come_back_and_it_says_so(shop: StackProject, record: bytes | None) -> None:
    setup(shop.open())
    kept = shop.root / "var" / "stack-docker.json"
    kept.unlink()
    if record is not None:
        kept.write_bytes(record)
    (shop.root / "app" / "version").write_text("broken\n")
    with pytest.raises(StackError, match="its images, that is: settings and compose files are the present ones"):
        shop.open().deploy()
    assert _version(shop) == "one"


def test_what_others_have_started_since_is_not_replaced_by_what_was_recorded(shop: StackProject) -> None:
    setup(shop.open())
    shop.setting(APP_VERSION="other")
    StackControl(shop.stack, RecordingReporter(), environment="docker").up()
    (shop.root / "app" / "version").write_text("broken\n")
    with pytest.raises(StackError, match="the tasks have no record"):
        shop.open().deploy()
    assert (_version(shop), _mode(shop)) == ("one", "other")


def test_what_is_kept_is_readable_by_its_owner_only_and_no_deployment_is_left_of_a_good_one(shop: StackProject) -> None:
    setup(shop.open())
    kept = shop.root / "var" / "stack-docker.json"
    assert kept.stat().st_mode & 0o777 == 0o600
    before = kept.read_bytes()
    (shop.root / "app" / "version").write_text("two\n")
    shop.open().deploy()
    assert kept.read_bytes() != before
    assert not (shop.root / "var" / "deploy-docker.json").exists()


def test_a_good_deployment_that_cannot_be_recorded_is_not_taken_for_one_that_broke_off(shop: StackProject) -> None:
    record = shop.root / "var" / "stack-docker.json"

    class InTheWay(RecordingReporter):
        def step(self, title: str) -> None:
            if title == "start":
                record.unlink()
                (record / "in the way").mkdir(parents=True)

    setup(shop.open())
    reporter = InTheWay()
    shop.open(reporter).deploy()
    assert any("what was started could not be recorded" in warning for warning in reporter.warnings), reporter.warnings
    assert not (shop.root / "var" / "deploy-docker.json").exists()


def _killed(shop: StackProject, step: str) -> None:
    """Deploy in a process of its own, and kill it, and what it started, in the step."""
    code = (
        "from deckinfra.app import open_project; from deckinfra.testing import RecordingReporter\n"
        "class Loud(RecordingReporter):\n"
        "    def note(self, text): print(text, flush=True)\n"
        "    def step(self, name): print('step', name, flush=True)\n"
        f"open_project({str(shop.root)!r}, 'docker', reporter=Loud()).deploy()"
    )
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, bufsize=1)
    assert child.stdout is not None
    with child.stdout:
        wanted = {"start": "waiting for web (starting)\n"}.get(step, f"step {step}\n")
        assert any(line == wanted for line in child.stdout)
        child.send_signal(signal.SIGKILL)
        child.wait(20)


def test_a_deployment_that_is_killed_while_it_starts_is_told_of_and_can_be_gone_back_from(shop: StackProject) -> None:
    setup(shop.open())
    (shop.root / "app" / "version").write_text("broken\n")
    shop.setting(APP_VERSION="bad")
    _killed(shop, "start")
    journal = shop.root / "var" / "deploy-docker.json"
    assert journal.stat().st_mode & 0o777 == 0o600
    (problem,) = (each for each in shop.open().status().problems if each.startswith("deployment: "))
    for said in ("broke off in its step 'start'", shop.open().backups()[0].manifest.id, "'invoke deploy -e docker'"):
        assert said in problem
    assert _version(shop) == "broken"
    _change(shop, "STACK_TIMEOUT=60", "STACK_TIMEOUT=5")
    reporter = RecordingReporter()
    with pytest.raises(StackError):
        shop.open(reporter).stack.up()
    assert any("broke off in its step 'start'" in text for text in reporter.warnings)
    result = shop.open().deploy(back=True)
    assert (result.backup, result.migrated, [each.name for each in result.services]) == (None, None, ["web"])
    assert (_version(shop), _mode(shop)) == ("one", "good")
    assert not journal.exists()
    with pytest.raises(RefusedError, match="no deployment of 'docker' broke off"):
        shop.open().deploy(back=True)


def test_the_next_deployment_goes_back_to_what_ran_before_the_one_that_was_killed(shop: StackProject) -> None:
    setup(shop.open())
    (shop.root / "app" / "version").write_text("broken\n")
    _killed(shop, "start")
    (shop.root / "app" / "version").write_text("broken again\n")
    reporter = RecordingReporter()
    with pytest.raises(StackError, match="the old one runs again"):
        shop.open(reporter).deploy()
    assert any("broke off in its step 'start'" in text for text in reporter.warnings)
    assert _version(shop) == "one"
    assert not (shop.root / "var" / "deploy-docker.json").exists()


def test_one_that_was_killed_earlier_is_kept_in_mind_until_all_is_well(shop: StackProject) -> None:
    setup(shop.open())
    _killed(shop, "build")
    journal = shop.root / "var" / "deploy-docker.json"
    assert "What ran before it goes on." in next(
        each for each in shop.open().status().problems if each.startswith("deployment: ")
    )
    (shop.root / "app" / "Dockerfile").write_text(f"FROM {IMAGE}\nRUN exit 3\n")
    with pytest.raises(StackError):
        shop.open().deploy()
    assert json.loads(journal.read_bytes())["step"] == "build"
    shop.open().stack.up()
    assert not journal.exists()


def test_of_several_that_were_killed_the_first_ones_backup_is_the_one_from_before(migrating: StackProject) -> None:
    shop = migrating
    _new_version(shop, "broken")
    _killed(shop, "start")
    first = shop.open().backups()[0].manifest
    assert first.revisions == ("0001",)
    _killed(shop, "build")
    assert shop.open().backups()[0].manifest.revisions == ("0002",)
    (problem,) = (each for each in shop.open().status().problems if each.startswith("deployment: "))
    assert "broke off in its step 'build'" in problem
    assert "Its services may be old or new." in problem
    assert first.id in problem
    with pytest.raises(StackError, match="the old one runs again") as caught:
        shop.open().deploy()
    assert first.id in caught.value.hint
    assert _version(shop) == "one"


def test_where_nothing_runs_nothing_is_said_to_go_on(migrating: StackProject) -> None:
    shop = migrating
    docker("stop", "--time", "1", *(each for name in ("web", "helper", "beside") for each in _containers(shop, name)))
    (shop.root / "app" / "Dockerfile").write_text(f"FROM {IMAGE}\nRUN exit 3\n")
    with pytest.raises(StackError) as caught:
        shop.open().deploy()
    assert "go on running" not in caught.value.hint


def _containers(shop: StackProject, service: str) -> list[str]:
    labels = (f"project={shop.name}", f"service={service}")
    filters = [word for label in labels for word in ("--filter", f"label=com.docker.compose.{label}")]
    return docker("ps", "--quiet", *filters).stdout.split()


def test_a_first_deployment_that_was_killed_has_nothing_to_go_back_to(shop: StackProject) -> None:
    shop.open().init_settings()
    _killed(shop, "build")
    with pytest.raises(RefusedError, match="nothing ran before the deployment of 'docker' that broke off"):
        shop.open().deploy(back=True)


@pytest.mark.parametrize("text", ["nonsense", '{"images": {"web": 3}}'])
def test_what_is_no_word_of_a_deployment_is_named(shop: StackProject, text: str) -> None:
    setup(shop.open())
    (shop.root / "var" / "deploy-docker.json").write_text(text)
    with pytest.raises(DamagedError, match=r"var/deploy-docker\.json") as caught:
        shop.open().deploy()
    assert "remove var/deploy-docker.json" in caught.value.hint
    reporter = RecordingReporter()
    shop.open(reporter).stack.up()
    assert any("var/deploy-docker.json" in text for text in reporter.warnings)


def test_a_broken_image_of_the_tasks_stops_neither_what_runs_nor_later_deployments(shop: StackProject) -> None:
    compose, image = shop.root / "docker-compose.yml", shop.root / "ops" / "Dockerfile"
    compose.write_text(compose.read_text().rstrip() + WITH_TASKS.format(name=shop.name))
    image.parent.mkdir()
    good = f'FROM {IMAGE}\nENTRYPOINT ["sh", "-c", "echo did the work"]\n'
    image.write_text(good)
    try:
        setup(shop.open())
        started = next(each.started for each in shop.stack.services() if each.name == "web")
        for entrypoint in ('["/nowhere"]', '["sh", "-c", "exit 5"]'):
            image.write_text(f"FROM {IMAGE}\nENTRYPOINT {entrypoint}\n")
            with pytest.raises(StackError, match="the old one runs again"):
                shop.open().deploy()
            services = {each.name: each for each in shop.stack.services()}
            assert all(each.ready for each in services.values()), services
            assert services["web"].started == started
        image.write_text(good.replace("did", "mended"))
        shop.open().deploy()
        assert all(each.ready for each in shop.stack.services())
    finally:
        docker("image", "rm", "--force", f"{shop.name}-ops:latest")


MIGRATES = """
    depends_on: {{work: {{condition: service_completed_successfully}}}}
  work:
    image: {name}-ops:latest
    build: ops
    volumes: ["./state:/state"]
  beside:
    image: {base}
    entrypoint: [sleep, "600"]
    init: true
    stop_grace_period: 1s
    depends_on: {{work: {{condition: service_completed_successfully}}}}
  helper:
    image: {name}-ops:latest
    entrypoint: [sleep, "600"]
    init: true
    stop_grace_period: 1s
"""
TO_REVISION = '''"""Makes a table, and says where the database stands."""

import pathlib

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table("extras", sa.Column("id", sa.Integer(), primary_key=True))
    pathlib.Path({state!r}).write_text("2")


def downgrade() -> None:
    op.drop_table("extras")
'''


@pytest.fixture
def migrating(shop: StackProject) -> Iterator[StackProject]:
    """The shop with a one-shot that refuses a database which is ahead of it, and with something that lasts beside."""
    compose = shop.root / "docker-compose.yml"
    compose.write_text(compose.read_text().rstrip() + MIGRATES.format(name=shop.name, base=IMAGE))
    for path, text in (("ops/revision", "1"), ("state/revision", "1")):
        (shop.root / path).parent.mkdir()
        (shop.root / path).write_text(text)
    refuse = "if [ $(cat /state/revision) -gt $(cat /revision) ]; then echo it is ahead of me; exit 5; fi"
    (shop.root / "ops" / "Dockerfile").write_text(
        f"FROM {IMAGE}\nCOPY revision /revision\nENTRYPOINT {json.dumps(['sh', '-c', refuse])}\n"
    )
    setup(shop.open())
    yield shop
    docker("image", "rm", "--force", f"{shop.name}-ops:latest")


def _new_version(shop: StackProject, version: str) -> None:
    """Write a version that brings a revision with it."""
    (shop.root / "app" / "version").write_text(f"{version}\n")
    (shop.root / "ops" / "revision").write_text("2")
    state = str(shop.root / "state" / "revision")
    (shop.root / "migrations" / "versions" / "0002_extras.py").write_text(TO_REVISION.format(state=state))


@pytest.mark.parametrize("recorded", [True, False])
def test_a_version_that_brought_a_migration_gives_way_to_the_old_one(migrating: StackProject, recorded: bool) -> None:
    shop = migrating
    if not recorded:
        (shop.root / "var" / "stack-docker.json").unlink()
    (beside,) = _containers(shop, "beside")
    _new_version(shop, "broken")
    reporter = RecordingReporter()
    with pytest.raises(StackError, match="the old one runs again") as caught:
        shop.open(reporter).deploy()
    assert _containers(shop, "beside") == [beside], "what was as it should be was made anew"
    assert "Migrations that were applied stay applied" in caught.value.hint
    assert any("without its preparations, since the service 'work' ended" in text for text in reporter.warnings)
    assert ("note", "work | it is ahead of me") in reporter.events
    assert _version(shop) == "one"
    assert {each.name: each.ready for each in shop.stack.services()} == {
        "work": False,
        "web": True,
        "helper": True,
        "beside": True,
    }
    assert not (shop.root / "var" / "deploy-docker.json").exists()
    # The next one that fails goes back to the same, and one that is good is deployed.
    with pytest.raises(StackError, match="the old one runs again, with the settings"):
        shop.open().deploy()
    assert _version(shop) == "one"
    (shop.root / "app" / "version").write_text("two\n")
    shop.open().deploy()
    assert _version(shop) == "two"
    assert all(each.ready for each in shop.stack.services())


def test_a_migration_that_the_old_version_lacks_does_not_keep_it_from_coming_back(migrating: StackProject) -> None:
    shop = migrating
    _new_version(shop, "broken")
    _killed(shop, "start")
    reporter = RecordingReporter()
    result = shop.open(reporter).deploy(back=True)
    assert sorted(each.name for each in result.services) == ["beside", "helper", "web"]
    assert _version(shop) == "one"
    assert not (shop.root / "var" / "deploy-docker.json").exists()


def test_an_old_service_that_keeps_ending_does_not_keep_its_mend_from_being_deployed(migrating: StackProject) -> None:
    shop = migrating
    compose = shop.root / "docker-compose.yml"
    good = compose.read_text()
    crashing = good.replace(
        'entrypoint: [sleep, "600"]', 'entrypoint: [sh, -c, "sleep 0.2; exit 3"]\n    restart: always'
    )
    assert crashing != good
    compose.write_text(crashing)
    with pytest.raises(StackError, match="'helper' keeps restarting"):
        shop.open().stack.up()
    slow = (shop.root / "ops" / "Dockerfile").read_text().replace("if [", "sleep 8; if [")
    (shop.root / "ops" / "Dockerfile").write_text(slow)
    compose.write_text(good)
    shop.open().deploy()
    assert all(each.ready for each in shop.stack.services())


def test_a_stopped_database_is_backed_up_by_the_server_that_it_had(
    make_stack: Callable[..., StackProject], mariadb_server: Server
) -> None:
    volume = "volumes: [data:/var/lib/mysql]"
    compose = (
        DATABASE.format(image=IMAGE, kind="MARIADB").replace("tmpfs: /var/lib/mysql", volume) + "volumes: {data: }\n"
    )
    given = {name: secrets.token_hex(24) for name in ("DATABASE_PASSWORD", "DATABASE_ADMIN_PASSWORD", "APP_SECRET_KEY")}
    for variable, name in (
        ("MARIADB_PASSWORD", "DATABASE_PASSWORD"),
        ("MARIADB_ROOT_PASSWORD", "DATABASE_ADMIN_PASSWORD"),
    ):
        compose = compose.replace(f"{variable}_FILE: /run/secrets/{name}", f"{variable}: {given[name]}")
    home = make_stack(compose)
    for name, value in given.items():
        home.secret(name, value)
    (home.root / ".env.docker").unlink()
    home.setting(COMPOSE_PROJECT_NAME=home.name, STACK_TIMEOUT=60, DATABASE_ADMIN_USER="root")
    home.setting(DATABASE_URL="mysql+pymysql://deck@database:3306/deck")
    shutil.copytree(new_project(home.root.parent / "with revisions").root / "migrations", home.root / "migrations")
    home.open().stack.up()
    home.open().migrate()
    home.open().stack.down()

    # Where that server is not to be had any more, it is for a person to decide.
    kept = home.root / "var" / "stack-docker.json"
    record = kept.read_bytes()
    image_id = json.loads(record)["services"]["database"]["image_id"]
    kept.write_bytes(record.replace(image_id.encode(), b"sha256:" + b"0" * 64))
    with pytest.raises(
        StackError, match=r"cannot be started as it was last: there is no image sha256:0+ here"
    ) as refused:
        home.open().deploy()
    assert "'invoke stack.up -e docker' starts it" in refused.value.hint
    kept.write_bytes(record)

    home.write("FROM " + IMAGE + '\nENTRYPOINT ["sh", "-c", "echo the next server; exit 3"]\n', "next/Dockerfile")
    home.write(compose.replace(f"image: {IMAGE}", f"image: {home.name}:next\n    build: next"))
    reporter = RecordingReporter()
    try:
        with pytest.raises(StackError, match="the service 'database' ended with exit code 3") as caught:
            home.open(reporter).deploy()
    finally:
        docker("image", "rm", "--force", f"{home.name}:next")
    assert "the database does not run; it is started as it was last, to look what is in it" in reporter.notes
    (entry,) = home.open().backups()
    assert entry.manifest.id in caught.value.hint
    assert "things" in [fact.name for fact in entry.manifest.facts]


PREPARED = f"""
services:
  base:
    image: {IMAGE}
    entrypoint: [sh, -c, "test -e /secrets/there && exec sleep 600"]
    init: true
    stop_grace_period: 1s
    volumes: ["secrets:/secrets"]
    depends_on: {{work: {{condition: service_completed_successfully}}}}
  work:
    image: {IMAGE}
    entrypoint: [touch, /secrets/there]
    volumes: ["secrets:/secrets"]
volumes: {{secrets: }}
"""


def test_a_database_that_is_started_as_it_was_gets_what_it_needs(make_stack: Callable[..., StackProject]) -> None:
    home = make_stack(PREPARED)
    home.open().stack.up()
    home.open().stack.down(volumes=True)
    start_database(home.open())
    assert {each.name: each.ready for each in home.stack.services()} == {"work": True, "base": True}
