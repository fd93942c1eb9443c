"""setup, doctor and plugins, as people run them."""

from __future__ import annotations

from pathlib import Path

from tests.tasks.support import Project


def test_setup_takes_a_checkout_to_a_proven_backup(project: Project) -> None:
    first = project.invoke("setup")
    assert first.code == 0
    assert "5 steps changed something; the environment 'local' is ready." in first.out
    assert first.err.splitlines()[0] == "==> environment 'local'"
    backups = project.invoke("db.backups", "--json").document
    assert [(entry["proof"]["kind"], entry["proof"]["problems"]) for entry in backups] == [("drill", [])]


def _written(project: Project) -> dict[Path, int]:
    """When each file was written: not bytecode, and not the lock files that are taken and emptied again."""
    files = [path for path in project.root.rglob("*") if path.is_file()]
    return {path: path.stat().st_mtime_ns for path in files if path.suffix != ".pyc" and path.name != "lock"}


def test_a_second_setup_changes_nothing_and_says_so(ready: Project) -> None:
    moved = ready.invoke("setup")
    assert "2 steps changed something" in moved.out, "what is proven of a copy elsewhere proves nothing of this one"
    before = _written(ready)
    again = ready.invoke("setup")
    assert "Nothing needed to be changed; the environment 'local' is ready." in again.out
    assert _written(ready) == before


def test_setup_prints_its_result_as_json(ready: Project) -> None:
    ready.invoke("setup")
    document = ready.invoke("setup", "--json").document
    assert [step["name"] for step in document["steps"]] == ["environment", "migrate", "seed", "backup", "drill"]
    assert [step["changed"] for step in document["steps"]] == [False] * 5


def test_setup_on_a_terminal_shows_a_table_and_steps(project: Project) -> None:
    seen = project.on_terminal("setup").out
    for text in ("==> backup", "changed", "proven to restore", "is ready"):
        assert text in seen


def test_doctor_is_content_with_a_project_that_was_set_up(ready: Project) -> None:
    examined = ready.invoke("doctor")
    assert (examined.code, examined.err) == (0, "")
    assert {line.split()[0] for line in examined.out.splitlines()} == {"ok"}


def test_doctor_says_what_is_wrong_and_ends_with_13(project: Project) -> None:
    examined = project.invoke("doctor")
    assert examined.code == 13
    assert "WRONG  settings: " in examined.out
    assert examined.err.startswith("error: ")
    assert "hint: Nothing was changed." in examined.err
    findings = project.invoke("doctor", "--json").document
    assert {finding["check"] for finding in findings if not finding["ok"]} >= {"settings", "database", "backups"}


def test_plugins_tells_who_loaded_and_who_did_not(project: Project) -> None:
    project.write("plugins/broken.py", "import nothing_of_that_name\n")
    listed = project.invoke("plugins")
    assert listed.code == 0
    broken = next(line for line in listed.out.splitlines() if line.startswith("broken"))
    assert "failed" in broken
    assert "nothing_of_that_name" in broken
    records = {record["name"]: record for record in project.invoke("plugins", "--json").document}
    assert records["shop"]["hooks"] == ["deckinfra_seeds"]
    assert records["engine-sqlite"]["origin"] == "built-in"


def test_plugins_tells_even_where_a_required_one_is_missing(project: Project) -> None:
    project.write("setup.cfg", "[deckinfra]\nrequire_plugins = gone\n")
    assert project.invoke("db.status").code == 3
    assert project.invoke("plugins").code == 0
