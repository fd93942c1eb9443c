from pathlib import Path

import pytest

from deckinfra.core.urls import DatabaseURL
from deckinfra.migrations.connection import server_url
from src.utils.database_url import parse_database_url, place

ROOT = Path("/srv/app")


@pytest.mark.parametrize(
    "text",
    [
        "mysql+pymysql://deck@database:3306/deck",
        "mariadb://de%40ck@[::1]:3307/de%20ck",
        "mysql://deck:p%2Fw@127.0.0.1:3306/deck?ssl_ca=/etc/ca.pem",
    ],
)
def test_a_server_is_understood_as_deckinfra_does(text: str) -> None:
    theirs = DatabaseURL.parse(text)
    password = theirs.password.reveal() if theirs.password else "secret"
    ours = parse_database_url(text, None if theirs.password else password, ROOT)
    expected = server_url(theirs).set(password=password)
    assert ours == expected


def test_a_server_has_its_usual_port_where_none_is_said() -> None:
    assert parse_database_url("mysql://deck@database/deck", "x", ROOT).port == 3306


@pytest.mark.parametrize(
    ("text", "path"),
    [("sqlite:///var/deck.db", "/srv/app/var/deck.db"), ("sqlite:////mnt/it's #1%41.db", "/mnt/it's #1%41.db")],
)
def test_a_file_is_named_as_it_is_written(text: str, path: str) -> None:
    assert parse_database_url(text, None, ROOT).database == path


@pytest.mark.parametrize(
    "text",
    ["sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite:///file:x?mode=ro", "sqlite:///a?b=c", "sqlite+aio:///a"],
)
def test_what_names_no_file_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="it names no"):
        parse_database_url(text, None, ROOT)


def test_a_place_is_told_without_its_password() -> None:
    url = parse_database_url("mysql://deck:swordfish@database/deck", None, ROOT)
    assert place(url) == "the database 'deck' on database:3306"
    assert place(parse_database_url("sqlite:////a.db", None, ROOT)) == "the database file /a.db"
