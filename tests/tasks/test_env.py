from __future__ import annotations

import pytest

from tests.tasks.support import Project


def test_check_reports_every_problem_and_ends_with_13(project: Project) -> None:
    project.write(".env.local", "DATABASE_URL=nonsense\nBACKUP_THREADS=many\nAPP_DEBG=1\n")
    checked = project.invoke("env.check")
    assert checked.code == 13
    for name in ("DATABASE_URL", "BACKUP_THREADS", "APP_DEBG", "APP_SECRET_KEY"):
        assert f"\n{name} " in f"\n{checked.out}"
    assert "error: the configuration has " in checked.err
    assert {"name", "message", "hint", "source"} == set(project.invoke("env.check", "--json").document[0])


def test_check_is_content_where_nothing_is_wrong(ready: Project) -> None:
    checked = ready.invoke("env.check")
    assert (checked.code, checked.out) == (0, "The configuration is complete, and nothing is wrong with it.\n")
    assert ready.invoke("env.check", "--json").document == []


def test_init_writes_what_is_missing_once(project: Project) -> None:
    first = project.invoke("env.init")
    assert first.out.startswith(".secrets/local/APP_SECRET_KEY: ")
    assert project.invoke("env.init").out == "There was nothing to make; nothing was changed.\n"


def test_show_gives_every_value_and_its_source_but_no_secret(ready: Project) -> None:
    secret = (ready.root / ".secrets/local/APP_SECRET_KEY").read_text(encoding="utf-8").strip()
    shown, document = ready.invoke("env.show"), ready.invoke("env.show", "--json")
    assert secret not in shown.out + document.out
    values = {value["name"]: value for value in document.document}
    assert values["APP_SECRET_KEY"] == {
        "name": "APP_SECRET_KEY",
        "text": "•••",
        "source": ".secrets/local/APP_SECRET_KEY",
        "secret": True,
    }
    assert values["DATABASE_URL"]["source"] == ".env.local line 1"
    assert ready.invoke("env.show", environ={"APP_PORT": "99"}).out.count("99") == 1


def test_docs_writes_what_the_schema_says_and_nothing_the_second_time(project: Project) -> None:
    assert [change["path"] for change in project.invoke("env.docs", "--json").document] == [".env.example"]
    (project.root / "docs").mkdir()
    assert project.invoke("env.docs").out == "docs/configuration.md: written from the schema\n"
    assert "nothing was changed" in project.invoke("env.docs").out


def test_docs_leaves_alone_what_it_cannot_read(project: Project) -> None:
    (project.root / ".env.example").write_bytes(b"\xff\xfe")
    ended = project.invoke("env.docs")
    assert (ended.code, (project.root / ".env.example").read_bytes()) == (3, b"\xff\xfe")


@pytest.mark.parametrize("task", ["env.check", "env.init", "env.show", "db.backup", "setup", "doctor"])
def test_an_environment_that_is_not_known_is_named_with_the_one_meant(project: Project, task: str) -> None:
    ended = project.invoke(task, "-e", "lcal")
    said = ended.err + ended.out
    assert ended.code in {2, 13}
    assert "unknown environment 'lcal'" in said
    assert "Did you mean 'local'?" in said
    assert not (project.root / ".env.lcal").exists()
