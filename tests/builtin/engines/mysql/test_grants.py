"""What SHOW GRANTS says of one schema, and how it is said again of another."""

from __future__ import annotations

import pytest

from deckinfra.builtin.engines.mysql.grants import Grant, grants_in, reaches_further
from deckinfra.errors import DamagedError
from deckinfra.mysql.rights import Naming

WHO = "ann@%"
PATTERNS, LETTERS, FOLDED = Naming(False, False), Naming(True, False), Naming(False, True)


def _found(*lines: str, schema: str = "my_app", naming: Naming = PATTERNS) -> list[Grant]:
    return grants_in([f"GRANT {line}" for line in lines], WHO, schema, naming)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (r"SELECT, INSERT ON `my\_app`.* TO `ann`@`%`", r"GRANT SELECT, INSERT ON `o\_p`.* TO `ann`@`%`"),
        ("ALL PRIVILEGES ON `my_app`.* TO `ann`@`%`", r"GRANT ALL PRIVILEGES ON `o\_p`.* TO `ann`@`%`"),
        (r"SHOW VIEW ON `my\_app%`.* TO `ann`@`%`", r"GRANT SHOW VIEW ON `o\_p%`.* TO `ann`@`%`"),
        (
            "SELECT ON `my_app`.* TO `ann`@`%` WITH GRANT OPTION",
            r"GRANT SELECT ON `o\_p`.* TO `ann`@`%` WITH GRANT OPTION",
        ),
        (
            "SELECT (`a, b`, `on ``x``.``y`` to`), UPDATE (`c)`), DELETE ON `my_app`.`t``x` TO `ann`@`%`",
            "GRANT SELECT (`a, b`, `on ``x``.``y`` to`), UPDATE (`c)`), DELETE ON `o_p`.`t``x` TO `ann`@`%`",
        ),
        (
            "EXECUTE, ALTER ROUTINE ON PACKAGE BODY `my_app`.`p` TO `ann`@`%`",
            "GRANT EXECUTE, ALTER ROUTINE ON PACKAGE BODY `o_p`.`p` TO `ann`@`%`",
        ),
    ],
)
def test_a_right_on_the_schema_is_given_again_on_another(line: str, said: str) -> None:
    assert [each.sql(WHO, "o_p", PATTERNS) for each in _found(line)] == [said]
    assert [Grant.parse(each.document(), "x") for each in _found(line)] == _found(line)


@pytest.mark.parametrize(
    "line",
    [
        "SELECT ON `my_app`.* TO `bob`@`%`",
        "SELECT ON `my_app`.* TO `ann`@`localhost`",
        r"SELECT ON `my\_ap`.* TO `ann`@`%`",
        "SELECT ON `My_app`.* TO `ann`@`%`",
        "SELECT ON `myxapp`.`t` TO `ann`@`%`",
        "PROCESS ON *.* TO `ann`@`%`",
        "`my_app`@`%` TO `ann`@`%`",
    ],
)
def test_what_is_anothers_or_elsewhere_is_none(line: str) -> None:
    assert _found(line) == []


def test_a_wider_pattern_counts_if_nothing_else_does_and_then_the_one_that_the_server_goes_by() -> None:
    wide, wider = "INSERT ON `my%p`.* TO `ann`@`%`", "DELETE ON `%`.* TO `ann`@`%`"
    assert _found(wider, wide) == [Grant(("INSERT",))]
    assert _found(wider, wide, r"SELECT ON `my\_app`.* TO `ann`@`%`") == [Grant(("SELECT",))]


def test_names_are_read_as_the_server_reads_them() -> None:
    assert _found("SELECT ON `MY_app`.* TO `ann`@`%`", naming=FOLDED) == [Grant(("SELECT",))]
    assert _found("SELECT ON `my%`.* TO `ann`@`%`", naming=LETTERS) == []
    assert [each.sql(WHO, "o_p", LETTERS) for each in _found("SELECT ON `my_app`.* TO `ann`@`%`", naming=LETTERS)] == [
        "GRANT SELECT ON `o_p`.* TO `ann`@`%`"
    ]


def test_only_what_lacks_is_left_to_give() -> None:
    wanted = Grant(("SELECT", "INSERT"), grantable=True)
    assert wanted.without([]) == wanted
    assert wanted.without([Grant(("SELECT",), "t")]) == wanted
    assert wanted.without([Grant(("SELECT",), grantable=True)]) == Grant(("INSERT",), grantable=True)
    assert wanted.without([Grant(("INSERT", "SELECT"))]) == wanted
    assert wanted.without([Grant(("ALL PRIVILEGES",), grantable=True)]) is None


def test_rights_on_all_databases_are_noticed() -> None:
    assert reaches_further(["GRANT PROCESS ON *.* TO `ann`@`%` IDENTIFIED BY PASSWORD 'x'"], WHO)
    assert reaches_further(["GRANT PROXY ON ''@'' TO `ann`@`%` WITH GRANT OPTION"], WHO)
    assert not reaches_further(["GRANT USAGE ON *.* TO `ann`@`%`", "GRANT SELECT ON *.* TO `bob`@`%`"], WHO)


def test_a_document_that_is_none_is_told() -> None:
    with pytest.raises(DamagedError):
        Grant.parse({"rights": ["SELECT"]}, "the snapshot")
