"""The images: whose they run as, what is in them and what is not, and their health check."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.stack.support import Images, docker
from tests.support.servers import PASSWORD, USER, Server, rows

# As the production files start it, and more: no network at all.
LOCKED = ("--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--security-opt", "no-new-privileges:true")
ALONE = ("--rm", "--network", "none")


@pytest.fixture(scope="session")
def backend(images: dict[str, Images]) -> str:
    """The image that serves."""
    return images["mysql"].backend


def inside(image: str, *words: str, options: tuple[str, ...] = (*ALONE, *LOCKED)) -> str:
    """Run a command in an image, and give what it printed."""
    return docker("run", *options, "--entrypoint", words[0], image, *words[1:]).stdout


def config(image: str) -> Any:
    """Give what an image says about itself."""
    return json.loads(docker("image", "inspect", image).stdout)[0]["Config"]


def test_it_runs_as_its_own_user_who_may_write_nothing_of_it(backend: str) -> None:
    assert config(backend)["User"] == "app"
    assert inside(backend, "id", "-u").strip() == "10001"
    elsewhere = " ".join(f"-not -path '{path}'" for path in ("/proc/*", "/dev/*", "/tmp*"))
    script = f"find / -xdev -writable -not -type l {elsewhere} 2>/dev/null || true"
    writable = set(inside(backend, "sh", "-c", script, options=ALONE).split())
    assert writable == {"/app/backups", "/app/.secrets", "/run/lock", "/var/tmp"}


def test_it_needs_no_writable_root(backend: str) -> None:
    assert json.loads(inside(backend, "python", "-m", "src", "--openapi"))["info"]["title"] == "Deck builder"


def test_nothing_to_build_with_is_left_in_it(backend: str) -> None:
    script = "for name in uv cc gcc g++ make git curl; do command -v $name; done; ls -d /build /root/.cache; true"
    assert inside(backend, "sh", "-c", f"{{ {script}; }} 2>/dev/null") == ""


def test_it_has_what_it_needs_of_the_project_and_no_more(backend: str) -> None:
    names = set(inside(backend, "ls", "-A", "/app").split())
    wanted = {"backend", "deckinfra", "migrations", "plugins", "database", "scripts", "setup.cfg", "tasks.py"}
    assert names == wanted | {".env", ".env.docker", ".secrets", "backups", "__pycache__"}
    assert inside(backend, "ls", "-A", "/app/.secrets", "/app/backups").split() == ["/app/.secrets:", "/app/backups:"]
    assert inside(backend, "ls", "-A", "/app/backend").split() == ["src"]


@pytest.mark.parametrize("folder", ["/opt/venv/lib/python3.13/site-packages", "/app/backend/src", "/app/deckinfra"])
def test_every_module_is_compiled(backend: str, folder: str) -> None:
    script = """
import importlib.util, pathlib, sys
sources = [path for path in pathlib.Path(sys.argv[1]).rglob("*.py")]
late = [path for path in sources if not pathlib.Path(importlib.util.cache_from_source(path)).exists()]
print(len(sources) > 10, [str(path) for path in late if not "/tests/" in str(path)])
"""
    assert inside(backend, "python", "-c", script, folder).split(maxsplit=1) == ["True", "[]\n"]


def test_compiled_modules_are_used_as_they_are(backend: str) -> None:
    text = docker("run", *ALONE, *LOCKED, backend, "python", "-v", "-c", "import src.main").stderr
    assert "code object from /app" not in text
    assert "/app/backend/src/__pycache__/main.cpython-313.pyc matches" in text


def test_it_ends_on_the_signal_that_docker_sends(backend: str) -> None:
    assert config(backend)["StopSignal"] == "SIGTERM"
    assert config(backend)["Cmd"] == ["python", "-m", "src"]
    assert config(backend)["Healthcheck"]["Test"] == ["CMD", "python", "/app/scripts/container/healthy.py"]


def test_its_size_is_told(backend: str, images: dict[str, Images], capsys: pytest.CaptureFixture[str]) -> None:
    sizes = {
        image: json.loads(docker("image", "inspect", image).stdout)[0]["Size"]
        for image in (backend, images["mysql"].ops)
    }
    base = json.loads(docker("image", "inspect", "python:3.13-slim").stdout)[0]["Size"]
    with capsys.disabled():
        print("".join(f"\n{image.partition(':')[0]}: {size / 1e6:.0f} MB" for image, size in sizes.items()), end=" ")
    assert sizes[backend] - base < 200e6


ANSWERS = """
import http.server, sys, time
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if sys.argv[1] == "slow":
            while True:
                time.sleep(1)
                self.wfile.write(b"x")
        self.send_response(int(sys.argv[1]) if self.path == "/health" else 404)
        self.end_headers()
        self.wfile.write(b"it is so")
http.server.HTTPServer(("127.0.0.1", 8000), Handler).serve_forever()
"""

LISTENING = """
import socket, time
for _ in range(100):
    try:
        socket.create_connection(("127.0.0.1", 8000))
        break
    except OSError:
        time.sleep(0.05)
"""


@contextmanager
def answering(image: str, how: str) -> Iterator[str]:
    """Run a container in which something else answers instead of the application."""
    container = docker("run", "--detach", *ALONE, *LOCKED, image, "python", "-c", ANSWERS, how).stdout.strip()
    try:
        yield container
    finally:
        docker("rm", "--force", container)


def health(container: str) -> tuple[int, str]:
    """Run the health check as Docker does, once something listens."""
    docker("exec", container, "python", "-c", LISTENING)
    done = docker("exec", container, "python", "/app/scripts/container/healthy.py", good=False)
    return done.returncode, done.stdout


@pytest.mark.parametrize(("how", "outcome"), [("200", (0, "200 it is so\n")), ("503", (1, "503 it is so\n"))])
def test_health_is_what_the_application_says(backend: str, how: str, outcome: tuple[int, str]) -> None:
    with answering(backend, how) as container:
        assert health(container) == outcome


def test_an_answer_that_does_not_end_is_not_waited_for(backend: str) -> None:
    with answering(backend, "slow") as container:
        code, _ = health(container)
    assert code != 0


def test_health_where_nothing_listens(backend: str) -> None:
    done = docker("run", *ALONE, *LOCKED, backend, "python", "/app/scripts/container/healthy.py", good=False)
    assert (done.returncode, done.stdout) == (1, "no answer: [Errno 111] Connection refused\n")


def test_a_backend_without_a_database_gives_up_after_its_limit(backend: str) -> None:
    values = {
        "DATABASE_URL": "mysql+pymysql://deck@127.0.0.1:3306/deck",
        "DATABASE_PASSWORD": "not the one",
        "APP_SECRET_KEY": "x" * 40,
        "APP_DATABASE_WAIT": "2",
    }
    options = [word for name, value in values.items() for word in ("--env", f"{name}={value}")]
    done = docker("run", *ALONE, *LOCKED, *options, backend, good=False)
    assert done.returncode == 4
    (error,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert "127.0.0.1:3306" in error
    assert "within 2 s" in error or "2 seconds" in error
    assert "Traceback" not in done.stderr
    assert "not the one" not in done.stdout + done.stderr


def test_a_backend_without_settings_says_which(backend: str) -> None:
    done = docker("run", *ALONE, *LOCKED, "--env", "DATABASE_URL=mysql://deck@database/deck", backend, good=False)
    assert done.returncode == 3
    assert "APP_SECRET_KEY" in done.stderr


@pytest.mark.parametrize("dialect", ["mysql", "mariadb"])
@pytest.mark.parametrize("encrypted", [True, False])
def test_the_databases_own_tools_log_in_and_dump(
    dialect: str, encrypted: bool, images: dict[str, Images], request: pytest.FixtureRequest
) -> None:
    server: Server = request.getfixturevalue(f"{dialect}_server")
    tool, dump = {"mysql": ("mysql", "mysqldump"), "mariadb": ("mariadb", "mariadb-dump")}[dialect]
    plain = {"mysql": ["--ssl-mode=DISABLED", "--get-server-public-key"], "mariadb": ["--skip-ssl"]}[dialect]
    with server.database() as url:
        rows(url, "CREATE TABLE cards (name VARCHAR(20)) DEFAULT CHARSET utf8mb4")
        rows(url, "INSERT INTO cards VALUES ('Überkarte 🂡')")

        def run(user: str, password: str, *words: str) -> str:
            quoted = password.replace("\\", "\\\\").replace('"', '\\"')
            done = subprocess.run(
                ["docker", "run", "--rm", "--interactive", "--network", "host", *LOCKED, "--user", "1234:1234",
                 images[dialect].ops, words[0], "--defaults-extra-file=/dev/stdin", "--host=127.0.0.1",
                 f"--port={server.port}", f"--user={user}", "--default-character-set=utf8mb4", *words[1:]],
                input=f'[client]\npassword="{quoted}"\n', capture_output=True, text=True, timeout=60, check=False,
            )  # fmt: skip
            assert done.returncode == 0, done.stderr
            return done.stdout

        options = [] if encrypted else plain
        words = ("--skip-column-names", "--batch", "--execute=SHOW STATUS LIKE 'Ssl_cipher'", url.database)
        cipher = run(USER, PASSWORD, tool, *options, *words)
        assert bool(cipher.removeprefix("Ssl_cipher").strip()) == encrypted
        text = run("root", server.root_password, dump, *options, "--single-transaction", url.database)
    assert "Überkarte 🂡" in text
    assert "-- Dump completed" in text.splitlines()[-1]


def test_tasks_run_as_the_owner_of_the_backups_without_any_capability(images: dict[str, Images]) -> None:
    script = "id -u; id -g; id -G; grep -E 'Cap(Prm|Eff|Bnd)|NoNewPrivs' /proc/self/status"
    caps = [word for cap in ("SETUID", "SETGID", "SETPCAP") for word in ("--cap-add", cap)]
    text = docker("run", *ALONE, *LOCKED, *caps, images["mysql"].ops, "sh", "-c", script).stdout
    numbers, rest = text.split("CapPrm", 1)
    assert numbers.split() == ["10001"] * 3
    assert set(f"CapPrm{rest}".split()) == {"CapPrm:", "CapEff:", "CapBnd:", "0000000000000000", "NoNewPrivs:", "1"}
