from pathlib import Path

import pytest
from pydantic_core import PydanticUndefined

from deckinfra.core.settings import SettingsGroup
from deckinfra.plugins import PluginManager
from deckinfra.settings.schema import text_of, variables
from src.utils.config import ROOT, ConfigurationError, Settings, load_settings
from tests.backend.support import KEY

GOOD = {"APP_SECRET_KEY": KEY}
SERVER = GOOD | {"DATABASE_URL": "mysql+pymysql://deck@database:3306/deck"}


def problems(environ: dict[str, str], root: Path = ROOT) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(environ, root)
    return caught.value.problems


def test_names_and_defaults_are_those_of_the_schema_that_writes_the_environments() -> None:
    groups: list[type[SettingsGroup]] = list(PluginManager.load(ROOT, {}, ("deck_builder",)).settings_groups())
    schema = {variable.name: variable for variable in variables(groups)}
    for field, info in Settings.model_fields.items():
        variable = schema[field.upper()]
        default = None if info.default is PydanticUndefined else text_of(info.default)
        assert (variable.name, variable.default, variable.required) == (field.upper(), default, info.is_required())


def test_values_are_typed() -> None:
    settings = load_settings(
        SERVER
        | {
            "APP_PORT": "9000",
            "APP_DEBUG": "true",
            "APP_LOG_LEVEL": "debug",
            "CORS_ORIGINS": "https://a.example, http://b.example:5173,",
            "DATABASE_PASSWORD": "p@ss/word %41",
        }
    )
    assert (settings.app_port, settings.app_debug, settings.app_log_level) == (9000, True, "debug")
    assert settings.cors_origins == ("https://a.example", "http://b.example:5173")
    assert settings.database.password == "p@ss/word %41"
    assert settings.database.query == {"charset": "utf8mb4"}


def test_an_empty_value_is_none(tmp_path: Path) -> None:
    assert load_settings(GOOD | {"APP_PORT": "", "APP_HOST": "", "DATABASE_PASSWORD_FILE": ""}).app_port == 8000


def test_a_file_has_the_value_and_what_is_set_goes_before_it(tmp_path: Path) -> None:
    (tmp_path / "password").write_text(" it's a \\ line \n")
    environ = SERVER | {"DATABASE_PASSWORD_FILE": str(tmp_path / "password")}
    assert load_settings(environ).database.password == " it's a \\ line "
    assert load_settings(environ | {"DATABASE_PASSWORD": "set"}).database.password == "set"


def test_any_variable_can_be_in_a_file_and_a_relative_name_starts_at_the_project(tmp_path: Path) -> None:
    (tmp_path / "port").write_text("8123\r\n")
    assert load_settings(GOOD | {"APP_PORT_FILE": "port"}, tmp_path).app_port == 8123


def test_everything_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x80")
    found = problems(
        {
            "APP_HOST_FILE": str(tmp_path / "empty"),
            "APP_LOG_LEVEL_FILE": str(tmp_path / "binary"),
            "APP_PORT": "70000",
            "APP_WORKERS": "several",
            "CORS_ORIGINS": "front.example",
            "DATABASE_URL": "postgresql://deck@database/deck",
            "APP_DEBUG_FILE": str(tmp_path / "missing"),
        }
    )
    text = "\n".join(found)
    assert len(found) == 8
    for part in (
        "APP_HOST_FILE names",
        "which is empty",
        "which is not UTF-8 text",
        "APP_PORT is '70000': it should be less than or equal to 65535",
        "APP_WORKERS is 'several': it should be a valid integer",
        "APP_SECRET_KEY is not set, and APP_SECRET_KEY_FILE is not either",
        "CORS_ORIGINS is 'front.example': each has to be SCHEME://HOST",
        "DATABASE_URL cannot be used: it is no URL of MySQL, MariaDB or SQLite",
        "missing, which cannot be read: No such file or directory",
    ):
        assert part in text


def test_a_file_that_cannot_be_read_is_a_problem_even_where_a_default_would_do(tmp_path: Path) -> None:
    assert "which cannot be read" in problems(GOOD | {"APP_PORT_FILE": str(tmp_path)})[0]


def test_a_key_that_is_too_short_to_sign_with_is_refused_and_not_shown() -> None:
    (problem,) = problems({"APP_SECRET_KEY": "swordfish"})
    assert problem == "APP_SECRET_KEY is malformed: it has fewer than 32 characters, so tokens could be forged"


@pytest.mark.parametrize(
    "url",
    [
        "mysql://deck:swordfish@database:port/deck",
        "mysql+mysqldb://deck:swordfish@database/deck",
        "mysql://deck:swordfish@database",
        "swordfish",
    ],
)
def test_no_problem_repeats_what_may_be_a_password(url: str) -> None:
    (problem,) = problems(GOOD | {"DATABASE_URL": url})
    assert problem.startswith("DATABASE_URL cannot be used: ")
    assert "swordfish" not in problem


def test_a_server_without_a_password_is_a_problem() -> None:
    assert "neither DATABASE_PASSWORD nor DATABASE_PASSWORD_FILE is set" in problems(SERVER)[0]


def test_nothing_that_shows_settings_shows_a_secret() -> None:
    settings = load_settings(SERVER | {"DATABASE_URL": "mysql://deck:swordfish@db/deck", "DATABASE_PASSWORD": "trout"})
    shown = f"{settings!r} {settings} {settings.database} {settings.database!r}"
    for secret in (KEY, "swordfish", "trout"):
        assert secret not in shown
    assert settings.database.password == "trout"
