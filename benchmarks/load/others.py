"""What people would otherwise use: the server's own dump tool and client in its container, mydumper and myloader."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from load.database import Server
from load.measured import Measured, measured

_INTO: Final = "deck_by_others"
_ENDING: Final = "--exec-per-thread-extension=.zst"
_TELLING: Final = {"mysql": ("--server-version=mysql-9.7.0",), "mariadb": ()}
Named = tuple[str, Callable[[], Measured]]


class Others:
    """Runs them over one server, with files in ``folder``."""

    def __init__(self, server: Server, folder: Path, threads: int) -> None:
        self._server = server
        self._folder = folder
        self._threads = threads
        self._is_mariadb = server.url.dialect == "mariadb"
        self._variables: Mapping[str, str] = {"MYSQL_PWD": server.root_password}

    def backups(self) -> Iterator[Named]:
        """Give the ways to back up that are there, each with its name."""
        for tool in ("gzip", "zstd -1"):
            if shutil.which(tool.split()[0]) is not None:
                yield f"{self._dump_name} | {tool}", partial(self._dump, tool)
        if shutil.which("mydumper") is not None:
            yield f"{_version('mydumper')}, zstd", self._mydumper

    def usual(self) -> Named:
        """Give the way to back up that most people have."""
        return f"{self._dump_name} | gzip", partial(self._dump, "gzip")

    def restores(self) -> Iterator[Named]:
        """Give the ways to restore that are there."""
        yield f"the client '{self._client_name}' reading a dump", self._client
        if shutil.which("myloader") is not None and (self._folder / "mydumper").exists():
            yield _version("myloader"), self._myloader

    def text_size(self) -> int:
        """Read all once, so that it is in memory, and give how many bytes the dump has."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", '"$@" | wc -c', "bash", *self._tool()],
            env=self._environ(),
            check=True,
            capture_output=True,
            text=True,
        )
        return int(done.stdout)

    @property
    def _dump_name(self) -> str:
        return "mariadb-dump" if self._is_mariadb else "mysqldump"

    @property
    def _client_name(self) -> str:
        return "mariadb" if self._is_mariadb else "mysql"

    def _inside(self, *options: str) -> list[str]:
        return ["docker", "exec", *options, "--env", "MYSQL_PWD", self._server.container]

    def _tool(self) -> list[str]:
        # Without it the dump cannot be loaded beside what it was made of.
        more = () if self._is_mariadb else ("--set-gtid-purged=OFF",)
        return [*self._inside(), self._dump_name, "--user=root", "--single-transaction", "--quick", *more, "deck"]

    def _dump(self, tool: str) -> Measured:
        """Dump through a tool into a file, to disk."""
        output = self._folder / "dump.out"
        script = f'"$@" | {tool} >"$0"; sync "$0"'
        command = ["bash", "-euo", "pipefail", "-c", script, str(output), *self._tool()]
        took = measured(self._server, command, self._variables)
        output.unlink()
        return replace(took, peak=0)

    def _client(self) -> Measured:
        """Load a plain dump into another schema."""
        output = self._folder / "dump.sql"
        with output.open("wb") as file:
            measured(self._server, self._tool(), self._variables, sink=file)
        self._server.rows(f"CREATE DATABASE {_INTO}")
        command = [*self._inside("--interactive"), self._client_name, "--user=root", _INTO]
        with output.open("rb") as file:
            took = measured(self._server, command, self._variables, source=file)
        self._server.rows(f"DROP DATABASE {_INTO}")
        output.unlink()
        return replace(took, peak=0)

    def _mydumper(self) -> Measured:
        output = self._folder / "mydumper"
        packed = "--exec-per-thread=/usr/bin/env zstd -q -1 -c"
        took = self._my("mydumper", "--database=deck", f"--outputdir={output}", "--clear", packed, _ENDING)
        return replace(took, peak=0)

    def _myloader(self) -> Measured:
        self._server.rows(f"CREATE DATABASE {_INTO}")
        folder, unpacked = self._folder / "mydumper", "--exec-per-thread=/usr/bin/env zstd -q -d -c"
        took = self._my("myloader", f"--database={_INTO}", f"--directory={folder}", unpacked, _ENDING)
        self._server.rows(f"DROP DATABASE {_INTO}")
        return replace(took, peak=0)

    def _my(self, tool: str, *options: str) -> Measured:
        settings = self._folder / "my.cnf"
        settings.touch(mode=0o600)
        settings.write_text(f"[client]\npassword={self._server.root_password}\n", encoding="utf-8")
        url = self._server.url
        place = (f"--host={url.host}", f"--port={url.port}", "--user=root", f"--threads={self._threads}")
        # The disk has it when it is done, as it has ours.
        script = '"$@" >&2; sync'
        command = ["bash", "-euc", script, "bash", tool, f"--defaults-extra-file={settings}", *place, *options]
        # mydumper reads from what a version says of itself which product it is, and this build's does not say.
        return measured(self._server, [*command, *_TELLING[self._server.url.dialect]], {})

    def _environ(self) -> dict[str, str]:
        return {**os.environ, **self._variables}


def _version(tool: str) -> str:
    said = subprocess.run([tool, "--version"], capture_output=True, text=True, timeout=60, check=True).stdout
    return said.partition(",")[0].strip()
