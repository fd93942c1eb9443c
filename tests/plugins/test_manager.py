from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from deckinfra.errors import LockedError, PluginError
from tests.plugins.conftest import Project

FINE = "@hookimpl\ndef deckinfra_stores():\n    return {'fine': print}"


def failure(project: Project, name: str = "acme") -> str:
    record = project.records()[name]
    assert record.status == "failed"
    assert record.hooks == ()
    assert "\n" not in record.reason
    return record.reason


# Loading ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import acme_missing", "ModuleNotFoundError: No module named 'acme_missing'"),
        ("def broken(:", "SyntaxError: invalid syntax (acme.py, line 2)"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("raise RuntimeError('two\\nlines')", "RuntimeError: two lines"),
        ("raise RuntimeError", "RuntimeError"),
        ("raise __import__('deckinfra').DeckinfraError('no licence')", "no licence"),
        (
            "@hookimpl\ndef deckinfra_before_bakcup(project): pass",
            "deckinfra_before_bakcup is not a hook; did you mean deckinfra_before_backup?",
        ),
        ("@hookimpl\ndef zzz(): pass", "zzz is not a hook"),
        ("def deckinfra_stores(): return {}", "deckinfra_stores is not marked with @hookimpl"),
        ("@hookimpl(wrapper=True)\ndef deckinfra_stores():\n    yield", "deckinfra_stores is a wrapper"),
        (
            "@hookimpl\ndef deckinfra_before_backup(app): pass",
            "{'app'} are declared in the hookimpl but can not be found",
        ),
    ],
)
def test_a_plugin_that_does_not_load_is_told_with_its_reason_and_others_go_on(
    project: Project, code: str, reason: str
) -> None:
    project.plugin("acme.py", code)
    project.plugin("fine.py", FINE)
    assert reason in failure(project)
    assert "fine" in project.load().stores


@pytest.mark.parametrize(
    ("name", "entry", "reason"),
    [
        ("acme", "{module}:missing", "AttributeError: module"),
        ("acme", "no_such_acme_module", "ModuleNotFoundError"),
        ("acme", "{module}:nothing", ":nothing is None"),
        ("Acme", "{module}", "its name may have lower-case letters, digits, - and _ only"),
    ],
)
def test_an_installed_plugin_that_does_not_load_is_told_too(
    project: Project, name: str, entry: str, reason: str
) -> None:
    project.install(name, "nothing = None", entry=entry)
    project.install("fine", FINE)
    assert reason in failure(project, name)
    assert "fine" in project.load().stores


def test_one_module_under_two_names_is_loaded_once(project: Project) -> None:
    module = project.install("first", FINE)
    project.install("second", "", entry=module)
    records = project.records()
    assert sorted(record.status for record in records.values()) == ["failed", "loaded"]
    assert "fine" in project.load().stores


def test_a_hook_may_be_for_a_newer_version(project: Project) -> None:
    project.plugin("acme.py", "@hookimpl(optionalhook=True)\ndef deckinfra_before_breakfast(): pass")
    record = project.records()["acme"]
    assert (record.status, record.hooks) == ("loaded", ("deckinfra_before_breakfast",))


def test_two_plugins_of_one_name_are_an_error_that_names_both(project: Project) -> None:
    module = project.install("acme", FINE)
    project.plugin("acme.py", FINE)
    with pytest.raises(PluginError, match=f"two plugins have the name 'acme': {module} and plugins/acme.py"):
        project.load()
    assert project.load(DECKINFRA_DISABLE_PLUGINS="acme").stores.keys() == {"file"}


# Required plugins -------------------------------------------------------------------------------


def test_a_required_plugin_that_loads_is_no_matter(project: Project) -> None:
    project.plugin("acme.py", FINE)
    assert "fine" in project.load("acme", "store-directory").stores


def test_a_required_plugin_that_fails_stops_everything(project: Project) -> None:
    project.plugin("acme.py", "raise RuntimeError('broken')")
    with pytest.raises(PluginError, match=r"'acme' \(plugins/acme.py\), .* is failed: RuntimeError: broken") as caught:
        project.load("acme")
    assert "require_plugins" in caught.value.hint
    assert isinstance(caught.value.__cause__, RuntimeError)


def test_a_required_plugin_that_fails_late_stops_what_needs_plugins(project: Project) -> None:
    project.plugin("acme.py", "@hookimpl\ndef deckinfra_stores():\n    return None")
    manager = project.load("acme")
    assert manager.engines
    with pytest.raises(PluginError, match="gives None, not a mapping"):
        _ = manager.stores
    with pytest.raises(PluginError, match="gives None, not a mapping"):
        _ = manager.engines
    assert "acme" in [record.name for record in manager.records if record.status == "failed"]


def test_a_required_plugin_that_is_switched_off_stops_everything(project: Project) -> None:
    project.plugin("acme.py", FINE)
    with pytest.raises(PluginError, match="is disabled: named in DECKINFRA_DISABLE_PLUGINS"):
        project.load("acme", DECKINFRA_DISABLE_PLUGINS="acme")


@pytest.mark.parametrize(
    ("name", "hint"),
    [("acem", "Did you mean 'acme'?"), ("zzz", "Install it, or put it into the project's plugins folder.")],
)
def test_a_required_plugin_that_is_not_there_stops_everything(project: Project, name: str, hint: str) -> None:
    project.plugin("acme.py", FINE)
    with pytest.raises(PluginError, match=f"there is no plugin '{name}', which setup.cfg requires") as caught:
        project.load(name)
    assert caught.value.hint == hint


# Lifecycle --------------------------------------------------------------------------------------


def recorder(options: str = "") -> str:
    return f"""
    @hookimpl{options}
    def deckinfra_before_backup(project):
        project.calls.append(__name__.rpartition(".")[2])
    @hookimpl{options}
    def deckinfra_after_backup(project, manifest):
        project.calls.append((__name__.rpartition(".")[2], manifest))
    """


def app() -> Any:
    return SimpleNamespace(calls=[])


def test_lifecycle_hooks_are_called_in_the_order_of_loading(project: Project) -> None:
    installed = project.install("zebra", recorder())
    project.plugin("a_last.py", recorder("(trylast=True)"))
    project.plugin("b.py", recorder())
    project.plugin("c_first.py", recorder("(tryfirst=True)"))
    project.plugin("d.py", recorder())
    manager, called = project.load(), app()
    manager.before("backup", project=called)
    assert called.calls == ["c_first", installed, "b", "d", "a_last"]
    called.calls.clear()
    manager.after("backup", project=called, manifest="M")
    assert called.calls == [("c_first", "M"), (installed, "M"), ("b", "M"), ("d", "M"), ("a_last", "M")]


def test_a_hook_need_not_take_every_argument(project: Project) -> None:
    project.plugin("acme.py", "@hookimpl\ndef deckinfra_after_backup(project):\n    project.calls.append('acme')")
    called = app()
    project.load().after("backup", project=called, manifest="M")
    assert called.calls == ["acme"]


def test_an_error_of_ours_in_a_hook_comes_through_as_it_is(project: Project) -> None:
    code = """
    from deckinfra.errors import LockedError
    @hookimpl
    def deckinfra_before_restore(project, manifest):
        raise LockedError("traffic is still on")
    """
    project.plugin("acme.py", code)
    with pytest.raises(LockedError, match="traffic is still on"):
        project.load().before("restore", project=None, manifest=None)


@pytest.mark.parametrize(("raised", "said"), [("KeyError('x')", "KeyError: 'x'"), ("SystemExit(3)", "SystemExit: 3")])
@pytest.mark.parametrize(("when", "outcome"), [("before", "was stopped."), ("after", "did stays done.")])
def test_another_error_in_a_hook_names_the_plugin_and_stops_the_rest(
    project: Project, raised: str, said: str, when: str, outcome: str
) -> None:
    project.plugin("acme.py", f"@hookimpl\ndef deckinfra_{when}_setup(project):\n    raise {raised}")
    project.plugin("later.py", f"@hookimpl\ndef deckinfra_{when}_setup(project):\n    project.calls.append(1)")
    called = app()
    with pytest.raises(PluginError, match=f"plugin 'acme' failed in deckinfra_{when}_setup: {said}") as caught:
        getattr(project.load(), when)("setup", project=called, **({"result": None} if when == "after" else {}))
    assert outcome in caught.value.hint
    assert "DECKINFRA_DISABLE_PLUGINS=acme" in caught.value.hint
    assert called.calls == []


def test_after_a_failure_every_plugin_is_called_and_errors_are_reported(project: Project) -> None:
    project.plugin("a.py", "@hookimpl\ndef deckinfra_on_failure(error):\n    raise OSError('no mail')")
    project.plugin(
        "b.py",
        "@hookimpl\ndef deckinfra_on_failure(project, phase, error):\n    project.calls.append((phase, str(error)))",
    )
    called, reported = app(), list[str]()
    project.load().failed(called, "backup", ValueError("why"), reported.append)
    assert called.calls == [("backup", "why")]
    assert reported == ["plugin 'a' failed in deckinfra_on_failure: OSError: no mail"]


def test_every_lifecycle_hook_has_a_phase(project: Project) -> None:
    manager = project.load()
    for phase in ("setup", "migrate", "backup", "restore"):
        manager.before(phase)
        manager.after(phase)
