"""How much of a server's answer each codec makes into text in a second, on one core, and both on two.

python benchmarks/codec.py [--size=64] [--runs=5]
"""

from __future__ import annotations

import argparse
import time
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Final

from deckinfra.builtin.engines.mysql.codec import CUT, MORE, Codec, codecs

_LEAST: Final = 1024 * 1024
_SPAN: Final = 1024 * 1024
_TARGET: Final = 8 * 1024 * 1024
_WORDS: Final = "the deck is made of eight cards hog rider log zap goblin barrel knight archer miner valkyrie"


def main() -> None:
    """Make the packets, measure, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=64, help="size of the answer in MiB")
    parser.add_argument("--runs", type=int, default=5, help="how often to measure each; the fastest counts")
    options = parser.parse_args()
    rows, columns = _rows(Random(1)), 6
    source = _numbered(rows, options.size * 2**20)
    print(f"{len(source) / 1e6:.0f} MB of packets, about {sum(map(len, rows)) // len(rows)} bytes each\n")
    print(f"{'':12}{'one thread':>16}{'two threads':>16}")
    for codec in codecs().values():
        alone = min(_seconds(codec, source, columns, 1) for _ in range(options.runs))
        both = min(_seconds(codec, source, columns, 2) for _ in range(options.runs))
        print(f"{codec.name:12}{len(source) / alone / 1e6:11.0f} MB/s{2 * len(source) / both / 1e6:11.0f} MB/s")


def _seconds(codec: Codec, source: bytearray, columns: int, threads: int) -> float:
    started = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(_encode, codec, source, columns) for _ in range(threads)]:
            done.result()
    return time.perf_counter() - started


def _encode(codec: Codec, source: bytearray, columns: int) -> None:
    target, place, number, why = bytearray(_TARGET), 0, 0, CUT
    while why != MORE:
        why, place, _, rows = codec.encode(source, place, len(source), number & 0xFF, columns, target, 0, _LEAST, _SPAN)
        number += rows
    assert place == len(source)


def _rows(random: Random) -> list[bytes]:
    """Give rows as those of decks: a number, a player, a name, eight cards, a note, and when."""
    return [_row(random, number) for number in range(20_000)]


def _row(random: Random, number: int) -> bytes:
    note = " ".join(random.choices(_WORDS.split(), k=random.randrange(20, 70))) + ("\n" if number % 7 == 0 else "")
    cards = str(random.sample(range(26_000_000, 26_000_121), 8))
    values = [str(number), str(random.randrange(10**6)), " ".join(random.choices(_WORDS.split(), k=4)), cards, note]
    return b"".join(_value(value.encode()) for value in values) + (b"\xfb" if number % 3 else _value(b"2026-01-02"))


def _value(value: bytes) -> bytes:
    size = len(value)
    return (bytes([size]) if size < 251 else b"\xfc" + size.to_bytes(2, "little")) + value


def _numbered(rows: list[bytes], size: int) -> bytearray:
    found, number = bytearray(), 0
    while len(found) < size:
        row = rows[number % len(rows)]
        found += len(row).to_bytes(3, "little") + bytes([number & 0xFF]) + row
        number += 1
    return found


if __name__ == "__main__":
    main()
