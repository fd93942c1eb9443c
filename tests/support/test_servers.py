"""A server that cannot be had skips its tests, unless it is required: then they fail."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from deckinfra.system.processes import Owner
from tests.support.servers import IMAGES, docker, labels, remove_stale, unavailable

ROOT = Path(__file__).parents[2]


def outcome(tmp_path: Path, **environ: str) -> str:
    """Run one test that needs MySQL where no docker command is found, and give pytest's last lines."""
    (tmp_path / "conftest.py").write_text('pytest_plugins = ("tests.support.servers",)\n')
    (tmp_path / "test_it.py").write_text("def test_it(mysql_server):\n    pass\n")
    values = os.environ | {"PATH": str(tmp_path), "PYTHONPATH": str(ROOT)} | environ
    values["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # what else is installed takes longer to begin than the test
    command = [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", str(tmp_path)]
    done = subprocess.run(command, env=values, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    return done.stdout


@pytest.mark.parametrize("required", ["", "mariadb"])
def test_without_docker_a_test_is_skipped_and_says_what_brings_it(tmp_path: Path, required: str) -> None:
    text = outcome(tmp_path, DECKINFRA_REQUIRE=required)
    assert "1 skipped" in text
    assert "no Docker engine answers. tests/rig/up.sh brings it" in text


@pytest.mark.parametrize("required", ["mysql", "mariadb,mysql", "mariadb, mysql"])
def test_where_it_is_required_that_is_a_failure(tmp_path: Path, required: str) -> None:
    assert "1 error" in outcome(tmp_path, DECKINFRA_REQUIRE=required)


def test_servers_of_processes_that_were_killed_are_removed_and_no_others() -> None:
    missing = unavailable("mariadb")
    if missing:
        pytest.skip(missing)
    telling = "import json; from deckinfra.system.processes import Owner; print(json.dumps(Owner.me('x').document()))"
    told = subprocess.run([sys.executable, "-c", telling], capture_output=True, text=True, timeout=30, check=True)
    dead = Owner.from_document(json.loads(told.stdout), "the owner")
    mine = Owner.me("pytest")
    elsewhere = replace(dead, machine="another", boot="another/pid:[1]")
    made = [docker("create", *labels(each), IMAGES["mariadb"]).stdout.strip() for each in (dead, mine, elsewhere)]
    try:
        remove_stale.cache_clear()
        remove_stale()
        left = docker("ps", "--all", "--quiet", "--no-trunc").stdout.split()
        assert [each in left for each in made] == [False, True, True]
    finally:
        docker("rm", "--force", "--volumes", *made)
