"""Waiting for a database, in this process."""

import logging
from dataclasses import replace
from pathlib import Path

import pytest

from deckinfra.core.secret import Secret
from deckinfra.core.urls import DatabaseURL
from src.utils.waiting import DatabaseAbsentError, wait_for_database
from tests.backend.support import Api, settings
from tests.support.servers import unreachable


def refused(url: DatabaseURL, limit: float) -> str:
    with pytest.raises(DatabaseAbsentError) as caught:
        wait_for_database(settings(url).database, limit)
    return str(caught.value)


def test_a_database_that_answers_is_not_waited_for(api: Api) -> None:
    wait_for_database(settings(api.url).database, 0)


def test_what_it_waits_for_is_said_each_time(mysql_api: Api, caplog: pytest.LogCaptureFixture) -> None:
    url = unreachable(mysql_api.url)
    with caplog.at_level(logging.WARNING, "deck.start"):
        assert refused(url, 1) == (
            f"the database '{url.database}' on 127.0.0.1:1 cannot be used after 1 seconds: connection refused"
        )
    assert len(caplog.messages) >= 2
    assert f"waiting for the database '{url.database}' on 127.0.0.1:1, 1 of 1 seconds left: connection" in caplog.text


def test_a_wrong_password_is_said_as_such_and_waited_out(server_api: Api, caplog: pytest.LogCaptureFixture) -> None:
    url = replace(server_api.url, password=Secret("swordfish"))
    with caplog.at_level(logging.WARNING, "deck.start"):
        assert refused(url, 0.5).endswith("it refuses the password of the user 'deck'")
    assert "it refuses the password (it may still be initialising)" in caplog.text
    assert "swordfish" not in caplog.text


def test_a_name_that_is_none_is_said_as_such(mysql_api: Api) -> None:
    url = replace(mysql_api.url, host="nowhere.invalid")
    assert "on nowhere.invalid:" in refused(url, 0)
    assert "not known" in refused(url, 0) or "resolution" in refused(url, 0)


def test_a_file_that_is_not_there_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "missing.db"
    assert refused(DatabaseURL("sqlite", database=str(path)), 3600) == (
        f"the database file {path} cannot be used: there is no such file, or it may not be opened; "
        "invoke db.migrate makes it"
    )
