"""Tasks for those who work on the project: its checks, as CI runs them, and its benchmarks."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from deckinfra.errors import ChecksFailedError, ConfigurationError, UsageError
from deckinfra.tasks.decorator import task
from deckinfra.tasks.text import count, listing


@task(
    name="test",
    project=False,
    help={
        "fast": "Only the tests, without coverage.",
        "args": "More arguments for pytest, as in --args='-k restore -x'.",
    },
)
def run_checks(root: Path, fast: bool = False, args: str = "") -> None:
    """Run every check that CI runs.

    Format, lint, types, layers, and the tests with their coverage: each where the project configures
    its tool, and all of them even if one fails.
    """
    checks = [("tests", _pytest(args))] if fast else list(_checks(root, args))
    failed = [name for name, command in checks if not _run(name, command, root)]
    if failed:
        raise ChecksFailedError(
            f"{len(failed)} of {count(len(checks), 'check')} failed: {listing(failed)}",
            hint="What each found is above.",
        )


def _checks(root: Path, args: str) -> Iterator[tuple[str, list[str]]]:
    pyproject = root / "pyproject.toml"
    sections = _sections(root / "setup.cfg")
    if pyproject.is_file() and "[tool.ruff]" in pyproject.read_text(encoding="utf-8"):
        yield "format", _module("ruff", "format", "--check", ".")
        yield "lint", _module("ruff", "check", ".")
    if "mypy" in sections:
        yield "types", _module("mypy")
    if "importlinter" in sections:
        # It has no module to run; its script is beside the interpreter.
        yield "layers", [str(Path(sys.executable).with_name("lint-imports"))]
    coverage = ("--cov", "--cov-report=term-missing:skip-covered") if "coverage:run" in sections else ()
    yield "tests", _pytest(args, *coverage)


def _sections(path: Path) -> list[str]:
    from configparser import ConfigParser

    parser = ConfigParser(interpolation=None)
    parser.read(path, encoding="utf-8")
    return parser.sections()


def _module(name: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", name, *arguments]


def _pytest(args: str, *arguments: str) -> list[str]:
    return _module("pytest", *arguments, *_words(args))


def _words(args: str) -> list[str]:
    try:
        return shlex.split(args)
    except ValueError as error:
        raise UsageError(f"--args is not readable as words: {error}", hint="Look at its quotes.") from error


def _run(name: str, command: list[str], root: Path) -> bool:
    print(f"==> {name}", file=sys.stderr, flush=True)  # noqa: T201
    try:
        return subprocess.run(command, cwd=root, check=False, stdin=subprocess.DEVNULL).returncode == 0
    except OSError as error:
        raise ConfigurationError(
            f"{command[0]} cannot be run: {error.strerror}",
            hint="Install the development extra: scripts/setup-env.sh, or pip install -e '.[dev]'.",
        ) from error


@task(
    project=False,
    help={"only": "The name of one benchmark.", "args": "More arguments for that one, as in --args='--size=64'."},
)
def bench(root: Path, only: str = "", args: str = "") -> None:
    """Run the benchmarks."""
    from deckinfra.core.names import unknown_name

    scripts = {path.stem: path for path in sorted((root / "benchmarks").glob("*.py"))}
    if only and only not in scripts:
        raise unknown_name("benchmark", only, scripts)
    if args and not only:
        raise UsageError("--args needs --only", hint=f"Benchmarks: {listing(list(scripts))}.")
    if not scripts:
        raise UsageError("there are no benchmarks", hint="They are the scripts in the folder benchmarks.")
    words = _words(args)
    chosen = [only] if only else list(scripts)
    failed = [name for name in chosen if not _run(name, [sys.executable, str(scripts[name]), *words], root)]
    if failed:
        raise ChecksFailedError(f"benchmarks failed: {listing(failed)}", hint="What each said is above.")


TASKS: Final = (run_checks, bench)
