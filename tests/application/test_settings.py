"""The application's settings: what they default to, and what they refuse."""

from __future__ import annotations

from pathlib import Path

import pytest

from deckinfra import open_project
from deckinfra.core.settings import Settings
from deckinfra.settings.groups import ApplicationSettings
from tests.application.deck_builder import module
from tests.application.support import ROOT

REQUIRED = {"APP_SECRET_KEY": "only-for-this-test-0123456789abcdefghijklmnop"}
DEFAULTS = {
    "APP_LOG_LEVEL": "info",
    "APP_WORKERS": "1",
    "APP_TOKEN_MINUTES": "30",
    "APP_POOL_SIZE": "10",
    "APP_POOL_OVERFLOW": "10",
    "APP_POOL_TIMEOUT": "5",
    "APP_POOL_RECYCLE": "1800",
    "APP_DATABASE_WAIT": "60",
    "CLASH_ROYALE_API_KEY": None,
    "CLASH_ROYALE_API_URL": "https://api.clashroyale.com/v1",
    "CLASH_ROYALE_API_TIMEOUT": "30",
    "CLASH_ROYALE_API_ATTEMPTS": "4",
}


def settings(environment: str = "test", **values: str) -> Settings:
    return open_project(ROOT, environment, environ=REQUIRED | values).settings


def problems(environment: str = "test", **values: str) -> list[str]:
    project = open_project(ROOT, environment, environ=REQUIRED | values)
    return [f"{found.name} {found.message}" for found in project.check_settings() if found.name in DEFAULTS]


def test_the_defaults_are_those_that_the_backend_has() -> None:
    values = settings().values
    assert {name: values[name].text for name in DEFAULTS} == DEFAULTS
    assert values["CLASH_ROYALE_API_KEY"].secret
    assert problems() == []


def test_the_key_may_be_in_a_file_and_is_not_shown(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("eyJ0eXAi-a-key\n")
    group = settings(CLASH_ROYALE_API_KEY_FILE=str(file)).group(module("settings").DeckSettings)
    assert group.clash_royale_api_key.reveal() == "eyJ0eXAi-a-key"
    assert "eyJ0eXAi" not in repr(group)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("APP_LOG_LEVEL", "loud"),
        ("APP_WORKERS", "0"),
        ("APP_TOKEN_MINUTES", "0"),
        ("APP_TOKEN_MINUTES", "1441"),
        ("APP_POOL_SIZE", "0"),
        ("APP_POOL_OVERFLOW", "-1"),
        ("APP_POOL_TIMEOUT", "5.5"),
        ("APP_POOL_RECYCLE", "never"),
        ("APP_DATABASE_WAIT", "-1"),
        ("CLASH_ROYALE_API_TIMEOUT", "0"),
        ("CLASH_ROYALE_API_ATTEMPTS", "11"),
        ("CLASH_ROYALE_API_URL", "api.clashroyale.com"),
        ("CLASH_ROYALE_API_URL", "ftp://api.clashroyale.com"),
        ("CLASH_ROYALE_API_URL", "https://"),
        ("CLASH_ROYALE_API_URL", "https://host:port/v1"),
        ("CLASH_ROYALE_API_URL", "https://[1/v1"),
        ("CLASH_ROYALE_API_URL", "https://host/v1?a=1"),
    ],
)
def test_a_value_that_cannot_be_is_told_by_its_name_and_spares_the_others(name: str, value: str) -> None:
    (problem,) = problems(**{name: value})
    assert problem.startswith(f"{name} ")
    assert settings(**{name: value}).group(ApplicationSettings).app_port == 8001


def test_a_password_in_the_apis_address_is_refused_and_not_shown() -> None:
    found = " ".join(problems(CLASH_ROYALE_API_URL="https://me:hunter2@host/v1"))
    assert "it is not a web address" in found
    assert "hunter2" not in found


def test_a_slash_at_the_end_of_the_address_does_not_matter() -> None:
    group = settings(CLASH_ROYALE_API_URL="http://127.0.0.1:9/v1/").group(module("settings").DeckSettings)
    assert group.clash_royale_api_url == "http://127.0.0.1:9/v1"


def test_the_key_is_not_sent_unencrypted_in_production() -> None:
    url = {"CLASH_ROYALE_API_URL": "http://api.example/v1"}
    assert problems(**url) == []
    assert problems("production", **url) == ["CLASH_ROYALE_API_URL is no https:// address in production"]


@pytest.mark.parametrize("key", ["abc\rSECRETpart", "abc\nSECRETpart", "abc SECRETpart", "abcéSECRETpart"])
def test_a_key_that_cannot_be_sent_is_refused_and_not_shown(key: str) -> None:
    (problem,) = problems(CLASH_ROYALE_API_KEY=key)
    assert problem.startswith("CLASH_ROYALE_API_KEY ")
    assert "SECRET" not in problem.replace("CLASH_ROYALE_API_KEY", "")
