"""The public names: there, typed, loaded when they are used, and quick to import."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import deckinfra

HEAVY = {
    "sqlalchemy",
    "alembic",
    "pydantic",
    "pydantic_core",
    "docker",
    "fabric",
    "rich",
    "invoke",
    "pymysql",
    "pluggy",
}


def _loaded(code: str) -> set[str]:
    """Give the top-level modules that are loaded after ``code`` in a fresh interpreter."""
    show = "import sys; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{show}"], capture_output=True, text=True, check=True, timeout=60
    )
    return set(done.stdout.split())


def test_importing_it_loads_no_library() -> None:
    assert _loaded("import deckinfra") & HEAVY == set()
    assert _loaded("import deckinfra; deckinfra.DeckinfraError; deckinfra.__version__; dir(deckinfra)") & HEAVY == set()


def test_opening_a_project_loads_no_vendor_library(tmp_path: Path) -> None:
    loaded = _loaded(f"import deckinfra; deckinfra.open_project({str(tmp_path)!r}, environ={{}})")
    assert loaded & HEAVY == {"pluggy"}


@pytest.mark.parametrize("name", deckinfra.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(deckinfra, name) is not None
    assert name in dir(deckinfra)


def test_public_names_are_those_of_their_modules() -> None:
    from deckinfra import app, errors, hookspecs

    assert deckinfra.App is app.App
    assert deckinfra.open_project is app.open_project
    assert deckinfra.DeckinfraError is errors.DeckinfraError
    assert deckinfra.hookimpl is hookspecs.hookimpl


def test_other_names_are_not_there() -> None:
    with pytest.raises(AttributeError, match="module 'deckinfra' has no attribute 'nothing'"):
        deckinfra.nothing  # noqa: B018
    with pytest.raises(ImportError):
        from deckinfra import nothing  # noqa: F401


def test_the_version_is_the_packages() -> None:
    assert deckinfra.__version__ == version("deckinfra")


def test_the_package_says_that_it_is_typed() -> None:
    assert (Path(deckinfra.__file__).parent / "py.typed").exists()
