"""The rig on a machine that has everything already, and asked for what it does not have."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.support.servers import IMAGES, Server

RIG = Path(__file__).parent


def up(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    command = [str(RIG / "up.sh"), *arguments]
    return subprocess.run(command, env=os.environ | environ, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize("script", sorted(RIG.glob("*.sh")), ids=lambda path: path.name)
def test_a_script_can_be_parsed(script: Path) -> None:
    done = subprocess.run(["bash", "-n", str(script)], capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_where_everything_is_there_it_changes_nothing(
    mysql_server: Server, mariadb_server: Server, tmp_path: Path
) -> None:
    done = up(DECKINFRA_RIG=str(tmp_path / "state"))
    assert (done.returncode, done.stderr) == (0, "rig: everything is there\n")
    assert not (tmp_path / "state").exists()


def test_a_part_that_it_does_not_have_is_named() -> None:
    done = up("postgres")
    assert (done.returncode, done.stderr) == (
        1,
        "rig: there is no part 'postgres'; there are engine, python, node, mysql and mariadb\n",
    )


def test_it_says_how_it_is_used() -> None:
    done = up("--help")
    assert done.returncode == 0
    assert done.stdout.startswith("Makes this machine fit for the tests that need Docker")
    assert "tests/rig/up.sh engine" in done.stdout


def test_it_brings_the_images_that_the_tests_ask_for() -> None:
    text = (RIG / "lib.sh").read_text()
    assert all(f"echo {image} " in text for image in IMAGES.values())
