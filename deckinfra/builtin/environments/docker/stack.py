"""The stack: Docker's SDK to look at it, ``docker compose`` to act on it."""

from __future__ import annotations

import math
import secrets
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from deckinfra.core.command import Command
from deckinfra.core.names import unknown_name
from deckinfra.core.urls import DatabaseURL
from deckinfra.errors import StackError
from deckinfra.settings.groups import DatabaseSettings

from .client import ComposeClient
from .compose import Compose, Model, interpolation
from .engine import DockerEngine, Running
from .executor import DockerExecutor
from .faults import INVALID, explain, is_refusal
from .record import Record
from .settings import DockerSettings
from .throwaway import Launched, Recipe, Throwaways
from .volumes import declared, refuse_another_folders

if TYPE_CHECKING:
    from deckinfra.core.settings import Settings
    from deckinfra.ports import Executor, Service, Volume

OLDEST_COMPOSE: Final = (2, 24)
"""The first version of Compose that has all options that are used here."""

_BUILD_LIMIT: Final = 3600.0
_RUN_LIMIT: Final = 24 * 3600.0
_STOP_LIMIT: Final = 300.0
_LOOK_LIMIT: Final = 60.0
# As long as a wait for output may be: the kernel counts its milliseconds in 31 bits.
_FOLLOW_LIMIT: Final = 20 * 24 * 3600.0


class DockerStack:
    """Implements :class:`deckinfra.ports.Stack` for the compose files of one environment.

    ``DATABASE_URL`` is as the application sees it: where its host is one of the services, that one has the
    database. ``environ`` stands for the process environment, and ``compose`` for what ``COMPOSE_FILES`` says, where the
    stack is as it was recorded; ``is_all`` tells whether all of that can be started. Nothing is asked of Docker before
    it is needed.
    """

    def __init__(
        self,
        name: str,
        root: Path,
        settings: Settings,
        environ: Mapping[str, str],
        compose: Compose | None = None,
        *,
        is_all: bool = False,
    ) -> None:
        self._name = name
        self._root = root
        self._settings = settings
        self._recorded = compose
        self._is_all = is_all
        self._given = environ
        self._environ = interpolation(name, settings, environ)
        self._engine = DockerEngine(name, environ)
        self._client = ComposeClient(name, root, self._environ, self._ports)
        self._is_usable = False

    @property
    def name(self) -> str:
        """The name of Compose's project."""
        return self._model.name

    @cached_property
    def database(self) -> str:
        """The service that is the database URL's host, or empty. No password is needed to tell it."""
        host = self._database_url.host
        return host if host in self._model.services else ""

    @property
    def timeout(self) -> float:
        """What ``STACK_TIMEOUT`` says."""
        return self._group.stack_timeout

    def check(self) -> None:
        """Look for Docker, for a Compose that is not too old, whether the files are valid, and whose the stack is."""
        if not self._is_usable:
            self._client.ask(Command(("docker", "--version"), _LOOK_LIMIT), "the command 'docker' is not usable")
        self._engine.check()
        if not self._is_usable:
            self._check_compose()
            self._is_usable = True
        self.volumes()

    def build(self, services: Sequence[str] = (), *, output: Callable[[bytes], None]) -> None:
        """Build images by ``docker compose build``; those of services in profiles, too."""
        buildable = self._model.builders(self._named(services) if services else self._model.services)
        if buildable:
            self._client.act(self._compose.build(buildable, _BUILD_LIMIT), output, "the images could not be built")

    def prepare(self, services: Sequence[str] = (), *, output: Callable[[bytes], None]) -> None:
        """Build or pull what is missing."""
        needed = self._model.needed(self._chosen(services))
        missing = self._engine.missing([service.image for service in needed])
        # Several services may share an image that one of them builds.
        buildable = [each for each in self._model.services.values() if each.built and each.image in missing]
        if buildable:
            self.build([each.name for each in buildable], output=output)
        foreign = [each.name for each in needed if each.image in missing - {built.image for built in buildable}]
        if foreign:
            self._client.act(self._compose.pull(foreign, _BUILD_LIMIT), output, "the images could not be pulled")

    def start(
        self,
        services: Sequence[str] = (),
        *,
        timeout: float,
        output: Callable[[bytes], None],
        until: Callable[[], bool] | None = None,
        alone: bool = False,
    ) -> None:
        """Start by ``docker compose up``, which waits for the conditions of ``depends_on``.

        A password that is missing is not left to the stack to make anew: its database may have one.
        """
        self._settings.group(DatabaseSettings)
        # What the recorded files do not describe came with what is gone back from.
        orphans = not self._is_all or (bool(services) and not alone)
        chosen = self._chosen(services)
        if alone:
            # Without what they depend on, Compose takes them for other services than those that run.
            chosen = [name for name in chosen if not self._runs_as_described(name)]
        if chosen:
            command = self._compose.up(chosen, timeout, orphans=orphans, alone=alone)
            self._client.act(command, output, "the stack could not be started", until=until)

    def stop(self, *, volumes: bool, output: Callable[[bytes], None]) -> None:
        """Stop by ``docker compose down``, where this folder is the one that the stack belongs to."""
        self.volumes()
        command = self._compose.down(volumes=volumes, timeout=_STOP_LIMIT)
        self._client.act(command, output, "the stack could not be stopped")

    def volumes(self) -> Sequence[Volume]:
        """Look for the named volumes of the compose files, those of others (``external``) excepted."""
        known = [each for each in declared(self._configuration) if not each.external]
        there = self._engine.volumes([each.volume.name for each in known])
        folders = self._engine.folders(self._model.name)
        refuse_another_folders(self._model.name, self._root, folders, known, there)
        return [each.volume for each in known if each.volume.name in there]

    def secret_copy(self, name: str) -> Command | None:
        """Print it from a volume that the database has, and may not write to, at a path with ``secrets`` in it."""
        if not self.database:
            return None
        for volume in self.volumes():
            for mount in volume.mounts:
                if mount.service == self.database and not mount.writable and "secrets" in mount.path:
                    image = self._model.services[self.database].image
                    words = ("--volume", f"{volume.name}:/secrets:ro", "--entrypoint", "cat", image, f"/secrets/{name}")
                    return Command(("docker", "run", "--rm", "--network", "none", *words), _LOOK_LIMIT)
        return None

    def services(self) -> Sequence[Service]:
        """Look at the containers that carry Compose's labels of this stack."""
        return self._engine.services(self._model.name, self._model.started)

    def tag(self, image_id: str, image: str) -> None:
        """Tag by the engine."""
        self._engine.tag(image_id, image)

    def record(self) -> bytes:
        """Take down the configuration as Compose resolves it, and what each container was made from."""
        origins = self._engine.origins(self._model.name)
        started = {each.name: origins[each.name] for each in self._model.started if each.name in origins}
        return Record(self._model.name, self._configuration, started).encode()

    def is_as_recorded(self, record: bytes) -> bool:
        """Compare the containers by their images and Compose's hashes, of this stack's services only."""
        taken = Record.decode(record)
        origins = self._engine.origins(taken.name)
        started = {*taken.services, *(each.name for each in self._model.started)}
        return taken.is_origin_of({name: origin for name, origin in origins.items() if name in started})

    @contextmanager
    def recorded(self, record: bytes, services: Sequence[str] = ()) -> Iterator[DockerStack]:
        """Describe the stack by a file with the recorded configuration, and give its images their names again."""
        taken = Record.decode(record)
        for name, origin in taken.services.items():
            if not services or name in services:
                self._engine.tag(origin.image_id, origin.image)
        with tempfile.TemporaryDirectory(prefix="deckinfra-stack-") as folder:
            file = Path(folder) / "recorded.json"
            file.write_text(taken.configuration, encoding="utf-8")
            options = ("--project-directory", str(self._root), "--project-name", taken.name)
            compose = Compose((str(file),), options)
            yield DockerStack(self._name, self._root, self._settings, self._given, compose, is_all=not services)

    def logs(self, services: Sequence[str] = (), *, tail: int, follow: bool, output: Callable[[bytes], None]) -> None:
        """Show by ``docker compose logs``; following ends after 20 days, or with the last container."""
        timeout = _FOLLOW_LIMIT if follow else _LOOK_LIMIT
        command = self._compose.logs(self._named(services), tail=tail, follow=follow, timeout=timeout)
        # Compose clears a terminal's line before each of its own, also where it was told that there is none.
        self._client.act(command, lambda piece: output(piece.replace(b"\x1b[2K", b"")), "the logs could not be read")

    def executor(self, service: str) -> Executor:
        """Give an executor that looks for the service's container whenever it runs a command."""
        (name,) = self._named([service])
        return DockerExecutor(name, self._name, self._root, self._environ, partial(self._running, name))

    def interactive(self, service: str, argv: Sequence[str]) -> Command:
        """Give ``docker exec`` with a terminal, in the container that runs now."""
        (name,) = self._named([service])
        container = self._running(name)
        return Command(("docker", "exec", "--interactive", "--tty", container.name, *argv), math.inf)

    def run(self, service: str, argv: Sequence[str], *, output: Callable[[bytes], None]) -> int:
        """Run by ``docker compose run``, after what the service depends on; stopped when it has to end early."""
        (name,) = self._named([service])
        self.volumes()
        self.prepare([name], output=output)
        container = f"{self._model.name}-{name}-run-{secrets.token_hex(6)}"
        command = self._compose.run(name, argv, container=container, timeout=_RUN_LIMIT)
        done, seen = self._client.run(command, output, before_end=partial(self._client.stop_container, container))
        if not done.ok and is_refusal(seen):
            raise explain(seen, f"'{name}' could not be run", self._name, self._ports)
        return done.returncode

    def address(self, service: str, port: int) -> tuple[str, int]:
        """Give where a port of a running service is reached from this machine: host and port."""
        self._engine.refuse_elsewhere(service)
        return self._engine.address(self._ours, service, port)

    @contextmanager
    def throwaway(self, purpose: str, *, output: Callable[[bytes], None]) -> Iterator[Launched]:
        """Run a server like the database's, which has nothing to do with it; see :mod:`.throwaway`."""
        self._engine.refuse_elsewhere(self.database or "database")
        if self.database:
            recipe = Recipe.parse(self._configuration, self.database)
            self.prepare([self.database], output=output)
        else:
            recipe = Recipe(self._group.database_image)
            if self._engine.missing([recipe.image]):
                pull = Command(("docker", "pull", recipe.image), _BUILD_LIMIT)
                self._client.act(pull, output, f"the image {recipe.image} could not be pulled")
        throwaways = Throwaways(self._engine, self._name, self.name)
        with throwaways.launched(recipe, self._database_url, purpose, self.timeout, output) as server:
            yield server

    def __str__(self) -> str:
        return f"the stack of '{self._name}'"

    # ---------------------------------------------------------------------------------------------

    @property
    def _database_url(self) -> DatabaseURL:
        return DatabaseURL.parse(self._settings.values["DATABASE_URL"].text or "")

    @cached_property
    def _ours(self) -> str:
        """The name of the project, of which :meth:`volumes` has found that it is this folder's; looked at once."""
        self.volumes()
        return self.name

    def _running(self, service: str) -> Running:
        return self._engine.running(self._ours, service)

    @property
    def _group(self) -> DockerSettings:
        return self._settings.group(DockerSettings)

    @property
    def _compose(self) -> Compose:
        return self._recorded or Compose(self._group.compose_files)

    @cached_property
    def _configuration(self) -> str:
        """What the compose files say, resolved; read once."""
        return self._client.ask(self._compose.config(), "the compose files are not valid", INVALID)

    @cached_property
    def _model(self) -> Model:
        """What the compose files describe."""
        try:
            return Model.parse(self._configuration)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise StackError(
                f"Compose describes the stack in a way that is not understood: {error}",
                hint="Nothing was changed. 'docker compose version' tells which one it is; report it.",
            ) from error

    @property
    def _ports(self) -> Mapping[str, str]:
        """The settings that are ports, by their values."""
        values = self._settings.values.values()
        return {value.text: value.name for value in values if value.text and value.name.endswith("_PORT")}

    def _check_compose(self) -> None:
        version = self._client.ask(
            Command(("docker", "compose", "version", "--short"), _LOOK_LIMIT), "Compose does not tell its version"
        )
        if _numbers(version) < OLDEST_COMPOSE:
            oldest = ".".join(map(str, OLDEST_COMPOSE))
            raise StackError(
                f"Compose is of version {version.strip()}, and {oldest} or later is needed",
                hint="Nothing was changed. Update the plugin docker-compose-plugin, then run it again.",
            )

    def _runs_as_described(self, name: str) -> bool:
        """Whether ``docker compose up`` would leave a service alone, as it is and runs."""
        described = self._model.services[name]
        now = next(each for each in self.services() if each.name == name)
        if now.state != "running" or now.image_id != self._engine.image_id(described.image):
            return False
        hashed = self._client.ask(self._compose.hash(name), "Compose does not tell a service's hash").split()
        return hashed[-1:] == [self._engine.origins(self._model.name)[name].hash]

    def _chosen(self, services: Sequence[str]) -> Sequence[str]:
        return self._named(services) if services else [service.name for service in self._model.started]

    def _named(self, services: Sequence[str]) -> Sequence[str]:
        known = self._model.services
        for name in services:
            if name not in known:
                raise unknown_name("service", name, known)
        return list(services)


def _numbers(version: str) -> tuple[int, ...]:
    """Give the numbers at the start of a version: ``v2.26.1-4`` is 2, 26, 1."""
    parts = version.strip().lstrip("v").split("-")[0].split("+")[0].split(".")
    return tuple(int(part) for part in parts if part.isdigit())
