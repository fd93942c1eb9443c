"""Compose's command lines as values, and what its files describe."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from deckinfra.core.command import Command

if TYPE_CHECKING:
    from deckinfra.core.settings import Settings

BY_TASKS: Final = "deckinfra.by-tasks"
"""The label of services that do what the tasks do by themselves, for those who have only Compose."""

ONE_SHOT: Final = "deckinfra.one-shot"
"""The label of services that do their work and end."""

_DONE: Final = "service_completed_successfully"


def interpolation(name: str, settings: Settings, environ: Mapping[str, str]) -> dict[str, str]:
    """Give the variables that Compose puts into its files, and its own environment.

    Those are the values that somebody set for the environment ``name``, wherever that was; where nobody did, the
    compose files' own defaults hold. A secret is not among them, even if ``environ`` has it: Compose's
    description of the stack would show it.
    """
    values = settings.values.values()
    hidden = {value.name for value in values if value.secret}
    chosen = {value.name: value.text for value in values if not value.secret and value.source != "default"}
    return {
        **{variable: text for variable, text in environ.items() if variable not in hidden},
        **{variable: text for variable, text in chosen.items() if text is not None},
        "DECKINFRA_ENVIRONMENT": name,
    }


@dataclass(frozen=True)
class Compose:
    """Compose on certain files. Its commands run in the project's folder.

    With ``options``, which stand before the command, the files are taken for another folder's, or another stack's.
    """

    files: tuple[str, ...]
    options: tuple[str, ...] = ()

    def command(self, *words: str, timeout: float, every_profile: bool = False) -> Command:
        """Give a command line. No ``.env`` is read: it is production's, and what it says comes by the settings."""
        files = tuple(word for file in self.files for word in ("--file", file))
        profiles = ("--profile", "*") if every_profile else ()
        return Command(
            (
                *("docker", "compose", "--env-file", "/dev/null", "--ansi", "never"),
                *(*self.options, *files, *profiles, *words),
            ),
            timeout,
        )

    def config(self) -> Command:
        """Describe every service, those of profiles too, as JSON."""
        return self.command("config", "--format", "json", timeout=60.0, every_profile=True)

    def hash(self, service: str) -> Command:
        """Tell a service's hash, by which Compose tells whether its container is to be made anew."""
        return self.command("config", "--hash", service, timeout=60.0, every_profile=True)

    def build(self, services: Sequence[str], timeout: float) -> Command:
        """Build the images of ``services``."""
        return self.command("build", *services, timeout=timeout)

    def pull(self, services: Sequence[str], timeout: float) -> Command:
        """Fetch the images of ``services``."""
        return self.command("pull", *services, timeout=timeout)

    def up(self, services: Sequence[str], timeout: float, *, orphans: bool = True, alone: bool = False) -> Command:
        """Create and start ``services`` and, but for ``alone``, what they depend on, from images that are here.

        Without ``orphans``, containers of services that the files do not describe are removed.
        """
        also = (*(() if orphans else ("--remove-orphans",)), *(("--no-deps",) if alone else ()))
        return self.command("up", "--detach", "--no-build", "--pull", "never", *also, *services, timeout=timeout)

    def down(self, *, volumes: bool, timeout: float) -> Command:
        """Remove every container of the stack, those of profiles and of services that are no more, too."""
        also = ("--volumes",) if volumes else ()
        return self.command("down", "--remove-orphans", *also, timeout=timeout, every_profile=True)

    def logs(self, services: Sequence[str], *, tail: int, follow: bool, timeout: float) -> Command:
        """Show what ``services`` wrote last."""
        further = ("--follow",) if follow else ()
        return self.command("logs", "--no-color", "--tail", str(tail), *further, *services, timeout=timeout)

    def run(self, service: str, argv: Sequence[str], *, container: str, timeout: float) -> Command:
        """Run ``argv`` in a new container of that name, which is removed at its end."""
        return self.command("run", "--rm", "--no-TTY", "--name", container, service, *argv, timeout=timeout)


@dataclass(frozen=True)
class Described:
    """One service as the compose files describe it. ``built`` tells whether its image can be built here."""

    name: str
    image: str
    built: bool = False
    one_shot: bool = False
    by_tasks: bool = False
    optional: bool = False
    after: tuple[str, ...] = ()


@dataclass(frozen=True)
class Model:
    """What the compose files describe: the stack's name, and each service after those that it depends on."""

    name: str
    services: Mapping[str, Described]

    @classmethod
    def parse(cls, text: str) -> Model:
        """Read what :meth:`Compose.config` printed; :class:`ValueError` if that is something else."""
        document = json.loads(text)
        name, services = str(document["name"]), dict(document.get("services") or {})
        awaited = {
            other
            for service in services.values()
            for other, how in (service.get("depends_on") or {}).items()
            if how.get("condition") == _DONE
        }
        found = {each: _described(name, each, service, each in awaited) for each, service in services.items()}
        return cls(name, {each: found[each] for each in _in_order(found)})

    @property
    def started(self) -> tuple[Described, ...]:
        """The services that a start of the stack starts."""
        return tuple(each for each in self.services.values() if not each.by_tasks and not each.optional)

    def builders(self, names: Iterable[str]) -> Sequence[str]:
        """Give what to build for the services of ``names``: of those that share an image, one, and always the same.

        Compose writes the service's name into the image. Built for each, there would be two images that differ, and
        the one that had the image's name last would have it.
        """
        chosen: dict[str, str] = {}
        for each in sorted(self.services.values(), key=lambda service: service.optional):
            if each.built:
                chosen.setdefault(each.image, each.name)
        return list(dict.fromkeys(chosen[self.services[name].image] for name in names if self.services[name].built))

    def needed(self, names: Sequence[str]) -> tuple[Described, ...]:
        """Give the services of ``names`` and all that they depend on, in order."""
        wanted: set[str] = set()
        rest = list(names)
        while rest:
            name = rest.pop()
            if name not in wanted:
                wanted.add(name)
                rest += self.services[name].after
        return tuple(each for each in self.services.values() if each.name in wanted)


def _described(project: str, name: str, service: Mapping[str, Any], awaited: bool) -> Described:
    labels = service.get("labels") or {}
    return Described(
        name=name,
        image=service.get("image") or f"{project}-{name}",
        built=bool(service.get("build")),
        one_shot=awaited or labels.get(ONE_SHOT) == "true",
        by_tasks=labels.get(BY_TASKS) == "true",
        optional=bool(service.get("profiles")),
        after=tuple(service.get("depends_on") or {}),
    )


def _in_order(services: Mapping[str, Described]) -> Sequence[str]:
    """Sort by dependency, else by name. Compose has refused circles and names that there are not."""
    order: dict[str, None] = {}

    def add(name: str) -> None:
        if name in services and name not in order:
            for other in sorted(services[name].after):
                add(other)
            order[name] = None

    for name in sorted(services):
        add(name)
    return list(order)
