"""Backup and restore of a large MySQL or MariaDB database, beside what people would otherwise use.

python benchmarks/mysql.py [--image=mysql:9.7]... [--rows=3300000] [--threads=N] [--only=PART]...
                           [--folder=/somewhere/with/room]

A throwaway server in a container, on disk and as its image sets it up (but for ``local_infile`` on MySQL, which is off
there), gets the deck builder's schema and that many decks. All is read once before anything is measured. The dump tools
and the clients are the server's own and run in its container, as people run them, with their output through a pipe to
this machine. mydumper and myloader are used where they are on the PATH. Ours runs before and after each of the others,
and is taken as the mean of both. Each run of ours is a process of its own; its peak memory is what the kernel says of
it as it ends. Prints Markdown.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path
from statistics import mean
from typing import Final

from load import others, ours
from load.database import Server, running
from load.decks import change, fill
from load.latency import slowest
from load.measured import Measured

IMAGES: Final = ("mysql:9.7", "mariadb:11.8")
PARTS: Final = ("backups", "restores", "latency", "memory")
_ROWS: Final = 3_300_000
_MOST_THREADS: Final = 4


def main() -> None:
    """Make the data, measure each way, print a table for each server."""
    if ours.asked():
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--image", action="append", help="a server's image; without it, MySQL's and MariaDB's")
    parser.add_argument("--rows", type=int, default=_ROWS, help="how many decks")
    parser.add_argument("--threads", type=int, default=4, help="how many connections, and threads that compress")
    parser.add_argument("--folder", type=Path, help="where to work: twice the data must be free")
    parser.add_argument("--quiet", type=float, default=10, help="seconds for which reads are measured without a backup")
    parser.add_argument("--only", action="append", choices=PARTS, help="a part of it; without it, all")
    options = parser.parse_args()
    for image in options.image or IMAGES:
        with (
            tempfile.TemporaryDirectory(dir=options.folder) as folder,
            running(image, "--local-infile=1") as server,
        ):
            fill(server, options.rows, Path(folder))
            _Bench(server, Path(folder), options.threads, options.quiet).run(options.only or PARTS)


class _Bench:
    """One run on one server; what is found is printed at its end."""

    def __init__(self, server: Server, folder: Path, threads: int, quiet: float) -> None:
        self._server = server
        self._quiet = quiet
        self._folder = folder
        self._threads = threads
        self._ours = ours.Ours(server, folder / "backups", threads)
        self._others = others.Others(server, folder, threads)
        self._peaks: list[float] = []
        self._taken: list[tuple[str, Measured]] = []
        self._compared: list[tuple[str, str, str]] = []
        measures = (self._backups, self._restores, self._latency, self._memory)
        self._parts = dict(zip(PARTS, measures, strict=True))

    def run(self, only: Collection[str]) -> None:
        """Measure what is in ``only``, of :data:`PARTS`."""
        size, version = self._others.text_size(), self._server.rows("SELECT VERSION()")[0][0]
        ((rows,),) = self._server.rows("SELECT COUNT(*) FROM decks")
        for name, part in self._parts.items():
            if name in only:
                part()
        print(f"\n## {version}: {rows:,} decks, {size / 1e6:.0f} MB as a dump\n")
        print(f"{os.cpu_count()} cores for the server and all else, {self._threads} connections, zstd level 1.\n")
        print("| | measured | wanted |\n|---|---:|---:|")
        for row in self._compared:
            print(f"| {' | '.join(row)} |")
        print("\n| in order | seconds | CPU here | CPU in the server | peak MB |\n|---|---:|---:|---:|---:|")
        for name, took in self._taken:
            peak = f"{took.peak:.0f}" if took.peak else ""
            print(f"| {_cell(name)} | {took.seconds:.1f} | {took.here:.1f} | {took.there:.1f} | {peak} |")
        sys.stdout.flush()

    def _backups(self) -> None:
        before = self._first()
        wanted = {"mydumper": "≥ 1.5 x", "zstd": "≥ 2.3 x", "gzip": "≥ 6 x"}
        for name, run in self._others.backups():
            goal = next(goal for word, goal in wanted.items() if word in name)
            other = self._other(name, run)
            after = self._first() if other else before
            self._beside(f"backup, beside {name}", other, before, after, goal)
            before = after
        stored = self._ours.stored()
        again = self._took("backup, nothing changed", self._ours.backup())
        self._note(
            "second backup, nothing changed: time", f"{again.seconds / before.seconds:.2f} of the first", "≤ 0.5"
        )
        read = self._took("reading alone", self._ours.read())
        self._note(
            "reading alone, nothing compared or stored: time", f"{read.seconds / before.seconds:.2f} of the first", ""
        )
        added = self._ours.stored() - stored
        self._note("second backup, nothing changed: stored", _part(added, stored), "< 0.1 %")
        before_change = self._ours.stored()
        change(self._server)
        self._took("backup, 1 % of the rows changed", self._ours.backup())
        added = self._ours.stored() - before_change
        self._note("second backup, 1 % of the rows changed in one range: stored", _part(added, stored), "< 3 %")

    def _first(self) -> Measured:
        """Back up into an empty repository."""
        self._ours.empty()
        return self._took("backup", self._ours.backup())

    def _restores(self) -> None:
        wanted = {"client": "≥ 2.4 x" if self._server.url.dialect == "mariadb" else "≥ 3 x", "myloader": "≥ 1.3 x"}
        before = self._took("restore", self._ours.restore())
        for name, run in self._others.restores():
            goal = next(goal for word, goal in wanted.items() if word in name)
            other = self._other(name, run)
            after = self._took("restore", self._ours.restore()) if other else before
            self._beside(f"restore, beside {name}", other, before, after, goal)
            before = after

    def _latency(self) -> None:
        self._ours.empty()
        quiet = slowest(self._server, lambda: time.sleep(self._quiet))
        busy = slowest(self._server, lambda: self._took("backup, while the application reads", self._ours.backup()))
        self._slower("a backup", busy, quiet, "≤ 2 x")
        self._ours.empty()
        one = ours.Ours(self._server, self._folder / "backups", 1)
        busy = slowest(self._server, lambda: self._took("backup, 1 thread, while the application reads", one.backup()))
        self._slower("a backup with 1 thread", busy, quiet, "")
        name, run = self._others.usual()
        busy = slowest(self._server, lambda: self._took(f"{name}, while the application reads", run()))
        self._slower(name, busy, quiet, "")
        for loops in (1, 2):
            busy = slowest(self._server, partial(self._use, loops))
            self._slower(f"{loops} x nothing but the use of a processor", busy, quiet, "")

    def _use(self, processors: int) -> None:
        """Keep as many processors busy as are wanted, with nothing that has to do with the server."""
        command = ["timeout", str(self._quiet), "sh", "-c", "while :; do :; done"]
        for child in [subprocess.Popen(command) for _ in range(processors)]:
            child.wait()

    def _memory(self) -> None:
        self._ours.empty()
        many = ours.Ours(self._server, self._folder / "backups", _MOST_THREADS)
        for verb, run in (("backup", many.backup), ("restore", many.restore)):
            self._took(f"{verb}, {_MOST_THREADS} threads", run())
        self._note(f"peak memory, also with {_MOST_THREADS} threads", f"{max(self._peaks):.0f} MB", "≤ 200 MB")

    def _slower(self, name: str, busy: float, quiet: float, wanted: str) -> None:
        found = f"{busy * 1000:.1f} ms, without {quiet * 1000:.1f} ms: {busy / quiet:.1f} x"
        self._note(f"p99 of reads during {name}", found, wanted)

    def _took(self, name: str, took: Measured) -> Measured:
        if took.peak:
            self._peaks.append(took.peak)
        self._taken.append((name, took))
        print(f"{name}: {took.seconds:.1f} s", file=sys.stderr, flush=True)
        return took

    def _other(self, name: str, run: Callable[[], Measured]) -> Measured | None:
        """Give what it took, or None where it failed: not every tool knows every server."""
        try:
            return self._took(name, run())
        except subprocess.CalledProcessError as error:
            print(f"{name} ended with {error.returncode}", file=sys.stderr)
            return None

    def _beside(self, name: str, other: Measured | None, before: Measured, after: Measured, wanted: str) -> None:
        if other is None:
            self._note(name, "it failed with this server", wanted)
            return
        own = mean((before.seconds, after.seconds))
        self._note(name, f"{own:.1f} s, {other.seconds:.1f} s: {other.seconds / own:.1f} x", wanted)

    def _note(self, name: str, found: str, wanted: str) -> None:
        self._compared.append((_cell(name), found, wanted))


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _part(added: int, all_of_it: int) -> str:
    return f"{added / 1e6:.2f} of {all_of_it / 1e6:.0f} MB: {100 * added / all_of_it:.2f} %"


if __name__ == "__main__":
    main()
