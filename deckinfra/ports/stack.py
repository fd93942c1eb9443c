"""The services of an application that run together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from deckinfra.core.command import Command

from .executor import Executor


@dataclass(frozen=True)
class Service:
    """One service of a stack, as it is at this moment.

    ``state`` is ``running``, ``exited``, ``created``, ``restarting``, ``paused``, ``dead``, or ``absent`` where
    there is no container. ``health`` is ``healthy``, ``unhealthy``, ``starting``, or empty for a service that has no
    health check. A ``one_shot`` does its work and ends. ``image`` is the name of the image that it was started from,
    and ``image_id`` is that image, which need not be the one that the name stands for now. ``restarts`` counts how
    often it was started again after it had ended by itself; ``detail`` is what its last health check said, where that
    failed. ``needs`` names the services that a start of this one starts before.
    """

    name: str
    state: str
    health: str = ""
    exit_code: int | None = None
    one_shot: bool = False
    image: str = ""
    image_id: str = ""
    ports: tuple[str, ...] = ()
    started: datetime | None = None
    restarts: int = 0
    detail: str = ""
    needs: tuple[str, ...] = ()

    @property
    def ready(self) -> bool:
        """Whether there is nothing to wait for: it is healthy, or has done its work."""
        if self.one_shot:
            return self.state == "exited" and self.exit_code == 0
        return self.state == "running" and self.health in {"", "healthy"}

    @property
    def failed(self) -> bool:
        """Whether waiting is of no use: it ended. One that is ``dead`` may be on its way out, to make room."""
        return self.state == "exited" and not (self.one_shot and self.exit_code == 0)

    @property
    def described(self) -> str:
        """How it is, in a few words: ``healthy``, ``exited with 1``."""
        if self.state == "running":
            return self.health or "running"
        ended = f" with {self.exit_code}" if self.state == "exited" and self.exit_code is not None else ""
        return f"{self.state}{ended}"


@dataclass(frozen=True)
class Mount:
    """Where a service has a volume: ``path`` is inside of the service, which may write there if ``writable``."""

    service: str
    path: str
    writable: bool = True


@dataclass(frozen=True)
class Volume:
    """A place where a stack keeps data. Where it is only a name for another place, that is ``folder``, else empty."""

    name: str
    folder: str = ""
    mounts: tuple[Mount, ...] = ()


class Stack(Protocol):
    """The services of an application that run together: images, containers, volumes.

    Every method raises :class:`StackError` when what runs the stack cannot be reached, is too old, or refuses;
    the message has its reason, the hint the next step. :class:`UnknownNameError` for a service that there is not.
    ``output`` is given what a person should see while it works, piece by piece.
    """

    @property
    def name(self) -> str:
        """What the stack is called where it runs: two of one name there are one and the same."""

    @property
    def database(self) -> str:
        """The name of the service that the database runs in, or empty where it is not among them."""

    @property
    def timeout(self) -> float:
        """How many seconds all services together have to become ready, as the settings say."""

    def check(self) -> None:
        """Look whether the stack can be worked with at all: the engine answers, its files are valid.

        Raises :class:`RefusedError` where a stack of this name was started by somebody else: from another folder.
        """

    def build(self, services: Sequence[str] = (), *, output: Callable[[bytes], None]) -> None:
        """Build the images of ``services`` (none: of all). What runs goes on with the image that it has."""

    def prepare(self, services: Sequence[str] = (), *, output: Callable[[bytes], None]) -> None:
        """Have the images that :meth:`start` needs: what can be built here and is missing is built, others are fetched.

        What is there stays as it is. An image that can be built here is never fetched.
        """

    def start(
        self,
        services: Sequence[str] = (),
        *,
        timeout: float,
        output: Callable[[bytes], None],
        until: Callable[[], bool] | None = None,
        alone: bool = False,
    ) -> None:
        """Create and start ``services`` (none: all), and what they depend on, from images that are there.

        With ``alone``, what they depend on is left as it is, and is not waited for.

        Returns when all were started, which may have to wait until others are healthy or have done their work: at most
        ``timeout`` seconds, or until ``until()`` is true, which is asked now and then, in whatever thread; then it is
        a :class:`StackError`. What runs already, as it is described, stays as it is.
        """

    def stop(self, *, volumes: bool, output: Callable[[bytes], None]) -> None:
        """Stop and remove all containers; with ``volumes`` also what :meth:`volumes` gives, and unnamed ones.

        The data of a volume that is a name for another place stays there. Raises what :meth:`volumes` raises.
        """

    def volumes(self) -> Sequence[Volume]:
        """Give the volumes that there are now and that :meth:`stop` can remove.

        Raises :class:`RefusedError` where the stack of this name was started by somebody else: from another folder.
        """

    def secret_copy(self, name: str) -> Command | None:
        """Give the command that prints the stack's own copy of a secret; None where it is not known to keep one."""

    def services(self) -> Sequence[Service]:
        """Give every service that :meth:`start` starts, in the order in which they depend on each other."""

    def tag(self, image_id: str, image: str) -> None:
        """Give an image a name, which another one may have had: how one goes back to it."""

    def record(self) -> bytes:
        """Take down what the stack was started from, while it runs: its configuration, and the image of each service.

        That is for :meth:`recorded` to read, and for nobody else. No secret of the settings is in it, but whatever
        a person wrote into the stack's own files is.
        """

    def is_as_recorded(self, record: bytes) -> bool:
        """Whether what there is now was started from what :meth:`record` took down; False where nothing is."""

    def recorded(self, record: bytes, services: Sequence[str] = ()) -> AbstractContextManager[Stack]:
        """Give the stack as :meth:`record` took it down, while the context is open; its images have their names again.

        With ``services``, that is about the images of these only, and what they do not depend on cannot be started.

        To start it brings back the configuration and the images, leaves alone what is as it was, and, where all are
        started or some ``alone``, removes services that were not recorded. Data is not brought back, nor are files
        outside of the stack. A :class:`StackError` for what is no such record, and where an image is no more.
        """

    def logs(self, services: Sequence[str] = (), *, tail: int, follow: bool, output: Callable[[bytes], None]) -> None:
        """Give the last ``tail`` lines of each of ``services`` (none: all); with ``follow``, go on for ever."""

    def executor(self, service: str) -> Executor:
        """Give what runs commands in a running service; they raise what :meth:`volumes` raises."""

    def interactive(self, service: str, argv: Sequence[str]) -> Command:
        """Give the command that, run on a terminal, runs ``argv`` in the service with that terminal.

        It is not for an executor, and has no time limit: a person ends it. Raises what :meth:`volumes` raises.
        """

    def run(self, service: str, argv: Sequence[str], *, output: Callable[[bytes], None]) -> int:
        """Run ``argv`` (none: the service's own) in a new container of the service; gives its exit code at its end."""
