"""What scripts/setup-env.sh says where it cannot work. That it works is what .ci/run runs first."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    root = tmp_path / "a checkout"
    (root / "scripts").mkdir(parents=True)
    shutil.copy(REPOSITORY / "scripts/setup-env.sh", root / "scripts")
    codec = Path("deckinfra/builtin/engines/mysql/codec")
    (root / codec).mkdir(parents=True)
    for name in ("setup.cfg", "pyproject.toml", "setup.py", codec / "compiled.py", codec / "compiled.pxd"):
        shutil.copy(REPOSITORY / name, root / name)
    return root


def _run(checkout: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/bash", str(checkout / "scripts/setup-env.sh")],
        env=os.environ | environ,
        cwd="/",
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_without_a_python_it_says_which_one_it_needs(checkout: Path, tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in ("dirname", "cat", "sed", "grep"):
        found = shutil.which(tool)
        assert found is not None
        (tools / tool).symlink_to(found)
    ended = _run(checkout, PATH=str(tools))
    assert (ended.returncode, ended.stdout) == (3, "")
    assert "error: there is no Python 3.11 or later on this machine\nhint: Nothing was changed." in ended.stderr
    assert not (checkout / ".venv").exists()


def test_a_chosen_python_that_is_none_is_named(checkout: Path) -> None:
    ended = _run(checkout, PYTHON="/bin/false")
    assert ended.returncode == 3
    assert ended.stderr.startswith("error: PYTHON=/bin/false is not a Python 3.11 or later\n")


def test_an_installation_that_fails_is_told_with_pips_words_and_may_be_tried_again(checkout: Path) -> None:
    (checkout / "pyproject.toml").write_text("this is no TOML\n")
    for _ in range(2):
        ended = _run(checkout, PIP_NO_INDEX="1")
        assert ended.returncode == 3
        assert "error: the project could not be installed\nhint: What pip said is above." in ended.stderr
        assert "TOML" in ended.stderr
    assert not (checkout / ".venv/.deckinfra-installed").exists()
