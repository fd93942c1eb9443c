from __future__ import annotations

import pytest

from deckinfra.errors import PluginError, UnknownNameError
from deckinfra.plugins import PluginManager, Registry
from tests.plugins.conftest import Project

ALL = """
from collections.abc import Sequence
from invoke import Collection
from deckinfra.core.settings import SettingsGroup, setting
from deckinfra.ports import Check, Seed

class Group(SettingsGroup):
    acme_{name}_level: int = setting(1, description="A level.")

@hookimpl
def deckinfra_environments():
    return {{"{name}-env": print}}

@hookimpl
def deckinfra_engines():
    return {{"{name}-engine": print}}

@hookimpl
def deckinfra_stores():
    return {{"{name}-store": print}}

@hookimpl
def deckinfra_settings():
    return [Group]

@hookimpl
def deckinfra_tasks():
    return [Collection("{name}-tasks")]

@hookimpl
def deckinfra_checks():
    return (Check("{name} check", lambda project: None),)

@hookimpl
def deckinfra_seeds():
    return [Seed("{name} seed", lambda connection: 0)]
"""


def names(manager: PluginManager) -> list[list[str]]:
    return [
        [name for name in manager.environments if name.endswith("-env")],
        [name for name in manager.engines if name.endswith("-engine")],
        [name for name in manager.stores if name.endswith("-store")],
        [group.__name__ for group in manager.settings_groups() if group.__name__ == "Group"],
        [collection.name for collection in manager.collections()],
        [check.name for check in manager.checks()],
        [seed.name for seed in manager.seeds()],
    ]


def test_plugins_register_in_the_order_in_which_they_are_loaded(project: Project) -> None:
    project.plugin("a_first.py", ALL.format(name="one"))
    project.plugin("b_second.py", ALL.format(name="two"))
    assert names(project.load()) == [
        ["one-env", "two-env"],
        ["one-engine", "two-engine"],
        ["one-store", "two-store"],
        ["Group", "Group"],
        ["one-tasks", "two-tasks"],
        ["one check", "two check"],
        ["one seed", "two seed"],
    ]


def test_a_registry_is_a_mapping_that_nobody_changes() -> None:
    registry = Registry("thing", {"a": 1, "b": 2})
    assert (dict(registry), len(registry), "a" in registry, registry["b"]) == ({"a": 1, "b": 2}, 2, True, 2)
    assert not hasattr(registry, "__setitem__")
    assert repr(registry) == "Registry('thing', ['a', 'b'])"


def test_an_unknown_name_is_told_with_what_was_meant(project: Project) -> None:
    with pytest.raises(UnknownNameError, match="unknown store scheme 'fiel'") as caught:
        project.load().stores.find("fiel")
    assert caught.value.hint == "Did you mean 'file'?"


def test_an_unknown_name_is_told_with_the_plugins_that_failed(project: Project) -> None:
    project.plugin("acme.py", "import acme_sdk_that_is_missing")
    with pytest.raises(UnknownNameError) as caught:
        project.load().stores.find("acme")
    assert caught.value.hint == (
        "Known: file. Failed to load: 'acme' (ModuleNotFoundError: No module named 'acme_sdk_that_is_missing')."
    )


@pytest.mark.parametrize(
    ("hook", "value", "reason"),
    [
        ("stores", "None", "gives None, not a mapping of names to factories"),
        ("stores", "['acme']", "gives a value of type list, not a mapping"),
        ("stores", "{'acme': 'no factory'}", "registers a value of type str as 'acme', not a factory"),
        ("stores", "{'Acme!': print}", "registers 'Acme!', which is not a name"),
        ("engines", "{3: print}", "registers 3, which is not a name"),
        ("environments", "3", "gives a value of type int, not a mapping"),
        ("settings", "None", "gives None, not a list"),
        ("settings", "'text'", "gives a value of type str, not a list"),
        ("settings", "[int]", "gives a value of type type, not a subclass of SettingsGroup"),
        ("settings", "[3]", "gives a value of type int, not a subclass of SettingsGroup"),
        ("tasks", "None", "gives None, not a list"),
        ("tasks", "[print]", "gives a value of type builtin_function_or_method, not an Invoke collection"),
        ("tasks", "[__import__('invoke').Collection()]", "gives a collection named None"),
        ("checks", "['disk']", "gives a value of type str, not a Check"),
        ("seeds", "{}", "gives a value of type dict, not a list"),
        ("seeds", "[None]", "gives None, not a Seed"),
        ("stores", "1 / 0", "ZeroDivisionError: division by zero"),
        ("stores", "exit(4)", "SystemExit: 4"),
    ],
)
def test_a_plugin_that_registers_something_else_is_left_out_whole(
    project: Project, hook: str, value: str, reason: str
) -> None:
    other = "environments" if hook != "environments" else "engines"
    project.plugin(
        "acme.py",
        f"""
        @hookimpl
        def deckinfra_{hook}():
            return {value}
        @hookimpl
        def deckinfra_{other}():
            return {{"acme": print}}
        @hookimpl
        def deckinfra_before_backup(project):
            raise AssertionError("called")
        """,
    )
    project.plugin("other.py", "@hookimpl\ndef deckinfra_stores():\n    return {'other': print}")
    manager = project.load()
    records = {record.name: record for record in manager.records}
    assert records["acme"].status == "failed"
    assert reason in records["acme"].reason
    assert "\n" not in records["acme"].reason
    assert records["acme"].hooks == ()
    assert "acme" not in {*manager.environments, *manager.engines}
    assert "other" in manager.stores
    manager.before("backup", project=None)


def test_a_plugin_that_fails_late_takes_back_what_it_registered(project: Project) -> None:
    code = "@hookimpl\ndef deckinfra_engines():\n    return {'acme': print}\n"
    project.plugin("acme.py", code + "@hookimpl\ndef deckinfra_stores():\n    raise OSError('no disk')")
    manager = project.load()
    assert "acme" in manager.engines
    assert "acme" not in manager.stores
    assert "acme" not in manager.engines


def test_a_plugin_that_registers_a_setting_twice_is_left_out(project: Project) -> None:
    project.plugin("acme.py", ALL.format(name="x").replace("return [Group]", "return [Group, Group]"))
    reason = project.records()["acme"].reason
    assert reason == "ValueError: deckinfra_settings registers setting 'ACME_X_LEVEL' twice"


@pytest.mark.parametrize(
    ("old", "new", "get", "noun"),
    [
        ("two-env", "one-env", "environments", "kind of environment 'one-env'"),
        ("two-engine", "one-engine", "engines", "database engine 'one-engine'"),
        ("two-store", "one-store", "stores", "store scheme 'one-store'"),
        ("acme_two_level", "acme_one_level", "settings_groups", "setting 'ACME_ONE_LEVEL'"),
        ("two-tasks", "one_tasks", "collections", "collection of tasks 'one-tasks'"),
        ("two check", "one check", "checks", "check 'one check'"),
        ("two seed", "one seed", "seeds", "seed 'one seed'"),
    ],
)
def test_two_plugins_that_register_one_name_are_an_error_that_names_both(
    project: Project, old: str, new: str, get: str, noun: str
) -> None:
    project.plugin("first.py", ALL.format(name="one"))
    project.plugin("second.py", ALL.format(name="two").replace(old, new))
    manager = project.load()
    assert {record.status for record in manager.records} == {"loaded"}
    with pytest.raises(PluginError, match=f"plugins 'first' and 'second' both register {noun}") as caught:
        names(manager)
    assert caught.value.hint == "Remove one of them, or switch it off: DECKINFRA_DISABLE_PLUGINS=second"


def test_a_plugin_in_the_box_is_nothing_special(project: Project) -> None:
    project.plugin("mine.py", "@hookimpl\ndef deckinfra_stores():\n    return {'file': print}")
    with pytest.raises(PluginError, match="plugins 'store-directory' and 'mine' both register store scheme 'file'"):
        _ = project.load().stores
    factory: object = project.load(DECKINFRA_DISABLE_PLUGINS="store-directory").stores["file"]
    assert factory is print
