"""The whole stack from a fresh checkout, with nothing but ``docker compose``."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from tests.stack.support import REVISION, Images, Stack, docker, give, modes, owner, running

pytestmark = pytest.mark.timeout(800)

SECRETS = {"APP_SECRET_KEY", "DATABASE_ADMIN_PASSWORD", "DATABASE_PASSWORD"}


def secrets_of(folder: Path) -> dict[str, str]:
    """Give the secrets of the one environment that there is."""
    (environment,) = (folder / ".secrets").iterdir()
    return {path.name: path.read_text() for path in environment.iterdir()}


def snapshots(folder: Path) -> list[str]:
    """Give the manifests of the repository in the project's folder."""
    return sorted(path.name for path in folder.glob("backups/*/snapshots/**/*") if path.is_file())


@pytest.mark.parametrize(
    ("dialect", "add"), [("mysql", ""), ("mariadb", ""), ("mariadb", "prod")], ids=["mysql", "mariadb", "production"]
)
def test_up_alone_makes_a_whole_stack(dialect: str, add: str, images: dict[str, Images], clone: Path) -> None:
    environment = "production" if add else "docker"
    # One worker, as each counts failed logins for itself
    with running(Stack(clone, images[dialect], add, {"APP_WORKERS": "1"})) as stack:
        stack.compose("up", "--detach", limit=240)
        assert stack.wait("first-run") == 0, stack.log()
        stack.await_health("backend")

        # Healthy, migrated, and seeded unless it is production
        code, health = stack.get("/health")
        assert (code, health["status"]) == (200, "ok")
        code, cards = stack.get("/api/cards")
        assert (code, bool(cards["items"])) == (200, not add)

        # The secrets and the first backup, proven, are the owner's of the checkout, and nobody else may look
        assert modes(clone / ".secrets") == {
            ".": (0o700, owner()),
            environment: (0o700, owner()),
            **{f"{environment}/{name}": (0o600, owner()) for name in SECRETS},
        }
        assert {uid for _, uid in modes(clone / "backups" / environment).values()} == {owner()}
        first = snapshots(clone)
        assert len(first) == 1
        assert "is proven to restore" in stack.log("first-run")

        # A second time nothing changes; lost secrets are found again, as the stack still has them
        before, secrets = stack.container("backend"), secrets_of(clone)
        for name in SECRETS:
            (clone / ".secrets" / environment / name).unlink()
        stack.compose("up", "--detach")
        assert stack.wait("first-run") == 0, stack.log("first-run")
        assert (stack.container("backend"), secrets_of(clone)) == (before, secrets)
        assert snapshots(clone) == first

        # A password that was changed by mistake is still known where the database runs
        path = clone / ".secrets" / environment / "DATABASE_PASSWORD"
        good = path.read_text()
        path.write_text("a-wrong-one-of-some-length\n")
        stack.compose("run", "--rm", "--no-TTY", "secrets")
        kept = stack.compose("exec", "-T", "database", "cat", "/run/secrets/database/DATABASE_PASSWORD.before").stdout
        assert kept == good
        path.write_text(kept)
        stack.compose("run", "--rm", "--no-TTY", "secrets")

        # A task in a container, into the repository that the machine sees
        stack.task("invoke", "db.backup")
        assert len(snapshots(clone)) == 2
        taken = [entry["manifest"]["host"] for entry in json.loads(stack.task("invoke", "db.backups", "--json"))]
        assert taken == [f"{stack.project}-ops"] * 2, "what is pruned together"

        if add or dialect == "mysql":
            _takes_another_password(stack, path)

        for text in (stack.log(), docker("inspect", stack.container("database"), stack.container("backend")).stdout):
            assert not any(value.strip() in text for value in secrets.values())
        if add:
            _is_locked_down(stack)
            _tells_clients_apart_by_what_the_proxy_says(stack)
            _takes_another_key(stack)
            _replaces_the_application_alone(stack)
        else:
            _migrates_data_after_a_backup(stack)
    assert len(snapshots(clone)) == (2 if add else 3), "down --volumes has deleted backups"
    assert docker("volume", "ls", "--quiet", "--filter", f"name={stack.project}").stdout == ""


def _is_locked_down(stack: Stack) -> None:
    assert stack.compose("port", "database", "3306", good=False).stdout.strip() in {"", ":0", "0.0.0.0:0"}
    for service, capabilities in (("backend", "0" * 16), ("database", "0" * 16)):
        status = docker("exec", stack.container(service), "cat", "/proc/1/status").stdout
        assert set(re.findall(r"Cap(?:Prm|Eff):\s+(\w+)", status)) == {capabilities}, service
        assert docker("exec", stack.container(service), "touch", "/it", good=False).returncode != 0
        assert stack.inspect(service)["HostConfig"]["Memory"] > 0
        assert stack.inspect(service)["HostConfig"]["LogConfig"]["Config"]["max-size"] == "10m"


def _tells_clients_apart_by_what_the_proxy_says(stack: Stack) -> None:
    """A client whose logins fail too often is kept waiting, and no other one."""

    def sign_in(client: str) -> int:
        data = {"username": "nobody", "password": "not the password"}
        return stack.get("/api/login", data, {"X-Forwarded-For": f"198.51.100.99, {client}"})[0]

    assert [sign_in("203.0.113.1") for _ in range(11)] == [401] * 10 + [429]
    assert sign_in("203.0.113.2") == 401


def _takes_another_password(stack: Stack, path: Path) -> None:
    """As docs/production.md says: changed in the database, then in its file, handed on, and made live by a restart."""
    password = "Pw6" * 16
    log_in = (
        'printf "[client]\\npassword=\\"%s\\"\\n" "$(cat /run/secrets/database/DATABASE_ADMIN_PASSWORD)" >/tmp/my.cnf; '
        '"$(command -v mariadb || command -v mysql)" --defaults-extra-file=/tmp/my.cnf -h 127.0.0.1 -u root -e "$1"'
    )
    change = f"ALTER USER deck IDENTIFIED BY '{password}'"
    stack.compose("exec", "-T", "database", "sh", "-c", log_in, "sh", change)
    path.write_text(f"{password}\n")
    stack.compose("run", "--rm", "--no-TTY", "secrets")
    stack.compose("restart", "backend")
    stack.await_health("backend")
    assert stack.get("/health")[0] == 200
    assert json.loads(stack.task("invoke", "db.status", "--json"))["state"] == "up to date"


def _takes_another_key(stack: Stack) -> None:
    """A start hands it on as well as a run of ``secrets`` does, and a restart makes it live."""
    key, started = "Kd7" * 16, stack.inspect("backend")["State"]["StartedAt"]
    (stack.folder / ".secrets" / "production" / "APP_SECRET_KEY").write_text(f"{key}\n")
    stack.compose("up", "--detach", "backend")
    assert stack.inspect("backend")["State"]["StartedAt"] == started
    stack.compose("restart", "backend")
    assert stack.inspect("backend")["State"]["StartedAt"] != started
    found = stack.compose("exec", "-T", "backend", "cat", "/run/secrets/application/APP_SECRET_KEY").stdout
    assert found == f"{key}\n"


def _replaces_the_application_alone(stack: Stack) -> None:
    """Start from changed images, as a deployment does: what is made anew must not take the database along."""
    newer = replace(stack, images=replace(stack.images, version=f"newer-{stack.project}"))
    was, ended = stack.inspect("database"), stack.container("migrate")
    images = {newer.images.backend: stack.images.backend, newer.images.ops: stack.images.ops}
    try:
        for image, older in images.items():
            docker("build", "--quiet", "--tag", image, "-", given=f"FROM {older}\nLABEL newer=yes\n")
        newer.compose("up", "--detach", "backend")
        assert newer.container("migrate") != ended
        assert newer.inspect("backend")["Config"]["Labels"]["newer"] == "yes"
        now = newer.inspect("database")
        assert (now["Id"], now["State"]["StartedAt"]) == (was["Id"], was["State"]["StartedAt"])
    finally:
        newer.down()
        docker("image", "rm", "--force", *images, good=False)


def _migrates_data_after_a_backup(stack: Stack) -> None:
    """Run what migrates, with one revision more, as it comes with a new image."""
    revision = stack.folder / "0004_extras.py"
    revision.write_text(REVISION)
    give(stack.folder)
    mount = f"{revision}:/app/migrations/versions/{revision.name}:ro"
    done = stack.compose("run", "--rm", "--no-TTY", "--no-deps", "--volume", mount, "migrate")
    assert "Applied 1 revision" in done.stdout
    (taken, *_) = json.loads(stack.task("invoke", "db.backups", "--json"))
    assert taken["manifest"]["revisions"] == ["0003"]


def test_two_migrations_at_once(images: dict[str, Images], clone: Path) -> None:
    with running(Stack(clone, images["mysql"], "test")) as stack:
        stack.compose("up", "--detach", "database")
        stack.await_health("database")
        command = stack.command("run", "--rm", "--no-TTY", "--no-deps", "migrate")
        started = [
            subprocess.Popen(
                command, cwd=clone, env=stack.environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            )
            for _ in range(2)
        ]
        texts = [process.communicate(timeout=120)[0] for process in started]
    assert [process.returncode for process in started] == [0, 0], texts
    assert sum("Applied " in text for text in texts) == 1, texts
    assert not any("back up" in text for text in texts), texts
    assert sum("Nothing to do" in text for text in texts) == 1, texts
    # A stack for tests leaves nothing on the machine's disk
    assert not (clone / ".secrets").exists()
    assert [path.name for path in (clone / "backups").iterdir()] == ["README.md"]


def test_a_secret_that_is_empty_is_named_and_nothing_starts(images: dict[str, Images], clone: Path) -> None:
    folder = clone / ".secrets" / "docker"
    folder.mkdir(parents=True)
    (folder / "APP_SECRET_KEY").touch()
    with running(Stack(clone, images["mysql"])) as stack:
        # Nor can a task do anything beside a stack that is not up, and says why
        done = stack.compose("run", "--rm", "--no-TTY", "ops", "invoke", "db.backup", good=False)
        assert done.returncode != 0
        assert "no host 'database' here: the stack is not up. 'docker compose --env-file .env.docker up" in done.stderr

        done = stack.compose("up", "--detach", "database", good=False)
        assert done.returncode != 0
        assert "APP_SECRET_KEY" in stack.log("secrets")
        assert stack.inspect("database")["State"]["Status"] == "created"


def test_a_task_in_a_container_whose_env_file_was_not_read_says_so(images: dict[str, Images], clone: Path) -> None:
    with (clone / ".env.docker").open("a") as file:
        file.write("APP_PORT=9000\n")
    with running(Stack(clone, images["mariadb"])) as stack:
        run = ("run", "--rm", "--no-TTY", "ops", "id", "-u")
        done = stack.compose(*run, good=False)
        assert done.returncode == 3
        assert "error: .env.docker sets APP_PORT, and Compose was not told to read it\n" in done.stderr
        assert "docker compose --env-file .env.docker run --rm ops id -u" in done.stderr
        assert stack.compose("--env-file", ".env.docker", *run).stdout == f"{owner()}\n"
        elsewhere = replace(stack, add="external")
        assert "names no database elsewhere" in elsewhere.compose("--env-file", ".env.docker", *run, good=False).stderr
