"""Decks and their owners, so many as one likes and the same ones each time, as rows of the migrations' tables."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import pymysql

from load.database import Server

PER_USER: Final = 10
_BATCH: Final = 100_000
_CARDS: Final = 8
_TEXT: Final = (
    "log zap goblin barrel knight archer miner valkyrie balloon prince dark witch giant hog rider bait cycle royal "
    "ghost beatdown spell control siege bridge spam lava hound three musketeers ice golem fast winter ladder"
)
_WORDS: Final = _TEXT.split()


def fill(server: Server, rows: int, folder: Path) -> None:
    """Add so many decks and their owners to the seeds; ``folder`` has room for some MB of text."""
    chance = random.Random(rows)
    ((cards,),) = server.rows("SELECT GROUP_CONCAT(id) FROM cards_cache")
    first = 1_000_000
    with closing(_connect(server)) as connection, connection.cursor() as cursor:
        cursor.execute("SET SESSION unique_checks = 0, SESSION foreign_key_checks = 0")
        for table, lines in (
            ("users (id, username, email, password_hash, created_at, updated_at)", _users(chance, rows, first)),
            (
                "decks (user_id, name, cards, evolution_slots, average_elixir, created_at, updated_at)",
                _decks(chance, rows, first, cards.split(",")),
            ),
        ):
            place, _, columns = table.partition(" ")
            while batch := [line for _, line in zip(range(_BATCH), lines, strict=False)]:
                file = folder / "rows"
                file.write_text("".join(batch), encoding="utf-8")
                path = connection.escape(str(file))
                cursor.execute(f"LOAD DATA LOCAL INFILE {path} INTO TABLE {place} CHARACTER SET utf8mb4 {columns}")
                connection.commit()
                file.unlink()
        cursor.execute("ANALYZE TABLE decks, users")


def change(server: Server) -> None:
    """Change one row in a hundred, all beside each other."""
    ((rows, least),) = server.rows("SELECT COUNT(*), MIN(id) FROM decks")
    begin = least + rows // 2
    with closing(_connect(server)) as connection, connection.cursor() as cursor:
        cursor.execute(
            "UPDATE decks SET name = CONCAT(name, '!') WHERE id >= %s AND id < %s", (begin, begin + rows // 100)
        )
        connection.commit()


def _users(chance: random.Random, rows: int, first: int) -> Iterator[str]:
    for number in range(first, first + -(-rows // PER_USER)):
        name = f"{chance.choice(_WORDS)}.{chance.choice(_WORDS)}{number}"
        salt, digest = (chance.randbytes(size).hex() for size in (11, 22))
        hashed = f"$argon2id$v=19$m=65536,t=3,p=4${salt}${digest}"
        yield f"{number}\t{name}\t{name}@example.org\t{hashed}\t{_time(chance)}\t{_time(chance)}\n"


def _decks(chance: random.Random, rows: int, first: int, cards: list[str]) -> Iterator[str]:
    """Give decks of cards that were dealt: to shuffle for each would take longer than all else."""
    dealt = list[str]()
    for number in range(rows):
        if len(dealt) < _CARDS:
            dealt = chance.sample(cards, len(cards))
        hand, dealt = dealt[:_CARDS], dealt[_CARDS:]
        words = (number % len(_WORDS), number // 7 % len(_WORDS), number // 29 % len(_WORDS))
        name = f"{' '.join(_WORDS[word] for word in words)} {number % PER_USER}"
        slots = ", ".join(hand[: number % 3])
        elixir = 2 + chance.random() * 3
        yield (
            f"{first + number // PER_USER}\t{name}\t[{', '.join(hand)}]\t[{slots}]\t{elixir:.3f}\t{_time(chance)}\t"
            f"{_time(chance)}\n"
        )


def _time(chance: random.Random) -> str:
    moment = int(chance.random() * 20_000_000)
    minutes, second = divmod(moment, 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    month, day = divmod(days, 28)
    return f"2026-{month % 12 + 1:02}-{day + 1:02} {hour:02}:{minute:02}:{second:02}"


def _connect(server: Server) -> pymysql.Connection[pymysql.cursors.Cursor]:
    return pymysql.connect(
        host=server.url.host,
        port=server.url.port or 0,
        user="root",
        password=server.root_password,
        database="deck",
        local_infile=True,
    )
