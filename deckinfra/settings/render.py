"""What is written from the schema: ``.env.example``, new env files, and the reference in the docs."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from textwrap import wrap
from typing import Final

from deckinfra.core.settings import SettingsGroup
from deckinfra.settings.envfile import env_file_name
from deckinfra.settings.guide import GUIDE
from deckinfra.settings.schema import Variable, title, variables

_WIDTH: Final = 98


def example_text(groups: Sequence[type[SettingsGroup]]) -> str:
    """Give the content of ``.env.example``: every setting, as a comment with its default."""
    return _env_text(
        "Every setting that there is. Made from the schema by `invoke env.docs`: edits here are lost. "
        "Values belong into .env.NAME, or for production into .env; docs/configuration.md explains them.",
        groups,
    )


def environment_text(name: str, groups: Sequence[type[SettingsGroup]], undecided: Collection[str] = ()) -> str:
    """Give the content of a new env file for the environment ``name``: nothing is set in it yet.

    The settings of ``undecided`` have a value that none of them takes, so that somebody has to choose one.
    """
    kept = "is not committed" if name == "production" else "is committed, so no secret belongs into it"
    return _env_text(
        f"The settings of the environment '{name}'. Take the # away from what you set; "
        f"`invoke env.check -e {name}` says what is wrong. This file ({env_file_name(name)}) {kept}.",
        groups,
        undecided,
    )


def reference_text(groups: Sequence[type[SettingsGroup]]) -> str:
    """Give the content of ``docs/configuration.md``: how configuration works, and every setting."""
    return "\n".join([GUIDE, *(line for group in groups for line in _section(group))])


def _env_text(heading: str, groups: Sequence[type[SettingsGroup]], undecided: Collection[str] = ()) -> str:
    lines = list(_comment(heading))
    for group in groups:
        lines += ["", f"# {title(group)} ".ljust(_WIDTH, "-")]
        for variable in variables([group]):
            assignment = (f"{variable.name}=?",) if variable.name in undecided else _assignment(variable)
            lines += ["", *_comment(variable.description), *_comment(_facts(variable)), *assignment]
    return "\n".join(lines) + "\n"


def _comment(text: str) -> Iterator[str]:
    for line in wrap(text.replace("`", ""), _WIDTH - 2, break_long_words=False, break_on_hyphens=False):
        yield f"# {line}"


def _facts(variable: Variable) -> str:
    if variable.secret:
        made = "`invoke env.init` makes one in .secrets/ where it is needed." if variable.generate else ""
        return f"A secret: never in a committed file. {made}".strip()
    example = f" Example: {variable.example}" if variable.example and not variable.required else ""
    kind = variable.kind[:1].upper() + variable.kind[1:]
    return f"{kind}.{' Required.' if variable.required else ''}{example}"


def _assignment(variable: Variable) -> Iterator[str]:
    if variable.secret:
        yield f"# {variable.name}_FILE=/run/secrets/{variable.name}"
    elif variable.required:
        yield f"# {variable.name}={variable.example or ''}"
    else:
        yield f"# {variable.name}={variable.default or ''}"


def _section(group: type[SettingsGroup]) -> Iterator[str]:
    yield from (f"### {title(group)}", "", "| variable | holds | default | meaning |", "|---|---|---|---|")
    for variable in variables([group]):
        meaning = variable.description + (f" Example: `{variable.example}`." if variable.example else "")
        cells = (f"`{variable.name}`", variable.kind, _default(variable), meaning)
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
    yield ""


def _default(variable: Variable) -> str:
    if variable.generate:
        return "made by `invoke env.init`" + ("" if variable.required else " where needed")
    if variable.required:
        return "none: must be set"
    return f"`{variable.default}`" if variable.default else "not set"
