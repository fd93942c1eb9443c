from pathlib import Path

import pytest

from deckinfra.migrations.revisions import Revisions as Alembics
from src.utils.revisions import Revisions
from tests.application.support import ROOT


def write(folder: Path, *revisions: tuple[str, object]) -> Path:
    (folder / "versions").mkdir()
    for name, follows in revisions:
        path = folder / "versions" / f"{name}_x.py"
        path.write_text(
            f'"""A revision."""\n\nimport not_there\n\nrevision: str = "{name}"\ndown_revision = {follows!r}\n'
        )
    return folder


def test_the_projects_heads_are_those_that_alembic_finds() -> None:
    found = Revisions.scan(ROOT / "migrations")
    theirs = Alembics(ROOT / "migrations")
    assert found.heads == set(theirs.heads)
    assert found.known == set(theirs.all)


def test_branches_and_merges_are_followed(tmp_path: Path) -> None:
    folder = write(tmp_path, ("a", None), ("b", "a"), ("c", "a"), ("d", ("b", "c")), ("e", "a"))
    assert Revisions.scan(folder).heads == {"d", "e"}


@pytest.mark.parametrize(
    ("current", "state"),
    [(["b"], "current"), (["a"], "behind"), ([], "behind"), (["z"], "ahead"), (["b", "z"], "ahead")],
)
def test_a_database_is_current_behind_or_ahead(tmp_path: Path, current: list[str], state: str) -> None:
    assert Revisions.scan(write(tmp_path, ("a", None), ("b", "a"))).state(current) == state


def test_a_folder_without_revisions_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="there are no revisions in"):
        Revisions.scan(tmp_path)


@pytest.mark.parametrize("content", ["revision = 'a'\n", "revision = (\n", "revision = make()\ndown_revision = None\n"])
def test_a_file_that_is_no_revision_is_named(tmp_path: Path, content: str) -> None:
    write(tmp_path)
    (tmp_path / "versions" / "odd.py").write_text(content)
    with pytest.raises(ValueError, match=r"the revision .*odd\.py"):
        Revisions.scan(tmp_path)
