"""What the tests of settings share: a project folder, other users, and the standard groups."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from deckinfra.builtin.standard_settings import deckinfra_settings
from deckinfra.core.settings import Problem, SettingsGroup

GROUPS: Sequence[type[SettingsGroup]] = deckinfra_settings()
REPOSITORY = Path(__file__).parents[2]
STRONG = "s0meL0ngAndRandomValue42ThatCanSign"
NOBODY = 65534


def write(path: Path, content: str | bytes, mode: int = 0o600) -> Path:
    """Write a file, with its folders, and give its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    path.chmod(mode)
    return path


def messages(problems: Sequence[Problem]) -> list[str]:
    """Give each problem as the line that a person reads."""
    return [f"{problem.name} {problem.message}" for problem in problems]


@contextmanager
def unprivileged() -> Iterator[None]:
    """Be a user without rights while the context is open: root may read everything."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def git(root: Path, *words: str) -> None:
    """Run git in ``root`` as somebody who has no configuration."""
    environ = {"PATH": os.environ["PATH"], "HOME": str(root), "GIT_CONFIG_NOSYSTEM": "1"}
    subprocess.run(["git", "-C", str(root), *words], check=True, capture_output=True, env=environ, timeout=30)


def environ(**values: str) -> Mapping[str, str]:
    """Give a process environment with nothing in it but the way to programs, and ``values``."""
    return {"PATH": os.environ["PATH"], **values}
