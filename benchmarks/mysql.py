"""Backup and restore of a large MySQL or MariaDB database, beside what people would otherwise use.

python benchmarks/mysql.py [--image=mysql:9.7] [--rows=3000000] [--threads=4] [--folder=/somewhere/with/room]

A throwaway server in a container gets the deck builder's schema and that many decks. Each way runs once the data has
been read, so that all find it in memory; the dump tools are the server's own and run in its container, as people run
them, with their output through a pipe to this machine. Each of ours is a process of its own, whose peak memory is what
the kernel says of it as it ends.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pymysql
from load.database import Server, running

_PER_USER: Final = 10
_BATCH: Final = 20_000
_ARGUMENTS: Final = "DECK_BENCH"


@dataclass(frozen=True)
class Measured:
    """What one process took: seconds, peak memory in MiB, and what it printed."""

    seconds: float
    peak: float
    said: str


def main() -> None:
    """Make the data, measure each way, print a table."""
    if _ARGUMENTS in os.environ:
        _ours(**json.loads(os.environ[_ARGUMENTS]))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--image", default="mysql:9.7", help="the server's image")
    parser.add_argument("--rows", type=int, default=3_000_000, help="how many decks")
    parser.add_argument("--threads", type=int, default=4, help="how many connections, and threads that compress")
    parser.add_argument("--folder", type=Path, help="where to work: four times the data must be free")
    options = parser.parse_args()
    command = ("--local-infile=1", "--max-allowed-packet=256M", "--innodb-buffer-pool-size=2G")
    with tempfile.TemporaryDirectory(dir=options.folder) as folder, running(options.image, *command) as server:
        _fill(server, options.rows)
        _Bench(server, Path(folder), options.threads).run()


class _Bench:
    def __init__(self, server: Server, folder: Path, threads: int) -> None:
        self._server = server
        self._folder = folder
        self._threads = threads
        self._store = folder / "backups"

    def run(self) -> None:
        size, version = self._text_size(), self._server.rows("SELECT VERSION()")[0][0]
        rows = self._server.rows("SELECT COUNT(*) FROM decks")[0][0]
        print(f"\n## {version}: {rows:,} decks, {size / 1e6:.0f} MB as a dump; {os.cpu_count()} cores\n")
        print("| | seconds | | |\n|---|---:|---:|---|", flush=True)
        first = self._backup("backup")
        stored = self._stored()
        for name, tool in (("zstd -1", "zstd -q -1 -c"), ("gzip", "gzip -c")):
            if shutil.which(tool.split()[0]) is None:
                print(f"| dump tool \\| {name} | (not here) | | |")
                continue
            seconds = self._dump(tool)
            _row(f"dump tool \\| {name}", seconds, f"{seconds / first.seconds:.2f} times ours")
        print(
            "| mydumper | (not here) | | |" if shutil.which("mydumper") is None else "| mydumper | not measured | | |"
        )
        again = self._backup("backup, nothing changed")
        _row("", None, f"{again.seconds / first.seconds:.2f} of the first", _part(self._stored() - stored, stored))
        before = self._stored()
        self._change()
        self._backup("backup, 1 % of the rows changed in one range")
        _row("", None, "", _part(self._stored() - before, stored))
        loaded = self._process("load", "load only: rows, keys, objects")
        restored = self._process("restore", "restore: load, compare every row, swap")
        for name, ours in (("load", loaded), ("restore", restored)):
            seconds = self._client() if name == "load" else seconds
            _row(f"the client reading a dump, beside our {name}", seconds, f"{seconds / ours.seconds:.2f} times ours")
        quiet, busy = self._latency(during=False), self._latency(during=True)
        _row("p99 of reads, no backup, ms", quiet * 1000)
        _row("p99 of reads during a backup, ms", busy * 1000, f"{busy / quiet:.2f} times")
        peak = max(each.peak for each in (first, again, loaded, restored))
        print(f"\npeak memory of ours: {peak:.0f} MiB, with {self._threads} connections", flush=True)

    def _backup(self, name: str) -> Measured:
        return self._process("backup", name)

    def _process(self, verb: str, name: str) -> Measured:
        arguments = {
            "verb": verb,
            "url": str(self._server.url.with_database("deck")).replace(f"://{self._server.url.username}", "://root"),
            "password": self._server.root_password,
            "store": str(self._store),
            "threads": self._threads,
        }
        began = time.perf_counter()
        child = subprocess.Popen(
            [sys.executable, __file__],
            env=os.environ | {_ARGUMENTS: json.dumps(arguments)},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert child.stdout is not None
        said = child.stdout.read().strip()
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - began
        if child.returncode:
            sys.exit(f"error: {name} ended with {child.returncode}")
        measured = Measured(float(said.split()[0]), usage.ru_maxrss / 1024, said)
        _row(name, measured.seconds, f"{measured.peak:.0f} MiB", f"{seconds:.1f} s with Python's start")
        return measured

    def _tool(self) -> list[str]:
        dump = "mariadb-dump" if self._server.url.dialect == "mariadb" else "mysqldump"
        return [
            *("docker", "exec", "--env", "MYSQL_PWD", self._server.container, dump, "--user=root"),
            *("--single-transaction", "--quick", "--skip-comments", "deck"),
        ]

    def _dump(self, tool: str) -> float:
        """Dump through a tool into a file, to disk."""
        output = self._folder / "dump.out"
        script = f'"$@" | {tool} >"$0"; sync "$0"'
        command = ["bash", "-euo", "pipefail", "-c", script, str(output), *self._tool()]
        began = time.perf_counter()
        subprocess.run(command, env=self._environ(), check=True)
        seconds = time.perf_counter() - began
        output.unlink()
        return seconds

    def _text_size(self) -> int:
        """Read all once, so that it is in memory, and give how many bytes the dump has."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", '"$@" | wc -c', "bash", *self._tool()],
            env=self._environ(),
            check=True,
            capture_output=True,
            text=True,
        )
        return int(done.stdout)

    def _client(self) -> float:
        """Load a plain dump by the server's own client into another schema."""
        output = self._folder / "dump.sql"
        with output.open("wb") as file:
            subprocess.run(self._tool(), env=self._environ(), check=True, stdout=file)
        client = "mariadb" if self._server.url.dialect == "mariadb" else "mysql"
        self._server.rows("CREATE DATABASE deck_by_client")
        inside = ["docker", "exec", "--interactive", "--env", "MYSQL_PWD", self._server.container]
        began = time.perf_counter()
        with output.open("rb") as file:
            command = [*inside, client, "--user=root", "deck_by_client"]
            subprocess.run(command, env=self._environ(), check=True, stdin=file)
        seconds = time.perf_counter() - began
        self._server.rows("DROP DATABASE deck_by_client")
        output.unlink()
        return seconds

    def _environ(self) -> dict[str, str]:
        return os.environ | {"MYSQL_PWD": self._server.root_password}

    def _change(self) -> None:
        ((rows, least),) = self._server.rows("SELECT COUNT(*), MIN(id) FROM decks")
        first = least + rows // 2
        self._server.rows(
            f"UPDATE decks SET name = CONCAT(name, '!') WHERE id BETWEEN {first} AND {first + rows // 100}"
        )

    def _stored(self) -> int:
        return sum(path.stat().st_size for path in self._store.rglob("*") if path.is_file())

    def _latency(self, *, during: bool) -> float:
        """Give the 99th percentile of a deck's read, as the application reads, for ten seconds."""
        times: list[float] = []
        stop = threading.Event()
        ((most,),) = self._server.rows("SELECT MAX(id) FROM decks")

        def read() -> None:
            url = self._server.url
            connection = pymysql.connect(
                host="127.0.0.1",
                port=url.port or 0,
                user=url.username,
                password=url.password.reveal() if url.password else "",
                database=url.database,
            )
            number = 1
            with connection, connection.cursor() as cursor:
                while not stop.is_set():
                    number = number * 7919 % most + 1
                    began = time.perf_counter()
                    cursor.execute("SELECT * FROM decks WHERE id = %s", (number,))
                    cursor.fetchall()
                    times.append(time.perf_counter() - began)
                    time.sleep(0.002)

        shutil.rmtree(self._store)
        reader = threading.Thread(target=read)
        reader.start()
        if during:
            self._process("backup", "backup, while the application reads")
        else:
            time.sleep(10)
        stop.set()
        reader.join()
        if not during:
            self._store.mkdir()
        return sorted(times)[len(times) * 99 // 100]


def _ours(verb: str, url: str, password: str, store: str, threads: int) -> None:
    """Do one thing in a process of its own, and print the seconds that it took."""
    from contextlib import closing
    from dataclasses import replace

    from deckinfra.builtin.engines.mysql.codec import chosen
    from deckinfra.builtin.engines.mysql.engine import MysqlEngine
    from deckinfra.builtin.stores.directory import DirectoryStore
    from deckinfra.core.manifest import Origin
    from deckinfra.core.secret import Secret
    from deckinfra.core.silent import SilentReporter
    from deckinfra.core.urls import DatabaseURL
    from deckinfra.repository import Repository
    from deckinfra.services.backup import backup
    from deckinfra.services.restore import restore

    account = replace(DatabaseURL.parse(url), password=Secret(password))
    engine = MysqlEngine(account, account, chosen(os.environ), connections=threads)
    origin, reporter = Origin("deck", "bench"), SilentReporter()
    with closing(DirectoryStore(Path(store))) as place:
        repository = Repository.open(place, create=True, level=1, threads=threads, reporter=reporter)
        began = time.perf_counter()
        if verb == "backup":
            backup(engine, repository, origin, "bench", reporter)
        elif verb == "restore":
            restore(engine, repository, "latest", origin, reporter, timeout=10, before_swap=lambda manifest: None)
        else:
            manifest = repository.snapshots.find("latest", origin)
            with repository.reading("bench"), engine.shadow("bench") as shadow:
                shadow.load(repository.reader(manifest))
        print(time.perf_counter() - began)


def _fill(server: Server, rows: int) -> None:
    """Add decks to those of the seeds, made of them, and users that have them; in the server, since that is quick."""
    users = -(-rows // _PER_USER)
    connection = pymysql.connect(
        host="127.0.0.1", port=server.url.port or 0, user="root", password=server.root_password, database="deck"
    )
    with connection, connection.cursor() as cursor:
        for start in range(0, users, _BATCH):
            numbers = range(start, min(start + _BATCH, users))
            values = ", ".join(f"('bench {n}', 'bench{n}@example.org', SHA2({n}, 256))" for n in numbers)
            cursor.execute(f"INSERT INTO users (username, email, password_hash) VALUES {values}")
            connection.commit()
        cursor.execute("SELECT MIN(id) FROM users WHERE username LIKE 'bench %'")
        ((first,),) = cursor.fetchall()
        for start in range(first, first + users, _BATCH // 4):
            cursor.execute(
                "INSERT INTO decks (user_id, name, cards, evolution_slots, average_elixir, created_at, updated_at) "
                "SELECT users.id, CONCAT(some.name, ' of ', users.username, ' ', some.number), some.cards, "
                "some.evolution_slots, some.average_elixir, some.created_at - INTERVAL users.id SECOND, "
                "some.updated_at "
                "FROM users, (SELECT decks.*, ROW_NUMBER() OVER (ORDER BY n, decks.id) AS number FROM decks, "
                f"({' UNION ALL '.join(f'SELECT {n} AS n' for n in range(_PER_USER))}) AS numbers "
                f"WHERE user_id < {first} ORDER BY n, decks.id LIMIT {_PER_USER}) AS some "
                f"WHERE users.id BETWEEN {start} AND {start + _BATCH // 4 - 1}"
            )
            connection.commit()
        cursor.execute("ANALYZE TABLE decks, users")


def _part(added: int, all_of_it: int) -> str:
    return f"{added / 1e6:.3f} MB stored, {100 * added / all_of_it:.3f} % of the first"


def _row(name: str, seconds: float | None, more: str = "", other: str = "") -> None:
    print(f"| {name} | {'' if seconds is None else f'{seconds:.1f}'} | {more} | {other} |", flush=True)


if __name__ == "__main__":
    main()
