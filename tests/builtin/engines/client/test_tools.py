"""The tools' command lines, compared as values; option files, read back by both vendors' tools."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest
from pymysql.converters import escape_string

from deckinfra.builtin.engines.client.tools import Tools
from deckinfra.core.command import Command
from deckinfra.core.secret import Secret
from deckinfra.core.urls import DatabaseURL
from deckinfra.errors import DatabaseError
from deckinfra.mysql import Server as Account
from deckinfra.ports import DatabaseTools
from deckinfra.system.executor import LocalExecutor
from tests.builtin.engines.client.support import container_executor, fake_tools
from tests.mysql.support import run, url_of
from tests.support.servers import Server

URL = DatabaseURL("mysql", "", "ro ot", "db.example", 3307, "deck", "ssl_ca=/etc/ca.pem&x=y", Secret('p "#\\ä'))
PASSWORDS = (
    'it\'s a \\ "test" @ 100 %',
    "# hash ; semi",
    "a=b 'c",
    '"quoted"',
    " spaces ",
    "\\n\\",
    "päss 🂡",
    "tab\tx",
)


def tools_of(vendor: str) -> Tools:
    return Tools(DatabaseTools(LocalExecutor(Path("/")), URL), vendor, "tool 1")


def words(command: Command) -> list[str]:
    """Give the tool's own words, behind those that hand it its options."""
    assert command.argv[:2] == ("sh", "-c")
    assert command.argv[3] == "sh"
    return list(command.argv[4:])


def test_a_dump_by_mysqls_tool() -> None:
    command = tools_of("mysql").dump("my deck", leave_out=["a view"], locked=False)
    assert words(command) == [
        *("mysqldump", "--defaults-file=/dev/fd/3", "--quick", "--hex-blob", "--order-by-primary"),
        *("--complete-insert", "--tz-utc", "--skip-triggers", "--skip-dump-date", "--skip-add-locks"),
        *("--skip-disable-keys", "--no-tablespaces", "--default-character-set=utf8mb4"),
        *("--max-allowed-packet=1073741824", "--single-transaction", "--set-gtid-purged=OFF"),
        "--column-statistics=0",
        "--loose-init-command=SET SESSION sql_select_limit = 18446744073709551615, max_execution_time = 0, "
        "sql_big_selects = 1",
        *("--ignore-table=my deck.a view", "--", "my deck"),
    ]
    assert 'p "#' not in str(command)


def test_a_dump_by_mariadbs_tool_with_locks() -> None:
    command = tools_of("mariadb").dump("deck", leave_out=[], locked=True)
    assert words(command)[:2] == ["mariadb-dump", "--defaults-file=/dev/fd/3"]
    assert words(command)[-4:] == ["--lock-tables", "--skip-no-autocommit", "--", "deck"]


@pytest.mark.parametrize(("vendor", "name"), [("mysql", "mysql"), ("mariadb", "mariadb")])
def test_a_load(vendor: str, name: str) -> None:
    found = words(tools_of(vendor).load("-deck"))
    assert found[:3] == [name, "--defaults-file=/dev/fd/3", "--batch"]
    assert found[-1] == "--database=-deck"
    assert "--binary-mode" in found


def test_the_options_are_those_of_the_url() -> None:
    assert tools_of("mysql").options().decode().splitlines() == [
        "[client]",
        'user="ro ot"',
        'password="p \\"#\\\\ä"',
        'host="db.example"',
        "port=3307",
        "protocol=TCP",
        'ssl-ca="/etc/ca.pem"',
        "get-server-public-key",
        "",
    ]


def test_what_a_tool_says_is_shown_without_the_password() -> None:
    assert tools_of("mysql").said(b'cannot\n log in with p "#\\\xc3\xa4') == "cannot log in with •••"


def test_every_password_reaches_the_tools_as_it_is(server: Server) -> None:
    for password in PASSWORDS:
        user = f"u{secrets.token_hex(5)}"
        run(server, None, f"CREATE USER {user}@'%' IDENTIFIED BY '{escape_string(password)}'")
        try:
            url = DatabaseURL(server.dialect, "", user, "127.0.0.1", 3306, "deck", "", Secret(password))
            tools = Tools(DatabaseTools(container_executor(server), url), server.dialect, "")
            load = tools.load("information_schema")
            done = tools.given.executor.run(load, stdin=tools.feed([b"SELECT CURRENT_USER();\n"]))
        finally:
            run(server, None, f"DROP USER {user}@'%'")
        assert (done.stderr, done.stdout.split()[-1:]) == (b"", [f"{user}@%".encode()])


def test_a_tool_that_is_missing_is_named_with_what_to_do(server: Server) -> None:
    given = DatabaseTools(LocalExecutor(Path("/"), {"PATH": "/bin:/usr/bin"}), url_of(server, "deck"))
    with pytest.raises(DatabaseError, match=r"need the tools .* on this machine: .*not found") as caught:
        Tools.fitting(given, Account(url_of(server, "deck")))
    assert (
        "docker compose --env-file FILE run --rm ops invoke ..., where FILE is the environment's env file."
        in caught.value.hint
    )


@pytest.mark.parametrize(
    "line",
    [
        "mysqldump  Ver 8.0.36 for Linux on x86_64 (MySQL Community Server - GPL)",
        "mysqldump  Ver 10.13 Distrib 5.7.44, for Linux (x86_64)",
        "mariadb-dump from 10.11.6-MariaDB, client 10.19 for debian-linux-gnu (x86_64)",
        "mysqldump  Ver 10.19 Distrib 10.11.6-MariaDB, for debian-linux-gnu (x86_64)",
        "something else",
    ],
)
def test_a_tool_that_does_not_fit_the_server_is_refused(server: Server, line: str) -> None:
    with fake_tools(server, f'echo "{line}"') as executor:
        given = DatabaseTools(executor, url_of(server, "deck"))
        with pytest.raises(DatabaseError, match="does not fit the server") as caught:
            Tools.fitting(given, Account(url_of(server, "deck")))
    assert line in caught.value.message
    assert "Install the client tools of" in caught.value.hint


def test_the_tools_beside_the_server_fit(server: Server) -> None:
    given = DatabaseTools(container_executor(server), url_of(server, "deck"))
    tools = Tools.fitting(given, Account(url_of(server, "deck")))
    assert tools.vendor == server.dialect
    assert tools.about.startswith(tools.dump_name)
