"""Smoke queries: asked of every kind of database, judged, and nothing changed by any of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from deckinfra.app import open_project
from deckinfra.core.urls import DatabaseURL
from deckinfra.errors import ConfigurationError, DatabaseError
from deckinfra.migrations.connection import MIGRATE, connect
from deckinfra.plugins import PluginManager
from deckinfra.ports import SmokeQuery
from deckinfra.services.smoke import Finding, ask, fitting, queries_for, queries_of
from deckinfra.testing import MemoryStore, RecordingReporter
from tests.repository.support import open_repository, publish
from tests.support.servers import unreachable
from tests.tasks.support import Project, new_project

CARDS = 100
SHOWN = ", ".join(f'({number}, "it\'s % {number}", NULL)' for number in range(5))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project with nothing done yet."""
    return new_project(tmp_path / "my shop")


@pytest.fixture
def cards(any_url: DatabaseURL) -> DatabaseURL:
    """A table of a hundred cards on each kind of database."""
    with connect(any_url, MIGRATE, wait=5) as connection, connection.begin():
        connection.exec_driver_sql("CREATE TABLE cards (id INTEGER PRIMARY KEY, name VARCHAR(500), note VARCHAR(9))")
        rows = ", ".join(f"({number}, 'it''s % {number}', NULL)" for number in range(CARDS))
        connection.execution_options(no_parameters=True).exec_driver_sql(f"INSERT INTO cards VALUES {rows}")
    return any_url


def _asked(url: DatabaseURL, sql: str, *, expects_rows: bool = False, timeout: float = 60.0) -> Finding:
    return ask(url, SmokeQuery("cards-are-right", sql, expects_rows, timeout), sql)


def test_what_a_query_gives_is_judged(cards: DatabaseURL) -> None:
    right = Finding("cards-are-right")
    assert _asked(cards, "-- 100 %: none is nameless\nSELECT id FROM cards WHERE name NOT LIKE '%s %';") == right
    assert _asked(cards, "SELECT id FROM cards", expects_rows=True) == right
    none = _asked(cards, "SELECT id FROM cards WHERE id < 0", expects_rows=True)
    assert none.problem == "smoke query 'cards-are-right' gives no row, and should give some"
    wrong = _asked(cards, "SELECT id, name, note FROM cards ORDER BY id")
    assert wrong.problem == "smoke query 'cards-are-right' gives 100 rows that are wrong"
    assert ", ".join(wrong.rows) == SHOWN
    assert _asked(cards, "SELECT 7").problem == "smoke query 'cards-are-right' gives 1 row that is wrong"


def test_values_that_are_long_are_cut_and_kept_on_one_line(cards: DatabaseURL) -> None:
    (row,) = _asked(cards, f"SELECT '{'ä' * 300}', 'two\nlines' FROM cards WHERE id = 1").rows
    assert row == f"('{'ä' * 59}…, 'two\\nlines')"


NO_QUERIES = (
    "INSERT INTO cards VALUES (1000, 'new', NULL)",
    "DELETE FROM cards",
    "DROP TABLE cards",
    "CREATE TABLE more (id INTEGER)",
    "SELECT id FROM cards; DELETE FROM cards",
    "SELECT nothing FROM cards",
    "SELEC",
    "-- nothing",
)


def test_what_is_no_query_or_would_change_something_is_told_and_changes_nothing(cards: DatabaseURL) -> None:
    for sql in NO_QUERIES:
        problem = _asked(cards, sql).problem
        assert problem.startswith("smoke query 'cards-are-right' "), sql
        assert "could not be run: " in problem or "gives no rows to look at" in problem, sql
        assert not _asked(cards, f"SELECT n FROM (SELECT COUNT(*) AS n FROM cards) AS c WHERE n <> {CARDS}").problem, (
            sql
        )
    if cards.dialect == "sqlite":
        assert [path.name for path in Path(cards.database).parent.iterdir()] == [Path(cards.database).name]


def test_one_that_takes_too_long_is_ended_by_the_database_itself(cards: DatabaseURL) -> None:
    tables = ", ".join(f"cards AS c{number}" for number in range(8))
    found = _asked(cards, f"SELECT MAX(c0.id * c7.id + c3.id) FROM {tables}", timeout=1.0)
    assert found.problem == "smoke query 'cards-are-right' did not end within 1 s"
    if cards.dialect != "sqlite":
        still = "SELECT id, info FROM information_schema.processlist WHERE info LIKE 'SELECT MAX(c0%'"
        assert _asked(cards, still) == Finding("cards-are-right")


def test_a_database_that_fails_is_no_finding(server_url: DatabaseURL) -> None:
    with pytest.raises(DatabaseError, match="cannot be reached"):
        _asked(unreachable(server_url), "SELECT 1")


def test_each_dialect_has_its_words() -> None:
    both = SmokeQuery("both", {"mysql": "m", "sqlite": "s"})
    every, maria = SmokeQuery("every", "e"), SmokeQuery("maria", {"mariadb": "a"})
    found = {
        dialect: [words for _, words in fitting((both, every, maria), dialect)]
        for dialect in ("mysql", "mariadb", "sqlite")
    }
    assert found == {"mysql": ["m", "e"], "mariadb": ["m", "e", "a"], "sqlite": ["s", "e"]}


def test_a_plugins_queries_and_the_projects_files_are_found(project: Project) -> None:
    plugin = """from deckinfra import hookimpl
from deckinfra.ports import SmokeQuery


@hookimpl
def deckinfra_smoke_queries():
    return [SmokeQuery("by-plugin", "SELECT 1")]
"""
    project.write("plugins/asks.py", plugin)
    project.write("database/smoke/b.sql", "SELECT 2")
    project.write("database/smoke/a.sql", "\n-- Expects rows\nSELECT 3")
    project.write("database/smoke/README.md", "no query")
    assert [(query.name, query.expects_rows) for query in queries_of(open_project(project.root, environ={}))] == [
        ("by-plugin", False),
        ("a", True),
        ("b", False),
    ]
    project.write("database/smoke/by-plugin.sql", "SELECT 4")
    with pytest.raises(ConfigurationError, match="two smoke queries are called 'by-plugin'"):
        queries_of(open_project(project.root, environ={}))
    (project.root / "database/smoke/by-plugin.sql").write_bytes(b"SELECT '\xff'")
    with pytest.raises(ConfigurationError, match=r"by-plugin\.sql cannot be read"):
        queries_of(open_project(project.root, environ={}))


def test_a_snapshot_without_the_rows_of_some_tables_is_asked_nothing(
    project: Project, reporter: RecordingReporter
) -> None:
    project.write("database/smoke/a.sql", "SELECT 1")
    manifest = publish(open_repository(MemoryStore()), {"things": [b"1"]})
    opened = open_project(project.root, environ={}, reporter=reporter)
    assert [query.name for query in queries_for(opened, manifest)] == ["a"]
    assert queries_for(opened, replace(manifest, details={"without_rows": ["things"]})) == ()
    assert reporter.notes == [f"smoke queries are not asked: snapshot {manifest.id} is without the rows of some tables"]


def test_what_is_no_smoke_query_leaves_its_plugin_out(project: Project) -> None:
    project.write(
        "plugins/asks.py",
        "from deckinfra import hookimpl\n\n\n@hookimpl\ndef deckinfra_smoke_queries():\n    return ['SELECT 1']\n",
    )
    manager = PluginManager.load(project.root, {})
    assert manager.smoke_queries() == ()
    reasons = {record.name: record.reason for record in manager.records}
    assert "not a SmokeQuery" in reasons["asks"]
