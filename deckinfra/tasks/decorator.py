"""The decorator that makes a task of a function: its common options, its output, its errors."""

from __future__ import annotations

import inspect
import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from invoke.tasks import Task

from deckinfra.errors import UsageError
from deckinfra.settings.project import VARIABLE
from deckinfra.tasks.advice import adviser, naming_others
from deckinfra.tasks.edge import edge
from deckinfra.tasks.terminal import Terminal

if TYPE_CHECKING:
    from invoke.context import Context

    from deckinfra.app import App

_SHORT: Final = {"env": "e", "debug": "d", "yes": "y", "message": "m"}

_HELP: Final = {
    "env": "The environment to work in; the project's default one without it.",
    "progress": "How to show progress on stderr: auto, terminal, plain, json or none.",
    "json": "Print the result as one JSON document on stdout (docs/json.md).",
    "debug": "Show a traceback with an error.",
    "yes": "Agree to what the task destroys, without being asked.",
    "confirm": "Beside --yes in production: the environment's name once more.",
}


class ProjectTask(Task[Any]):
    """A task that is itself and no other, and whose options have the short names that the docs give.

    Invoke takes two tasks for one if their code and their last name are the same, and gives options
    whatever letters are free.
    """

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other

    def arg_opts(self, name: str, default: Any, taken_names: set[str]) -> dict[str, Any]:
        """Describe one option to Invoke's parser."""
        options = super().arg_opts(name, default, taken_names)
        if name in _SHORT:
            options["names"] = [*options["names"], _SHORT[name]]
        return options


def task(
    *,
    name: str | None = None,
    help: Mapping[str, str] | None = None,
    optional: Sequence[str] = (),
    positional: Sequence[str] = (),
    show: Callable[[Any, Terminal], None] | None = None,
    judge: Callable[[Any], None] | None = None,
    settle: Callable[..., Mapping[str, Any]] | None = None,
    destroys: Callable[..., str | None] | None = None,
    project: bool = True,
    live: bool = False,
) -> Callable[[Callable[..., Any]], ProjectTask]:
    """Make a task of a function, the body: its arguments are the open project (an ``App``) and the task's options.

    Every option of the body has a default, which gives its type; ``help`` describes each; those in
    ``optional`` may be given without a value, and are True then; those in ``positional`` have to be given, and may be
    without their names. What the body returns is printed by
    ``show``, or with ``--json`` as one document; then ``judge`` may raise the error that it amounts to.
    ``settle`` is called first, with the same arguments, and pins down options that leave something open
    (``latest``), so that what a person agrees to is what is done. Then ``destroys`` is called: where it
    gives what will be lost (``delete the snapshots that …``), the task asks for consent. With
    ``project=False``, the body is given the project's folder instead. With ``live``, the body's second argument is the
    :class:`Terminal`, for what has to be shown while it works.

    Adds ``--env/-e``, ``--progress``, ``--debug/-d``; ``--json`` with ``show``; ``--yes/-y`` and
    ``--confirm`` with ``destroys``. The first line of the body's docstring is the task's help.
    """

    def decorate(function: Callable[..., Any]) -> ProjectTask:
        own = list(inspect.signature(function).parameters.values())[2 if live else 1 :]
        common = _common_options(project=project, reports=show is not None, destroys=destroys is not None)

        def run(context: Context, **options: Any) -> None:
            given = {option: options.pop(option, default) for option, default in common.items()}
            terminal = Terminal()
            terminal.advise = adviser(sys.argv[0], given.get("env"), options.get("remote"))
            debug = bool(given["debug"]) or logging.getLogger("invoke").isEnabledFor(logging.DEBUG)
            with edge(terminal, debug=debug):
                _refuse_dry_run(context)
                subject: Any = _open(context, given, terminal) if project else folder_of(context)
                with _hints(subject, given):
                    if settle is not None:
                        options |= settle(subject, **options)
                    if destroys is not None:
                        _consent(subject, destroys(subject, **options), given, terminal)
                    result = function(subject, *((terminal,) if live else ()), **options)
                if show is not None:
                    terminal.document(result) if given["json"] else show(result, terminal)
                if judge is not None:
                    terminal.stdout.flush()
                    judge(result)

        run.__name__ = function.__name__
        run.__doc__ = function.__doc__
        run.__module__ = function.__module__
        keyword = inspect.Parameter.KEYWORD_ONLY
        first = inspect.Parameter("context", inspect.Parameter.POSITIONAL_ONLY)
        added = [inspect.Parameter(option, keyword, default=default) for option, default in common.items()]
        parameters = [first, *(parameter.replace(kind=keyword) for parameter in own), *added]
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        texts = {**{option: _HELP[option] for option in common}, **(help or {})}
        return ProjectTask(
            run, name=name, positional=list(positional), optional=list(optional), auto_shortflags=False, help=texts
        )

    return decorate


def folder_of(context: Context) -> Path:
    """Give the folder of the project whose tasks run; the current one for a task in no namespace of ours."""
    return Path(context.config.get("deckinfra", {}).get("root", "."))


def _common_options(*, project: bool, reports: bool, destroys: bool) -> dict[str, Any]:
    options: dict[str, Any] = {"env": None, "progress": None} if project else {}
    if reports:
        options["json"] = False
    if destroys:
        options.update(yes=False, confirm=None)
    return {**options, "debug": False}


def _open(context: Context, given: Mapping[str, Any], terminal: Terminal) -> App:
    from deckinfra.app import open_project
    from deckinfra.tasks.reporters import choose_reporter

    reporter = choose_reporter(given["progress"], os.environ, terminal)
    project = open_project(folder_of(context), given["env"], reporter=reporter)

    def secrets() -> Sequence[Any]:
        # Settings that were not read yet, or cannot be, have not been shown to anybody either.
        settings = project.__dict__.get("settings")
        return () if settings is None else settings.secrets()

    terminal.secrets = secrets
    return project


def _hints(subject: Any, given: Mapping[str, Any]) -> AbstractContextManager[None]:
    """Give the context in which a task's errors name other environments, where it was left open which is meant."""
    if "env" not in given or given["env"] or subject.environ.get(VARIABLE):
        return nullcontext()
    return naming_others(subject.root, subject.environment_name)


def _consent(project: App, loss: str | None, given: Mapping[str, Any], terminal: Terminal) -> None:
    from deckinfra.tasks.consent import Given, require_consent

    if loss is not None:
        require_consent(project, loss, Given(given["yes"], given["confirm"]), terminal)


def _refuse_dry_run(context: Context) -> None:
    if context.config.run.dry:
        raise UsageError(
            "Invoke's --dry (-R) does not hold these tasks back",
            hint="Nothing was done. Leave it out; db.prune has a --dry-run of its own.",
        )
