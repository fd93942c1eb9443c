"""The pages on tasks, JSON and exit codes say what is there: all of it, and nothing else."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from invoke.collection import Collection

from deckinfra import errors
from deckinfra.core.manifest import Facts, Manifest, Origin, Part
from deckinfra.core.settings import Problem, Value
from deckinfra.plugins import PluginRecord
from deckinfra.ports import Activity, Kept, RunningQuery, Service
from deckinfra.services import results
from deckinfra.settings.initialise import Change
from deckinfra.tasks import namespace
from deckinfra.tasks.decorator import ProjectTask
from deckinfra.tasks.edge import INTERRUPTED, UNREAD
from tests.tasks.support import REPOSITORY, Project

DOCS = REPOSITORY / "docs"
COMMON = {"env", "json", "progress", "debug", "yes", "confirm", "remote"}


def _sections(page: str) -> dict[str, str]:
    text = (DOCS / page).read_text(encoding="utf-8")
    found = re.split(r"^### `?([\w.-]+)`?$", text, flags=re.MULTILINE)
    return dict(zip(found[1::2], (re.split(r"^## ", body, flags=re.MULTILINE)[0] for body in found[2::2]), strict=True))


def _tasks(project: Project) -> Iterator[tuple[str, ProjectTask]]:
    tasks: Collection = namespace(project.root)
    for name in tasks.task_names:
        yield name, tasks[name]


def _options(task: ProjectTask) -> set[str]:
    return {argument.names[0] for argument in task.get_arguments()}


def test_every_task_and_every_option_has_its_place(project: Project) -> None:
    sections = _sections("tasks.md")
    tasks = dict(_tasks(project))
    assert set(sections) == set(tasks)
    for name, task in tasks.items():
        documented = set(re.findall(r"^\| `--([\w-]+)", sections[name], flags=re.MULTILINE))
        assert documented - COMMON == _options(task) - COMMON, name
        assert ("remote" in documented) == ("remote" in _options(task)), name


def test_the_common_options_are_on_the_tasks_that_the_page_says(project: Project) -> None:
    destroying = {
        "db.restore",
        "db.undo-restore",
        "db.export",
        "db.import",
        "db.kept",
        "db.rollback",
        "db.prune",
        "stack.down",
        "deploy",
    }
    showing = {"test", "bench", "stack.logs", "stack.exec", "stack.shell", "db.shell"}
    for name, task in _tasks(project):
        options = _options(task)
        assert ("env" in options) == ("progress" in options) == (name not in {"plugins", "test", "bench"}), name
        assert ("json" in options) == (name not in showing), name
        assert ("yes" in options) == ("confirm" in options) == (name in destroying), name
        assert "debug" in options, name


def test_every_task_says_in_one_line_what_it_does(project: Project) -> None:
    for name, task in _tasks(project):
        assert task.__doc__ is not None, name
        assert task.__doc__.splitlines()[0].endswith("."), name


def test_every_field_of_every_document_is_explained() -> None:
    kinds = [getattr(results, name) for name in results.__all__ if name not in {"document"}]
    expected = {kind.__name__: {field.name for field in dataclasses.fields(kind)} for kind in kinds}
    for kind in (Problem, Value, Change, PluginRecord, Kept, Facts, Activity, RunningQuery, Service):
        expected[kind.__name__] = {field.name for field in dataclasses.fields(kind)}
    expected["Manifest"] = set(_manifest().document())
    sections = _sections("json.md")
    documented = {name: set(re.findall(r"^\| `(\w+)` \|", body, flags=re.MULTILINE)) for name, body in sections.items()}
    assert documented == expected


def test_the_manifests_parts_have_the_fields_that_are_named() -> None:
    document = _manifest().document()
    assert set(document["parts"][0]) - set(document["facts"][0]) == {"size", "chunks", "lists"}


def test_every_task_that_reports_is_told_what_it_prints(project: Project) -> None:
    table = (DOCS / "json.md").read_text(encoding="utf-8").split("## The project")[0]
    named = set(re.findall(r"`([\w.-]+)`", "".join(re.findall(r"^\|([^|]*)\|", table, flags=re.MULTILINE))))
    assert named == {name for name, task in _tasks(project) if "json" in _options(task)}


def test_the_exit_codes_are_those_of_the_errors() -> None:
    text = (DOCS / "exit-codes.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \| (?:`(\w+)`)? *\|", text, flags=re.MULTILINE)
    classes = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    kinds = [kind for kind in classes if issubclass(kind, errors.DeckinfraError)]
    assert {(int(code), name) for code, name in rows if name} == {(kind.exit_code, kind.__name__) for kind in kinds}
    assert {int(code) for code, name in rows if not name} == {0, INTERRUPTED, UNREAD}


def _manifest() -> Manifest:
    facts = Facts("table", "things", 1, "0" * 64)
    return Manifest(
        id="20261122T213419Z-0123abcd",
        time=datetime(2026, 11, 22, 21, 34, 19, tzinfo=UTC),
        seconds=1.0,
        origin=Origin("deck", "local"),
        engine="sqlite",
        database="shop",
        revisions=("0001",),
        host="here",
        tool="0.1.0",
        size=1,
        added_bytes=1,
        added_objects=1,
        facts=(facts,),
        parts=(Part(facts, 1, 1, ()),),
    )


def test_the_pages_link_to_pages_that_are_there() -> None:
    for page in ("tasks.md", "json.md", "exit-codes.md"):
        for target in re.findall(r"\]\(([^)#]+)", (DOCS / page).read_text(encoding="utf-8")):
            assert (DOCS / Path(target)).is_file(), (page, target)


def test_the_example_of_a_task_works(ready: Project) -> None:
    page = (DOCS / "tasks.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    ready.write("plugins/report.py", example)
    (sizes,) = ready.invoke("report.sizes", "--json").document.items()
    assert ready.invoke("report.sizes").out.splitlines()[1].split() == [sizes[0], str(sizes[1])]


@pytest.mark.parametrize("page", sorted(path.name for path in DOCS.glob("*.md")))
def test_every_command_on_a_page_is_one_that_there_is(project: Project, page: str) -> None:
    tasks = dict(_tasks(project))
    text = (DOCS / page).read_text(encoding="utf-8")
    for line in re.findall(r"\b(?:invoke|deckinfra) ((?:db|env|stack)\.[a-z-]+[^`\n|;()#]*)", text):
        name, *words = line.split()
        assert name in tasks, f"invoke {line}"
        options = {word.partition("=")[0].removeprefix("--").rstrip(",:.") for word in words if word.startswith("--")}
        assert options <= _options(tasks[name]) | COMMON, f"invoke {line}"
