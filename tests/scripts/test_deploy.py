"""What scripts/deploy.sh does before it hands over to `invoke deploy`. That it deploys is tried in tests/stack."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]

# Python as it is, but for pip, which would ask an index.
PYTHON = f"""#!/bin/sh
case "$*" in
    *"pip install"*) sleep 0.5; echo installed >>"$LOG"; echo "what pip said"; exit "${{PIP_ENDS:-0}}" ;;
esac
exec {shlex.quote(sys.executable)} "$@"
"""
INVOKE = '#!/bin/sh\necho "invoke $*" >>"$LOG"\n'


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout that scripts/setup-env.sh has installed."""
    root = tmp_path / "a checkout"
    programs = root / ".venv/bin"
    programs.mkdir(parents=True)
    (root / "scripts").mkdir()
    (root / ".env").touch()
    for name in ("scripts/deploy.sh", "scripts/setup-env.sh", "setup.cfg", "pyproject.toml"):
        shutil.copy(REPOSITORY / name, root / name)
    for name, text in {"python": PYTHON, "invoke": INVOKE, "pip": f"#!{programs}/python\n"}.items():
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    assert _run(root, "scripts/setup-env.sh", "--no-setup").returncode == 0
    assert _log(root) == ["installed"]
    return root


def _run(root: Path, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    script, *options = words
    return subprocess.run(
        ["/bin/bash", str(root / script), *options],
        env=os.environ | {"LOG": str(root / "log")} | environ,
        cwd="/",
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def _log(root: Path) -> list[str]:
    """Give what was run since the last look."""
    path = root / "log"
    lines = path.read_text().splitlines() if path.exists() else []
    path.write_text("")
    return lines


def test_a_checkout_that_nothing_is_installed_in_is_told_what_to_run(checkout: Path) -> None:
    shutil.rmtree(checkout / ".venv")
    ended = _run(checkout, "scripts/deploy.sh", "staging")
    assert ended.returncode == 3
    assert "hint: Nothing was done. Run scripts/setup-env.sh --env=staging first." in ended.stderr


def test_where_there_is_no_production_another_environment_has_to_be_named(checkout: Path) -> None:
    (checkout / ".env").unlink()
    ended = _run(checkout, "scripts/deploy.sh", "--json")
    assert (ended.returncode, _log(checkout)) == (3, [])
    assert "error: there is no .env, which has the settings of production" in ended.stderr
    assert "'scripts/deploy.sh docker' deploys the environment 'docker'" in ended.stderr
    assert _run(checkout, "scripts/deploy.sh", "docker").returncode == 0


def test_where_nothing_changed_nothing_is_installed(checkout: Path) -> None:
    assert _run(checkout, "scripts/deploy.sh").returncode == 0
    assert _log(checkout) == ["invoke deploy --env=production"]
    assert _run(checkout, "scripts/deploy.sh", "staging", "--json").returncode == 0
    assert _log(checkout) == ["invoke deploy --env=staging --json"]


def test_a_version_that_needs_other_packages_gets_them_before_it_is_deployed(checkout: Path) -> None:
    with (checkout / "setup.cfg").open("a") as file:
        file.write("# another requirement\n")
    for expected in (["installed", "invoke deploy --env=production"], ["invoke deploy --env=production"]):
        ended = _run(checkout, "scripts/deploy.sh")
        assert (ended.returncode, ended.stdout) == (0, "")
        assert _log(checkout) == expected


def test_what_cannot_be_installed_is_not_deployed(checkout: Path) -> None:
    (checkout / "pyproject.toml").write_text("")
    ended = _run(checkout, "scripts/deploy.sh", PIP_ENDS="1")
    assert ended.returncode == 3
    assert "what pip said\nerror: the project could not be installed\nhint: " in ended.stderr
    assert "Nothing was deployed: what runs goes on as it was." in ended.stderr
    assert _log(checkout) == ["installed"]


def test_an_installation_by_hand_is_left_as_it_is(checkout: Path) -> None:
    (checkout / ".venv/.deckinfra-installed").unlink()
    (checkout / "pyproject.toml").write_text("")
    assert _run(checkout, "scripts/deploy.sh").returncode == 0
    assert _log(checkout) == ["invoke deploy --env=production"]


@pytest.mark.parametrize("words", [("--back",), ("staging", "--json", "--back", "--yes")])
def test_the_way_back_needs_no_network(words: tuple[str, ...], checkout: Path) -> None:
    (checkout / "pyproject.toml").write_text("")
    assert _run(checkout, "scripts/deploy.sh", *words, PIP_ENDS="1").returncode == 0
    name, *options = words if words[0] == "staging" else ("production", *words)
    assert _log(checkout) == [f"invoke deploy --env={name} {' '.join(options)}"]


def test_what_cannot_be_installed_may_be_done_without(checkout: Path) -> None:
    (checkout / "pyproject.toml").write_text("")
    ended = _run(checkout, "scripts/deploy.sh", "staging", PIP_ENDS="1")
    assert ended.returncode == 3
    assert "'.venv/bin/invoke deploy -e staging' deploys with what is installed" in ended.stderr


@pytest.mark.skipif(shutil.which("flock") is None, reason="this machine has no flock")
def test_of_two_at_once_one_installs_and_the_other_waits_for_it(checkout: Path) -> None:
    (checkout / "pyproject.toml").write_text("")
    with ThreadPoolExecutor() as pool:
        both = [pool.submit(_run, checkout, "scripts/setup-env.sh", "--no-setup") for _ in range(2)]
        assert [each.result().returncode for each in both] == [0, 0]
    assert _log(checkout) == ["installed"]
