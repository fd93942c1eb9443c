"""What revisions would run on a server, without one."""

from pathlib import Path

import pytest

from deckinfra.errors import MigrationError
from deckinfra.migrations.recording import Recording, Statement, record
from deckinfra.migrations.revisions import Revisions
from tests.migrations.support import create, write_folder, write_revision


def recorded(folder: Path, *bodies: str, server: str = "mysql") -> Recording:
    """Record revisions with these bodies."""
    write_folder(folder)
    for number, body in enumerate(bodies, start=1):
        write_revision(folder, f"{number:04d}", f"{number - 1:04d}" if number > 1 else None, body)
    return record(Revisions(folder), server)


def test_tables_indexes_and_foreign_keys_are_told_apart(tmp_path: Path) -> None:
    child = (
        "op.create_table('child', sa.Column('id', sa.Integer, primary_key=True), "
        "sa.Column('parent', sa.Integer, sa.ForeignKey('parent.id')), "
        "sa.Column('elder', sa.Integer, sa.ForeignKey('child.id')))"
    )
    found = recorded(tmp_path / "m", create("parent"), child, "op.create_index('ix', 'child', ['parent'])")
    parent, made, index = found.statements
    assert (parent.revision, parent.creates, parent.references) == ("0001", "parent", frozenset())
    assert (made.revision, made.creates, made.references) == ("0002", "child", frozenset({"parent"}))
    assert index == Statement("0003", "CREATE INDEX ix ON child (parent)", indexes="child")


def test_the_version_table_is_apart_and_its_rows_are_left_out(tmp_path: Path) -> None:
    found = recorded(tmp_path / "m", create("one"), create("two"))
    assert [each.creates for each in found.statements] == ["one", "two"]
    assert found.version_table.startswith("CREATE TABLE alembic_version (")


def test_values_are_kept_to_the_letter(tmp_path: Path) -> None:
    found = recorded(
        tmp_path / "m",
        """
        t = op.create_table("t", sa.Column("a", sa.String(50)), sa.CheckConstraint("a LIKE '%_@\t%'", name="c"))
        op.bulk_insert(t, [{"a": "it's\\t100 % \\\\ :x"}, {"a": None}])
        op.execute("UPDATE t SET a = 'two  \t  tabs'")
        """,
    )
    table, *rest = (each.sql for each in found.statements)
    assert "CHECK (a LIKE '%_@\t%')" in table
    assert "\t" not in table.replace("@\t%", "")
    assert " \n" not in table
    assert rest == [
        "INSERT INTO t (a) VALUES ('it''s\t100 % \\\\ :x')",
        "INSERT INTO t (a) VALUES (NULL)",
        "UPDATE t SET a = 'two  \t  tabs'",
    ]


def test_each_server_gets_its_own_dialect(tmp_path: Path) -> None:
    body = "op.execute(op.get_bind().dialect.name)"
    assert recorded(tmp_path / "a", body).statements[0].sql == "mysql"
    assert recorded(tmp_path / "b", body, server="mariadb").statements[0].sql == "mariadb"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("op.get_bind().execute(sa.select(sa.literal(1))).scalar()", "reads the database"),
        ("op.get_bind().execute(sa.text('DELETE FROM t WHERE a = :a'), {'a': 1})", "passes parameters"),
        ("op.get_bind().execute(sa.table('t', sa.column('a')).insert(), [{'a': 1}])", "passes parameters"),
        ("op.execute('DELETE FROM t WHERE a = :a')", "a parameter and no value for it: :a"),
        ("sa.inspect(op.get_bind())", "cannot be written as SQL for mysql: No inspection"),
        ("op.execute(sa.text('SELECT 1')).scalar()", "'NoneType' object has no attribute 'scalar'"),
        ("raise ValueError", "cannot be written as SQL for mysql: ValueError"),
    ],
)
def test_a_revision_that_cannot_be_written_is_named_with_the_reason(tmp_path: Path, body: str, reason: str) -> None:
    with pytest.raises(MigrationError, match="revision 0002 ") as caught:
        recorded(tmp_path / "m", create("t"), body)
    assert reason in caught.value.message
    assert "No file was written" in caught.value.hint


def test_no_revisions_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(MigrationError, match="there are no revisions"):
        record(Revisions(tmp_path / "nowhere"), "mysql")


def test_nothing_is_printed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    recorded(tmp_path / "m", create("one"))
    assert capfd.readouterr() == ("", "")
