"""URLs: parsed once, written the same, and no password ever shown."""

from __future__ import annotations

import traceback

import pytest

from deckinfra.core.secret import REDACTED, Secret
from deckinfra.core.urls import DatabaseURL, StoreURL, url_password, without_url_passwords
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
    ("text", "path"),
    [
        ("sqlite:///var/app.db", "var/app.db"),
        ("sqlite:////srv/app.db", "/srv/app.db"),
        ("sqlite:////:memory:", "/:memory:"),
        ("sqlite+pysqlite:///app.db", "app.db"),
        ('sqlite:///my folder/it\'s "größe" %41#1@x:y.db', 'my folder/it\'s "größe" %41#1@x:y.db'),
    ],
)
def test_an_sqlite_path_stands_for_itself(text: str, path: str) -> None:
    url = DatabaseURL.parse(text)
    assert (url.database, url.query, str(url)) == (path, "", text)
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
        ("sqlite:///:memory:", "names no database file"),
        ("sqlite:///:memory:?cache=shared", "names no database file"),
        ("sqlite:///file:app.db?mode=memory", "names no database file"),
        ("sqlite:///app\0.db", "names no database file"),
        ("sqlite:///app.db?timeout=5", "'sqlite:///app.db' has options, and SQLite has none here"),
        ("sqlite:///app.db?", "has options"),
        ("mysql://host/na\0me", "holds a NUL byte"),
        ("mysql://host/na%00me", "holds a NUL byte"),
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
        "mysql://deck:hunter22@host/de%00ck",
        "sqlite://deck:hunter22@host/app.db",
        "sqlite:///app.db?hunter22",
        "sqlite:///app.db?timeout=hunter22",
    ],
)
def test_a_database_url_that_is_refused_shows_no_password(text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        DatabaseURL.parse(text)
    told = "".join(traceback.format_exception(caught.value, chain=True)).replace(text, "")
    assert "hunter22" not in f"{caught.value.message} {caught.value.hint} {told}"


@pytest.mark.parametrize(
    "text",
    [
        "sqlite:///var/q.db?key=hunter22",
        "sqlite:var/my q.db?key=hunter22",
        "mysql+pymysql://u@h/db?password=hunter22",
        "mysql+pymysql://u@h/db?charset=utf8mb4&passwd=hunter22",
        "mysql+pymysql://u@h/db?p%61ssword=hunter22",
        "mysql+pymysql://u@h/db?PASSWORD=x hunter22",
        "mysql+pymysql://u:p w?password=hunter22@h/db",
        "mysql+pymysql://u@h/db?ssl_key_passphrase=hunter22",
        "s3://h/x?secret_access_key=hunter22",
        "s3://h/x?region=eu&session_token=hunter22",
        "S3://h/x?access-key=hunter22",
        "swift://h/x?credentials=hunter22",
        "azure://h/x?sv=1&sig=hunter22",
        "smb://h/x?pwd=hunter22",
    ],
)
@pytest.mark.parametrize("kind", [DatabaseURL, StoreURL])
def test_a_secret_among_the_options_is_refused_without_showing_it(
    text: str, kind: type[DatabaseURL | StoreURL]
) -> None:
    with pytest.raises(ConfigurationError, match="has a password among its options") as caught:
        kind.parse(text)
    told = "".join(traceback.format_exception(caught.value, chain=True))
    assert "hunter22" not in f"{caught.value.message} {caught.value.hint} {told}"


@pytest.mark.parametrize(
    "text",
    [
        "mysql+pymysql://u@h/db?charset=utf8mb4&ssl_key=/etc/client.pem&ssl_ca=/etc/ca.pem",
        "mysql+pymysql://u@h/db?server_public_key=abc",
        "s3://h/x?access_key_id=AKIA&keyboard=qwerty&region=",
    ],
)
def test_an_option_that_is_no_secret_is_kept(text: str) -> None:
    assert str(StoreURL.parse(text)) == text
    assert DatabaseURL.parse(text).query == text.partition("?")[2]


@pytest.mark.parametrize(
    ("text", "password", "shown"),
    [
        ("s3://h/x?region=eu&token=a%2Fb&y=1", "a/b", "s3://h/x?region=eu&token=•••&y=1"),
        ("a=s3://h/x?api_key=p b=s3://h/y?secret=q", "p", "a=s3://h/x?api_key=••• b=s3://h/y?secret=•••"),
        ("'mysql://u:p@h/db?password=q' is odd", "p", "'mysql://u:•••@h/db?password=•••' is odd"),
        ("is 'mysql://h/db?password=it's' odd", "it's", "is 'mysql://h/db?password=•••' odd"),
        ("s3://h/x?region=eu&keyboard=us", None, "s3://h/x?region=eu&keyboard=us"),
    ],
)
def test_secrets_among_options_are_found_and_hidden(text: str, password: str | None, shown: str) -> None:
    assert (url_password(text), without_url_passwords(text)) == (password, shown)
