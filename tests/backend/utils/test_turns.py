"""Turns at the database."""

import anyio
import pytest

from src.utils.errors import Unavailable
from src.utils.turns import Turns


def test_no_more_than_so_many_have_a_turn_and_all_come_to_theirs() -> None:
    most_at_once = 0
    done = 0

    async def main() -> None:
        turns, now = Turns(3, 30), 0

        async def work() -> None:
            nonlocal most_at_once, done, now
            async with turns.one():
                now += 1
                most_at_once = max(most_at_once, now)
                await anyio.sleep(0.001)
                now -= 1
                done += 1

        async with anyio.create_task_group() as group:
            for _ in range(20):
                group.start_soon(work)

    anyio.run(main)
    assert (most_at_once, done) == (3, 20)


def test_who_gets_no_turn_in_time_is_told_when_to_come_again() -> None:
    async def main() -> str:
        turns = Turns(1, 0.05)
        async with turns.one():
            with pytest.raises(Unavailable) as caught:
                await turns.run(lambda: None)
        assert caught.value.headers == {"Retry-After": "1"}
        assert caught.value.detail == "Every connection to the database is in use."
        return await turns.run(lambda: "after that")

    assert anyio.run(main) == "after that"


def test_what_is_said_to_those_turned_away_is_whoevers_turns_they_are() -> None:
    async def main() -> None:
        turns = Turns(1, 0.01, "Not now.")
        async with turns.one():
            with pytest.raises(Unavailable, match="Not now"):
                await turns.run(lambda: None)

    anyio.run(main)


def test_a_turn_that_ends_badly_is_given_back() -> None:
    async def main() -> None:
        turns = Turns(1, 30)
        for _ in range(3):
            with pytest.raises(ZeroDivisionError):
                await turns.run(lambda: 1 / 0)

    anyio.run(main)
