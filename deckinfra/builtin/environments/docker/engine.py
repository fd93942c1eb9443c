"""Looking at Docker's engine with its SDK: which containers a stack has, how they are, which images there are."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from deckinfra.errors import StackError
from deckinfra.ports import Service
from deckinfra.settings.envfile import env_file_name

from .compose import Described
from .faults import explain
from .record import Origin

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

_PROJECT: Final = "com.docker.compose.project"
_SERVICE: Final = "com.docker.compose.service"
_FOLDER: Final = "com.docker.compose.project.working_dir"
_HASH: Final = "com.docker.compose.config-hash"
_ONE_OFF: Final = "com.docker.compose.oneoff"
_USUAL: Final = "unix:///var/run/docker.sock"
_LOCAL: Final = ("unix://", "npipe://")
_NEVER: Final = "0001-01-01T00:00:00Z"
_LIMIT: Final = 30
"""Seconds that one question to the engine may take."""

_LONG: Final = 600
"""Seconds that it may take to make or remove a container: its data may be large, and the disk slow."""


@dataclass(frozen=True)
class Running:
    """A running container: its name, and the folder in which its commands run."""

    name: str
    folder: str


class DockerEngine:
    """Docker's engine, the one that the command ``docker`` uses. Thread-safe: no connection outlives a question.

    Every method raises :class:`StackError` where it cannot be reached; ``environment`` is the name for hints.
    """

    def __init__(self, environment: str, environ: Mapping[str, str]) -> None:
        self._environment = environment
        self._environ = dict(environ)

    def check(self) -> None:
        """Ask whether it is there."""
        with self._asking() as client:
            client.ping()

    def services(self, project: str, described: Sequence[Described]) -> Sequence[Service]:
        """Give each of ``described`` as it is now."""
        found: dict[str, list[Container]] = {}
        for container in self._containers(project):
            found.setdefault(container.labels.get(_SERVICE, ""), []).append(container)
        return [_service(each, found.get(each.name, [])) for each in described]

    def origins(self, project: str) -> Mapping[str, Origin]:
        """Give what each service's container was made from, whether it runs or not."""
        return {
            container.labels.get(_SERVICE, ""): Origin(
                container.attrs["Config"]["Image"], container.attrs["Image"], container.labels.get(_HASH, "")
            )
            for container in self._containers(project)
        }

    def running(self, project: str, service: str) -> Running:
        """Give the running container of a service; :class:`StackError` says how it is, if it does not run."""
        containers = self._containers(project, service)
        for container in containers:
            if container.attrs["State"]["Running"] and not container.attrs["State"]["Paused"]:
                return Running(str(container.name), container.attrs["Config"].get("WorkingDir") or "/")
        how = _service(Described(service, ""), containers).described
        raise StackError(
            f"the service '{service}' does not run ({how})",
            hint=f"Nothing was done. 'invoke stack.up -e {self._environment}' starts it.",
        )

    def refuse_elsewhere(self, service: str) -> None:
        """Raise :class:`StackError` where the engine is on another machine, of which no address leads to a service."""
        if not str(self._endpoint()["base_url"]).startswith(_LOCAL):
            raise StackError(
                f"Docker's engine is on another machine, so the service '{service}' cannot be reached from here",
                hint="Run this on that machine, or with DATABASE_URL as the database is reached from here.",
            )

    def address(self, project: str, service: str, port: int) -> tuple[str, int]:
        """Give where a port of a running service is reached from this machine: host and port.

        That is where it is published, else, on Linux, the container's own address.
        """
        name = self.running(project, service).name
        with self._asking() as client:
            network: Mapping[str, Any] = client.containers.get(name).attrs["NetworkSettings"]
        for published in network["Ports"].get(f"{port}/tcp") or ():
            host = published["HostIp"]
            return ("127.0.0.1" if host in {"", "0.0.0.0", "::"} else host), int(published["HostPort"])  # noqa: S104
        addresses = [each["IPAddress"] for each in network["Networks"].values() if each["IPAddress"]]
        if addresses and sys.platform == "linux":
            return addresses[0], port
        raise StackError(
            f"the port {port} of the service '{service}' is not published, so it cannot be reached from this machine",
            hint="Nothing was done. Publish it in the compose files (ports:), or run this inside of the stack: "
            f"docker compose --env-file {env_file_name(self._environment)} run --rm ops invoke ...",
        )

    def missing(self, images: Sequence[str]) -> frozenset[str]:
        """Give those of ``images`` that are not here."""
        from docker.errors import ImageNotFound

        found = set()
        with self._asking() as client:
            for image in images:
                try:
                    client.images.get(image)
                except ImageNotFound:
                    found.add(image)
        return frozenset(found)

    def image_id(self, image: str) -> str:
        """Give the id of the image that a name stands for now; empty where there is none."""
        from docker.errors import ImageNotFound

        with self._asking() as client:
            try:
                return str(client.images.get(image).id)
            except ImageNotFound:
                return ""

    def folders(self, project: str) -> Sequence[str]:
        """Give the folders that a stack's containers were started in."""
        found = {str(container.labels.get(_FOLDER, "")) for container in self._containers(project)}
        return sorted(found)

    def volumes(self, names: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
        """Give the options of those volumes of ``names`` that there are."""
        with self._asking() as client:
            found = {str(volume.name): volume.attrs.get("Options") or {} for volume in client.volumes.list()}
        return {name: found[name] for name in names if name in found}

    def tag(self, image_id: str, image: str) -> None:
        """Give an image that is here a name. A name with a digest can be no other image's."""
        with self._asking() as client:
            found = client.images.get(image_id)
            if "@" not in image:
                found.tag(image)

    # Containers that are none of Compose's ------------------------------------------------------------

    def launch(self, image: str, name: str, options: Mapping[str, Any]) -> None:
        """Start a container from an image that is here; ``options`` are the SDK's."""
        with self._asking(_LONG) as client:
            client.containers.create(image, name=name, detach=True, **options).start()

    def attributes(self, name: str) -> Mapping[str, Any]:
        """Give what the engine knows of one container."""
        with self._asking() as client:
            found: Mapping[str, Any] = client.containers.get(name).attrs
        return found

    def last_words(self, name: str, lines: int = 5) -> Sequence[str]:
        """Give the last lines that a container wrote."""
        with self._asking() as client:
            text = client.containers.get(name).logs(tail=lines).decode(errors="replace")
        return [line.strip() for line in text.splitlines() if line.strip()]

    def labelled(self, label: str) -> Mapping[str, str]:
        """Give the containers with a label, running or not, and what it says."""
        with self._asking() as client:
            found = client.containers.list(all=True, filters={"label": label}, ignore_removed=True)
        return {str(container.name): str(container.labels[label]) for container in found}

    def remove(self, name: str) -> None:
        """End a container and remove it with its unnamed volumes; one that is gone is no error."""
        from docker.errors import NotFound

        with self._asking(_LONG) as client, suppress(NotFound):
            client.containers.get(name).remove(force=True, v=True)

    # ---------------------------------------------------------------------------------------------

    def _containers(self, project: str, service: str | None = None) -> Sequence[Container]:
        labels = [f"{_PROJECT}={project}", f"{_ONE_OFF}=False"]
        if service is not None:
            labels.append(f"{_SERVICE}={service}")
        with self._asking() as client:
            found = client.containers.list(all=True, filters={"label": labels}, ignore_removed=True)
        return sorted(found, key=lambda container: str(container.name))

    @contextmanager
    def _asking(self, limit: int = _LIMIT) -> Iterator[DockerClient]:
        """Give the SDK's client; what it raises is explained."""
        endpoint = self._endpoint()
        from docker import DockerClient
        from docker.errors import DockerException
        from requests.exceptions import RequestException

        try:
            _knock(str(endpoint["base_url"]))
            with closing(DockerClient(timeout=limit, **endpoint)) as client:
                yield client
        except (DockerException, RequestException, OSError) as error:
            raise explain(str(error), "Docker's engine did not answer", self._environment) from error

    def _endpoint(self) -> Mapping[str, Any]:
        """Give where the engine is, as the command ``docker`` finds it: ``DOCKER_HOST``, else its context."""
        try:
            from docker import ContextAPI
            from docker.errors import DockerException
            from docker.utils import kwargs_from_env
        except ImportError as error:
            raise StackError(
                "the Python package 'docker' is not installed",
                hint="Nothing was done. Install it by pip install 'deckinfra[docker]', then run it again.",
            ) from error
        try:
            chosen = kwargs_from_env(environment=self._environ)
            context = {} if "base_url" in chosen else ContextAPI.kwargs_from_context(environment=self._environ)
        except (DockerException, OSError) as error:
            raise explain(str(error), "Docker's engine could not be looked for", self._environment) from error
        return {"base_url": _USUAL, **context, **chosen}


def _knock(address: str) -> None:
    """Raise :class:`OSError` where nobody listens: the SDK would leave a socket open, and say less."""
    if not address.startswith("unix://"):
        return
    with socket.socket(socket.AF_UNIX) as knocking:
        knocking.settimeout(_LIMIT)
        try:
            knocking.connect(address.removeprefix("unix://"))
        except PermissionError:
            raise PermissionError(f"permission denied while trying to connect to the docker API at {address}") from None
        except OSError as error:
            raise OSError(f"failed to connect to the docker API at {address}: {error.strerror}") from None


def _service(described: Described, containers: Sequence[Container]) -> Service:
    """Describe a service by its containers: where it has several, by one that is not ready."""
    services = [_look(described, container.attrs, str(container.name)) for container in containers]
    unready = [service for service in services if not service.ready]
    absent = Service(
        described.name, "absent", one_shot=described.one_shot, image=described.image, needs=described.after
    )
    return next(iter([*unready, *services]), absent)


def _look(described: Described, attributes: Mapping[str, Any], container: str) -> Service:
    state = attributes["State"]
    health = state.get("Health") or {}
    status = health.get("Status", "")
    ended = state["Status"] in {"exited", "dead", "restarting"}
    started = state["StartedAt"]
    return Service(
        name=described.name,
        state="dead" if state["Status"] == "removing" else state["Status"],
        health=status if state["Running"] and status != "none" else "",
        exit_code=state["ExitCode"] if ended else None,
        one_shot=described.one_shot,
        image=attributes["Config"]["Image"],
        image_id=attributes["Image"],
        ports=tuple(_published(attributes["NetworkSettings"]["Ports"] or {})),
        started=None if started == _NEVER else datetime.fromisoformat(started),
        restarts=attributes.get("RestartCount", 0),
        detail=_said(health),
        needs=described.after,
    )


def _said(health: Mapping[str, Any]) -> str:
    """Give what the last health check wrote, if it failed."""
    checks = health.get("Log") or ()
    if not checks or checks[-1]["ExitCode"] == 0:
        return ""
    return " ".join(str(checks[-1]["Output"]).split())[:500]


def _published(ports: Mapping[str, Any]) -> Iterator[str]:
    """Give the published ports, as ``docker ps`` writes them."""
    for inside, places in sorted(ports.items()):
        for place in places or ():
            host = f"[{place['HostIp']}]" if ":" in place["HostIp"] else place["HostIp"]
            yield f"{host}:{place['HostPort']}->{inside}"
