from __future__ import annotations

import sys
import zipfile
from importlib.machinery import PathFinder
from importlib.metadata import DistributionFinder, entry_points
from pathlib import Path

import pytest

from deckinfra import __version__
from deckinfra.errors import ConfigurationError
from deckinfra.plugins import discovery
from deckinfra.plugins.discovery import BUILT_IN
from tests.plugins.conftest import Project

STORE = """
@hookimpl
def deckinfra_stores():
    return {"acme": lambda url, root, settings: None}
"""


def test_what_is_in_the_box_is_loaded_first(project: Project) -> None:
    project.plugin("mine.py", STORE)
    records = project.load().records
    assert [*BUILT_IN, "mine"] == [record.name for record in records]
    assert {("built-in", "loaded", "", __version__)} == {
        (record.origin, record.status, record.reason, record.version) for record in records[:-1]
    }


def test_an_installed_package_brings_a_plugin(project: Project) -> None:
    module = project.install("acme-store", STORE)
    record = project.records()["acme-store"]
    assert (record.origin, record.status, record.location) == ("installed", "loaded", module)
    assert (record.version, record.hooks) == ("1.2.3", ("deckinfra_stores",))
    assert "acme" in project.load().stores


def test_an_entry_point_can_be_an_object(project: Project) -> None:
    code = """
    class Plugin:
        @hookimpl
        def deckinfra_stores(self):
            return {"acme": print}
    plugin = Plugin()
    """
    project.install("acme", code, entry="{module}:plugin")
    factory: object = project.load().stores.find("acme")
    assert factory is print


def test_a_file_in_the_plugins_folder_is_a_plugin(project: Project) -> None:
    project.plugin("my_store.py", STORE)
    record = project.records()["my_store"]
    assert (record.origin, record.status) == ("project", "loaded")
    assert (record.location, record.version) == ("plugins/my_store.py", "")


def test_a_package_in_the_plugins_folder_imports_its_own_modules(project: Project) -> None:
    project.plugin("acme/__init__.py", "from .parts.store import NAME\n" + STORE.replace('"acme"', "NAME"))
    project.plugin("acme/parts/__init__.py", "")
    project.plugin("acme/parts/store.py", "from ..._shared import NAME")
    project.plugin("_shared.py", "NAME = 'shared'")
    assert "shared" in project.load().stores
    assert list(project.records()) == ["acme"]
    assert project.records()["acme"].location == "plugins/acme"


def test_what_is_no_plugin_is_left_alone(project: Project) -> None:
    project.plugin("_helper.py", "raise RuntimeError")
    project.plugin(".hidden.py", "raise RuntimeError")
    project.plugin("__pycache__/x.py", "raise RuntimeError")
    project.plugin("data/rows.py", "raise RuntimeError")
    project.plugin("README.md", "")
    assert project.records() == {}


def test_plugins_of_two_projects_do_not_meet(project: Project, tmp_path: Path) -> None:
    other = Project(tmp_path / "other", project.site)
    for each, scheme in ((project, "one"), (other, "two")):
        each.plugin("mine.py", STORE.replace("acme", scheme))
    managers = [project.load(), other.load(), project.load()]
    assert [sorted(set(each.stores) - {"file"}) for each in managers] == [["one"], ["two"], ["one"]]
    assert project.records()["mine"].status == "loaded"


def test_a_projects_plugin_is_run_once_however_often_the_project_is_opened(project: Project) -> None:
    project.plugin("mine.py", "@hookimpl\ndef deckinfra_stores():\n    return {'acme': factory}\ndef factory(): ...")
    assert project.load().stores["acme"] is project.load().stores["acme"]


@pytest.mark.parametrize("make", [Path.touch, lambda path: None])
def test_there_need_be_no_plugins_folder(project: Project, make: object) -> None:
    assert callable(make)
    make(project.root / "plugins")
    assert project.records() == {}


def test_a_plugins_folder_that_cannot_be_read_is_an_error(project: Project) -> None:
    (project.root / "plugins").symlink_to("plugins")
    with pytest.raises(ConfigurationError, match="plugins cannot be read: Too many levels"):
        project.load()


def test_a_distribution_without_a_version_has_none(project: Project) -> None:
    module = project.install("acme", STORE)
    (project.site / f"{module}-1.2.3.dist-info" / "METADATA").write_text(f"Name: {module}\n")
    assert project.records()["acme"].version == ""


# The shortcut past importlib.metadata -------------------------------------------------------------


def declared(path: list[str]) -> bool:
    return discovery._declared(path, [PathFinder])


def test_the_shortcut_agrees_with_importlib_on_this_machine() -> None:
    expected = sorted((entry.name, entry.value) for entry in entry_points(group=discovery.GROUP))
    assert expected == sorted((candidate.name, candidate.location) for candidate in discovery.installed())
    assert discovery._declared(sys.path, sys.meta_path) or not expected


def test_the_shortcut_says_no_where_nothing_is_declared(tmp_path: Path) -> None:
    (tmp_path / "other-1.dist-info").mkdir()
    (tmp_path / "other-1.dist-info" / "entry_points.txt").write_text("[console_scripts]\ndeckinfra = deckinfra:main\n")
    (tmp_path / "bare-1.dist-info").mkdir()
    (tmp_path / "file-1.egg-info").write_text("")
    assert not declared([str(tmp_path), str(tmp_path / "missing")])


@pytest.mark.parametrize("metadata", ["acme-1.dist-info", "acme.egg-info", "EGG-INFO"])
def test_the_shortcut_says_yes_where_a_plugin_is_declared(
    tmp_path: Path, metadata: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "acme-1.egg"
    (folder / metadata).mkdir(parents=True)
    (folder / metadata / "entry_points.txt").write_text("[deckinfra]\nacme = acme\n")
    (folder / metadata / "PKG-INFO").write_text("Name: acme\nVersion: 1\n")
    assert declared([str(folder)])
    monkeypatch.chdir(folder)
    assert declared([""])


def test_the_shortcut_leaves_archives_and_other_finders_to_importlib(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "acme.zip", "w") as archive:
        archive.writestr("acme-1.dist-info/METADATA", "Name: acme\nVersion: 1\n")
        archive.writestr("acme-1.dist-info/entry_points.txt", "[deckinfra]\nacme = acme\n")
    assert declared([str(tmp_path / "acme.zip")])
    assert discovery._declared([], [PathFinder, DistributionFinder])


def test_an_installed_archive_brings_a_plugin(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    path = project.site / "acme_zipped.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("acme_zipped.py", "from deckinfra import hookimpl\n" + STORE)
        archive.writestr("acme_zipped-1.dist-info/METADATA", "Name: acme-zipped\nVersion: 1\n")
        archive.writestr("acme_zipped-1.dist-info/entry_points.txt", "[deckinfra]\nzipped = acme_zipped\n")
    monkeypatch.syspath_prepend(path)
    assert project.records()["zipped"].status == "loaded"
