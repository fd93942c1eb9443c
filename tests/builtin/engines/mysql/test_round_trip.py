"""What comes off a server goes in again by ``LOAD DATA``, to the byte, for values of every type."""

from __future__ import annotations

import hashlib
from contextlib import closing
from pathlib import Path
from typing import Any

import pymysql

from deckinfra.builtin.engines.mysql.codec import Codec
from deckinfra.builtin.engines.mysql.rows import RowReader
from deckinfra.mysql import Server as Account
from deckinfra.mysql import Session
from deckinfra.mysql.names import quoted
from tests.builtin.engines.client.test_values import plant
from tests.mysql.support import run, url_of
from tests.support.servers import Server

MIB = 2**20
EVERY_BYTE = bytes(range(256))
MORE_TYPES = (
    "CREATE TABLE bits (id INT PRIMARY KEY, a BIT(1), b BIT(7), c BIT(9), d BIT(64))",
    "INSERT INTO bits VALUES (1, 0, 9, 92, 10), (2, 1, 127, 511, 18446744073709551615), (3, NULL, 10, 256, 0)",
    "CREATE TABLE vectors (id INT PRIMARY KEY, v VECTOR(3))",
    "CREATE TABLE alone (a VARCHAR(20))",
    "INSERT INTO alone VALUES (''), (NULL), ('NULL'), ('\\\\N'), ('\\\\'), ('\\n'), ('\\t'), ('N'), (''), ('\\\\.')",
    "CREATE TABLE long_ones (id INT PRIMARY KEY, b LONGBLOB, t LONGTEXT)",
)
VECTORS = {
    "mysql": "INSERT INTO vectors VALUES (1, TO_VECTOR('[1, -2.5, 3e-9]')), (2, NULL)",
    "mariadb": "INSERT INTO vectors VALUES (1, VEC_FromText('[1, -2.5, 3e-9]')), (2, NULL)",
}


def test_values_of_every_type_come_back(server: Server, database: str, codec: Codec, tmp_path: Path) -> None:
    run(server, None, "SET GLOBAL max_allowed_packet = 1073741824", "SET GLOBAL local_infile = 1")
    plant(server, database)
    # An ENUM's value of error reads as '', which is a member of this one: as text they are the same.
    run(server, database, "DELETE FROM choices WHERE e + 0 = 0", *MORE_TYPES, VECTORS[server.dialect])
    with _loading(server, database) as connection, connection.cursor() as cursor:
        for number, (blob, text) in enumerate([(17, 1), (1, 17), (40, 0)]):
            values = (number, EVERY_BYTE * (blob * 4096), "ö\\" * (text * MIB // 2))
            cursor.execute("INSERT INTO long_ones VALUES (%s, %s, %s)", values)
        with Account(url_of(server, database)).connect(database) as session:
            reader = RowReader(session, codec.encode)
            for name, _ in session.query("SHOW FULL TABLES WHERE Table_type = 'BASE TABLE'"):
                _copy(session, reader, cursor, _text(name), server.dialect, tmp_path)
            assert reader.warnings == []


def _copy(session: Session, reader: RowReader, cursor: Any, name: str, dialect: str, folder: Path) -> None:
    """Copy a table by its text, and compare the text and the server's own checksum."""
    copy = f"{name} 2"
    session.execute(f"CREATE TABLE {quoted(copy)} LIKE {quoted(name)}")
    found = session.query(
        "SELECT COLUMN_NAME, DATA_TYPE FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() "
        "AND TABLE_NAME = %s AND GENERATION_EXPRESSION = '' OR TABLE_SCHEMA = DATABASE() AND TABLE_NAME = %s "
        "AND GENERATION_EXPRESSION IS NULL ORDER BY ORDINAL_POSITION",
        *(name, name),
    )
    columns = [_text(column) for column, _ in found]
    documents = {_text(column) for column, kind in found if dialect == "mysql" and _text(kind) == "json"}
    before, text, rows = _read(reader, columns, name)
    assert _load(cursor, copy, columns, documents, text, folder) == rows
    assert _read(reader, columns, copy) == (before, text, rows)
    sums = [session.query(f"CHECKSUM TABLE {quoted(each)}")[0][1] for each in (name, copy)]
    assert sums[0] == sums[1]


def _read(reader: RowReader, columns: list[str], name: str) -> tuple[str, bytes, int]:
    text, rows = bytearray(), 0
    for chunk in reader.read(f"SELECT {', '.join(map(quoted, columns))} FROM {quoted(name)}"):
        text += chunk.data
        rows += chunk.rows
    return hashlib.sha256(text).hexdigest(), bytes(text), rows


def _load(cursor: Any, name: str, columns: list[str], documents: set[str], text: bytes, folder: Path) -> int:
    """Load lines as they are; MySQL takes a document only as text of a charset."""
    path = folder / "rows"
    path.write_bytes(text)
    places = {column: f"@v{number}" for number, column in enumerate(columns) if column in documents}
    given = ", ".join(places.get(column) or quoted(column) for column in columns)
    made = ", ".join(f"{quoted(column)} = CONVERT({place} USING utf8mb4)" for column, place in places.items())
    count = cursor.execute(
        f"LOAD DATA LOCAL INFILE '{path}' INTO TABLE {quoted(name)} CHARACTER SET binary ({given})"
        + (f" SET {made}" if made else "")
    )
    cursor.execute("SHOW WARNINGS")
    assert list(cursor.fetchall()) == []
    return int(count)


def _loading(server: Server, database: str) -> closing[Any]:
    connection = pymysql.connect(
        host="127.0.0.1",
        port=server.port,
        user="root",
        password=server.root_password,
        database=database,
        charset="utf8mb4",
        autocommit=True,
        local_infile=True,
        max_allowed_packet=2**30,
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES', time_zone = '+00:00', "
            "foreign_key_checks = 0"
        )
    return closing(connection)


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
