"""What is in version control, and the secrets that must not be."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Final

from deckinfra.core.settings import Problem
from deckinfra.core.urls import url_password
from deckinfra.settings.envfile import EnvFile
from deckinfra.settings.schema import Variable
from deckinfra.settings.strength import is_placeholder, names_secret

_BY_DESIGN: Final = frozenset({".env.example", ".env.local", ".env.docker", ".env.test"})
"""What is committed where no git can be asked."""

_SHORTEST_SEARCHED: Final = 8

# A git hook runs with these set, and git would then look at the hook's repository from here.
_HOOK: Final = frozenset({"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR"})


class Repository:
    """The git repository that a project's folder is in, asked only when something must be known.

    Where there is no git, no repository, or no answer within ``time_limit`` seconds, the files that are meant
    to be committed count as committed, and nothing else does.
    """

    def __init__(self, root: Path, environ: Mapping[str, str], *, time_limit: float = 10.0) -> None:
        self._root = root
        self._time_limit = time_limit
        self._environ = {name: value for name, value in environ.items() if name not in _HOOK}

    @cached_property
    def env_files(self) -> frozenset[str]:
        """The committed files among the env files and ``.secrets``, relative to the project's folder."""
        listed = self._ask("ls-files", "-z", "--", ".env*", ".secrets")
        return _BY_DESIGN if listed is None else frozenset(listed)

    def unignored(self, names: Iterable[str]) -> tuple[str, ...]:
        """Give those of the files ``names`` that neither are committed nor kept from it by ``.gitignore``."""
        asked = [name for name in names if name not in self.env_files]
        if not asked or self._ask("rev-parse", "--git-dir") is None:
            return ()
        ignored = self._ask("check-ignore", "-z", "--stdin", stdin="\0".join(asked)) or []
        return tuple(name for name in asked if name not in ignored)

    def holding(self, secrets: Iterable[str]) -> tuple[str, ...]:
        """Give the committed files that hold one of ``secrets`` as it is. Short ones are not looked for."""
        patterns = [secret for secret in secrets if len(secret) >= _SHORTEST_SEARCHED and "\n" not in secret]
        if not patterns:
            return ()
        found = self._ask("grep", "-z", "-l", "-I", "-F", "-f", "-", stdin="\n".join(patterns))
        return tuple(found or ())

    def _ask(self, *words: str, stdin: str = "") -> list[str] | None:
        """Give git's answer, a list separated by NUL; None where it has none."""
        try:
            done = subprocess.run(
                ("git", "-C", str(self._root), "-c", "core.fsmonitor=false", *words),
                input=stdin.encode(),
                capture_output=True,
                env=self._environ,
                timeout=self._time_limit,
                check=True,
            )
        except (OSError, subprocess.SubprocessError):
            return None
        return [part for part in done.stdout.decode(errors="surrogateescape").split("\0") if part]


def secrets_in(file: EnvFile, known: Iterable[Variable], *, guess: bool) -> Iterator[Problem]:
    """Give the secrets that the committed env ``file`` holds: those of the schema and passwords in URLs.

    With ``guess``, also what is only called like a secret. An obvious placeholder is none.
    """
    secret = {variable.name for variable in known if variable.secret}
    for entry in file.entries:
        if url_password(entry.value):
            message = f"has a password in its URL, in the committed {file.name}"
            hint = "Take the password out of the URL, and change it: whoever has the repository has it."
        elif not entry.value or is_placeholder(entry.value):
            continue
        elif entry.name in secret or (guess and names_secret(entry.name) and not entry.name.endswith("_FILE")):
            message = f"is a secret in the committed {file.name}"
            hint = "Move it to .secrets/, and change it: whoever has the repository has it."
        else:
            continue
        yield Problem(entry.name, message, hint, file.source(entry.line))
