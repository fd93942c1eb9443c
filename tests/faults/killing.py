"""Runs verbs in processes of their own, which are killed at every step at which the disk has changed."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Step = tuple[str, int, int]
"""A file of deckinfra, a line in it, and the how many-th time that it is reached."""


@dataclass(frozen=True)
class Ran:
    """How a verb went in a process that was not killed."""

    error: str
    events: list[tuple[str, str]]
    steps: list[Step]

    @property
    def notes(self) -> list[str]:
        """What it said."""
        return [text for kind, text in self.events if kind == "note"]


class Victims:
    """The server of :mod:`tests.faults.victim`."""

    def __init__(self) -> None:
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.victim"],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, root: Path, verb: str, environ: Mapping[str, str] | None = None, *, user: int | None = None) -> Ran:
        """Run a verb to its end, as another user if one is given."""
        return self._ran(self._ask(root, verb, environ, user=user))

    def steps(self, root: Path, verb: str, environ: Mapping[str, str] | None = None) -> list[Step]:
        """Run a verb to its end on a copy of the project, and give the steps at which the disk has changed."""
        copy = root.with_name(f"{root.name} to be recorded")
        shutil.copytree(root, copy, symlinks=True)
        ran = self._ran(self._ask(copy, verb, environ, record=True))
        assert ran.error == ""
        shutil.rmtree(copy)
        return ran.steps

    def kill(self, root: Path, verb: str, step: Step, environ: Mapping[str, str] | None = None) -> None:
        """Run a verb, and kill its process when it reaches ``step``."""
        answer = self._ask(root, verb, environ, step=step)
        assert answer.get("killed"), f"{verb} did not reach {step}: {answer}"

    def seconds(self, root: Path, verb: str, file: Path) -> float:
        """Run a verb to its end, and give for how many seconds ``file`` was there."""
        answer = self._ask(root, verb, None, **{"while": str(file)})
        assert self._ran(answer).error == ""
        return float(answer["seconds"])

    def kill_while(self, root: Path, verb: str, file: Path, delay: float) -> None:
        """Run a verb, and kill its process ``delay`` seconds after ``file`` appeared, if it still runs by then."""
        self._ask(root, verb, None, delay=delay, **{"while": str(file)})

    def close(self) -> None:
        """End the server."""
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.close()
        assert self._server.wait(30) == 0
        self._server.stdout.close()

    def _ask(self, root: Path, verb: str, environ: Mapping[str, str] | None, **more: Any) -> dict[str, Any]:
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        usual = {"step": None, "record": False, "user": None, "while": None, "delay": None}
        request = {"root": str(root), "verb": verb, "environ": environ or {}, **usual, **more}
        self._server.stdin.write(json.dumps(request) + "\n")
        self._server.stdin.flush()
        answer: dict[str, Any] = json.loads(self._server.stdout.readline())
        return answer

    @staticmethod
    def _ran(answer: dict[str, Any]) -> Ran:
        assert "killed" not in answer, answer
        return Ran(
            answer["error"],
            [(kind, text) for kind, text in answer["events"]],
            [(file, line, n) for file, line, n in answer["steps"]],
        )
