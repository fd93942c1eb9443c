"""A database server for a moment: a container of the image that the database has, and nothing else of it.

It is none of the stack's containers. It has a volume without a name for its data, passwords that are made up for it,
and a port that only this machine reaches. Its label says which process has it, so that what one left that died is
removed by the next.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from deckinfra.core.secret import Secret
from deckinfra.core.urls import DatabaseURL
from deckinfra.errors import DamagedError, DatabaseError, DeckinfraError, RefusedError, StackError
from deckinfra.mysql import Server
from deckinfra.system.processes import Owner

if TYPE_CHECKING:
    from .engine import DockerEngine

LABEL: Final = "deckinfra.throwaway"
"""The label of these containers; it says whose they are: the process, as JSON."""

PORT: Final = 3306
_ROOT: Final = "root"
_INTERVAL: Final = 0.5
_SEEDS: Final = "/docker-entrypoint-initdb.d"
"""What the official images run on a new server: a restore brings its own data."""


@dataclass(frozen=True)
class Recipe:
    """What a server is made from: its image, its arguments, the files that it reads, and its limits."""

    image: str
    command: tuple[str, ...] = ()
    files: tuple[tuple[str, str], ...] = ()
    limits: Mapping[str, Any] | None = None

    @classmethod
    def parse(cls, configuration: str, service: str) -> Recipe:
        """Read it from Compose's description of a service; of its volumes, only the host's that it may not write to."""
        document = json.loads(configuration)
        found = document["services"][service]
        files = [
            (str(each["source"]), str(each["target"]))
            for each in found.get("volumes") or ()
            if each.get("type") == "bind" and each.get("read_only") and not str(each["target"]).startswith(_SEEDS)
        ]
        limits = ((found.get("deploy") or {}).get("resources") or {}).get("limits") or {}
        return cls(
            found.get("image") or f"{document['name']}-{service}",
            tuple(map(str, found.get("command") or ())),
            tuple(files),
            limits,
        )

    def options(self, url: DatabaseURL, root: Secret) -> dict[str, Any]:
        """Give the SDK's options for a container with an empty database called as that of ``url``."""
        variables = {"MYSQL_ROOT_PASSWORD": root.reveal(), "MYSQL_DATABASE": url.database}
        if url.username not in {"", _ROOT}:
            # What views and triggers were defined by, often enough.
            variables |= {"MYSQL_USER": url.username, "MYSQL_PASSWORD": secrets.token_hex(16)}
        limits = self.limits or {}
        options: dict[str, Any] = {
            "command": list(self.command) or None,
            "environment": variables,
            "volumes": [f"{source}:{target}:ro" for source, target in self.files],
            "ports": {f"{PORT}/tcp": ("127.0.0.1", None)},
            "security_opt": ["no-new-privileges:true"],
        }
        if limits.get("memory"):
            options["mem_limit"] = str(limits["memory"])
        if limits.get("cpus"):
            options["nano_cpus"] = int(float(limits["cpus"]) * 1e9)
        return options


@dataclass(frozen=True)
class Launched:
    """A server that answers: its container, its database with an account that may do anything, and what it is."""

    container: str
    url: DatabaseURL
    label: str


class Throwaways:
    """The throwaway servers of the stack that is called ``stack``, in the environment of that name."""

    def __init__(self, engine: DockerEngine, environment: str, stack: str) -> None:
        self._engine = engine
        self._environment = environment
        self._stack = stack

    @contextmanager
    def launched(
        self, recipe: Recipe, like: DatabaseURL, purpose: str, timeout: float, output: Callable[[bytes], None]
    ) -> Iterator[Launched]:
        """Run a server while the context is open, from when it answers, which it has ``timeout`` seconds for."""
        if like.dialect not in {"mysql", "mariadb"}:
            raise RefusedError(
                f"the database {like} is on no server that could be started for a moment",
                hint="Nothing was done. Without --throwaway, a drill restores beside the live database.",
            )
        self._sweep(output)
        name, password = f"{self._stack}-throwaway-{secrets.token_hex(4)}", Secret(secrets.token_hex(16))
        labels = {LABEL: json.dumps(Owner.me(purpose).document())}
        try:
            self._engine.launch(recipe.image, name, {**recipe.options(like, password), "labels": labels})
            output(f"waiting for {recipe.image} in {name} to answer, at most {timeout:g} s\n".encode())
            url = replace(like, username=_ROOT, password=password, host="127.0.0.1", port=None, query="", within=True)
            yield self._awaited(name, url, recipe.image, timeout)
        finally:
            # What cannot be removed now stays labelled, and the next one does it.
            with suppress(DeckinfraError):
                self._engine.remove(name)

    def _awaited(self, name: str, url: DatabaseURL, image: str, timeout: float) -> Launched:
        """Wait until the server takes connections; while it makes its first files it takes none from outside."""
        deadline, said = time.monotonic() + timeout, ""
        while time.monotonic() < deadline:
            found = self._engine.attributes(name)
            if not found["State"]["Running"]:
                last = self._last_words(name)
                raise StackError(
                    f"the throwaway server of {image} ended with exit code {found['State']['ExitCode']}{last}",
                    hint="It was removed, and nothing live was touched. Does the database's own container start?",
                )
            (place, *_) = found["NetworkSettings"]["Ports"].get(f"{PORT}/tcp") or ({"HostPort": 0},)
            there = replace(url, port=int(place["HostPort"]))
            try:
                return Launched(name, there, f"{image} ({Server(there).version})")
            except DatabaseError as error:
                said = error.message
            time.sleep(_INTERVAL)
        raise StackError(
            f"the throwaway server of {image} did not answer within {timeout:g} s: {said}{self._last_words(name)}",
            hint=f"It was removed, and nothing live was touched. Give it longer by STACK_TIMEOUT in the settings of "
            f"'{self._environment}', if its machine is slow.",
        )

    def _last_words(self, name: str) -> str:
        words: Sequence[str] = ()
        with suppress(DeckinfraError):
            words = self._engine.last_words(name)
        return f"; the last that it wrote: {' | '.join(words)}" if words else ""

    def _sweep(self, output: Callable[[bytes], None]) -> None:
        """Remove the servers of processes that certainly died, whichever stack they were for."""
        for name, document in self._engine.labelled(LABEL).items():
            try:
                dead = Owner.from_document(json.loads(document), name).is_dead()
            except (DamagedError, ValueError, AttributeError):
                continue  # somebody else's label, which only looks like ours
            if dead:
                self._engine.remove(name)
                output(f"removed {name}, which a process that died left\n".encode())
