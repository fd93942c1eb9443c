"""Run the deck application's migrations without Invoke: from a container's entry point, or a scheduler.

    python database/migrations/migrate.py [status | up | down] [--environment NAME]

``up`` applies what is missing, ``down`` takes the newest revision back, and ``status`` (the default) only looks.
An error is one line and a hint on stderr, and ends with the exit code that deckinfra documents for it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from deckinfra import open_project
from deckinfra.errors import DeckinfraError

PROJECT = Path(__file__).resolve().parents[2]


def main(arguments: Sequence[str], root: Path = PROJECT) -> int:
    """Do what the command line says with the project in ``root``, and give the exit code."""
    parser = argparse.ArgumentParser(prog="migrate.py", description="Run the deck application's migrations.")
    parser.add_argument("action", nargs="?", choices=("status", "up", "down"), default="status")
    parser.add_argument("-e", "--environment", help="default: the project's default environment")
    options = parser.parse_args(arguments)
    try:
        app = open_project(root, options.environment)
        if options.action == "status":
            status = app.migration_status()
            pending = f"; to apply: {', '.join(status.pending)}" if status.pending else ""
            text = f"{status.state} (at {', '.join(status.current) or 'no revision'}{pending})"
        else:
            result = app.migrate() if options.action == "up" else app.rollback()
            done = "applied" if options.action == "up" else "took back"
            text = f"{done} {', '.join(result.revisions)}" if result.revisions else "nothing to do"
    except DeckinfraError as error:
        sys.stderr.write(f"error: {error.message}\n" + (f"hint: {error.hint}\n" if error.hint else ""))
        return error.exit_code
    sys.stdout.write(f"{text}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
