"""The contract of :class:`deckinfra.ports.Stack`, as tests."""

# ruff: noqa: D102 - the name of a test says what it checks
from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

import pytest

from deckinfra.core.command import Command
from deckinfra.errors import StackError, UnknownNameError
from deckinfra.ports import Service, Stack

_LIMIT = 120.0


class StackContract:
    """Inherit as ``TestMyStack`` and give the fixture ``stack``: one that was never started, and is removed afterwards.

    ``lasting`` is the name of a service that goes on running, and has a POSIX shell and a line in its log;
    it waits until ``one_shot`` has done its work.
    """

    lasting = "app"
    one_shot = "work"

    @pytest.fixture
    def started(self, stack: Stack) -> Iterator[Stack]:
        stack.prepare(output=_nowhere)
        stack.start(timeout=_LIMIT, output=_nowhere)
        _await(stack, lambda service: service.ready, (self.lasting, self.one_shot))
        yield stack
        stack.stop(volumes=True, output=_nowhere)

    def test_before_it_was_started_its_services_are_absent_and_in_order(self, stack: Stack) -> None:
        stack.check()
        services = {service.name: service for service in stack.services()}
        assert {service.state for service in services.values()} == {"absent"}
        assert list(services).index(self.one_shot) < list(services).index(self.lasting)
        assert (services[self.one_shot].one_shot, services[self.lasting].one_shot) == (True, False)
        assert not any(service.ready or service.failed for service in services.values())
        assert stack.timeout > 0
        assert stack.name

    def test_what_is_started_is_there_and_stays_as_it_is(self, started: Stack) -> None:
        before = _service(started, self.lasting)
        assert (before.state, before.ready, before.exit_code, before.restarts) == ("running", True, None, 0)
        assert before.started is not None
        assert before.started.tzinfo is not None
        assert before.image
        assert before.image_id
        done = _service(started, self.one_shot)
        assert (done.state, done.exit_code, done.ready) == ("exited", 0, True)
        started.prepare(output=_nowhere)
        started.start(timeout=_LIMIT, output=_nowhere)
        assert _service(started, self.lasting) == before

    def test_one_service_is_started_with_what_it_needs_only(self, stack: Stack) -> None:
        stack.start([self.one_shot], timeout=_LIMIT, output=_nowhere)
        _await(stack, lambda service: service.ready, (self.one_shot,))
        assert _service(stack, self.lasting).state == "absent"

    def test_one_service_is_started_alone(self, stack: Stack) -> None:
        assert _service(stack, self.lasting).needs == (self.one_shot,)
        stack.prepare(output=_nowhere)
        stack.start([self.lasting], timeout=_LIMIT, output=_nowhere, alone=True)
        _await(stack, lambda service: service.ready, (self.lasting,))
        assert _service(stack, self.one_shot).state == "absent"

    def test_what_is_stopped_is_gone_and_may_be_stopped_again(self, started: Stack) -> None:
        there = started.volumes()
        for volumes in (False, True):
            started.stop(volumes=volumes, output=_nowhere)
            assert {service.state for service in started.services()} == {"absent"}
            assert list(started.volumes()) == ([] if volumes else list(there))

    def test_commands_run_in_a_service(self, started: Stack) -> None:
        done = started.executor(self.lasting).run(Command(("sh", "-c", "echo here; exit 3"), 60.0))
        assert (done.returncode, done.stdout) == (3, b"here\n")

    def test_in_a_service_that_does_not_run_no_command_does(self, stack: Stack) -> None:
        with pytest.raises(StackError, match=self.lasting):
            stack.executor(self.lasting).run(Command(("true",), 60.0))
        with pytest.raises(StackError, match=self.lasting):
            stack.interactive(self.lasting, ["sh"])

    def test_a_command_for_a_terminal_has_its_words_as_they_are(self, started: Stack) -> None:
        words = ("sh", "-c", "echo it's $HOME")
        assert started.interactive(self.lasting, words).argv[-3:] == words

    def test_logs_are_given_and_end(self, started: Stack) -> None:
        pieces: list[bytes] = []
        started.logs([self.lasting], tail=10, follow=False, output=pieces.append)
        assert b"".join(pieces).strip()
        pieces.clear()
        started.logs([self.lasting], tail=0, follow=False, output=pieces.append)
        assert b"".join(pieces) == b""

    def test_a_new_container_of_a_service_runs_to_its_end(self, stack: Stack) -> None:
        pieces: list[bytes] = []
        assert stack.run(self.one_shot, (), output=pieces.append) == 0
        assert b"".join(pieces).strip()
        assert _service(stack, self.one_shot).state == "absent"

    def test_an_image_can_be_named_anew(self, started: Stack) -> None:
        service = _service(started, self.lasting)
        started.tag(service.image_id, service.image)
        assert _service(started, self.lasting) == service
        with pytest.raises(StackError):
            started.tag("sha256:" + "0" * 64, service.image)

    def test_what_was_recorded_can_be_started_again(self, started: Stack) -> None:
        before, record = _service(started, self.lasting), started.record()
        assert started.is_as_recorded(record)
        with started.recorded(record) as old:
            old.start(timeout=_LIMIT, output=_nowhere)
        assert _service(started, self.lasting) == before
        started.stop(volumes=False, output=_nowhere)
        assert not started.is_as_recorded(record)
        with started.recorded(record) as old:
            old.prepare(output=_nowhere)
            old.start(timeout=_LIMIT, output=_nowhere)
            _await(old, lambda service: service.ready, (self.lasting, self.one_shot))
        again = _service(started, self.lasting)
        assert (again.image, again.image_id) == (before.image, before.image_id)
        assert started.is_as_recorded(record)
        with started.recorded(record, [self.one_shot]) as old:
            old.start([self.one_shot], timeout=_LIMIT, output=_nowhere, alone=True)
        assert _service(started, self.lasting) == again

    def test_what_is_no_record_is_told_from_one(self, stack: Stack) -> None:
        with pytest.raises(StackError):
            stack.is_as_recorded(b"nonsense")
        with pytest.raises(StackError), stack.recorded(b"nonsense"):
            pass

    def test_a_service_that_there_is_not_is_named(self, stack: Stack) -> None:
        calls: Sequence[Callable[[], object]] = (
            lambda: stack.build(["nobody"], output=_nowhere),
            lambda: stack.prepare(["nobody"], output=_nowhere),
            lambda: stack.start(["nobody"], timeout=_LIMIT, output=_nowhere),
            lambda: stack.logs(["nobody"], tail=1, follow=False, output=_nowhere),
            lambda: stack.run("nobody", (), output=_nowhere),
            lambda: stack.executor("nobody"),
            lambda: stack.interactive("nobody", ["sh"]),
        )
        for call in calls:
            with pytest.raises(UnknownNameError, match="nobody"):
                call()


def _nowhere(piece: bytes) -> None:
    """Let output go."""


def _service(stack: Stack, name: str) -> Service:
    return next(service for service in stack.services() if service.name == name)


def _await(stack: Stack, reached: Callable[[Service], bool], names: Sequence[str]) -> None:
    deadline = time.monotonic() + _LIMIT
    while not all(reached(_service(stack, name)) for name in names):
        assert time.monotonic() < deadline, stack.services()
        time.sleep(0.1)
