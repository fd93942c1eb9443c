"""Everything that is wrong with an environment's configuration, found at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePath
from stat import S_IMODE
from typing import Final

from deckinfra.core.names import closest
from deckinfra.core.settings import Problem, SettingsGroup
from deckinfra.core.urls import url_password
from deckinfra.settings.committed import Repository, secrets_in
from deckinfra.settings.envfile import Entry, EnvFile, read_env_file
from deckinfra.settings.load import Evaluation, evaluate, secret_texts
from deckinfra.settings.sources import ENVIRON, SECRETS, file_variable, secrets_folder
from deckinfra.settings.strength import names_secret, weakness

_PUBLIC_PREFIX: Final = "VITE_"
_OUTSIDE_FILES: Final = ("DECKINFRA_DISABLE_PLUGINS", "DECKINFRA_LOAD_PLUGINS", "DECKINFRA_PROGRESS")
"""What is needed before any env file is read."""

_OTHERS_READ: Final = 0o077
_OTHERS_WRITE: Final = 0o022


def check_settings(
    root: Path, name: str, groups: Sequence[type[SettingsGroup]], environ: Mapping[str, str]
) -> list[Problem]:
    """Give every problem of the environment ``name``; an empty list is a configuration to rely on.

    Changes nothing, and never puts a secret into a problem. Asks git, for at most some seconds,
    which files are committed.
    """
    found = evaluate(root, name, groups, environ)
    secrets = secret_texts(found.variables, found.sources.values)
    repository = Repository(root, environ)
    problems = [
        *found.problems,
        *_duplicates(found.sources.env_file),
        *_unknown(root, found),
        *_weak(found, secrets),
        *_public(found, secrets, environ),
        *_readable_by_others(root, found, repository),
        *_committed(root, found, secrets, repository),
    ]
    return list(dict.fromkeys(problems))


def _duplicates(file: EnvFile) -> Iterator[Problem]:
    lines: dict[str, list[int]] = {}
    for entry in file.entries:
        lines.setdefault(entry.name, []).append(entry.line)
    for name, found in lines.items():
        if len(found) > 1:
            where = ", ".join(map(str, found[:-1])) + f" and {found[-1]}"
            yield Problem(
                name, f"is set more than once, in lines {where}", "The last one counts.", file.source(found[-1])
            )


def _unknown(root: Path, found: Evaluation) -> Iterator[Problem]:
    known = {variable.name for variable in found.variables}
    accepted = known | {file_variable(name) for name in known}
    file = found.sources.env_file
    for entry in file.entries:
        if entry.name not in accepted and not entry.name.startswith(_PUBLIC_PREFIX):
            yield _unknown_name(entry.name, known, file.source(entry.line))
    for path in _secret_files(root, found.environment):
        if path.name not in known:
            yield _unknown_name(path.name, known, str(path.relative_to(root)))


def _unknown_name(name: str, known: Iterable[str], source: str) -> Problem:
    if name in _OUTSIDE_FILES:
        return Problem(name, "has no effect in a file", "Set it in the process environment.", source)
    meant = closest(name.upper(), known)
    advice = f"Did you mean {meant}?" if meant else "Remove it, or see 'invoke plugins': its plugin may not be loaded."
    return Problem(name, "is not a setting that anything knows", advice, source)


def _weak(found: Evaluation, secrets: Mapping[str, str]) -> Iterator[Problem]:
    variables = {variable.name: variable for variable in found.variables}
    for name, text in secrets.items():
        reason = weakness(text)
        if reason is not None:
            message = reason if variables[name].secret else f"has a password that {reason}"
            made = variables[name].generate is not None
            hint = f"Remove it and run 'invoke env.init -e {found.environment}', which makes a strong one."
            yield Problem(name, message, hint if made else "Use a long random one.", found.sources.values[name].source)


def _public(found: Evaluation, secrets: Mapping[str, str], environ: Mapping[str, str]) -> Iterator[Problem]:
    """Find secrets under the prefix whose variables Vite writes into what every visitor downloads."""
    file = found.sources.env_file
    given = [Entry(name, value, 0) for name, value in sorted(environ.items())] + list(file.entries)
    declared = {variable.name for variable in found.variables if variable.secret}
    for entry in given:
        if not entry.name.startswith(_PUBLIC_PREFIX) or not entry.value:
            continue
        holds = url_password(entry.value) or any(text in entry.value for text in secrets.values() if len(text) >= 4)
        if holds or entry.name in declared or names_secret(entry.name):
            yield Problem(
                entry.name,
                "would be public: Vite puts every VITE_ variable into what browsers download",
                "Rename it without VITE_, keep it on the server, and change the secret if it was ever built.",
                file.source(entry.line) if entry.line else ENVIRON,
            )


def _readable_by_others(root: Path, found: Evaluation, repository: Repository) -> Iterator[Problem]:
    folder = secrets_folder(root, found.environment)
    for path in (folder.parent, folder):
        if _mode(path) & _OTHERS_WRITE:
            yield _open_to_others(path, root, "changed", "chmod 700")
    for path in _secret_files(root, found.environment):
        if _mode(path) & _OTHERS_READ:
            yield _open_to_others(path, root, "read", "chmod 600")
    path = root / found.sources.env_file.name
    if _env_file_secrets(found) and _mode(path) & _OTHERS_READ and path.name not in repository.env_files:
        yield _open_to_others(path, root, "read", "chmod 600")


def _open_to_others(path: Path, root: Path, what: str, command: str) -> Problem:
    name = str(path.relative_to(root))
    return Problem(
        name, f"can be {what} by other users of this machine (mode {_mode(path):04o})", f"Run {command} {name}.", name
    )


def _committed(root: Path, found: Evaluation, secrets: Mapping[str, str], repository: Repository) -> Iterator[Problem]:
    committed = repository.env_files
    for name in sorted(committed):
        if "/" not in name:
            yield from secrets_in(read_env_file(root, name), found.variables, guess=True)
        elif name.startswith(f"{SECRETS}/") and not PurePath(name).name.startswith("."):
            yield Problem(name, "is committed", f"Run git rm --cached {name}, and change the secret.", name)
    strong = [text for text in secrets.values() if weakness(text) is None]
    for name in repository.holding(strong):
        if name not in committed:
            yield Problem(name, "is committed, and holds a secret", "Take it out there, and change the secret.", name)
    private = [str(path.relative_to(root)) for path in _secret_files(root, found.environment)]
    if _env_file_secrets(found):
        private.append(found.sources.env_file.name)
    for name in repository.unignored(private):
        line = f"/{SECRETS}/" if name.startswith(f"{SECRETS}/") else f"/{name}"
        yield Problem(name, "holds a secret, and git would commit it", f"Add the line {line} to .gitignore.", name)


def _env_file_secrets(found: Evaluation) -> list[str]:
    """Give the names of the secrets that the env file sets."""
    secret = {variable.name for variable in found.variables if variable.secret}
    entries = found.sources.env_file.entries
    return [entry.name for entry in entries if (entry.value and entry.name in secret) or url_password(entry.value)]


def _secret_files(root: Path, environment: str) -> list[Path]:
    folder = secrets_folder(root, environment)
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError:
        return []


def _mode(path: Path) -> int:
    try:
        return S_IMODE(path.stat().st_mode)
    except OSError:
        return 0
