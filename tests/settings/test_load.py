from __future__ import annotations

import string
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from deckinfra.core.secret import Secret
from deckinfra.core.settings import Problem, Settings, SettingsGroup, Stage, Value
from deckinfra.errors import ConfigurationError, UnknownNameError
from deckinfra.settings.groups import ApplicationSettings, BackupSettings, DatabaseSettings, ProjectSettings
from deckinfra.settings.load import environment_kind, environment_names, evaluate, load_settings
from tests.settings.support import GROUPS, STRONG, environ, git, write


@pytest.fixture
def project(root: Path) -> Path:
    """Give a project whose environments lack nothing."""
    for name in ("local", "test", "staging", "production"):
        write(root / f".secrets/{name}/APP_SECRET_KEY", STRONG)
    return root


def load(root: Path, name: str = "local", **values: str) -> Settings:
    return load_settings(root, name, GROUPS, environ(**values))


def refusal(root: Path, name: str = "local", **values: str) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as caught:
        load(root, name, **values)
    return caught.value


def test_without_any_file_the_defaults_hold(project: Path) -> None:
    found = load(project)
    assert found.group(DatabaseSettings).url().database == "var/app.db"
    assert found.group(BackupSettings).backup_keep_last == 7
    assert Value("BACKUP_KEEP_LAST", "7", "default", False) == found.values["BACKUP_KEEP_LAST"]
    assert Value("BACKUP_REPOSITORY", None, "default", False) == found.values["BACKUP_REPOSITORY"]


def test_every_value_says_where_it_came_from(project: Path) -> None:
    write(project / ".env.local", "APP_HOST=0.0.0.0\nCORS_ORIGINS= http://a:1 ,http://b\n")
    found = load(project, APP_PORT="9000")
    assert Value("APP_HOST", "0.0.0.0", ".env.local line 1", False) == found.values["APP_HOST"]
    assert Value("CORS_ORIGINS", "http://a:1,http://b", ".env.local line 2", False) == found.values["CORS_ORIGINS"]
    assert Value("APP_PORT", "9000", "process environment", False) == found.values["APP_PORT"]
    assert Value("APP_SECRET_KEY", STRONG, ".secrets/local/APP_SECRET_KEY", True) == found.values["APP_SECRET_KEY"]
    assert (Secret(STRONG),) == found.secrets()


def test_values_with_spaces_quotes_and_other_letters_are_kept(project: Path) -> None:
    path = 'sqlite:///var/it\'s "my" dätabase.db'
    write(project / ".env.local", f"DATABASE_URL={path}\r\nBACKUP_REMOTES=a=file:/Büro 1/x b=file:it's\r\n")
    found = load(project)
    assert found.group(DatabaseSettings).url().database == 'var/it\'s "my" dätabase.db'
    assert [url.location for url in found.group(BackupSettings).backup_remotes.values()] == ["/Büro 1/x", "it's"]


def test_a_password_in_the_database_url_is_kept_apart(project: Path) -> None:
    found = load(project, DATABASE_URL="mysql://u:s3cret-p4ssw0rd@h/db")
    assert Value("DATABASE_URL", "mysql://u@h/db", "process environment", False) == found.values["DATABASE_URL"]
    expected = Value("DATABASE_PASSWORD", "s3cret-p4ssw0rd", "made from DATABASE_URL", True)
    assert expected == found.values["DATABASE_PASSWORD"]
    assert Secret("s3cret-p4ssw0rd") in found.secrets()


def test_another_url_with_a_password_is_a_secret_as_a_whole(root: Path) -> None:
    class Mail(SettingsGroup):
        """Mail."""

        mail_url: str = ""

    found = load_settings(root, "local", [Mail], environ(MAIL_URL="smtp://u:p4ssw0rd@h"))
    assert Value("MAIL_URL", "smtp://u:p4ssw0rd@h", "process environment", True) == found.values["MAIL_URL"]


def test_one_error_names_everything_that_is_wrong(project: Path) -> None:
    write(project / ".env.local", "APP_PORT=x\nnonsense\nBACKUP_THREADS=0\n")
    (project / ".secrets/local/APP_SECRET_KEY").unlink()
    error = refusal(project, DATABASE_URL="mysql://u@h/db")
    assert error.message == (
        "the settings of 'local' are not usable: 5 problems: .env.local line 2 is not NAME=VALUE; "
        "DATABASE_PASSWORD is not set, and the database 'mysql://u@h/db' is on a server; "
        "BACKUP_THREADS is '0': it should be greater than or equal to 1; "
        "APP_PORT is 'x': it should be a valid integer, unable to parse string as an integer; APP_SECRET_KEY is not set"
    )
    assert "invoke env.check -e local" in error.hint


def test_a_value_that_cannot_be_read_is_told_once(project: Path) -> None:
    message = refusal(project, APP_SECRET_KEY_FILE="/no/where").message
    assert message.count("APP_SECRET_KEY") == 2
    assert "is not set" not in message


def test_a_secret_in_a_committed_env_file_is_refused(project: Path) -> None:
    write(project / ".env.local", f"APP_SECRET_KEY={STRONG}\n")
    error = refusal(project)
    assert error.message.endswith("not usable: APP_SECRET_KEY is a secret in the committed .env.local")
    assert STRONG not in error.message


def test_a_secret_in_an_env_file_that_git_does_not_have_is_accepted(project: Path) -> None:
    git(project, "init")
    (project / ".secrets/local/APP_SECRET_KEY").unlink()
    write(project / ".env.local", f"APP_SECRET_KEY={STRONG}\n")
    assert load(project).group(ApplicationSettings).app_secret_key == Secret(STRONG)
    git(project, "add", ".env.local")
    assert "committed .env.local" in refusal(project).message


def test_production_may_have_secrets_in_its_env_file(root: Path) -> None:
    write(root / ".env", f"APP_SECRET_KEY={STRONG}\n")
    assert load(root, "production").values["APP_SECRET_KEY"].source == ".env line 1"


def test_a_groups_own_problems_stop_the_run_and_cannot_tell_a_secret(root: Path) -> None:
    class Chatty(SettingsGroup):
        """Chatty."""

        token: Secret

        def problems(self, stage: Stage) -> Iterable[Problem]:
            yield Problem("TOKEN", f"is {self.token.reveal()} in {stage}")

    with pytest.raises(ConfigurationError, match="TOKEN is ••• in development"):
        load_settings(root, "local", [Chatty], {"TOKEN": STRONG})


@pytest.mark.parametrize(
    ("name", "value", "stage"),
    [
        ("production", "", Stage.PRODUCTION),
        ("test", "", Stage.TEST),
        ("local", "", Stage.DEVELOPMENT),
        ("staging", "", Stage.DEVELOPMENT),
        ("prod", "", Stage.PRODUCTION),
        ("prd", "", Stage.PRODUCTION),
        ("live", "", Stage.PRODUCTION),
        ("prod-eu", "", Stage.PRODUCTION),
        ("production-2", "", Stage.PRODUCTION),
        ("alive", "", Stage.DEVELOPMENT),
        ("staging", "production", Stage.PRODUCTION),
        ("prod-eu", "development", Stage.DEVELOPMENT),
        ("production", "test", Stage.TEST),
    ],
)
def test_the_stage_is_set_or_implied_by_the_name(project: Path, name: str, value: str, stage: Stage) -> None:
    write(project / f".secrets/{name}/APP_SECRET_KEY", STRONG)
    assert load(project, name, DECKINFRA_STAGE=value).stage is stage


def test_a_misspelt_stage_is_an_error(project: Path) -> None:
    expected = "DECKINFRA_STAGE is 'prod': it should be 'development', 'test' or 'production'"
    assert expected in refusal(project, DECKINFRA_STAGE="prod").message


def kind(root: Path, name: str, groups: Sequence[type[SettingsGroup]] = GROUPS, **values: str) -> str:
    return environment_kind(root, name, groups, values, {"local": 1, "docker": 2})


def test_the_kind_is_set_or_a_kind_of_that_name_or_local(root: Path) -> None:
    write(root / ".env.staging", "DECKINFRA_KIND=ssh\n")
    write(root / ".env.other", "")
    kinds = [kind(root, name) for name in ("local", "docker", "staging", "other", "production")]
    assert kinds == ["local", "docker", "ssh", "local", "local"]
    assert kind(root, "docker", DECKINFRA_KIND="podman") == "podman"


def test_the_kind_is_known_though_other_settings_are_wrong(root: Path) -> None:
    write(root / ".env.staging", "DECKINFRA_KIND=ssh\nAPP_PORT=x\nnonsense\n")
    assert kind(root, "staging") == "ssh"


def test_without_the_groups_that_declare_it_the_name_says_the_kind(root: Path) -> None:
    assert kind(root, "docker", groups=[], DECKINFRA_KIND="ssh") == "docker"


def test_the_environments_are_those_with_a_file_or_a_kind_and_production(root: Path) -> None:
    for name in (".env.staging", ".env.example", ".env.local.bak", ".env.Upper", ".envrc", ".env.x~"):
        write(root / name, "")
    assert environment_names(root, ["local", "ssh"]) == ("local", "production", "ssh", "staging")


@pytest.mark.parametrize("name", ["stagign", "example", "../../etc", "", "local.bak", "a" * 99, "mit leer"])
def test_an_unknown_environment_is_refused(root: Path, name: str) -> None:
    write(root / ".env.staging", "")
    write(root / ".env.local.bak", "")
    write(root / ".env.example", "")
    with pytest.raises(UnknownNameError) as caught:
        kind(root, name)
    assert caught.value.message == f"unknown environment '{name}'"
    assert caught.value.hint.startswith("Did you mean 'staging'?" if name == "stagign" else "")
    assert caught.value.hint.endswith(".env.NAME.")


def test_the_standard_groups_are_those_of_the_plugin() -> None:
    assert list(GROUPS) == [ProjectSettings, DatabaseSettings, BackupSettings, ApplicationSettings]
    assert set(STRONG) <= set(string.ascii_letters + string.digits)


def test_what_is_wrong_with_a_group_that_is_not_needed_waits_until_it_is_asked_for(root: Path) -> None:
    write(root / ".env", "APP_DEBUG=true\nAPP_PORT=9000\n")
    needed = (ProjectSettings, DatabaseSettings, BackupSettings)
    found = load_settings(root, "production", GROUPS, environ(), needed)
    assert found.group(DatabaseSettings).url().database == "var/app.db"
    assert Value("APP_PORT", "9000", ".env line 2", False) == found.values["APP_PORT"]
    assert Value("APP_SECRET_KEY", None, "default", True) == found.values["APP_SECRET_KEY"]
    with pytest.raises(ConfigurationError, match="the settings of 'production' are not usable: APP_SECRET_KEY"):
        found.group(ApplicationSettings)


def test_what_is_wrong_with_a_needed_group_stops_the_run_and_names_everything(root: Path) -> None:
    write(root / ".env", "BACKUP_THREADS=0\n")
    with pytest.raises(ConfigurationError, match=r"2 problems: BACKUP_THREADS.*; APP_SECRET_KEY is not set"):
        load_settings(root, "production", GROUPS, environ(), (BackupSettings,))


def test_what_belongs_to_no_group_stops_the_run(project: Path) -> None:
    write(project / ".env.local", "nonsense\n")
    with pytest.raises(ConfigurationError, match=r"\.env\.local line 1 is not NAME=VALUE"):
        load_settings(project, "local", GROUPS, environ(), ())


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("DATABASE_URL", "sqlite:///var/q.db?key=hunter22"),
        ("DATABASE_URL", "mysql+pymysql://u@h/db?password=x hunter22"),
        ("DATABASE_URL", "mysql+pymysql://a-very-long-name@a-very-long-host.example/db?password=hunter22-and-more"),
        ("BACKUP_REPOSITORY", "s3://h/x?secret_access_key=hunter22"),
        ("BACKUP_REPOSITORY", "s3://h/x?secret_access_key=x hunter22"),
        ("BACKUP_REMOTES", "a=s3://h/x?secret_access_key=hunter22"),
    ],
)
def test_a_secret_among_the_options_of_a_url_is_refused_and_hidden(project: Path, name: str, text: str) -> None:
    said = refusal(project, **{name: text})
    assert "has a password" in said.message
    assert "hunt" not in f"{said.message} {said.hint}"
    found = evaluate(project, "local", GROUPS, environ(**{name: text}))
    assert [value.secret for value in found.values() if value.name == name] == [True]
