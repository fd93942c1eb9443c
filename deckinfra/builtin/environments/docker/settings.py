"""The settings of a stack in containers."""

from __future__ import annotations

import re
from typing import Any, Final

from pydantic import ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from deckinfra.core.settings import SettingsGroup, setting

_PROJECT: Final = re.compile(r"[a-z0-9][a-z0-9_-]*")
_MEMORY: Final = re.compile(r"[0-9]+(?:\.[0-9]+)?[bkmg]b?", re.IGNORECASE)


def _processors(whose: str) -> Any:
    return setting(
        None,
        gt=0,
        description=f"How many processors {whose} may use, where the compose files limit that. Not set, they say.",
        example="1.5",
    )


def _memory(whose: str) -> Any:
    return setting(
        None,
        description=f"How much memory {whose} may use, where the compose files limit that: bytes, with b, k, m or g. "
        "Not set, they say.",
        example="512m",
    )


class DockerSettings(SettingsGroup):
    """The stack in containers."""

    compose_files: tuple[str, ...] = setting(
        ("docker-compose.yml",),
        description="The compose files that describe the stack, as seen from the project's folder; later ones add to "
        "earlier ones.",
        example="docker-compose.yml,docker-compose.dev.yml",
        min_length=1,
    )
    compose_file: str | None = setting(
        None,
        description="The same files as in COMPOSE_FILES, with colons between them: Compose itself takes them from here "
        "where it is called without the tasks and reads this env file.",
        example="docker-compose.yml:docker-compose.dev.yml",
    )
    compose_project_name: str | None = setting(
        None,
        description="What the stack is called: its containers, networks and volumes carry the name. Not set, it is the "
        "compose files' own. Two stacks on one machine need two names.",
        example="deck-staging",
    )
    database_image: str = setting(
        "mysql:9.7", description="The image of the database server; its client tools are taken from it, too."
    )
    database_port: int = setting(
        3306,
        ge=0,
        le=65535,
        description="The port of this machine on which the database is published, where the compose files publish it. "
        "With 0, Docker chooses one.",
    )
    app_image: str | None = setting(
        None, description="What the application's image is called. Not set, the compose files say.", example="deck"
    )
    app_version: str | None = setting(
        None, description="The tag of the application's image. Not set, the compose files say.", example="1.4.0"
    )
    app_cpus: float | None = _processors("the application")
    app_memory: str | None = _memory("the application")
    database_cpus: float | None = _processors("the database")
    database_memory: str | None = _memory("the database")
    ops_cpus: float | None = _processors("each task in a container")
    ops_memory: str | None = _memory("each task in a container")
    stack_timeout: float = setting(
        180, gt=0, description="How many seconds the services have, all together, to start and become healthy."
    )

    @field_validator("compose_file")
    @classmethod
    def _are_the_same(cls, text: str | None, info: ValidationInfo) -> str | None:
        files = ":".join(info.data.get("compose_files", ()))
        if text is not None and files and text != files:
            hint = f"Both name the same files: COMPOSE_FILES has {files}. Mend the one that is wrong."
            raise PydanticCustomError("setting", "{reason}", {"reason": "is not what COMPOSE_FILES says", "hint": hint})
        return text

    @field_validator("compose_project_name")
    @classmethod
    def _is_project(cls, name: str | None) -> str | None:
        if name is not None and not _PROJECT.fullmatch(name):
            hint = "Use lower-case letters, digits, - and _, with a letter or digit first."
            raise PydanticCustomError("setting", "{reason}", {"reason": "is no name for a stack", "hint": hint})
        return name

    @field_validator("app_memory", "database_memory", "ops_memory")
    @classmethod
    def _is_memory(cls, text: str | None) -> str | None:
        if text is not None and not _MEMORY.fullmatch(text):
            hint = "Write a number and a unit: 512m, 2g."
            raise PydanticCustomError("setting", "{reason}", {"reason": "is no amount of memory", "hint": hint})
        return text
