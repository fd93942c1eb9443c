"""The limits of failed logins, on a clock of the test's own."""

from __future__ import annotations

import pytest

from src.utils.attempts import MOST_KEPT, MOST_OF_ADDRESS, MOST_OF_NAME, WINDOW, Attempts
from src.utils.errors import TooMany


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def attempts(clock: Clock) -> Attempts:
    return Attempts(clock)


def fail(attempts: Attempts, name: str, address: str, times: int) -> None:
    for _ in range(times):
        attempts.check(name, address)
        attempts.failed(name, address)


def test_a_name_fails_so_often_from_an_address_and_then_has_to_wait(attempts: Attempts, clock: Clock) -> None:
    fail(attempts, "Ana", "192.0.2.1", 1)
    clock.now += 20
    fail(attempts, "Ana", "192.0.2.1", MOST_OF_NAME - 1)
    for name in ("Ana", "ANA", "Ａna"):  # noqa: RUF001 - it is another letter on purpose
        with pytest.raises(TooMany) as caught:
            attempts.check(name, "192.0.2.1")
        assert caught.value.headers == {"Retry-After": str(int(WINDOW) - 20)}
    clock.now += WINDOW - 20
    fail(attempts, "Ana", "192.0.2.1", 1)
    with pytest.raises(TooMany):
        attempts.check("Ana", "192.0.2.1")


def test_a_stranger_keeps_nobody_out_who_is_elsewhere(attempts: Attempts) -> None:
    fail(attempts, "Ana", "192.0.2.1", MOST_OF_NAME)
    attempts.check("Ana", "192.0.2.2")
    attempts.check("Bo", "192.0.2.1")


def test_an_address_fails_so_often_in_all(attempts: Attempts) -> None:
    for number in range(MOST_OF_ADDRESS):
        fail(attempts, f"name {number}", "192.0.2.1", 1)
    with pytest.raises(TooMany):
        attempts.check("another", "192.0.2.1")
    attempts.check("another", "192.0.2.2")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("somewhere", "somewhere", True),
        ("", "", True),
    ],
)
def test_who_has_an_address_has_its_network(attempts: Attempts, one: str, other: str, same: bool) -> None:
    fail(attempts, "Ana", one, MOST_OF_NAME)
    if same:
        with pytest.raises(TooMany):
            attempts.check("Ana", other)
    else:
        attempts.check("Ana", other)


def test_a_login_that_succeeds_makes_the_failures_forgotten(attempts: Attempts) -> None:
    fail(attempts, "Ana", "192.0.2.1", MOST_OF_NAME - 1)
    attempts.succeeded("ana", "192.0.2.1")
    attempts.succeeded("nobody", "192.0.2.1")
    fail(attempts, "Ana", "192.0.2.1", MOST_OF_NAME)


def test_only_so_many_are_remembered(attempts: Attempts) -> None:
    fail(attempts, "first", "192.0.2.1", MOST_OF_NAME)
    for number in range(MOST_KEPT):
        attempts.failed(f"name {number}", "192.0.2.2")
    attempts.check("first", "192.0.2.1")
    assert len(attempts._failed) == MOST_KEPT
