"""A stack brought up for real: what is waited for, what a failure looks like, and what stays as it is."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable

import pytest

from deckinfra.core.command import Command
from deckinfra.errors import StackError
from deckinfra.services.stack import StackControl
from deckinfra.testing import RecordingReporter
from tests.support.stacks import IMAGE, StackProject

MakeStack = Callable[..., StackProject]


def control(project: StackProject, timeout: float = 60.0) -> tuple[StackControl, RecordingReporter]:
    reporter = RecordingReporter()
    return StackControl(project.stack, reporter, environment="docker", timeout=timeout), reporter


def service(script: str, **more: str) -> str:
    lines = [f"    image: {IMAGE}", "    init: true", f'    entrypoint: [sh, -c, "{script}"]']
    return "\n".join([*lines, *(f"    {name}: {value}" for name, value in more.items())]) + "\n"


LASTING = service("echo ready; exec sleep 600")


def failure(project: StackProject, timeout: float = 60.0) -> tuple[StackError, RecordingReporter]:
    stack, reporter = control(project, timeout)
    with pytest.raises(StackError) as caught:
        stack.up()
    return caught.value, reporter


def test_it_waits_until_all_are_ready_and_says_for_which(stack_project: StackProject) -> None:
    stack, reporter = control(stack_project)

    def heal() -> None:
        while "waiting for base (starting)" not in reporter.notes:
            time.sleep(0.1)
        stack_project.stack.executor("base").run(Command(("touch", "/tmp/healthy"), 60.0))

    healer = threading.Thread(target=heal)
    healer.start()
    services = stack.up()
    healer.join()
    assert [(each.name, each.ready) for each in services] == [("work", True), ("app", True), ("base", True)]
    waiting = [note for note in reporter.notes if note.startswith("waiting for ")]
    assert waiting[-1] == "waiting for base (starting)"
    assert len(waiting) == len(set(waiting))
    before = {each.name: each.started for each in services if not each.one_shot}
    again = {each.name: each.started for each in stack.up() if not each.one_shot}
    assert again == before


def test_only_what_was_asked_for_is_started_and_waited_for(stack_project: StackProject) -> None:
    stack, _ = control(stack_project)
    assert [each.name for each in stack.up(["app"])] == ["app"]
    assert {each.name: each.state for each in stack.services()}["base"] == "absent"


def test_a_service_that_ends_at_once_shows_its_last_words(make_stack: MakeStack) -> None:
    script = "for n in $$(seq 1 30); do echo line $$n; done; exit 3"
    error, reporter = failure(make_stack(f"services:\n  app:\n{service(script)}  other:\n{LASTING}"))
    assert error.message == "the service 'app' ended with exit code 3"
    assert "'invoke stack.logs -e docker --service=app'" in error.hint
    assert [note for note in reporter.notes if note.startswith("app | ")] == [f"app | line {n}" for n in range(11, 31)]


def test_a_one_shot_that_others_wait_for_shows_its_last_words(make_stack: MakeStack) -> None:
    waits = LASTING + "    depends_on: {work: {condition: service_completed_successfully}}\n"
    error, reporter = failure(make_stack(f"services:\n  work:\n{service('echo no table; exit 5')}  app:\n{waits}"))
    assert error.message == "the service 'work' ended with exit code 5"
    assert "work | no table" in reporter.notes


def test_a_service_that_keeps_restarting_is_given_up(make_stack: MakeStack) -> None:
    project = make_stack(f"services:\n  app:\n{service('echo again; exit 3', restart='always')}")
    error, reporter = failure(project)
    assert error.message.startswith("the service 'app' keeps restarting")
    assert "app | again" in reporter.notes


def test_one_that_others_wait_for_and_keeps_restarting_is_given_up_while_compose_waits(make_stack: MakeStack) -> None:
    loop = service("exit 3", restart="always", healthcheck="{test: ['CMD', 'true'], interval: 60s}")
    waits = LASTING + "    depends_on: {base: {condition: service_healthy}}\n"
    error, _ = failure(make_stack(f"services:\n  base:\n{loop}  app:\n{waits}"), timeout=100.0)
    assert "the service 'base' " in error.message
    assert "start" in error.message.removeprefix("the service 'base' ")


def test_a_service_that_becomes_unhealthy_says_what_its_check_said(make_stack: MakeStack) -> None:
    check = "{test: [CMD-SHELL, 'echo no route; exit 1'], interval: 500ms, retries: 3, start_period: 1s}"
    error, _ = failure(make_stack(f"services:\n  app:\n{service('exec sleep 600', healthcheck=check)}"))
    assert error.message == "the service 'app' is unhealthy: no route"


def test_a_refused_password_is_told_from_other_faults(make_stack: MakeStack) -> None:
    said = "ERROR 1045 Access denied for user deck"
    check = f"{{test: [CMD-SHELL, 'echo {said}; exit 1'], interval: 500ms, retries: 3, start_period: 600s}}"
    error, _ = failure(make_stack(f"services:\n  base:\n{service('exec sleep 600', healthcheck=check)}"))
    assert error.message == f"the service 'base' is starting: {said}"
    assert "It goes by the one that its volume was first made with" in error.hint
    assert "'invoke stack.down -e docker --volumes'" in error.hint


def test_a_full_disk_is_told_from_other_faults(make_stack: MakeStack) -> None:
    error, _ = failure(make_stack(f"services:\n  app:\n{service('echo write: No space left on device; exit 1')}"))
    assert error.hint.startswith("The disk is full.")


def test_the_limit_names_what_was_not_ready_and_leaves_it(stack_project: StackProject) -> None:
    error, _ = failure(stack_project, timeout=4.0)
    assert error.message == "not every service was ready within 4 s: 'base' is starting"
    assert "STACK_TIMEOUT" in error.hint
    assert {each.name: each.state for each in stack_project.stack.services()}["base"] == "running"


def test_what_failed_before_is_no_failure_of_now(stack_project: StackProject) -> None:
    stack_project.write(stack_project_text(stack_project).replace("echo did the work", "exit 1"))
    with pytest.raises(StackError, match="'work' ended with exit code 1"):
        control(stack_project)[0].up(["app"])
    stack_project.write(stack_project_text(stack_project).replace("exit 1", "echo did the work"))
    assert [each.ready for each in control(stack_project)[0].up(["app"])] == [True]


def stack_project_text(project: StackProject) -> str:
    return (project.root / "docker-compose.yml").read_text(encoding="utf-8")


def test_a_container_that_makes_room_for_a_newer_one_is_no_failure(stack_project: StackProject) -> None:
    slow = "trap 'sleep 2; exit 0' TERM; touch /tmp/healthy; while :; do sleep 0.1; done"
    text = stack_project_text(stack_project).replace("[sleep, infinity]", f'[sh, -c, "{slow}"]')
    assert slow in text
    stack_project.write(text)
    first = control(stack_project)[0].up(["base"])
    stack_project.write(text.replace("sleep 0.1", "sleep 0.2"))
    (second,) = control(stack_project)[0].up(["base"])
    assert second.ready
    assert second.started != first[0].started


def test_an_interrupted_start_leaves_what_was_started(stack_project: StackProject) -> None:
    code = (
        # Shells start background jobs with the signal ignored, and so would be this process.
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from deckinfra.app import open_project; from deckinfra.testing import RecordingReporter\n"
        "class Loud(RecordingReporter):\n"
        "    def note(self, text): print(text, flush=True)\n"
        f"open_project({str(stack_project.root)!r}, 'docker', reporter=Loud()).stack.up()"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1
    )
    assert child.stdout is not None
    assert any(line == "waiting for base (starting)\n" for line in child.stdout)
    child.send_signal(2)
    _, err = child.communicate(timeout=60)
    assert "KeyboardInterrupt" in err
    assert {each.name: each.state for each in stack_project.stack.services()} == {
        "work": "exited",
        "app": "running",
        "base": "running",
    }


def test_down_takes_everything_away(running_stack: StackProject, stack_project: StackProject) -> None:
    stack, _ = control(stack_project)
    stack.up(["app"])
    stack.down(volumes=True)
    assert {each.state for each in stack.services()} == {"absent"}
    assert {each.name: each.state for each in running_stack.stack.services()}["base"] == "running"
