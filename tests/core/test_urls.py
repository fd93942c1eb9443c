"""URLs: parsed once, written the same, and no password ever shown."""

from __future__ import annotations

import traceback

import pytest

from deckinfra.core.secret import REDACTED, Secret
from deckinfra.core.urls import DatabaseURL, StoreURL
from deckinfra.errors import ConfigurationError


@pytest.mark.parametrize(
    ("text", "scheme", "location"),
    [
        ("file:backups/local", "file", "backups/local"),
        ('file:///srv/my backups/it\'s "here"/größe%20', "file", '///srv/my backups/it\'s "here"/größe%20'),
        ("sftp://deck@host:22/backups", "sftp", "//deck@host:22/backups"),
        ("sftp://host:22/a@b", "sftp", "//host:22/a@b"),
        ("sftp://[::1]:22/a@b", "sftp", "//[::1]:22/a@b"),
        ("s3://bucket/pre:fix@x", "s3", "//bucket/pre:fix@x"),
        ("file:a\nb", "file", "a\nb"),
        ("file:user:x@y", "file", "user:x@y"),
    ],
)
def test_a_store_url_keeps_its_location_as_it_is(text: str, scheme: str, location: str) -> None:
    url = StoreURL.parse(text)
    assert (url.scheme, url.location, str(url)) == (scheme, location, text)


@pytest.mark.parametrize("text", ["", "backups", "file:", ":x", "File:x", "/srv/backups", "fi le:x", "1s:x"])
def test_what_is_no_store_url_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="is not a store URL") as caught:
        StoreURL.parse(text)
    assert "SCHEME:LOCATION" in caught.value.hint


@pytest.mark.parametrize(
    "text",
    [
        "sftp://deck:hunter22@host/backups",
        "sftp://deck:hunter22@@host/backups",
        "sftp://deck:hun/hunter22@host/backups",
        "sftp://:hunter22@host/backups",
        "SFTP://deck:hunter22@host/backups",
        "://deck:hunter22@host/backups",
    ],
)
def test_a_store_url_with_a_password_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(ConfigurationError, match=REDACTED) as caught:
        StoreURL.parse(text)
    assert "hunter22" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("text", "path", "query"),
    [
        ("sqlite:///var/app.db", "var/app.db", ""),
        ("sqlite:////srv/app.db", "/srv/app.db", ""),
        ("sqlite+pysqlite:///app.db?timeout=5", "app.db", "timeout=5"),
        ('sqlite:///my folder/it\'s "größe" %41#1@x:y.db', 'my folder/it\'s "größe" %41#1@x:y.db', ""),
    ],
)
def test_an_sqlite_path_stands_for_itself(text: str, path: str, query: str) -> None:
    url = DatabaseURL.parse(text)
    assert (url.database, url.query, str(url)) == (path, query, text)
    assert (url.host, url.port, url.username, url.password) == ("", None, "", None)


def test_the_parts_of_a_server_url_are_decoded() -> None:
    url = DatabaseURL.parse("mysql+pymysql://de%40ck:p%2Fw%25@db.example:3307/de%20ck?charset=utf8mb4")
    assert url == DatabaseURL(
        "mysql", "pymysql", "de@ck", "db.example", 3307, "de ck", "charset=utf8mb4", Secret("p/w%")
    )


@pytest.mark.parametrize(
    "text",
    [
        "mysql://host/name",
        "mysql+pymysql://de%40ck@db.example:3307/de%20ck?charset=utf8mb4",
        "mariadb://deck@[2001:db8::1]:3306/deck",
        "mysql://host/%C3%A4%2F%27%22%20",
    ],
)
def test_a_server_url_is_written_as_it_was_read(text: str) -> None:
    assert str(DatabaseURL.parse(text)) == text
    assert DatabaseURL.parse(str(DatabaseURL.parse(text))) == DatabaseURL.parse(text)


def test_a_password_is_kept_and_not_shown() -> None:
    url = DatabaseURL.parse("mysql://deck:hunter22@host/deck")
    assert url.password == Secret("hunter22")
    assert str(url) == "mysql://deck@host/deck"
    assert "hunter22" not in f"{url} {url!r} {[url]}"


def test_an_empty_password_is_none() -> None:
    assert DatabaseURL.parse("mysql://deck:@host/deck").password is None


def test_password_and_database_can_be_exchanged() -> None:
    url = DatabaseURL.parse("mysql://deck@host/deck")
    assert url.with_password(Secret("x")).password == Secret("x")
    assert url.with_password(Secret("x")).with_password(None) == url
    assert str(url.with_database("other one")) == "mysql://deck@host/other%20one"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not a database URL"),
        ("var/app.db", "is not a database URL"),
        ("sqlite:var/app.db", "is not a database URL"),
        ("sqlite://", "names no database file"),
        ("sqlite:///", "names no database file"),
        ("sqlite://host/app.db", "names no database file"),
        ("mysql://host", "lacks a host or the name of a database"),
        ("mysql://host/", "lacks a host or the name of a database"),
        ("mysql:///name", "lacks a host or the name of a database"),
        ("mysql://host:port/name", "is not a database URL"),
        ("mysql://host:99999/name", "is not a database URL"),
        ("mysql://[::1/name", "is not a database URL"),
    ],
)
def test_what_is_no_database_url_is_refused(text: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message) as caught:
        DatabaseURL.parse(text)
    assert caught.value.hint.startswith("Write ")


@pytest.mark.parametrize(
    "text",
    [
        "mysql:deck:hunter22@host/deck",
        "mysql://deck:hunter22@host",
        "mysql://deck:hunter22@host:port/deck",
        "mysql://deck:hun/hunter22@host/deck",
        "mysql://deck:hun#hunter22@host/deck",
        "mysql://deck:hunter22@host:port/de@ck",
    ],
)
def test_a_database_url_that_is_refused_shows_no_password(text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        DatabaseURL.parse(text)
    told = "".join(traceback.format_exception(caught.value, chain=True)).replace(text, "")
    assert "hunter22" not in f"{caught.value.message} {caught.value.hint} {told}"
