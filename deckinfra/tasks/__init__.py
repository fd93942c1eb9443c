"""The tasks: a thin skin over :class:`deckinfra.app.App`, and the only place that knows Invoke.

A plugin makes tasks of its own with :func:`task` and registers them by the hook ``deckinfra_tasks``.
"""

from __future__ import annotations

from deckinfra.tasks.decorator import task
from deckinfra.tasks.namespace import namespace
from deckinfra.tasks.terminal import Terminal

__all__ = ["Terminal", "namespace", "task"]
