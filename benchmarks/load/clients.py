"""Clients that ask the deck builder's API without a pause, in a process of their own.

Reads a :class:`Plan` as JSON on standard input, and writes a :class:`Tally` as JSON on standard output. Each client
has a user, a deck and a connection, and asks again as soon as it has its answer. Every answer is compared with what
it has to be.
"""

from __future__ import annotations

import asyncio
import json
import math
import resource
import sys
from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal

import uvloop

Mode = Literal["read", "write", "mixed"]

PATIENCE: Final = 30.0
"""Seconds after which an answer that has not come is an error."""

WARM_UP: Final = 1.0
"""Seconds before the time is taken; what is answered in them is checked all the same."""

_SIZE: Final = 8


@dataclass(frozen=True)
class Seat:
    """What one client works with: a user's token and one deck of theirs."""

    token: str
    deck: int


@dataclass(frozen=True)
class Plan:
    """Who asks whom for what, and for how many seconds. ``cards`` are ids with their elixir."""

    port: int
    mode: Mode
    seconds: float
    seats: Sequence[Seat]
    cards: Sequence[tuple[int, int]]


@dataclass
class Tally:
    """What came of it. Times are in milliseconds; ``stored`` is each deck as the server acknowledged it last."""

    answers: int = 0
    seconds: float = 0
    median: float = 0
    slowest: float = 0
    processor: float = 0
    errors: dict[str, int] = field(default_factory=dict)
    stored: dict[str, dict[str, Any]] = field(default_factory=dict)


class _Client:
    def __init__(self, plan: Plan, seat: Seat) -> None:
        self.times = array("d")
        self.errors: Counter[str] = Counter()
        self.stored: dict[str, Any] = {}
        self._plan = plan
        self._seat = seat
        self._count = 0
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def run(self, begin: float) -> None:
        """Ask until the time is over; what is answered after ``begin`` of the loop's clock is timed."""
        loop = asyncio.get_running_loop()
        end = begin + self._plan.seconds
        # So that what a read has to give is known.
        await self._ask(write=True)
        while (start := loop.time()) < end:
            self._count += 1
            good = await self._ask(
                write=self._plan.mode == "write" or (self._plan.mode == "mixed" and self._count % 2 == 0)
            )
            if good and start >= begin:
                self.times.append(loop.time() - start)
        self._close()

    async def _ask(self, *, write: bool) -> bool:
        wanted = self._next() if write else self.stored
        try:
            async with asyncio.timeout(PATIENCE):
                status, answer = await self._exchange(wanted if write else None)
        except (OSError, EOFError, TimeoutError, ValueError) as error:
            return self._fail(f"{type(error).__name__} {error}".strip())
        if status != 200:
            return self._fail(f"{status} {answer.get('detail', '')}")
        found = {name: answer.get(name) for name in wanted}
        if found != wanted or answer.get("id") != self._seat.deck:
            return self._fail("a wrong deck" if write else "a deck that is not as it was stored")
        self.stored = wanted
        return True

    def _fail(self, what: str) -> bool:
        self.errors[what] += 1
        self._close()
        return False

    def _next(self) -> dict[str, Any]:
        """Give the next form of the deck: another name, and other cards."""
        cards = self._plan.cards
        chosen = [cards[(self._count + place) % len(cards)] for place in range(_SIZE)]
        return {
            "name": f"Deck {self._seat.deck}, form {self._count}",
            "cards": [card for card, _ in chosen],
            "evolution_slots": [],
            "average_elixir": sum(elixir for _, elixir in chosen) / _SIZE,
        }

    async def _exchange(self, deck: dict[str, Any] | None) -> tuple[int, dict[str, Any]]:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._plan.port)
        reader, writer = self._streams
        sent = {} if deck is None else {name: value for name, value in deck.items() if name != "average_elixir"}
        body = b"" if deck is None else json.dumps(sent).encode()
        writer.write(
            f"{'GET' if deck is None else 'PUT'} /api/decks/{self._seat.deck} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            f"Authorization: Bearer {self._seat.token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        length = int(head.partition("\r\ncontent-length:")[2].partition("\r\n")[0])
        return int(head.split(" ", 2)[1]), json.loads(await reader.readexactly(length))

    def _close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
        self._streams = None


async def ask(plan: Plan) -> Tally:
    """Let all clients ask at once, and give what came of it."""
    clients = [_Client(plan, seat) for seat in plan.seats]
    begin = asyncio.get_running_loop().time() + WARM_UP
    used = _processor()
    await asyncio.gather(*(client.run(begin) for client in clients))
    times = sorted(time for client in clients for time in client.times)
    return Tally(
        answers=len(times),
        seconds=plan.seconds,
        median=_percentile(times, 0.5),
        slowest=_percentile(times, 0.99),
        processor=(_processor() - used) / (plan.seconds + WARM_UP),
        errors=dict(sum((client.errors for client in clients), Counter())),
        stored={str(seat.deck): client.stored for seat, client in zip(plan.seats, clients, strict=True)},
    )


def _percentile(times: Sequence[float], part: float) -> float:
    return times[math.ceil(part * len(times)) - 1] * 1000 if times else math.nan


def _processor() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    """Read the plan, carry it out, write the tally."""
    given = json.load(sys.stdin)
    plan = Plan(**{**given, "seats": [Seat(**seat) for seat in given["seats"]]})
    json.dump(asdict(uvloop.run(ask(plan))), sys.stdout)


if __name__ == "__main__":
    main()
