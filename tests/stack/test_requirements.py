"""The locks of what the image installs: complete, pinned with hashes, and no address in them."""

from __future__ import annotations

import re
from configparser import ConfigParser
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.stack.support import ROOT

BACKEND = ROOT / "backend"
LOCKS = ("requirements.lock", "requirements-uv.lock")
# What markers are looked at with: the image's Python.
IMAGE = {"python_version": "3.13", "python_full_version": "3.13.0", "sys_platform": "linux", "extra": ""}
DOCKERFILE = (BACKEND / "Dockerfile").read_text()


def entries(lock: str) -> list[str]:
    """Give each entry of a lock: its lines in one."""
    text = (BACKEND / lock).read_text().replace("\\\n", " ")
    return [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]


def pinned(lock: str) -> dict[str, str]:
    """Give the version of each package of a lock."""
    found = [re.match(r"([a-z0-9-]+)==(\S+)", entry) for entry in entries(lock)]
    return {match[1]: match[2] for match in found if match}


def wanted(path: Path) -> list[Requirement]:
    """Give the requirements of a list, or of ``setup.cfg``, that hold in the image."""
    if path.name == "setup.cfg":
        config = ConfigParser()
        config.read(path)
        lines = config["options"]["install_requires"].splitlines()
    else:
        lines = [line.partition("#")[0] for line in path.read_text().splitlines()]
    found = [Requirement(line) for line in lines if line.strip()]
    return [each for each in found if each.marker is None or each.marker.evaluate(IMAGE)]


@pytest.mark.parametrize("lock", LOCKS)
def test_every_entry_of_a_lock_is_pinned_and_has_hashes(lock: str) -> None:
    assert entries(lock)
    for entry in entries(lock):
        assert re.fullmatch(r"[a-z0-9-]+==[\w.+!]+\s+(?:;.*?)?(?:\s*--hash=sha256:[0-9a-f]{64})+\s*", entry), entry


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_has_no_address(lock: str) -> None:
    assert not re.search(r"://|--(?:extra-)?index-url|--find-links [^-]", (BACKEND / lock).read_text())


@pytest.mark.parametrize(
    ("path", "lock"),
    [
        (BACKEND / "requirements.in", "requirements.lock"),
        (ROOT / "setup.cfg", "requirements.lock"),
        (BACKEND / "requirements-uv.in", "requirements-uv.lock"),
    ],
    ids=lambda value: value.name if isinstance(value, Path) else "",
)
def test_a_lock_satisfies_what_it_was_made_from(path: Path, lock: str) -> None:
    versions = pinned(lock)
    assert wanted(path)
    for requirement in wanted(path):
        version = versions.get(canonicalize_name(requirement.name))
        assert version is not None, f"{requirement} is not in {lock}: renew it, backend/Dockerfile says how"
        assert requirement.specifier.contains(version, prereleases=True), f"{requirement}, and {lock} has {version}"


def test_the_dockerfile_installs_by_hash_and_asks_no_registry_for_its_syntax() -> None:
    assert DOCKERFILE.count("--require-hashes") == 2
    assert "# syntax=" not in DOCKERFILE
    assert all(f"backend/{lock}" in DOCKERFILE for lock in LOCKS)
