from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from textwrap import dedent

import pytest

from deckinfra.plugins import PluginManager, PluginRecord

HEAD = "from deckinfra import hookimpl\n"
_numbers = itertools.count(1)


class Project:
    """A project in a folder of its own, plugins as files in it, and packages installed beside it."""

    def __init__(self, root: Path, site: Path) -> None:
        self.root = root
        self.site = site

    def plugin(self, name: str, code: str) -> None:
        """Write a plugin, a file in plugins/, with ``hookimpl`` imported."""
        path = self.root / "plugins" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(HEAD + dedent(code))

    def install(self, name: str, code: str, *, entry: str = "{module}", version: str = "1.2.3") -> str:
        """Install a package that declares the plugin ``name``, and give the name of its module."""
        module = f"acme_{name.replace('-', '_').replace(' ', '_').lower()}_{next(_numbers)}"
        (self.site / f"{module}.py").write_text(HEAD + dedent(code))
        metadata = self.site / f"{module}-{version}.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: {version}\n")
        value = entry.format(module=module)
        (metadata / "entry_points.txt").write_text(
            f"[console_scripts]\n{module} = {module}:main\n\n[deckinfra]\n{name} = {value}\n"
        )
        return module

    def load(self, *required: str, **environ: str) -> PluginManager:
        """Load the plugins, as the application does."""
        return PluginManager.load(self.root, environ, required)

    def records(self, **environ: str) -> Mapping[str, PluginRecord]:
        """Give what is told about each plugin from outside, by name."""
        records = self.load(**environ).records
        return {record.name: record for record in records if record.origin != "built-in"}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    root, site = tmp_path / "the project", tmp_path / "site"
    root.mkdir()
    site.mkdir()
    monkeypatch.syspath_prepend(site)
    modules = set(sys.modules)
    yield Project(root, site)
    for name in set(sys.modules) - modules:
        if name.startswith(("acme_", "deckinfra_project_plugins_")):
            del sys.modules[name]
