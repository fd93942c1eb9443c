from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable

import pytest

from deckinfra.core.command import Command
from deckinfra.errors import StackError
from deckinfra.ports import Service, Stack
from tests.support.stacks import IMAGE, SMALL, StackProject, docker


def nowhere(piece: bytes) -> None:
    """Let output go."""


def service_of(stack: Stack, name: str) -> Service:
    return next(service for service in stack.services() if service.name == name)


BUILT = f"""
services:
  app:
    image: {{name}}:1
    build: .
    entrypoint: [sleep, "600"]
    init: true
  other:
    image: {{name}}:2
    build: .
    profiles: [other]
  shared:
    image: {{name}}:1
    build: .
    profiles: [other]
  plain:
    image: {IMAGE}
    entrypoint: [sleep, "600"]
    init: true
"""


@pytest.fixture
def built(make_stack: Callable[..., StackProject]) -> StackProject:
    project = make_stack()
    project.write(BUILT.format(name=project.name))
    (project.root / "Dockerfile").write_text(f"FROM {IMAGE}\nRUN echo one > /version\n")
    return project


def remove_images(project: StackProject) -> None:
    docker("image", "rm", "--force", f"{project.name}:1", f"{project.name}:2")


def test_what_can_be_built_is_built_when_it_is_missing_and_never_pulled(built: StackProject) -> None:
    pieces: list[bytes] = []
    try:
        built.stack.prepare(output=pieces.append)
        built.stack.start(timeout=60.0, output=pieces.append)
        assert service_of(built.stack, "app").ready
        first = service_of(built.stack, "app").image_id
        assert b"pull" not in b"".join(pieces).lower()
        assert docker("image", "inspect", f"{built.name}:2").returncode != 0
        pieces.clear()
        (built.root / "Dockerfile").write_text(f"FROM {IMAGE}\nRUN echo two > /version\n")
        built.stack.prepare(output=pieces.append)
        assert pieces == []
        built.stack.build(output=nowhere)
        assert docker("image", "inspect", f"{built.name}:2").returncode == 0
        assert service_of(built.stack, "app").image_id == first
        built.stack.start(timeout=60.0, output=nowhere)
        second = service_of(built.stack, "app")
        assert second.image_id != first
        assert built.stack.executor("app").run(Command(("cat", "/version"), 60.0)).stdout == b"two\n"
        built.stack.tag(first, second.image)
        built.stack.start(timeout=60.0, output=nowhere)
        assert service_of(built.stack, "app").image_id == first
    finally:
        built.stack.stop(volumes=True, output=nowhere)
        remove_images(built)


def test_a_start_gives_up_at_its_limit(stack_project: StackProject) -> None:
    stack_project.write(
        SMALL.replace("work: {condition: service_completed_successfully}", "base: {condition: service_healthy}")
    )
    with pytest.raises(StackError, match=r"'docker compose .* up .*' did not end within 3 s") as caught:
        stack_project.stack.start(timeout=3.0, output=nowhere)
    assert "'invoke stack.ps -e docker'" in caught.value.hint
    assert service_of(stack_project.stack, "base").described == "starting"


def test_the_projects_env_file_of_production_is_not_read(stack_project: StackProject) -> None:
    (stack_project.root / ".env").write_text("SECRET_OF_PRODUCTION=hunter2\nCOMPOSE_PROJECT_NAME=production\n")
    stack_project.write(
        f"services: {{app: {{image: '{IMAGE}', entrypoint: [sh, -c, 'echo got: $$GOT'], "
        "environment: {GOT: '${SECRET_OF_PRODUCTION:-nothing} ${DECKINFRA_ENVIRONMENT}'}}}\n"
    )
    pieces: list[bytes] = []
    assert stack_project.stack.run("app", (), output=pieces.append) == 0
    assert b"got: nothing docker\n" in b"".join(pieces)


def test_a_new_container_gives_its_commands_exit_code(stack_project: StackProject) -> None:
    stack_project.write(f"services: {{app: {{image: '{IMAGE}', entrypoint: []}}}}\n")
    pieces: list[bytes] = []
    words = ["sh", "-c", 'echo out; echo "it\'s err" >&2; exit 7']
    assert stack_project.stack.run("app", words, output=pieces.append) == 7
    # Two streams, which may come in either order.
    assert {b"out", b"it's err"} <= set(b"".join(pieces).replace(b"\r", b"").split(b"\n"))


def test_what_a_new_container_needs_and_cannot_have_is_an_error(stack_project: StackProject) -> None:
    stack_project.write(SMALL.replace("echo did the work", "exit 9"))
    with pytest.raises(StackError, match="the service 'work' ended with exit code 9"):
        stack_project.stack.run("app", ["true"], output=nowhere)


def test_a_new_container_that_is_interrupted_is_stopped_and_gone(stack_project: StackProject) -> None:
    code = (
        # Shells start background jobs with the signal ignored, and so would be this process.
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from deckinfra.app import open_project\n"
        f"stack = open_project({str(stack_project.root)!r}, 'docker').environment.stack()\n"
        "stack.run('app', (), output=lambda piece: print(piece.decode(), end='', flush=True))"
    )
    stack_project.write(
        f"services: {{app: {{image: '{IMAGE}', init: true, entrypoint: [sh, -c, 'echo in; sleep 99']}}}}"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1
    )
    assert child.stdout is not None
    assert any(line == "in\n" for line in child.stdout)
    child.send_signal(2)
    child.communicate(timeout=60)
    # The daemon removes it in its own time, once it was stopped.
    deadline = time.monotonic() + 30
    known = ("ps", "--all", "--quiet", "--filter", f"label=com.docker.compose.project={stack_project.name}")
    while docker(*known).stdout:
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_logs_follow_what_comes(running_stack: StackProject) -> None:
    pieces: list[bytes] = []
    seen = threading.Event()

    class EnoughError(Exception):
        """What ends the following."""

    def take(piece: bytes) -> None:
        pieces.append(piece)
        if b"number 3" in b"".join(pieces):
            seen.set()
            raise EnoughError

    def write() -> None:
        for number in range(1, 100):
            if seen.wait(0.2):
                return
            running_stack.stack.executor("base").run(
                Command(("sh", "-c", f"echo number {number} > /proc/1/fd/1"), 60.0)
            )

    writer = threading.Thread(target=write)
    writer.start()
    with pytest.raises(EnoughError):
        running_stack.stack.logs(["base"], tail=0, follow=True, output=take)
    writer.join()
    text = b"".join(pieces).decode()
    assert "number 3" in text
    assert "\x1b" not in text


def test_health_and_its_last_word_are_given(make_stack: Callable[..., StackProject]) -> None:
    project = make_stack(
        f"services:\n  app:\n    image: {IMAGE}\n    entrypoint: [sleep, '600']\n    init: true\n"
        "    healthcheck: {test: [CMD-SHELL, 'echo it is; echo broken; exit 1'], interval: 200ms, retries: 1}\n"
    )
    project.stack.start(timeout=60.0, output=nowhere)
    deadline = time.monotonic() + 30
    while (service := service_of(project.stack, "app")).health != "unhealthy":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert (service.detail, service.ready, service.failed) == ("it is broken", False, False)


def test_restarts_and_exit_codes_are_given(make_stack: Callable[..., StackProject]) -> None:
    project = make_stack(
        f"services:\n  loop: {{image: '{IMAGE}', entrypoint: [sh, -c, 'exit 3'], restart: always}}\n"
        f"  end: {{image: '{IMAGE}', entrypoint: [sh, -c, 'exit 4']}}\n"
    )
    project.stack.start(timeout=60.0, output=nowhere)
    deadline = time.monotonic() + 120
    while service_of(project.stack, "loop").restarts < 2:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    end = service_of(project.stack, "end")
    assert (end.state, end.exit_code, end.failed, end.described) == ("exited", 4, True, "exited with 4")


def test_several_containers_of_a_service_are_as_ready_as_the_least(make_stack: Callable[..., StackProject]) -> None:
    project = make_stack(f"services: {{app: {{image: '{IMAGE}', init: true, entrypoint: [sleep, '600'], scale: 2}}}}\n")
    project.stack.start(timeout=60.0, output=nowhere)
    assert service_of(project.stack, "app").ready
    docker("stop", "--time=0", f"{project.name}-app-2")
    assert service_of(project.stack, "app").state == "exited"


def test_without_volumes_data_stays_and_with_them_it_goes(make_stack: Callable[..., StackProject]) -> None:
    project = make_stack(
        f"services: {{app: {{image: '{IMAGE}', init: true, entrypoint: [sleep, '600'], volumes: ['data:/data']}}}}\n"
        "volumes: {data: {}}\n"
    )
    there = Command(("test", "-e", "/data/here"), 60.0)
    project.stack.start(timeout=60.0, output=nowhere)
    assert project.stack.executor("app").run(Command(("touch", "/data/here"), 60.0)).ok
    project.stack.stop(volumes=False, output=nowhere)
    project.stack.start(timeout=60.0, output=nowhere)
    assert project.stack.executor("app").run(there).ok
    project.stack.stop(volumes=True, output=nowhere)
    project.stack.start(timeout=60.0, output=nowhere)
    assert not project.stack.executor("app").run(there).ok


RECORDED = f"""
services:
  app:
    image: {IMAGE}
    init: true
    entrypoint: [sh, -c, "echo $$HOME at ${{STACK_TIMEOUT:-none}}; exec sleep 600"]
    environment: {{ODD: "a$$b 'c' \\\"d\\\""}}
    volumes: ["data:/data", "./notes:/notes:ro"]
  same:
    image: {IMAGE}
    init: true
    entrypoint: [sleep, "600"]
volumes: {{data: {{}}}}
"""


def test_what_was_recorded_comes_back_with_its_settings_and_without_what_came_since(
    make_stack: Callable[..., StackProject],
) -> None:
    project = make_stack(RECORDED)
    (project.root / "notes").mkdir()
    project.setting(STACK_TIMEOUT=61)
    project.stack.start(timeout=60.0, output=nowhere)
    record, first = project.stack.record(), service_of(project.stack, "same")
    environment = Command(("sh", "-c", 'echo "$ODD"; touch /data/here; ls -d /notes'), 60.0)
    said = project.stack.executor("app").run(environment).stdout
    assert said == b"a$b 'c' \"d\"\n/notes\n"
    project.setting(STACK_TIMEOUT=62)
    project.write(RECORDED.replace("a$$b", "other").replace("volumes: {", f"  new: {{image: '{IMAGE}'}}\nvolumes: {{"))
    project.stack.start(timeout=60.0, output=nowhere)
    assert not project.stack.is_as_recorded(record)
    assert b"at 62" in logged(project.stack, "app")
    with project.stack.recorded(record) as old:
        old.prepare(output=nowhere)
        old.start(timeout=60.0, output=nowhere)
        assert old.is_as_recorded(record)
        assert [each.name for each in old.services()] == ["app", "same"]
        assert old.record() == record
    assert logged(project.stack, "app").endswith(b"/root at 61.0\n")
    assert project.stack.executor("app").run(environment).stdout == said
    assert service_of(project.stack, "new").state == "absent"
    assert service_of(project.stack, "same").started == first.started


def logged(stack: Stack, service: str) -> bytes:
    pieces: list[bytes] = []
    stack.logs([service], tail=5, follow=False, output=pieces.append)
    return b"".join(pieces)


def test_a_record_holds_no_secret_of_the_settings(stack_project: StackProject) -> None:
    stack_project.write(
        SMALL.replace(
            "init: true\n    depends", 'init: true\n    environment: {P: "${DATABASE_PASSWORD:-}"}\n    depends'
        )
        + "secrets: {password: {file: ./.secrets/docker/DATABASE_PASSWORD}}\n"
    )
    assert "P: " in (stack_project.root / "docker-compose.yml").read_text()
    stack_project.stack.start(["app"], timeout=60.0, output=nowhere)
    secret = (stack_project.root / ".secrets" / "docker" / "DATABASE_PASSWORD").read_bytes().strip()
    assert secret not in stack_project.stack.record()
