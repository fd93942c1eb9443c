"""The files for an init folder: what goes where, and how it is written."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from sqlalchemy import Connection

from deckinfra.errors import MigrationError
from deckinfra.migrations.init_sql import ROWS, init_files
from deckinfra.ports import Seed
from tests.migrations.support import create, write_folder, write_revision, write_three

INDEX = "op.create_index('ix', 'one', ['id'])"
CHILD = (
    "op.create_table('child', sa.Column('id', sa.Integer, primary_key=True), "
    "sa.Column('one', sa.Integer, sa.ForeignKey('one.id')))"
)


def written(folder: Path, *bodies: str, seeds: Sequence[Seed] = ()) -> list[str]:
    """Give the three files' text for revisions with these bodies."""
    write_folder(folder)
    for number, body in enumerate(bodies, start=1):
        write_revision(folder, f"{number:04d}", f"{number - 1:04d}" if number > 1 else None, body)
    files = init_files(folder, seeds)
    assert list(files) == ["01-schema.sql", "02-indexes.sql", "03-seed-data.sql"]
    return list(files.values())


def test_each_file_says_that_it_is_made_and_how_it_is_encoded(tmp_path: Path) -> None:
    for text in written(tmp_path / "m", create("one")):
        assert "-- Made by `invoke db.init-sql` from the migrations up to revision 0001: edits here are lost.\n" in text
        assert "\nSET NAMES utf8mb4;\n" in text
        assert text.endswith(";\n")


def test_the_newest_revision_is_stamped_after_everything_else(tmp_path: Path) -> None:
    schema, indexes, _ = init_files(write_three(tmp_path / "m"), []).values()
    assert "alembic_version" not in schema
    assert indexes.endswith("INSERT INTO `alembic_version` (`version_num`) VALUES\n    ('0003');\n")


def test_revisions_are_told_apart(tmp_path: Path) -> None:
    schema, indexes, _ = written(tmp_path / "m", create("one"), INDEX)
    assert "\n-- Revision 0001: Revision 0001.\n\nCREATE TABLE one (" in schema
    assert "Revision 0002" not in schema
    assert "\n-- Revision 0002: Revision 0002.\n\nCREATE INDEX ix ON one (id);\n" in indexes


@pytest.mark.parametrize(
    ("later", "last"),
    [
        ("pass", True),
        (create("other"), True),
        ("op.create_index('iy', 'one', ['id'])", True),
        (CHILD, False),
        ("op.drop_index('ix', 'one')", False),
        ("op.add_column('one', sa.Column('more', sa.Integer))", False),
        ("op.execute('INSERT INTO one VALUES (1)')", False),
        ("op.alter_column('one', 'id', type_=sa.BigInteger, existing_type=sa.Integer)", True),
        ("op.alter_column('one', 'id', autoincrement=True, existing_type=sa.Integer)", False),
    ],
)
def test_an_index_is_made_last_unless_something_later_may_need_it(tmp_path: Path, later: str, last: bool) -> None:
    schema, indexes, _ = written(tmp_path / "m", create("one"), INDEX, later)
    assert ("CREATE INDEX ix " in indexes, "CREATE INDEX ix " in schema) == (last, not last)


def test_the_order_stays_within_a_file(tmp_path: Path) -> None:
    schema, indexes, _ = written(
        tmp_path / "m", create("one"), INDEX, CHILD, "op.create_index('iy', 'one', ['id'])", create("z")
    )
    assert [line.split()[2] for line in schema.splitlines() if line.startswith("CREATE")] == ["one", "ix", "child", "z"]
    assert [line.split()[2] for line in indexes.splitlines() if line.startswith("CREATE")] == ["iy", "alembic_version"]


def test_what_the_servers_want_differently_is_for_each_alone(tmp_path: Path) -> None:
    body = (
        "op.execute(f'DO {len(op.get_context().dialect.name)}')\nop.execute('DO 3')\n"
        "if op.get_context().dialect.name == 'mariadb':\n    op.execute('DO 9')"
    )
    schema, _, _ = written(tmp_path / "m", body)
    assert "\n/*!80000 DO 5 */ /*M! DO 7 */;\n\nDO 3;\n\n/*!80000 DO 0 */ /*M! DO 9 */;\n" in schema


def test_a_comment_in_what_they_want_differently_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MigrationError, match="revision 0001 has a comment"):
        written(tmp_path / "m", "op.execute(f'DO 1 /* {op.get_context().dialect.name} */')")


def test_statements_with_semicolons_get_a_delimiter_that_they_do_not_have(tmp_path: Path) -> None:
    schema, _, _ = written(
        tmp_path / "m", "op.execute('BEGIN NOT ATOMIC DO 1; DO 2; END')\nop.execute(\"SELECT '$$;'\")"
    )
    assert "\nDELIMITER $$\nBEGIN NOT ATOMIC DO 1; DO 2; END$$\nDELIMITER ;\n" in schema
    assert "\nDELIMITER //\nSELECT '$$;'//\nDELIMITER ;\n" in schema


def test_seeds_of_every_type_are_written_as_what_they_are(tmp_path: Path) -> None:
    columns = ", ".join(f"sa.Column('{name}', sa.{kind})" for name, kind in COLUMNS.items())
    seed = Seed("things", _plant)
    *_, text = written(tmp_path / "m", f"op.create_table('t `x', {columns})", seeds=[seed])
    assert "INSERT INTO `t ``x` (`number`, `text`, `bytes`, `empty`, `float`) VALUES\n" in text
    assert r"    (7, 'it''s \\ \n\r\0 🃏', x'00ff', NULL, 3.375);" in text


COLUMNS = {"number": "Integer", "text": "Text", "bytes": "LargeBinary", "empty": "Integer", "float": "Float"}


def _plant(connection: Connection) -> int:
    row = (7, "it's \\ \n\r\0 🃏", b"\0\xff", None, 3.375)
    return connection.exec_driver_sql('INSERT INTO "t `x" VALUES (?, ?, ?, ?, ?)', row).rowcount


def test_many_rows_are_several_statements(tmp_path: Path) -> None:
    def plant(connection: Connection) -> int:
        return connection.exec_driver_sql(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < ?) INSERT INTO one SELECT * FROM n",
            (2 * ROWS + 1,),
        ).rowcount

    *_, text = written(tmp_path / "m", create("one"), seeds=[Seed("many", plant)])
    assert text.count("INSERT INTO `one`") == 3
    assert text.count("    (") == 2 * ROWS + 1


def test_the_same_revisions_and_seeds_give_the_same_text(tmp_path: Path) -> None:
    at = "sa.Column('at', sa.DateTime, server_default=sa.func.now())"
    body = f"op.create_table('one', sa.Column('id', sa.Integer), {at})"
    seed = Seed("one", lambda connection: connection.exec_driver_sql("INSERT INTO one (id) VALUES (1)").rowcount)
    first = written(tmp_path / "a", body, seeds=[seed])
    assert written(tmp_path / "b", body, seeds=[seed]) == first
