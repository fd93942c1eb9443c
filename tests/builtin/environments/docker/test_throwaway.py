"""What a throwaway server is made from: what the database's server is, and nothing of what it has."""

from __future__ import annotations

import json
from typing import Any

from deckinfra.builtin.environments.docker.throwaway import Recipe
from deckinfra.core.secret import Secret
from deckinfra.core.urls import DatabaseURL

URL = DatabaseURL.parse("mysql+pymysql://deck@database:3306/decks")
SERVICE = {
    "image": "mysql:9.7",
    "command": ["--max-allowed-packet=256M"],
    "environment": {"MYSQL_PASSWORD_FILE": "/run/secrets/x", "MYSQL_DATABASE": "decks"},
    "volumes": [
        {"type": "volume", "source": "data", "target": "/var/lib/mysql"},
        {"type": "bind", "source": "/srv/my.cnf", "target": "/etc/my.cnf", "read_only": True},
        {"type": "bind", "source": "/srv/init", "target": "/docker-entrypoint-initdb.d", "read_only": True},
        {"type": "bind", "source": "/srv/dumps", "target": "/dumps"},
    ],
    "deploy": {"resources": {"limits": {"cpus": 1.5, "memory": "2147483648", "pids": 1000}}},
    "ports": [{"target": 3306, "published": "3306"}],
}


def _recipe(**service: Any) -> Recipe:
    return Recipe.parse(json.dumps({"name": "shop", "services": {"database": service}}), "database")


def test_it_has_the_image_arguments_limits_and_files_of_the_database_and_not_its_data() -> None:
    recipe = _recipe(**SERVICE)
    assert recipe == Recipe(
        "mysql:9.7", ("--max-allowed-packet=256M",), (("/srv/my.cnf", "/etc/my.cnf"),), recipe.limits
    )
    options = recipe.options(URL, Secret("made up"))
    variables = options.pop("environment")
    assert (variables["MYSQL_ROOT_PASSWORD"], variables["MYSQL_DATABASE"], variables["MYSQL_USER"]) == (
        "made up",
        "decks",
        "deck",
    )
    assert options == {
        "command": ["--max-allowed-packet=256M"],
        "volumes": ["/srv/my.cnf:/etc/my.cnf:ro"],
        "ports": {"3306/tcp": ("127.0.0.1", None)},
        "security_opt": ["no-new-privileges:true"],
        "mem_limit": "2147483648",
        "nano_cpus": 1_500_000_000,
    }


def test_what_the_compose_files_do_not_say_is_the_images_own() -> None:
    recipe = _recipe(build={"context": "."})
    assert recipe == Recipe("shop-database", limits={})
    options = recipe.options(DatabaseURL.parse("mysql://root@database/deck"), Secret("made up"))
    assert options["environment"] == {"MYSQL_ROOT_PASSWORD": "made up", "MYSQL_DATABASE": "deck"}
    assert (options["command"], "mem_limit" in options, "nano_cpus" in options) == (None, False, False)
