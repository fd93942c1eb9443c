"""The task that writes the migrations as SQL, for the init folder of the official database images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Final

from deckinfra.errors import ConfigurationError
from deckinfra.tasks.decorator import task
from deckinfra.tasks.generated import show_written, write_generated

if TYPE_CHECKING:
    from deckinfra.app import App
    from deckinfra.settings.initialise import Change
    from deckinfra.tasks.terminal import Terminal


def _show(written: Sequence[Change], terminal: Terminal) -> None:
    show_written(written, terminal, "The files are what the migrations and seeds say; nothing was changed.")


@task(name="init-sql", show=_show, help={"folder": "Where the files go, in the project."})
def init_sql(project: App, folder: str = "database/init") -> Sequence[Change]:
    """Write the migrations and example data as SQL files.

    They are for the init folder of the official MySQL and MariaDB images. No database is touched.
    """
    texts = {str(PurePath(folder) / name): text for name, text in project.init_sql().items()}
    try:
        (project.root / folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"the folder {project.root / folder} cannot be made: {error.strerror}",
            hint="Nothing was written. Give another one by --folder.",
        ) from error
    return write_generated(project.root, texts, "written from the migrations and seeds")


TASKS: Final = (init_sql,)
