from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from deckinfra.core.retention import Policy
from deckinfra.core.secret import Secret
from deckinfra.core.settings import SettingsGroup, Stage
from deckinfra.core.urls import DatabaseURL, StoreURL
from deckinfra.settings.groups import ApplicationSettings, BackupSettings, DatabaseSettings
from tests.settings.support import STRONG, messages


def reasons(group: type[SettingsGroup], **values: Any) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        group.model_validate(values)
    return [error["msg"] for error in caught.value.errors()]


def test_the_default_database_is_a_file_and_needs_no_password() -> None:
    found = DatabaseSettings()
    assert found.url() == DatabaseURL("sqlite", database="var/app.db")
    assert list(found.problems(Stage.PRODUCTION)) == []


def test_the_password_is_put_into_the_url() -> None:
    found = DatabaseSettings(database_url="mysql+pymysql://u@h:3306/db", database_password=Secret(STRONG))
    assert Secret(STRONG) == found.url().password
    assert list(found.problems(Stage.DEVELOPMENT)) == []


def test_the_account_for_backups_takes_the_place_of_the_applications() -> None:
    found = DatabaseSettings(
        database_url="mysql://u@h/db",
        database_password=Secret(STRONG),
        database_admin_user="root",
        database_admin_password=Secret("other"),
    )
    url = found.administering(found.url())
    assert ("mysql://root@h/db", Secret("other")) == (str(url), url.password)
    assert list(found.problems(Stage.DEVELOPMENT)) == []


def test_without_an_account_for_backups_it_is_the_applications() -> None:
    found = DatabaseSettings(database_url="mysql://u@h/db", database_password=Secret(STRONG))
    assert found.administering(found.url()) == found.url()


def test_an_account_for_backups_needs_its_password() -> None:
    found = DatabaseSettings(database_url="mysql://u@h/db", database_password=Secret(STRONG), database_admin_user="x")
    assert [problem.name for problem in found.problems(Stage.DEVELOPMENT)] == ["DATABASE_ADMIN_PASSWORD"]


def test_a_password_in_the_url_is_taken_out_of_it() -> None:
    found = DatabaseSettings.model_validate({"database_url": "mysql://u:pa%2Fss@h/db"})
    assert ("mysql://u@h/db", Secret("pa/ss")) == (found.database_url, found.database_password)


def test_a_password_of_its_own_goes_before_the_one_in_the_url() -> None:
    found = DatabaseSettings.model_validate({"database_url": "mysql://u:a@h/db", "database_password": "b"})
    assert ("mysql://u@h/db", Secret("b")) == (found.database_url, found.database_password)


def test_a_server_without_a_password_is_a_problem() -> None:
    found = DatabaseSettings(database_url="mariadb://u@h/db")
    expected = ["DATABASE_PASSWORD is not set, and the database 'mariadb://u@h/db' is on a server"]
    assert expected == messages(list(found.problems(Stage.DEVELOPMENT)))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("var/app.db", "'var/app.db' is not a database URL"),
        ("sqlite://", "'sqlite://' names no database file"),
        ("mysql://u:pa/ss@h/db", "it is not a database URL"),
        ("mysql:u:pass@h/db", "it is not a database URL"),
    ],
)
def test_a_malformed_database_url_is_told_without_a_password(text: str, reason: str) -> None:
    assert [reason] == reasons(DatabaseSettings, database_url=text)


def test_remotes_are_named_store_urls_in_their_order() -> None:
    given = {"b": "sftp://deck@h/x", "a": "file:my dir"}
    found = BackupSettings.model_validate({"backup_remotes": given})
    expected = [("b", StoreURL("sftp", "//deck@h/x")), ("a", StoreURL("file", "my dir"))]
    assert expected == list(found.backup_remotes.items())


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("backups", "'backups' is not a store URL"),
        ("user@host", "it is not a store URL"),
        ("sftp://u:p@h/x", "it has a password in its URL"),
        ("sftp://u:p/w@h/x", "it has a password in its URL"),
    ],
)
def test_a_malformed_store_url_is_told_without_a_password(text: str, reason: str) -> None:
    assert [reason] == reasons(BackupSettings, backup_repository=text)
    assert [reason] == reasons(BackupSettings, backup_remotes={"a": text})


def test_the_repository_is_a_url_or_not_set() -> None:
    assert BackupSettings().backup_repository is None
    assert BackupSettings(backup_repository="file:x").backup_repository == "file:x"


def test_retention_comes_from_the_settings() -> None:
    assert Policy(last=7, daily=7, weekly=4, monthly=12) == BackupSettings().policy()
    found = BackupSettings(backup_keep_last=1, backup_keep_daily=2, backup_keep_weekly=3, backup_keep_monthly=0)
    assert Policy(last=1, daily=2, weekly=3, monthly=0) == found.policy()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("backup_keep_last", -1),
        ("backup_compression_level", 20),
        ("backup_compression_level", 0),
        ("backup_threads", 65),
    ],
)
def test_numbers_have_limits(name: str, value: int) -> None:
    assert len(reasons(BackupSettings, **{name: value})) == 1


@pytest.mark.parametrize("origin", ["decks.example", "https://decks.example/path", "https://"])
def test_what_is_no_origin_is_refused(origin: str) -> None:
    given = {"app_secret_key": STRONG, "cors_origins": ["https://good.example", origin]}
    assert [f"'{origin}' is not an origin"] == reasons(ApplicationSettings, **given)


def test_an_origin_that_may_hold_a_password_is_not_shown() -> None:
    given = {"app_secret_key": STRONG, "cors_origins": ["https://u:p@h"]}
    assert reasons(ApplicationSettings, **given) == ["one of them is not an origin"]


def test_production_refuses_what_is_good_for_development() -> None:
    origins = ("https://a.example", "http://b.example", "*", "https://*.example", "HTTPS://c.example:444", "HTTP://d")
    found = ApplicationSettings(app_secret_key=Secret(STRONG), app_debug=True, cors_origins=origins)
    assert messages(list(found.problems(Stage.PRODUCTION))) == [
        "APP_DEBUG is on in production",
        "CORS_ORIGINS has 'http://b.example' in production",
        "CORS_ORIGINS has the wildcard '*' in production",
        "CORS_ORIGINS has the wildcard 'https://*.example' in production",
        "CORS_ORIGINS has 'HTTP://d' in production",
    ]
    assert list(found.problems(Stage.DEVELOPMENT)) == []
    assert list(ApplicationSettings(app_secret_key=Secret(STRONG)).problems(Stage.PRODUCTION)) == []


def test_a_remote_that_lost_its_name_is_not_taken_for_a_folder() -> None:
    (reason,) = reasons(BackupSettings, backup_remotes={"usb": "file:/mnt/a other:file:/mnt/b"})
    assert reason == "it has a space before what may be another remote"
    assert BackupSettings.model_validate({"backup_remotes": {"usb": "file:/mnt/my disk"}}).backup_remotes


@pytest.mark.parametrize(("length", "named"), [(31, ["APP_SECRET_KEY"]), (32, [])])
def test_a_key_to_sign_with_is_as_long_as_its_hash(length: int, named: list[str]) -> None:
    found = ApplicationSettings(app_secret_key=Secret(STRONG[:length]))
    assert [problem.name for problem in found.problems(Stage.DEVELOPMENT)] == named
