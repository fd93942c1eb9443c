"""The compiled codec is made where it can be, and where it cannot the rest is installed all the same."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from deckinfra.builtin.engines.mysql.codec import codecs
from tests.builtin.engines.mysql.support import codec_of

REPOSITORY = Path(__file__).resolve().parents[1]
CODEC = Path("deckinfra/builtin/engines/mysql/codec")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for name in ("setup.py", "setup.cfg", "pyproject.toml", "README.md"):
        shutil.copy(REPOSITORY / name, tmp_path)
    shutil.copytree(REPOSITORY / CODEC, tmp_path / CODEC, ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    return tmp_path


def _build(checkout: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "setup.py", "build_ext", "--inplace"],
        cwd=checkout,
        env=os.environ | environ,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


@pytest.mark.parametrize("compiler", ["/nonexistent/cc", "/bin/false"])
def test_without_a_compiler_that_works_the_codec_is_left_out_and_it_is_said(checkout: Path, compiler: str) -> None:
    done = _build(checkout, CC=compiler)
    assert done.returncode == 0
    warned = f"{'.'.join(CODEC.parts)}.compiled is left out, and backups will be slower"
    assert warned in done.stdout + done.stderr  # it depends on the version of setuptools
    assert list(checkout.rglob("*.so")) == []


def test_with_a_compiler_there_is_a_codec_and_nothing_else_in_the_source(checkout: Path) -> None:
    codec_of("compiled")  # where it could be made once
    before = {path.name for path in (checkout / CODEC).iterdir()}
    done = _build(checkout)
    assert done.returncode == 0, done.stderr
    (made,) = {path.name for path in (checkout / CODEC).iterdir()} - before
    assert made.startswith("compiled.")
    assert made.endswith(".so")


def test_the_codec_is_not_imported_until_it_is_used() -> None:
    code = "import deckinfra, tasks, sys; print([name for name in sys.modules if 'engines.mysql.' in name])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "[]\n"
    assert "plain" in codecs()
