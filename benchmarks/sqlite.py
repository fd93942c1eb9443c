"""Backup and restore of a large SQLite file: time and peak memory, beside `sqlite3 .backup` with gzip and zstd.

python benchmarks/sqlite.py [--size=1024] [--folder=/somewhere/with/room]

Each step is a process of its own; its peak memory is what the kernel says of it as it ends. Every way ends with its
output on disk (fsync), and starts with the file in the page cache.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

_ROW: Final = 1000
_BATCH: Final = 5000
_WORDS: Final = 2000


@dataclass(frozen=True)
class Measured:
    """What one process took: seconds, and its peak memory in MiB."""

    seconds: float
    peak: float

    def __str__(self) -> str:
        return f"{self.seconds:7.1f} s {self.peak:8.0f} MiB"


def main() -> None:
    """Make the file, measure each step, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=1024, help="size of the database file in MiB")
    parser.add_argument("--folder", type=Path, help="where to work: five times the size must be free")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        _measure(Path(folder), options.size)


def _measure(root: Path, mebibytes: int) -> None:
    database = root / "var" / "bench.db"
    database.parent.mkdir()
    _make_database(database, mebibytes * 2**20)
    (root / ".env.local").write_text("DATABASE_URL=sqlite:///var/bench.db\n", encoding="utf-8")
    print(f"a SQLite file of {database.stat().st_size / 2**20:.0f} MiB, half words and half random bytes\n")
    print(f"{'':34}{'time':>9}{'peak memory':>13}   written")
    store = root / "backups"

    first = _library(root, "project.backup()")
    kept = _bytes_in(store)
    _report("backup, the first", first, kept)
    again = _library(root, "project.backup()")
    second = _bytes_in(store)
    _report("backup, nothing changed", again, second - kept)
    _report("verify", _library(root, "project.verify()"))
    _report("drill", _library(root, "project.drill()"))
    restore = _library(root, "project.restore()")
    _report("restore", restore)
    print()
    for name, tool in _others():
        if tool is None:
            print(f"{name:34} (the tool is not here)")
            continue
        output = root / "copy.out"
        measured = _run(["bash", "-euo", "pipefail", "-c", tool, "bash", str(database), str(root / "copy")], root)
        written = output.stat().st_size if output.exists() else (root / "copy").stat().st_size
        _report(name, measured, written)
        ratio = measured.seconds / first.seconds
        print(f"{'':34} {ratio:7.2f} times the first backup's time, {written / kept:.2f} times its bytes")
        for path in root.glob("copy*"):
            path.unlink()
    peak = max(first.peak, again.peak, restore.peak)
    print(f"\npeak memory of backup and restore: {peak:.0f} MiB (at most 150)")
    print(f"stored by a second backup with nothing changed: {(second - kept) / 1e6:.3f} MB (under 1)")


def _others() -> list[tuple[str, str | None]]:
    ways = {
        "sqlite3 .backup": ("sqlite3", 'sqlite3 "$1" ".backup \'$2\'"; sync "$2"'),
        "sqlite3 .backup, gzip": ("gzip", 'sqlite3 "$1" ".backup \'$2\'"; gzip -c "$2" >"$2.out"; sync "$2.out"'),
        "sqlite3 .backup, zstd -3": (
            "zstd",
            'sqlite3 "$1" ".backup \'$2\'"; zstd -q -3 "$2" -o "$2.out"; sync "$2.out"',
        ),
    }
    there = shutil.which("sqlite3") is not None
    return [(name, script if there and shutil.which(tool) else None) for name, (tool, script) in ways.items()]


def _make_database(path: Path, size: int) -> None:
    random = Random(1)
    words = [random.randbytes(random.randint(2, 6)).hex() for _ in range(_WORDS)]
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = OFF")
    connection.execute("CREATE TABLE entries (id INTEGER PRIMARY KEY, body TEXT NOT NULL, noise BLOB NOT NULL)")
    while path.stat().st_size < size:
        rows = ((" ".join(random.choices(words, k=_ROW // 18)), random.randbytes(_ROW // 2)) for _ in range(_BATCH))
        connection.executemany("INSERT INTO entries (body, noise) VALUES (?, ?)", rows)
        connection.commit()
    connection.close()


def _library(root: Path, call: str) -> Measured:
    code = f"from deckinfra import open_project; project = open_project({str(root)!r}); {call}"
    return _run([sys.executable, "-c", code], root)


def _run(command: list[str], folder: Path) -> Measured:
    started = time.perf_counter()
    child = subprocess.Popen(command, cwd=folder, env=_environ())
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit(f"error: {command[0]} ended with {child.returncode}")
    return Measured(time.perf_counter() - started, usage.ru_maxrss / 1024)


def _environ() -> dict[str, str]:
    """Give the environment without settings of whoever runs this, which would win over the benchmark's own."""
    ours = ("DATABASE_", "BACKUP_", "DECKINFRA_", "APP_")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


def _bytes_in(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _report(name: str, measured: Measured, written: int | None = None) -> None:
    size = "" if written is None else f"   {written / 1e6:.3f} MB"
    print(f"{name:34} {measured}{size}", flush=True)


if __name__ == "__main__":
    main()
