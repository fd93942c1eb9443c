"""Generated MySQL and MariaDB databases: tables of every type, charset, key and engine, and what stands around them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hypothesis import strategies as st

from deckinfra.mysql.names import quoted

NAMES = (
    "plain",
    "a b",
    "it's",
    "t`ick",
    "%s %d",
    "tab\tle",
    'say "x"',
    "tä漢",
    "select",
    "(a,b)",
    "-- x",
)
MODES = "ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO"

_TEXTS = (
    "",
    " ",
    "NULL",
    "\\N",
    "\\",
    "'",
    '"',
    "a\tb\nc\r",
    "0",
    "-0",
    "a,b),(c",
    "ÿ€",
    "漢字🂡",
    "%s",
    "it''s\0",
    "x" * 300,
)
_CHARSETS = {
    "mysql": ("utf8mb4", "utf8mb3", "latin1", "latin2", "cp1251", "koi8r", "sjis", "gbk", "gb18030", "big5", "ucs2"),
    "mariadb": ("utf8mb4", "utf8mb3", "latin1", "latin2", "cp1251", "koi8r", "sjis", "gbk", "ujis", "euckr", "ucs2"),
}
_MORE_CHARSETS = ("utf16", "utf32", "utf16le", "ascii", "hebrew", "tis620", "cp932", "binary", "swe7")
_COLLATIONS = {
    "mysql": ("utf8mb4_bin", "utf8mb4_0900_as_cs", "utf8mb4_unicode_ci", "latin1_general_cs", "utf8mb4_0900_bin"),
    "mariadb": ("utf8mb4_bin", "utf8mb4_nopad_bin", "utf8mb4_unicode_ci", "latin1_general_cs", "utf8mb4_uca1400_as_cs"),
}
_ENGINES = {
    "mysql": ("", "", "", "InnoDB ROW_FORMAT=COMPRESSED", "InnoDB ROW_FORMAT=REDUNDANT", "MyISAM", "MEMORY", "ARCHIVE"),
    "mariadb": ("", "", "", "InnoDB ROW_FORMAT=COMPRESSED", "InnoDB PAGE_COMPRESSED=1", "MyISAM", "MEMORY", "Aria"),
}
_BARE = frozenset({"ARCHIVE"})
"""Engines without keys, but for one of a number that counts itself up."""


@dataclass(frozen=True)
class Kind:
    """A type: its declaration, what its values may be in SQL, and how it may be in a key (``""``: not at all)."""

    declaration: str
    values: st.SearchStrategy[str]
    key: str = "{}"


@dataclass(frozen=True)
class Column:
    """A column with what stands behind its type, and whether rows give it a value."""

    name: str
    kind: Kind
    rule: str
    is_given: bool = True


@dataclass(frozen=True)
class Table:
    """A table: its columns, its keys and what comes after them as SQL, and its rows as SQL."""

    name: str
    columns: Sequence[Column]
    keys: Sequence[str]
    tail: str
    rows: Sequence[Sequence[str]]

    def statements(self) -> Iterator[str]:
        """Give what makes it, then what fills it."""
        parts = [f"{quoted(each.name)} {each.kind.declaration} {each.rule}" for each in self.columns]
        yield f"CREATE TABLE {quoted(self.name)} ({', '.join([*parts, *self.keys])}){self.tail}"
        given = ", ".join(quoted(each.name) for each in self.columns if each.is_given)
        for row in self.rows:
            yield f"INSERT IGNORE INTO {quoted(self.name)} ({given}) VALUES ({', '.join(row)})"


@dataclass(frozen=True)
class Schema:
    """A database: its charset, its tables, and the statements that make what stands around them.

    ``by_file`` tells whether rows may be loaded by ``LOAD DATA LOCAL``.
    """

    charset: str
    tables: Sequence[Table]
    objects: Sequence[str]
    by_file: bool


def _texts(charset: str = "utf8mb4") -> st.SearchStrategy[str]:
    drawn = st.one_of(st.sampled_from(_TEXTS), st.text(st.characters(exclude_categories=["Cs"]), max_size=12)).map(
        lambda text: f"CONVERT(X'{text.encode().hex()}' USING utf8mb4)"
    )
    if charset in {"latin1", "latin2", "cp1251", "koi8r", "hebrew", "tis620"}:
        raw = st.binary(max_size=12).map(lambda data: f"_{charset} X'{data.hex()}'")
        return st.one_of(drawn, raw)
    return drawn


_BYTES = st.one_of(st.binary(max_size=20), st.sampled_from([b"", b"\0", b"\\", bytes(range(256))])).map(
    lambda data: f"X'{data.hex()}'"
)
_DAYS = st.one_of(
    st.sampled_from(["0000-00-00", "2024-02-31", "2024-00-10", "9999-12-31", "1000-01-01"]), st.dates().map(str)
)
_HOURS = st.sampled_from(["00:00:00", "23:59:59.999999", "12:00:00.000001"])
_DOCUMENTS = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**63), 2**64 - 1),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
        st.sampled_from(["\\", '"', "\n", "1.10", "2026-01-02"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=4), inner),
    ),
    max_leaves=6,
)


def _numbers(*edges: object) -> st.SearchStrategy[str]:
    return st.one_of(st.sampled_from(edges), st.integers(-(2**63), 2**64)).map(str)


def _kinds(dialect: str) -> st.SearchStrategy[Kind]:
    integers = [
        Kind(f"{name} {sign}".strip(), _numbers(0, -1, 1, 127, 2**31 - 1, 2**63 - 1))
        for name in ("TINYINT", "SMALLINT", "MEDIUMINT", "INT", "BIGINT")
        for sign in ("", "UNSIGNED")
    ]
    floats = st.floats(allow_nan=False, allow_infinity=False, width=32).map(
        lambda value: f"{value!r}e0".replace("e0", "")
    )
    doubles = st.floats(allow_nan=False, allow_infinity=False).map(repr)
    decimals = st.decimals(allow_nan=False, allow_infinity=False, places=30).map(lambda value: f"'{value:f}'")
    times = st.sampled_from(["'-838:59:59'", "'838:59:59'", "'-00:00:00.000001'", "'12:34:56.789'"])
    texts = [
        Kind(f"{name} CHARACTER SET {charset}", _texts(charset), "{}(3)")
        for name in ("VARCHAR(40)", "CHAR(5)", "TEXT", "LONGTEXT")
        for charset in (*_CHARSETS[dialect], *_MORE_CHARSETS)
    ]
    texts += [
        Kind(f"VARCHAR(40) CHARACTER SET {name.partition('_')[0]} COLLATE {name}", _texts(), "{}")
        for name in _COLLATIONS[dialect]
    ]
    members = "('', 'a', '0', '1', 'NULL', 'it''s', 'ä')"
    others = [
        Kind("DECIMAL(65,30)", decimals),
        Kind("DECIMAL(5,0) UNSIGNED", _numbers(0, 99999)),
        Kind("FLOAT", floats),
        Kind("FLOAT(7,3)", floats),
        Kind("DOUBLE", doubles),
        Kind("BIT(1)", st.sampled_from(["b'0'", "b'1'"])),
        Kind("BIT(64)", st.sampled_from(["b'0'", "10", "9", "92", "18446744073709551615"])),
        Kind("YEAR", st.sampled_from(["0", "1901", "2155"])),
        Kind("DATE", _DAYS.map(lambda day: f"'{day}'")),
        Kind("DATETIME", _DAYS.map(lambda day: f"'{day} 01:02:03'")),
        Kind("DATETIME(6)", st.tuples(_DAYS, _HOURS).map(lambda both: f"'{both[0]} {both[1]}'")),
        Kind("TIMESTAMP(3) NULL", st.sampled_from(["'1970-01-01 00:00:01'", "'2038-01-19 03:14:07.999'", "NOW()"])),
        Kind("TIME(6)", times),
        Kind(f"ENUM{members} CHARACTER SET latin1", st.sampled_from(["''", "'a'", "'0'", "'1'", "'none'", "'ä'"])),
        Kind(f"SET({', '.join(repr(f'm{n}') for n in range(64))})", st.integers(0, 2**64 - 1).map(str)),
        Kind("BINARY(4)", _BYTES),
        Kind("VARBINARY(300)", _BYTES, "{}(9)"),
        Kind("BLOB", _BYTES, "{}(9)"),
        Kind("LONGBLOB", st.sampled_from([f"REPEAT(X'{n:02x}', 70000)" for n in (0, 9, 10, 92, 97, 255)]), ""),
        Kind("JSON", _DOCUMENTS.map(lambda value: f"CONVERT(X'{json.dumps(value).encode().hex()}' USING utf8mb4)"), ""),
        Kind("GEOMETRY", st.sampled_from(["POINT(1, -2.5)", "ST_GeomFromText('LINESTRING(0 0, 1 1e300)')"]), ""),
    ]
    own = {
        "mysql": [Kind("VECTOR(2)", st.sampled_from(["TO_VECTOR('[1,-2.5]')"]), "")],
        "mariadb": [
            Kind("VECTOR(2)", st.sampled_from(["VEC_FromText('[1,-2.5]')"]), ""),
            Kind("INET4", st.sampled_from(["'1.2.3.4'", "'255.0.0.92'"])),
            Kind("INET6", st.sampled_from(["'::'", "'::ffff:1.2.3.4'", "'a:b::9'"])),
            Kind("UUID", st.uuids().map(lambda value: f"'{value}'")),
            Kind("VARCHAR(300) COMPRESSED", _texts(), ""),
        ],
    }
    return st.one_of(*map(st.sampled_from, (integers, texts, others, [*others, *own[dialect]])))


def _rules(draw: st.DrawFn, dialect: str, kind: Kind) -> str:
    rules = ["", "", "", "COMMENT 'it''s, (a `comment`) AUTO_INCREMENT=7'", "INVISIBLE"]
    if kind.key and "(3)" not in kind.key and "(9)" not in kind.key:
        rules.append("NOT NULL")
    if "INT" in kind.declaration:
        rules += ["DEFAULT (1 + 2)", "DEFAULT 7 CHECK (1 < 2)"]
    if "COMPRESSED" in kind.declaration:
        return ""
    return draw(st.sampled_from(rules))


@st.composite
def _tables(draw: st.DrawFn, dialect: str, name: str) -> Table:
    kinds = draw(st.lists(_kinds(dialect), min_size=1, max_size=5))
    names = draw(st.permutations([*NAMES, "a", "b"]))
    columns = [Column(names[n], kind, _rules(draw, dialect, kind)) for n, kind in enumerate(kinds)]
    engine = draw(st.sampled_from(_ENGINES[dialect]))
    keys, counter, parts = [], "", ""
    form = draw(st.sampled_from(("none", "counter", "counter", "drawn", "drawn")))
    if form == "counter":
        columns.insert(draw(st.integers(0, 1)), Column("id", Kind("BIGINT", st.just("NULL")), "AUTO_INCREMENT", False))
        keys.append("KEY (id)" if draw(st.integers(0, 4)) == 0 else "PRIMARY KEY (id)")
        counter = draw(st.sampled_from(("", " AUTO_INCREMENT=1000")))
    able = [each for each in columns if each.kind.key and each.is_given]
    if engine in _BARE:
        able = []
    if form == "drawn" and able:
        chosen = draw(st.lists(st.sampled_from(able), min_size=1, max_size=2, unique=True))
        items = ", ".join(each.kind.key.format(quoted(each.name)) for each in chosen)
        keys.append(draw(st.sampled_from((f"PRIMARY KEY ({items})", f"UNIQUE KEY `u``,(` ({items})"))))
    for number, each in enumerate(draw(st.lists(st.sampled_from(able), max_size=2)) if able else []):
        item = each.kind.key.format(quoted(each.name))
        order = draw(st.sampled_from(("", " DESC"))) if engine != "MEMORY" else ""
        functional = (
            dialect == "mysql" and engine in {"", "InnoDB"} and draw(st.booleans()) and "INT" in each.kind.declaration
        )
        item = f"(({quoted(each.name)} + 1))" if functional else f"({item}{order})"
        keys.append(f"{draw(st.sampled_from(('KEY', 'KEY', 'UNIQUE KEY')))} `k {number}%s` {item} COMMENT 'it''s ('")
    first = columns[0]
    if engine not in {"MEMORY", "ARCHIVE"} and draw(st.booleans()):
        how = draw(st.sampled_from(("VIRTUAL", "STORED")))
        made = Column("made", Kind(f"INT AS (IF({quoted(first.name)} IS NULL, 1, 2)) {how}", st.nothing()), "", False)
        if first.is_given:
            columns.insert(draw(st.integers(0, len(columns))), made)
    if engine == "" and form == "counter" and len(keys) == 1 and keys[0].startswith("PRIMARY"):
        parts = draw(st.sampled_from(("", "", " PARTITION BY HASH(id) PARTITIONS 3", _RANGES)))
    given = [each for each in columns if each.is_given]
    row = st.tuples(*(st.one_of(st.just("NULL"), each.kind.values, each.kind.values) for each in given))
    tail = f"{f' ENGINE={engine}' if engine else ''}{counter} COMMENT='a `t` that''s (odd)\n'{parts}"
    return Table(name, columns, keys, tail, draw(st.lists(row, max_size=6)))


_RANGES = " PARTITION BY RANGE (id) (PARTITION `p 0` VALUES LESS THAN (3), PARTITION p1 VALUES LESS THAN MAXVALUE)"


def _around(dialect: str, names: Sequence[str]) -> list[str]:
    """Give statements that make something of every kind; one that stands on nothing that is there may fail."""
    first = quoted(names[0])
    found = [
        "CREATE FUNCTION one_more(n INT) RETURNS INT DETERMINISTIC RETURN n + 1",
        f"CREATE VIEW `z``view` AS SELECT * FROM {first}",
        "CREATE VIEW `a view` AS SELECT COUNT(*) AS n FROM `z``view`",
        "CREATE VIEW `a view` AS SELECT COUNT(*) AS n, one_more(3) AS m FROM `z``view`",
        f"CREATE TRIGGER `t``2` BEFORE DELETE ON {first} FOR EACH ROW SET @a = 'ä;`'",
        f"CREATE TRIGGER `a t` BEFORE DELETE ON {first} FOR EACH ROW FOLLOWS `t``2` SET @b = 1",
        "CREATE DEFINER = 'no one'@'%' PROCEDURE `p %s`() BEGIN SELECT 'ä'; SELECT \"x\"; END",
        "CREATE EVENT `e v` ON SCHEDULE EVERY 1 DAY STARTS '2030-01-01 03:00:00' DISABLE COMMENT 'x' DO SELECT 1",
    ]
    if dialect == "mariadb":
        found += [
            "CREATE SEQUENCE `a seq` START WITH 5 INCREMENT BY -3 MINVALUE -1000 MAXVALUE 100 CYCLE",
            "SELECT NEXTVAL(`a seq`)",
            "CREATE SEQUENCE nocache NOCACHE ENGINE=Aria",
            "CREATE TABLE versioned (id INT PRIMARY KEY, n INT, KEY (n)) WITH SYSTEM VERSIONING",
            "INSERT INTO versioned VALUES (1, 1), (2, 2)",
            "DELETE FROM versioned WHERE id = 2",
        ]
    return found


@st.composite
def schemas(draw: st.DrawFn, dialect: str) -> Schema:
    """Give databases for a server of that dialect. A table that it does not take is left out by whoever makes it."""
    names = draw(st.permutations(NAMES))[: draw(st.integers(1, 3))]
    tables = [draw(_tables(dialect, name)) for name in names]
    around = _around(dialect, names)
    chosen = draw(st.lists(st.integers(0, len(around) - 1), unique=True))
    return Schema(
        draw(st.sampled_from(_CHARSETS[dialect][:4])),
        tables,
        [around[n] for n in sorted(chosen)],
        dialect == "mariadb" or draw(st.booleans()),
    )
