"""The tasks: a thin skin over :class:`deckinfra.app.App`, and the only place that knows Invoke.

A plugin makes tasks of its own with :func:`task` and registers them by the hook ``deckinfra_tasks``.
"""

from __future__ import annotations

import sys

# Invoke switches bytecode off, and then every start compiles everything anew: back to what Python was told.
sys.dont_write_bytecode = bool(sys.flags.dont_write_bytecode)

from deckinfra.tasks.decorator import task  # noqa: E402
from deckinfra.tasks.namespace import namespace  # noqa: E402
from deckinfra.tasks.terminal import Terminal  # noqa: E402

__all__ = ["Terminal", "namespace", "task"]
