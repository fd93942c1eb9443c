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


class EnoughError(Exception):
    """So many looks are enough."""


def refused(url: DatabaseURL, limit: float = 0) -> str:
    with pytest.raises(DatabaseAbsentError) as caught:
        wait_for_database(settings(url).database, limit)
    return str(caught.value)


def said_while_waiting(url: DatabaseURL, caplog: pytest.LogCaptureFixture) -> list[str]:
    """Give what it says between three looks, however long they take."""
    looks = iter(range(3))

    def look() -> None:
        if next(looks, None) is None:
            raise EnoughError

    with caplog.at_level(logging.WARNING, "deck.start"), pytest.raises(EnoughError):
        wait_for_database(settings(url).database, 600, look)
    return caplog.messages


def test_a_database_that_answers_is_not_waited_for(api: Api) -> None:
    wait_for_database(settings(api.url).database, 0)


def test_what_it_waits_for_is_said_each_time(mysql_api: Api, caplog: pytest.LogCaptureFixture) -> None:
    url = unreachable(mysql_api.url)
    said = said_while_waiting(url, caplog)
    place = f"the database '{url.database}' on 127.0.0.1:1"
    assert len(said) == 3
    assert all(line.startswith(f"waiting for {place}, ") for line in said)
    assert all(line.endswith(" of 600 seconds left: connection refused") for line in said)
    assert refused(url) == f"{place} cannot be used after 0 seconds: connection refused"


def test_a_wrong_password_is_said_as_such_and_waited_out(server_api: Api, caplog: pytest.LogCaptureFixture) -> None:
    url = replace(server_api.url, password=Secret("swordfish"))
    said = said_while_waiting(url, caplog)
    assert len(said) == 3
    assert all(line.endswith("it refuses the password (it may still be initialising)") for line in said)
    assert refused(url).endswith("it refuses the password of the user 'deck'")
    assert "swordfish" not in caplog.text


def test_a_name_that_is_none_is_said_as_such(mysql_api: Api) -> None:
    url = replace(mysql_api.url, host="nowhere.invalid")
    assert "on nowhere.invalid:" in refused(url)
    assert "not known" in refused(url) or "resolution" in refused(url)


def test_a_file_that_is_not_there_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "missing.db"
    assert refused(DatabaseURL("sqlite", database=str(path)), 3600) == (
        f"the database file {path} cannot be used: there is no such file, or it may not be opened; "
        "invoke db.migrate makes it"
    )
