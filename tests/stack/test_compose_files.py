"""What the compose files describe, as Compose understands them. No container is started."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.stack.support import ROOT, Images, Stack

pytestmark = pytest.mark.usefixtures("_docker")

IMAGES = Images("mysql:9.7", "deck-builder", "latest")
ADDED = ["", "dev", "prod", "test"]
TASKS = ("migrate", "first-run", "ops")


def described(add: str, **values: str) -> dict[str, Any]:
    """Give what Compose makes of the files; it must have nothing to complain about."""
    stack = Stack(ROOT, IMAGES, add, values, project="deck-builder")
    done = stack.compose("--env-file", os.devnull, "--profile", "*", "config", "--format", "json")
    assert done.stderr == ""
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture(params=ADDED, ids=lambda add: add or "alone")
def any_files(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Each combination of the files in turn."""
    return described(request.param)


@pytest.fixture
def production() -> dict[str, Any]:
    """What runs in production."""
    return described("prod")


def published(document: Mapping[str, Any]) -> dict[str, list[str]]:
    """Give the addresses of this machine on which each service is published."""
    ports = {name: service.get("ports") or [] for name, service in document["services"].items()}
    return {
        name: [f"{each['host_ip']}:{each['published']}" for each in found] for name, found in ports.items() if found
    }


def test_each_combination_describes_the_same_services(any_files: dict[str, Any]) -> None:
    assert set(any_files["services"]) == {"secrets", "database", "migrate", "first-run", "backend", "ops"}
    assert any_files["services"]["ops"]["profiles"] == ["ops"]


def test_no_value_of_a_secret_is_in_them(any_files: dict[str, Any]) -> None:
    for name, service in any_files["services"].items():
        secret = {
            key: value
            for key, value in (service.get("environment") or {}).items()
            if "PASSWORD" in key or "SECRET" in key
        }
        assert all(key.endswith("_FILE") and value.startswith("/run/secrets/") for key, value in secret.items()), name


def test_nothing_is_published_beyond_this_machine(any_files: dict[str, Any]) -> None:
    assert all(address.startswith("127.0.0.1:") for found in published(any_files).values() for address in found)


def test_the_backend_waits_for_the_migrations_and_they_for_the_database(any_files: dict[str, Any]) -> None:
    services = any_files["services"]
    conditions = {
        name: {other: how["condition"] for other, how in (service.get("depends_on") or {}).items()}
        for name, service in services.items()
    }
    ended, healthy = "service_completed_successfully", "service_healthy"
    ready = {"secrets": ended, "database": healthy}
    assert conditions["database"] == {"secrets": ended}
    assert conditions["migrate"] == ready
    assert conditions["ops"] == {}, "a run of it would start others anew"
    assert conditions["backend"] == conditions["first-run"] == ready | {"migrate": ended}


def test_services_that_end_say_so_and_what_the_tasks_do_is_theirs(any_files: dict[str, Any]) -> None:
    labels = {name: service.get("labels") or {} for name, service in any_files["services"].items()}
    assert {name for name in labels if labels[name].get("deckinfra.one-shot") == "true"} == {
        "secrets",
        "migrate",
        "first-run",
    }
    assert {name for name in labels if labels[name].get("deckinfra.by-tasks") == "true"} == {"first-run"}


@pytest.mark.parametrize("name", [*TASKS, "secrets"])
def test_tasks_run_on_a_read_only_root_with_what_changes_the_user_alone(any_files: dict[str, Any], name: str) -> None:
    service = any_files["services"][name]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    for_files, for_users = {"CHOWN", "DAC_OVERRIDE", "FOWNER"}, {"SETUID", "SETGID", "SETPCAP"}
    assert set(service["cap_add"]) == (for_files if name == "secrets" else for_users)
    assert service["security_opt"] == ["no-new-privileges:true"]


def test_backups_are_the_projects_own_folder() -> None:
    for add in ("", "dev", "prod"):
        options = described(add)["volumes"]["backups"]["driver_opts"]
        assert (options["o"], Path(options["device"])) == ("bind", ROOT / "backups")


def test_a_stack_for_tests_keeps_to_itself() -> None:
    document = described("test")
    assert all("driver_opts" not in volume for volume in document["volumes"].values())
    volumes = [volume for service in document["services"].values() for volume in service.get("volumes") or []]
    binds = {volume["source"]: volume.get("read_only") for volume in volumes if volume["type"] == "bind"}
    files = ("database/healthcheck.sh", "scripts/container/env-file", "scripts/container")
    assert binds == {str(ROOT / name): True for name in files}


def test_an_environment_of_any_name_is_known_in_its_containers(any_files: dict[str, Any]) -> None:
    for name in TASKS:
        service = any_files["services"][name]
        targets = [volume["target"] for volume in service["volumes"]]
        environment = service["environment"]["DECKINFRA_ENVIRONMENT"]
        # Production's env file, .env, is in the image.
        assert f"/app/.env.{environment}" in targets or environment == "production"


def test_tasks_see_the_secrets_of_their_own_environment_and_change_none(any_files: dict[str, Any]) -> None:
    for name in TASKS:
        service = any_files["services"][name]
        environment = service["environment"]["DECKINFRA_ENVIRONMENT"]
        mounted = {each["target"]: each for each in service["volumes"] if "secrets" in each["target"]}
        assert set(mounted) == {f"/app/.secrets/{environment}"}
        own = mounted[f"/app/.secrets/{environment}"]
        assert own["read_only"]
        assert own["source"] in {str(ROOT / ".secrets" / environment), "secrets"}


def test_what_takes_backups_has_one_host_name_however_often_it_is_made_anew(any_files: dict[str, Any]) -> None:
    """They are pruned by host: each container's own name would be a group of one, of which the newest is kept."""
    assert {any_files["services"][name].get("hostname") for name in TASKS} == {"deck-builder-ops"}


def test_stacks_of_two_kinds_have_two_names_and_other_ports() -> None:
    ports = {"APP_PORT": "", "DATABASE_PORT": ""}
    assert published(described("", **ports)) == {"backend": ["127.0.0.1:8000"]}
    assert published(described("dev", **ports)) == {"backend": ["127.0.0.1:8000"], "database": ["127.0.0.1:3306"]}
    assert published(described("test", **ports)) == {"backend": ["127.0.0.1:8001"], "database": ["127.0.0.1:3307"]}
    names = {"": "deck-builder", "prod": "deck-builder-production", "test": "deck-builder-test"}
    for add, name in names.items():
        assert (
            f"name: ${{COMPOSE_PROJECT_NAME:-{name}}}" in (ROOT / f"docker-compose{add and '.' + add}.yml").read_text()
        )


def test_the_database_image_is_a_variable() -> None:
    services = described("", DATABASE_IMAGE="mariadb:11.8")["services"]
    assert services["database"]["image"] == "mariadb:11.8"
    assert services["migrate"]["build"]["args"]["DATABASE_IMAGE"] == "mariadb:11.8"
    # Before there is a stack, a run builds its image.
    assert services["ops"]["build"] == services["migrate"]["build"]


def test_what_the_database_waits_for_is_made_from_nothing_that_a_deployment_changes() -> None:
    older, newer = (described("", APP_VERSION=version, APP_IMAGE="deck")["services"] for version in ("1", "2"))
    assert older["migrate"] != newer["migrate"]
    assert older["secrets"] == newer["secrets"]
    assert older["database"] == newer["database"]
    assert older["secrets"]["image"] == older["database"]["image"]
    limited, production = (described("prod", OPS_MEMORY=memory)["services"] for memory in ("2g", ""))
    assert limited["migrate"] != production["migrate"]
    assert limited["secrets"] == production["secrets"]


def test_the_tasks_and_compose_by_itself_make_the_same_of_an_env_file() -> None:
    read = {"DECKINFRA_KIND": "docker", "COMPOSE_FILES": "docker-compose.yml,docker-compose.prod.yml"}
    by_tasks = read | {"DECKINFRA_ENVIRONMENT": "production"}
    assert described("prod", **read)["services"] == described("prod", **by_tasks)["services"]


def test_development_mounts_the_source_read_only_and_starts_again_when_it_changes() -> None:
    backend = described("dev")["services"]["backend"]
    mounted = {volume["target"]: volume for volume in backend["volumes"]}
    assert mounted["/app/backend/src"]["source"] == str(ROOT / "backend" / "src")
    assert mounted["/app/backend/src"]["read_only"]
    assert backend["command"] == ["python", "-m", "src", "--reload"]


def test_production_publishes_no_database(production: dict[str, Any]) -> None:
    assert set(published(production)) == {"backend"}


def test_production_is_locked_down_and_limited(production: dict[str, Any]) -> None:
    for name, service in production["services"].items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory", "pids"}, name
        assert set(service["logging"]["options"]) == {"max-size", "max-file"}, name
    assert "cap_add" not in production["services"]["backend"]
    restarted = {name for name, service in production["services"].items() if service.get("restart") == "unless-stopped"}
    assert restarted == {"database", "backend"}


def test_production_is_an_environment_and_a_stage_of_its_own(production: dict[str, Any]) -> None:
    assert production["services"]["secrets"]["environment"]["DECKINFRA_ENVIRONMENT"] == "production"
    for name in TASKS:
        environment = production["services"][name]["environment"]
        assert (environment["DECKINFRA_ENVIRONMENT"], environment["DECKINFRA_STAGE"]) == ("production", "production")
    assert int(production["services"]["backend"]["environment"]["APP_WORKERS"]) > 1


def test_the_database_may_be_elsewhere() -> None:
    url = "mysql+pymysql://shop@database.example:3307/decks"
    for add in ("", "dev", "prod"):
        files = [f"docker-compose.{name}.yml" for name in (add, "external") if name]
        stack = Stack(ROOT, IMAGES, values={"DATABASE_URL": url})
        words = [word for file in files for word in ("-f", file)]
        done = stack.compose("--env-file", os.devnull, *words, "--profile", "*", "config", "--format", "json")
        services = json.loads(done.stdout)["services"]
        assert "database" not in services
        assert not any("database" in (service.get("depends_on") or {}) for service in services.values())
        assert {services[name]["environment"]["DATABASE_URL"] for name in (*TASKS, "backend")} == {url}
        assert {services[name]["environment"]["DATABASE_ADMIN_USER"] for name in TASKS} == {""}


def test_every_variable_is_a_setting_so_that_an_env_file_can_give_it() -> None:
    files = ROOT.glob("docker-compose*.yml")
    variables = {name for file in files for name in re.findall(r"\$\{(\w+)", file.read_text())}
    settings = set(re.findall(r"^# (\w+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    # The environment's own name, the header's example, and where packages come from at a build, which is the machine's.
    assert variables - settings == {"DECKINFRA_ENVIRONMENT", "VARIABLE", "PIP_INDEX_URL"}
