"""The text of a dump is cut into parts and counted, whatever is in it and however it comes."""

from __future__ import annotations

import pytest

from deckinfra.builtin.engines.client.sections import CHUNK, Chunker, Splitter
from deckinfra.builtin.engines.client.tally import Tally
from deckinfra.core.manifest import Facts
from deckinfra.ports import Chunk

HEAD = b"-- MySQL dump 10.13\n--\n/*!40101 SET NAMES utf8mb4 */;\n\n"
FOOT = b"/*!40103 SET TIME_ZONE=@OLD_TIME_ZONE */;\n\n-- Dump completed\n"


def structure(name: str, text: str = "id int") -> bytes:
    return (
        f"--\n-- Table structure for table `{name}`\n--\n\nDROP TABLE IF EXISTS `{name}`;\nCREATE TABLE `{name}` "
        f"(\n  {text}\n) ENGINE=InnoDB AUTO_INCREMENT=7 DEFAULT CHARSET=utf8mb4\n/*!50100 PARTITION BY RANGE (`id`)\n"
        "(PARTITION p0 VALUES LESS THAN (10)) */;\n\n"
        f"--\n-- Dumping data for table `{name}`\n--\n-- ORDER BY:  `it's`\n\n"
    ).encode()


def mysql(name: str, *rows: str) -> bytes:
    return f"INSERT INTO `{name}` (`a(`, `it's`) VALUES {','.join(rows)};\n".encode()


def mariadb(name: str, *rows: str) -> bytes:
    joined = ",\n".join(rows)
    return f"INSERT INTO `{name}` (`a(`, `it's`) VALUES {joined};\n".encode()


ROWS = (
    "(1,'a),(b')",
    "(2,'it\\'s\\\\')",
    "(3,'\\\\\\'),(')",
    "(-4.5,NULL)",
    "(0x28,'INSERT INTO `t` VALUES (')",
    "(7,'')",
)
DUMP = (
    HEAD
    + structure("a``b (x) 'y' \\")
    + mysql("a``b (x) 'y' \\", *ROWS)
    + mysql("a``b (x) 'y' \\", *ROWS[:2])
    + b"\n"
    + structure("empty")
    + b"\n--\n-- Sequence structure for `s`\n--\n\nCREATE SEQUENCE `s`;\n"
    + structure("z", "odd text default '-- Table structure for table `no`'")
    + mariadb("z", *ROWS)
    + FOOT
)


def looked_at(dump: bytes, size: int) -> tuple[list[Chunk], list[Facts], int]:
    """Cut a dump that comes in pieces of ``size`` bytes."""
    splitter, chunker, tally = Splitter(), Chunker(), Tally()
    chunks = []
    for run in splitter.runs(dump[start : start + size] for start in range(0, len(dump), size)):
        tally.add(run)
        chunks += list(chunker.add(run))
    return [*chunks, *chunker.end()], list(tally.facts()), splitter.longest


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 1000, 10**6])
def test_in_whatever_pieces_it_comes_it_is_cut_the_same(size: int) -> None:
    chunks, facts, _ = looked_at(DUMP, size)
    assert b"".join(chunk.data for chunk in chunks) == DUMP
    assert [(chunk.kind, chunk.name) for chunk in chunks] == [
        ("dump", "head"),
        ("table", "a`b (x) 'y' \\"),
        ("table", "empty"),
        ("sequence", "s"),
        ("table", "z"),
        ("dump", "foot"),
    ]
    assert {(each.kind, each.name): each.rows for each in facts} == {
        ("table", "a`b (x) 'y' \\"): 8,
        ("definition", "a`b (x) 'y' \\"): None,
        ("table", "empty"): 0,
        ("definition", "empty"): None,
        ("sequence", "s"): None,
        ("table", "z"): 6,
        ("definition", "z"): None,
    }
    assert facts == looked_at(DUMP, 10**7)[1]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"(-4.5,NULL)", b"(-4.6,NULL)"),
        (b"odd text", b"odd test"),
        (b"CREATE SEQUENCE `s`", b"CREATE SEQUENCE `S`"),
    ],
)
def test_any_change_shows_in_the_facts(before: bytes, after: bytes) -> None:
    assert looked_at(DUMP, 999)[1] != looked_at(DUMP.replace(before, after), 999)[1]


def test_a_counter_of_numbers_to_come_is_no_change_and_neither_is_a_charset_said_twice() -> None:
    other = DUMP.replace(b"AUTO_INCREMENT=7", b"AUTO_INCREMENT=8").replace(b"ENGINE=InnoDB AUTO", b"ENGINE=InnoDB AUTO")
    assert looked_at(DUMP, 999)[1] == looked_at(other, 999)[1]
    once = HEAD + structure("t", "`a` varchar(9) COLLATE utf8mb4_bin") + FOOT
    twice = HEAD + structure("t", "`a` varchar(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin") + FOOT
    assert looked_at(once, 999)[1] == looked_at(twice, 999)[1]


@pytest.mark.parametrize("size", [65536, 1_000_003])
def test_large_tables_and_long_lines_are_cut_by_their_content(size: int) -> None:
    rows = [f"({number},'{'x' * 900_000}')" for number in range(6)]
    long = f"(9,'{'y(' * 10_000_000}\\\\')"
    dump = (
        HEAD
        + structure("t")
        + b"".join(mysql("t", row) for row in rows)
        + mysql("t", long)
        + mysql("t", "(1,2)")
        + FOOT
    )
    chunks, facts, longest = looked_at(dump, size)
    assert b"".join(chunk.data for chunk in chunks) == dump
    assert facts[0].rows == 8
    assert longest == len(mysql("t", long))
    sizes = [len(chunk.data) for chunk in chunks]
    assert max(sizes) == 2 * CHUNK
    assert CHUNK <= sizes[1] < CHUNK + 1_000_000
    assert chunks[1].data.endswith(b"');\n")
    assert chunks == looked_at(dump, 12_345)[0]


def test_the_revisions_are_those_in_the_version_table() -> None:
    rows = b"INSERT INTO `alembic_version` (`version_num`) VALUES ('b2'),\n('a1');\n"
    tally = Tally()
    for run in Splitter().runs([HEAD + structure("alembic_version") + rows + FOOT]):
        tally.add(run)
    assert tally.revisions() == ("a1", "b2")
