"""The tasks of a project: deckinfra's own and its plugins'."""

from __future__ import annotations

import os
from pathlib import Path

from invoke.collection import Collection

from deckinfra.errors import PluginError
from deckinfra.tasks import (
    db_backup,
    db_init,
    db_migrate,
    db_restore,
    db_shell,
    db_transfer,
    deploy,
    development,
    env,
    project,
    stack,
)
from deckinfra.tasks.edge import edge
from deckinfra.tasks.terminal import Terminal


def namespace(root: str | Path) -> Collection:
    """Give the tasks of the project in the folder ``root``, for its ``tasks.py``.

    Ends the program with a message where ``setup.cfg`` is unusable or plugins claim one name.
    """
    from deckinfra.plugins import PluginManager

    folder = Path(root).absolute()
    tasks = Collection()
    for module in (project, deploy, development):
        for task in module.TASKS:
            tasks.add_task(task)
    tasks.add_collection(Collection("env", *env.TASKS))
    tasks.add_collection(Collection("stack", *stack.TASKS))
    database = (db_migrate, db_init, db_backup, db_restore, db_transfer, db_shell)
    tasks.add_collection(Collection("db", *(task for module in database for task in module.TASKS)))
    tasks.configure({"deckinfra": {"root": str(folder)}})
    with edge(Terminal(), debug=False):
        for collection in PluginManager.load(folder, os.environ).collections():
            _add(tasks, collection)
    return tasks


def _add(tasks: Collection, collection: Collection) -> None:
    name = collection.name
    if name in tasks.task_names or name in tasks.collections:
        raise PluginError(
            f"a plugin brings tasks named '{name}', which deckinfra has already",
            hint="Give the plugin's collection another name, or disable it with DECKINFRA_DISABLE_PLUGINS.",
        )
    tasks.add_collection(collection)
