"""Files of the project that a task generates: written only where they would change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from deckinfra.errors import ConfigurationError

if TYPE_CHECKING:
    from deckinfra.settings.initialise import Change
    from deckinfra.tasks.terminal import Terminal


def write_generated(root: Path, texts: Mapping[str, str], summary: str) -> Sequence[Change]:
    """Make files, path in ``root`` → text, hold that text, and give those that did not; folders must be there."""
    from deckinfra.settings.initialise import Change

    return [Change(name, summary) for name, text in texts.items() if _write(root / name, text)]


def show_written(written: Sequence[Change], terminal: Terminal, nothing: str) -> None:
    """Print what was written, or ``nothing``."""
    if not written:
        terminal.line(nothing)
    for change in written:
        terminal.line(str(change))


def _write(path: Path, text: str) -> bool:
    from deckinfra.system.files import write_atomic

    try:
        if path.exists() and path.read_text(encoding="utf-8") == text:
            return False
        write_atomic(path, text.encode())
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} could not be written: {error}", hint="It is as it was.") from error
    return True
