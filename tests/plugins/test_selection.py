from __future__ import annotations

import pytest

from deckinfra.errors import UnknownNameError
from deckinfra.plugins.discovery import BUILT_IN
from tests.plugins.conftest import Project

NOTHING = "x = 1"


def loaded(project: Project, **environ: str) -> list[str]:
    return [name for name, record in project.records(**environ).items() if record.status == "loaded"]


def test_a_disabled_plugin_is_not_run(project: Project) -> None:
    project.plugin("one.py", "raise RuntimeError")
    project.plugin("two.py", NOTHING)
    records = project.records(DECKINFRA_DISABLE_PLUGINS=" one ,, ")
    assert (records["one"].status, records["one"].reason) == ("disabled", "named in DECKINFRA_DISABLE_PLUGINS")
    assert records["two"].status == "loaded"


def test_a_plugin_in_the_box_can_be_disabled(project: Project) -> None:
    assert "file" not in project.load(DECKINFRA_DISABLE_PLUGINS="store-directory").stores


def test_only_the_named_plugins_from_outside_are_loaded(project: Project) -> None:
    project.install("installed", NOTHING)
    project.plugin("one.py", NOTHING)
    project.plugin("two.py", "raise RuntimeError")
    environ = {"DECKINFRA_LOAD_PLUGINS": "installed,one"}
    assert loaded(project, **environ) == ["installed", "one"]
    record = project.records(**environ)["two"]
    assert (record.status, record.reason) == ("disabled", "not named in DECKINFRA_LOAD_PLUGINS")


def test_an_empty_list_means_none_and_leaves_the_box(project: Project) -> None:
    project.plugin("one.py", NOTHING)
    manager = project.load(DECKINFRA_LOAD_PLUGINS="")
    assert [*BUILT_IN] == [record.name for record in manager.records if record.status == "loaded"]


def test_a_module_that_no_package_declares_can_be_loaded(project: Project) -> None:
    (project.site / "acme_loose").mkdir()
    (project.site / "acme_loose" / "__init__.py").write_text("")
    (project.site / "acme_loose" / "plugin.py").write_text(NOTHING)
    record = project.records(DECKINFRA_LOAD_PLUGINS="acme_loose.plugin")["acme_loose.plugin"]
    assert (record.status, record.origin, record.location) == ("loaded", "installed", "acme_loose.plugin")


def test_a_module_whose_package_is_broken_is_told_as_failed(project: Project) -> None:
    (project.site / "acme_broken").mkdir()
    (project.site / "acme_broken" / "__init__.py").write_text("import acme_not_there_at_all")
    (project.site / "acme_worse").mkdir()
    (project.site / "acme_worse" / "__init__.py").write_text("raise SystemExit(3)")
    records = project.records(DECKINFRA_LOAD_PLUGINS="acme_broken.plugin,acme_worse.plugin")
    assert records["acme_broken.plugin"].reason == "ModuleNotFoundError: No module named 'acme_not_there_at_all'"
    assert records["acme_worse.plugin"].reason == "SystemExit: 3"


@pytest.mark.parametrize("variable", ["DECKINFRA_DISABLE_PLUGINS", "DECKINFRA_LOAD_PLUGINS"])
@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("my-stroe", "Did you mean 'my-store'?"),
        ("acme_nowhere.plugin", "Known: "),
        ("zzz qqq!", "Known: "),
        ("os.nowhere", "Known: "),
    ],
)
def test_a_name_that_nothing_has_is_an_error(project: Project, variable: str, name: str, advice: str) -> None:
    project.plugin("my-store.py", NOTHING)
    with pytest.raises(UnknownNameError, match=f"unknown plugin '{name}'") as caught:
        project.load(**{variable: name})
    assert caught.value.hint.startswith(advice)
    assert caught.value.hint.endswith(f"{variable} names it.")


def test_disabling_wins(project: Project) -> None:
    project.plugin("one.py", NOTHING)
    assert loaded(project, DECKINFRA_LOAD_PLUGINS="one", DECKINFRA_DISABLE_PLUGINS="one") == []
