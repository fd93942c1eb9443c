"""What Docker and Compose say, word for word as they said it, and what a person is told. Some are provoked here."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from deckinfra.builtin.environments.docker.faults import explain, is_refusal, reason_of
from deckinfra.errors import StackError
from tests.support.stacks import IMAGE, StackProject

REGISTRY = 'Get "https://registry.example/v2/": dial tcp: lookup registry.example on 10.0.0.1:53: no such host'
START = "Error response from daemon: driver failed programming external connectivity on endpoint x (27): "

SAID = [
    (
        "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",
        "Docker does not run, or not where it is looked for",
        "Start Docker",
    ),
    (
        "Error while fetching server API version: ('Connection aborted.', FileNotFoundError(2, 'No such file'))",
        "Docker does not run, or not where it is looked for",
        "Start Docker",
    ),
    (
        "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock: Get "
        '"http://%2Fvar%2Frun%2Fdocker.sock/v1.45/info": dial unix /var/run/docker.sock: connect: permission denied',
        "this user may not use Docker",
        "group 'docker'",
    ),
    (
        "docker: 'compose' is not a docker command.\nSee 'docker --help'",
        "Docker has no Compose v2 here",
        "docker-compose-plugin",
    ),
    (
        "unknown shorthand flag: 'f' in -f\nSee 'docker --help'.\nUsage:  docker [OPTIONS] COMMAND",
        "Docker has no Compose v2 here",
        "docker-compose-plugin",
    ),
    (
        'Failed to initialize: unable to resolve docker endpoint: context "nosuch": context not found: open '
        "/root/.docker/contexts/meta/9e/meta.json: no such file or directory",
        'Docker\'s context is not usable: context "nosuch": context not found',
        "docker context use",
    ),
    (
        f"{START}Bind for 127.0.0.1:8000 failed: port is already allocated",
        "the port 8000 on 127.0.0.1 is taken by something else on this machine",
        "set APP_PORT in .env.staging to a free one",
    ),
    (
        f"{START}Error starting userland proxy: listen tcp4 0.0.0.0:3306: bind: address already in use",
        "the port 3306 is taken by something else on this machine",
        "publish another one in the compose files",
    ),
    (
        "Error response from daemon: failed to set up container networking: driver failed programming external "
        "connectivity on endpoint x (2): failed to bind host port 127.0.0.1:8000/tcp: address already in use",
        "the port 8000 on 127.0.0.1 is taken by something else on this machine",
        "set APP_PORT in .env.staging to a free one",
    ),
    (
        "failed to solve: failed to copy files: userspace copy failed: write /var/lib/x: no space left on device",
        "the disk is full",
        "docker system df",
    ),
    (
        "Error response from daemon: No such image: deck-builder:latest",
        "there is no image deck-builder:latest here",
        "'invoke stack.build -e staging'",
    ),
    (
        "failed to solve: nosuch:9: failed to resolve source metadata for docker.io/library/nosuch:9: failed to do "
        'request: Head "https://registry.example/v2/library/nosuch/manifests/9": dial tcp: no such host',
        "the image nosuch:9, which another one is built from, is neither here nor can it be pulled",
        "docker login",
    ),
    (
        "Error response from daemon: pull access denied for nosuch, repository does not exist or may require "
        "'docker login': denied: requested access to the resource is denied",
        "the image nosuch is neither here nor in a registry that lets you have it",
        "docker login",
    ),
    (
        "Error response from daemon: manifest for mysql:0.1 not found: manifest unknown: manifest unknown",
        "the image mysql:0.1 is neither here nor in a registry that lets you have it",
        "docker login",
    ),
    (
        f"Error response from daemon: {REGISTRY}",
        "an image is not here, and the registry registry.example cannot be reached",
        "docker load",
    ),
    (
        "error while interpolating services.a.image: required variable NEEDED is missing a value: set it",
        "the compose files need NEEDED, which has no value",
        "env file",
    ),
    (
        "open /srv/my shop/nothere.yml: no such file or directory",
        "there is no file /srv/my shop/nothere.yml",
        "COMPOSE_FILES",
    ),
    (
        'Error response from daemon: invalid mount config for type "bind": bind source path does not exist: /srv/x',
        "a service needs /srv/x, which is not there",
        "'invoke env.init -e staging'",
    ),
    (
        "Error response from daemon: error while mounting volume '/var/lib/docker/volumes/shop_backups/_data': failed "
        "to mount local volume: mount /srv/my shop/backups:/var/lib/docker/volumes/shop_backups/_data, flags: 0x1000: "
        "no such file or directory",
        "the volume shop_backups is a name for /srv/my shop/backups, which is not there",
        "'docker compose --env-file .env.staging down', then 'docker volume rm shop_backups', which removes the name",
    ),
    (
        "Error response from daemon: failed to create task for container: failed to create shim task: OCI runtime "
        'create failed: runc create failed: unable to start container process: exec: "nosuch": executable file not '
        "found in $PATH: unknown",
        "a container cannot start: its command 'nosuch' is not usable (executable file not found in $PATH)",
        "entrypoint",
    ),
    (
        ' Container x-a-1  Waiting\nservice "migrate" didn\'t complete successfully: exit 3',
        "the service 'migrate' ended with exit code 3, and others wait for its work",
        "'invoke stack.logs -e staging --service=migrate'",
    ),
    (
        "dependency failed to start: container x-database-1 exited (4)",
        "the container x-database-1, which others wait for, exited (4)",
        "'invoke stack.logs -e staging'",
    ),
    ("no such service: nobody", "there is no service 'nobody' in the compose files", "COMPOSE_FILES"),
    (
        'failed to solve: process "/bin/sh -c exit 3" did not complete successfully: exit code: 3',
        'a step of a build failed: process "/bin/sh -c exit 3" did not complete successfully: exit code: 3',
        "above",
    ),
    ("Error response from daemon: something new", "it did not work: something new", "'invoke stack.ps -e staging'"),
    ("", "it did not work: it did not say why", "'invoke stack.ps -e staging'"),
]


@pytest.mark.parametrize(("text", "message", "hint"), SAID)
def test_what_is_said_is_explained(text: str, message: str, hint: str) -> None:
    error = explain(text, "it did not work", "staging", {"8000": "APP_PORT"})
    assert error.message == message
    assert hint in error.hint


def test_the_reason_is_in_the_last_line() -> None:
    assert reason_of("first\nError response from daemon: last\n\n") == "last"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("did it\nError response from daemon: no", True),
        ('service "a" didn\'t complete successfully: exit 1', True),
        ("Error response from daemon: quoted by a command\nended badly", False),
        ("", False),
    ],
)
def test_a_refusal_is_told_from_what_a_command_wrote(text: str, expected: bool) -> None:
    assert is_refusal(text) is expected


# Provoked ---------------------------------------------------------------------------------------


def nowhere(piece: bytes) -> None:
    """Let output go."""


def refused(act: Callable[[], object]) -> StackError:
    with pytest.raises(StackError) as caught:
        act()
    assert caught.value.hint
    return caught.value


def start(project: StackProject) -> StackError:
    return refused(lambda: project.stack.start(timeout=60.0, output=nowhere))


def test_docker_does_not_run(stack_project: StackProject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent")
    for act in (stack_project.stack.check, stack_project.stack.services, lambda: stack_project.stack.tag("a", "b")):
        assert refused(act).message == "Docker does not run, or not where it is looked for"
    assert start(stack_project).message == "Docker does not run, or not where it is looked for"


def test_docker_is_not_installed(stack_project: StackProject, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    error = refused(stack_project.stack.check)
    assert error.message == "Docker is not usable here: could not start 'docker': there is no such command"
    assert "https://docs.docker.com/engine/install/" in error.hint


def fake_docker(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a command on the PATH that answers as ``docker`` does where what is tested cannot be had."""
    folder.mkdir()
    (folder / "docker").write_text(f'#!/bin/sh\ncase "$*" in --version) exit 0;; esac\n{script}\n')
    (folder / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_compose_is_not_there(stack_project: StackProject, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake_docker(tmp_path / "bin", "echo \"docker: 'compose' is not a docker command.\" >&2; exit 1", monkeypatch)
    assert refused(stack_project.stack.check).message == "Docker has no Compose v2 here"


@pytest.mark.parametrize("version", ["1.29.2", "v2.3.3", "2.23.9"])
def test_compose_is_too_old(
    stack_project: StackProject, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: str
) -> None:
    fake_docker(tmp_path / "bin", f"echo {version}", monkeypatch)
    error = refused(stack_project.stack.check)
    assert error.message == f"Compose is of version {version}, and 2.24 or later is needed"


def test_a_compose_file_is_missing(stack_project: StackProject) -> None:
    stack_project.setting(COMPOSE_FILES="docker-compose.yml,nothere.yml")
    error = refused(stack_project.stack.check)
    assert error.message == f"there is no file {stack_project.root}/nothere.yml"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("services:\n  a: [\n", "the compose files are not valid: yaml: line 2"),
        ("services:\n  a: {imag: x}\n", "imag"),
        ("services:\n  a: {image: x, depends_on: [b]}\n", "undefined service"),
    ],
)
def test_a_compose_file_is_not_valid(stack_project: StackProject, text: str, reason: str) -> None:
    stack_project.write(text)
    error = refused(stack_project.stack.check)
    assert reason in error.message
    assert "docker compose config" in error.hint


def test_a_port_is_taken(stack_project: StackProject) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        stack_project.setting(APP_PORT=port)
        stack_project.write(
            f"services:\n  app:\n    image: {IMAGE}\n    entrypoint: [sleep, '60']\n    init: true\n"
            "    ports: ['127.0.0.1:${APP_PORT}:80']\n"
        )
        error = start(stack_project)
    assert error.message == f"the port {port} on 127.0.0.1 is taken by something else on this machine"
    assert "set APP_PORT in .env.docker to a free one" in error.hint


def test_an_image_is_not_here_when_it_is_needed(stack_project: StackProject) -> None:
    stack_project.write("services: {app: {image: 'deckinfra-test-nosuch:1'}}\n")
    assert start(stack_project).message == "there is no image deckinfra-test-nosuch:1 here"


def test_an_image_can_neither_be_built_nor_pulled(stack_project: StackProject) -> None:
    stack_project.write("services: {app: {image: 'localhost:1/deckinfra-test-nosuch:1'}}\n")
    error = refused(lambda: stack_project.stack.prepare(output=nowhere))
    assert error.message == "an image is not here, and the registry localhost:1 cannot be reached"


def test_an_image_is_built_from_one_that_is_not_there(stack_project: StackProject) -> None:
    (stack_project.root / "Dockerfile").write_text("FROM localhost:1/nosuch:9\n")
    stack_project.write("services: {app: {build: .}}\n")
    error = refused(lambda: stack_project.stack.prepare(output=nowhere))
    assert "the image localhost:1/nosuch:9, which another one is built from" in error.message


def test_a_step_of_a_build_fails(stack_project: StackProject) -> None:
    (stack_project.root / "Dockerfile").write_text(f"FROM {IMAGE}\nRUN echo this is why && exit 3\n")
    stack_project.write("services: {app: {build: .}}\n")
    pieces: list[bytes] = []
    error = refused(lambda: stack_project.stack.build(output=pieces.append))
    assert "did not complete successfully: exit code: 3" in error.message
    assert b"this is why" in b"".join(pieces)


def test_a_build_finds_the_disk_full(stack_project: StackProject) -> None:
    (stack_project.root / "Dockerfile").write_text(
        f"FROM {IMAGE}\nRUN --mount=type=tmpfs,target=/small,size=1m head -c 9000000 /dev/zero > /small/file\n"
    )
    stack_project.write("services: {app: {build: .}}\n")
    assert refused(lambda: stack_project.stack.build(output=nowhere)).message == "the disk is full"


def test_a_file_for_a_secret_is_missing(stack_project: StackProject) -> None:
    stack_project.write(
        f"services: {{app: {{image: '{IMAGE}', entrypoint: [sleep, '60'], secrets: [one]}}}}\n"
        "secrets: {one: {file: ./.secrets/docker/ONE}}\n"
    )
    error = start(stack_project)
    assert error.message == f"a service needs {stack_project.root}/.secrets/docker/ONE, which is not there"
    assert "'invoke env.init -e docker'" in error.hint


def test_a_command_of_a_service_is_not_there(stack_project: StackProject) -> None:
    stack_project.write(f"services: {{app: {{image: '{IMAGE}', entrypoint: [nosuch]}}}}\n")
    assert "its command 'nosuch' is not usable" in start(stack_project).message


def test_what_others_wait_for_fails(stack_project: StackProject) -> None:
    stack_project.write(
        f"services:\n  work: {{image: '{IMAGE}', entrypoint: [sh, -c, 'exit 3']}}\n"
        f"  app:\n    image: {IMAGE}\n    depends_on: {{work: {{condition: service_completed_successfully}}}}\n"
    )
    assert start(stack_project).message == "the service 'work' ended with exit code 3, and others wait for its work"


def test_a_user_who_may_not_use_docker(stack_project: StackProject) -> None:
    code = (
        f"import sys; sys.path[:] = {sys.path!r}\n"
        "from deckinfra.builtin.environments.docker.engine import DockerEngine\n"
        "from deckinfra.errors import StackError\n"
        "import os; from docker import DockerClient; os.setgid(65534); os.setuid(65534)\n"
        "try: DockerEngine('docker', {'PATH': '/usr/bin', 'HOME': '/nonexistent'}).check()\n"
        "except StackError as error: print(error.message)"
    )
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    # Coverage, which this process may measure, could not write its file as that user.
    environ = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environ)
    assert (done.stdout, done.stderr) == ("this user may not use Docker\n", "")
