"""What Compose is told, compared as values; and what its own description of the files is read as."""

from __future__ import annotations

import json

import pytest

from deckinfra.builtin.environments.docker.compose import Compose, Described, Model, interpolation
from deckinfra.core.settings import Settings, Stage, Value

COMPOSE = Compose(("docker-compose.yml", "deploy/more.yml"))
HEAD = (
    *("docker", "compose", "--env-file", "/dev/null", "--ansi", "never"),
    *("--file", "docker-compose.yml", "--file", "deploy/more.yml"),
)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (COMPOSE.build(["app", "migrate"], 9.0), ("build", "app", "migrate")),
        (COMPOSE.pull(["database"], 9.0), ("pull", "database")),
        (COMPOSE.up(["app"], 9.0), ("up", "--detach", "--no-build", "--pull", "never", "app")),
        (COMPOSE.down(volumes=False, timeout=9.0), ("--profile", "*", "down", "--remove-orphans")),
        (COMPOSE.down(volumes=True, timeout=9.0), ("--profile", "*", "down", "--remove-orphans", "--volumes")),
        (
            COMPOSE.logs(["app"], tail=5, follow=False, timeout=9.0),
            ("logs", "--no-color", "--tail", "5", "app"),
        ),
        (
            COMPOSE.logs([], tail=0, follow=True, timeout=9.0),
            ("logs", "--no-color", "--tail", "0", "--follow"),
        ),
        (
            COMPOSE.run("migrate", ["invoke", "db.migrate"], container="x-run", timeout=9.0),
            ("run", "--rm", "--no-TTY", "--name", "x-run", "migrate", "invoke", "db.migrate"),
        ),
    ],
)
def test_command_lines(command: object, words: tuple[str, ...]) -> None:
    from deckinfra.core.command import Command

    assert command == Command((*HEAD, *words), 9.0)


def test_the_description_has_every_profile_and_is_json() -> None:
    assert COMPOSE.config().argv == (*HEAD, "--profile", "*", "config", "--format", "json")


def settings(*values: Value) -> Settings:
    return Settings(Stage.DEVELOPMENT, {}, values)


def test_compose_gets_what_somebody_set_and_no_secret() -> None:
    found = interpolation(
        "staging",
        settings(
            Value("APP_PORT", "8010", ".env.staging line 2", secret=False),
            Value("APP_HOST", "127.0.0.1", "default", secret=False),
            Value("APP_VERSION", None, ".env.staging line 3", secret=False),
            Value("DATABASE_PASSWORD", "hunter2", ".secrets/staging/DATABASE_PASSWORD", secret=True),
            Value("APP_SECRET_KEY", "from outside", "process environment", secret=True),
        ),
        {"PATH": "/bin", "APP_PORT": "1", "APP_SECRET_KEY": "from outside"},
    )
    assert found == {"PATH": "/bin", "APP_PORT": "8010", "DECKINFRA_ENVIRONMENT": "staging"}


DOCUMENT = {
    "name": "shop",
    "services": {
        "backend": {
            "build": {"context": "."},
            "image": "shop:1",
            "depends_on": {
                "migrate": {"condition": "service_completed_successfully"},
                "database": {"condition": "service_healthy"},
            },
        },
        "database": {"image": "mysql:9.7", "depends_on": {"secrets": {"condition": "service_started"}}},
        "first-run": {
            "image": "shop:1",
            "labels": {"deckinfra.by-tasks": "true", "deckinfra.one-shot": "true"},
            "depends_on": {"migrate": {"condition": "service_completed_successfully"}},
        },
        "migrate": {"build": {"context": "."}, "depends_on": {"database": {"condition": "service_healthy"}}},
        "ops": {"image": "shop:1", "profiles": ["ops"]},
        "secrets": {"image": "shop:1", "labels": {"deckinfra.one-shot": "true"}},
    },
}
MODEL = Model.parse(json.dumps(DOCUMENT))


def test_services_come_after_those_that_they_depend_on() -> None:
    assert (MODEL.name, list(MODEL.services)) == (
        "shop",
        ["secrets", "database", "migrate", "backend", "first-run", "ops"],
    )


def test_what_is_started_leaves_out_profiles_and_what_the_tasks_do_themselves() -> None:
    assert [service.name for service in MODEL.started] == ["secrets", "database", "migrate", "backend"]


def test_a_one_shot_says_so_or_is_waited_for_as_one() -> None:
    assert [name for name, service in MODEL.services.items() if service.one_shot] == ["secrets", "migrate", "first-run"]


def test_an_image_without_a_name_is_called_by_the_service() -> None:
    assert MODEL.services["migrate"] == Described(
        "migrate", "shop-migrate", built=True, one_shot=True, after=("database",)
    )


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["secrets"], ["secrets"]),
        (["migrate"], ["secrets", "database", "migrate"]),
        (["ops", "database"], ["secrets", "database", "ops"]),
        ([], []),
    ],
)
def test_what_a_service_needs(names: list[str], expected: list[str]) -> None:
    assert [service.name for service in MODEL.needed(names)] == expected


def test_an_image_that_several_services_share_is_built_by_one() -> None:
    services = {
        "api": {"build": ".", "image": "shop:1"},
        "migrate": {"build": ".", "image": "shop-ops:1"},
        "a-shell": {"build": ".", "image": "shop-ops:1", "profiles": ["ops"]},
        "plain": {"image": "shop-ops:1"},
        "own": {"build": "."},
    }
    model = Model.parse(json.dumps({"name": "shop", "services": services}))
    assert sorted(model.builders(model.services)) == ["api", "migrate", "own"]
    assert model.builders(["a-shell"]) == ["migrate"]
    assert model.builders(["plain"]) == []


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"name": "x", "services": {"a": null}}'])
def test_what_is_no_description_is_refused(text: str) -> None:
    with pytest.raises((ValueError, KeyError, TypeError, AttributeError)):
        Model.parse(text)
