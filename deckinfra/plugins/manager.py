"""The plugin manager: loads plugins one by one, keeps who failed and why, and calls their hooks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pluggy

from deckinfra import hookspecs
from deckinfra.core.names import closest, is_name
from deckinfra.errors import DeckinfraError, PluginError
from deckinfra.plugins import registry
from deckinfra.plugins.discovery import Candidate, built_in, installed, project
from deckinfra.plugins.record import PluginRecord, reason_of
from deckinfra.plugins.registry import Kind, Registry
from deckinfra.plugins.selection import DISABLE, select

if TYPE_CHECKING:
    from deckinfra.app import App
    from deckinfra.core.settings import SettingsGroup
    from deckinfra.ports import Check, EngineFactory, EnvironmentFactory, Seed, SmokeQuery, StoreFactory


class _Plugin:
    """What is known of one plugin so far; ``reason`` says why it is switched off."""

    def __init__(self, candidate: Candidate, reason: str) -> None:
        self.candidate = candidate
        self.name = candidate.name
        self.status = "disabled" if reason else "loaded"
        self.reason = reason
        self.error: BaseException | None = None
        self.loaded: Any = None
        self.hooks: tuple[str, ...] = ()

    def fail(self, reason: str, error: BaseException | None = None) -> None:
        self.status, self.reason, self.error, self.hooks = "failed", reason, error, ()

    def record(self) -> PluginRecord:
        found = self.candidate
        return PluginRecord(
            found.name, found.origin, self.status, found.location, found.version(), self.reason, self.hooks
        )


class PluginManager:
    """The plugins of one project. Made by :meth:`load`.

    A plugin that fails is left out whole and the others go on; where the project requires it, what needs
    plugins raises :class:`PluginError` instead. So it does where two plugins claim one name.
    """

    def __init__(self, selected: Sequence[tuple[Candidate, str]], required: Sequence[str] = ()) -> None:
        self._pluggy = pluggy.PluginManager("deckinfra")
        self._pluggy.add_hookspecs(hookspecs)
        self._required = tuple(required)
        self._registered: dict[str, dict[str, Sequence[Any]]] = {}
        self._plugins = [_Plugin(candidate, reason) for candidate, reason in selected]
        self._twins = self._find_twins()
        for plugin in self._plugins:
            if plugin.status == "loaded":
                self._load(plugin)

    @classmethod
    def load(cls, root: Path, environ: Mapping[str, str], required: Sequence[str] = ()) -> PluginManager:
        """Load the plugins in the box, of installed packages, and in ``root``'s plugins folder, in this order.

        ``environ`` may narrow them down by ``DECKINFRA_DISABLE_PLUGINS`` and ``DECKINFRA_LOAD_PLUGINS``; a name
        there that nothing has is an :class:`UnknownNameError`. A plugin in ``required`` that did not load
        is a :class:`PluginError`.
        """
        manager = cls(select(chain(built_in(), installed(), project(root)), environ), required)
        manager._insist()
        return manager

    @property
    def records(self) -> tuple[PluginRecord, ...]:
        """Every plugin that was found, in the order of loading.

        All registering hooks are called first, so that a plugin that fails only then is told as failed.
        """
        for kind in registry.KINDS:
            self._collect(kind)
        return tuple(plugin.record() for plugin in self._plugins)

    # What plugins register -----------------------------------------------------------------------

    @property
    def environments(self) -> Registry[EnvironmentFactory]:
        """Kinds of environment: kind → factory."""
        return self._registry(registry.ENVIRONMENTS)

    @property
    def engines(self) -> Registry[EngineFactory]:
        """Database engines: URL dialect → factory."""
        return self._registry(registry.ENGINES)

    @property
    def stores(self) -> Registry[StoreFactory]:
        """Stores: URL scheme → factory."""
        return self._registry(registry.STORES)

    def settings_groups(self) -> tuple[type[SettingsGroup], ...]:
        """Give the groups of settings."""
        return tuple(self._items(registry.SETTINGS))

    def collections(self) -> tuple[Any, ...]:
        """Give the extra tasks, as Invoke collections."""
        return tuple(self._items(registry.TASKS))

    def checks(self) -> tuple[Check, ...]:
        """Give what else ``invoke doctor`` looks at."""
        return tuple(self._items(registry.CHECKS))

    def seeds(self) -> tuple[Seed, ...]:
        """Give the example data for development."""
        return tuple(self._items(registry.SEEDS))

    def smoke_queries(self) -> tuple[SmokeQuery, ...]:
        """Give what a restored database is asked."""
        return tuple(self._items(registry.SMOKE_QUERIES))

    # Lifecycle -----------------------------------------------------------------------------------

    def before(self, phase: str, **arguments: Any) -> None:
        """Call ``deckinfra_before_<phase>`` of every plugin; an error stops the phase before it begins."""
        self._notify(f"deckinfra_before_{phase}", arguments, f"The {phase} was stopped.")

    def after(self, phase: str, **arguments: Any) -> None:
        """Call ``deckinfra_after_<phase>`` of every plugin; an error is raised, and what the phase did stays done."""
        self._notify(f"deckinfra_after_{phase}", arguments, f"What the {phase} did stays done.")

    def failed(self, project: App, phase: str, error: Exception, report: Callable[[str], None]) -> None:
        """Call ``deckinfra_on_failure`` of every plugin; errors in it go to ``report`` and no further."""
        arguments = {"project": project, "phase": phase, "error": error}
        for plugin, implementation in self._implementations("deckinfra_on_failure"):
            try:
                _call(implementation, arguments)
            except (Exception, SystemExit) as problem:
                report(f"plugin '{plugin.name}' failed in deckinfra_on_failure: {reason_of(problem)}")

    # ---------------------------------------------------------------------------------------------

    def _find_twins(self) -> str:
        """Mark plugins that share a name as failed, and say which; neither can be told to be the right one."""
        first: dict[str, _Plugin] = {}
        told = ""
        for plugin in self._plugins:
            other = first.setdefault(plugin.name, plugin)
            if other is plugin or "disabled" in {other.status, plugin.status}:
                continue
            here, there = plugin.candidate.location, other.candidate.location
            told = told or f"two plugins have the name '{plugin.name}': {there} and {here}"
            plugin.fail(f"{there} has the same name")
            other.fail(f"{here} has the same name")
        return told

    def _load(self, plugin: _Plugin) -> None:
        try:
            plugin.hooks = self._register(plugin)
        except (Exception, SystemExit) as error:
            self._fail(plugin, reason_of(error), error)

    def _register(self, plugin: _Plugin) -> tuple[str, ...]:
        if not is_name(plugin.name) and plugin.name != plugin.candidate.location:
            raise PluginError("its name may have lower-case letters, digits, - and _ only")
        plugin.loaded = plugin.candidate.load()
        if plugin.loaded is None:
            raise PluginError(f"{plugin.candidate.location} is None")
        self._pluggy.register(plugin.loaded, plugin.name)
        callers = {caller.name: caller for caller in self._pluggy.get_hookcallers(plugin.loaded) or ()}
        specified = {name for name, caller in vars(self._pluggy.hook).items() if caller.has_spec()}
        for name, caller in callers.items():
            mine = next(each for each in caller.get_hookimpls() if each.plugin is plugin.loaded)
            if name not in specified and not mine.optionalhook:
                meant = closest(name, specified)
                raise PluginError(f"{name} is not a hook" + (f"; did you mean {meant}?" if meant else ""))
            if mine.wrapper or mine.hookwrapper:
                raise PluginError(f"{name} is a wrapper, and hooks are not wrapped here")
        for name in sorted(specified - callers.keys()):
            if callable(getattr(plugin.loaded, name, None)):
                raise PluginError(f"{name} is not marked with @hookimpl")
        return tuple(sorted(callers))

    def _fail(self, plugin: _Plugin, reason: str, error: BaseException) -> None:
        plugin.fail(reason, error)
        if plugin.loaded is not None and self._pluggy.get_plugin(plugin.name) is plugin.loaded:
            self._pluggy.unregister(name=plugin.name)
        for results in self._registered.values():
            results.pop(plugin.name, None)

    def _insist(self) -> None:
        """Raise if two plugins share a name, or a required one is not loaded."""
        if self._twins:
            raise PluginError(self._twins, hint="Rename or remove one of them.")
        known = {plugin.name: plugin for plugin in self._plugins}
        for name in self._required:
            plugin = known.get(name)
            if plugin is None:
                meant = closest(name, known)
                hint = (
                    f"Did you mean '{meant}'?" if meant else "Install it, or put it into the project's plugins folder."
                )
                raise PluginError(f"there is no plugin '{name}', which setup.cfg requires", hint=hint)
            if plugin.status != "loaded":
                what = f"plugin '{name}' ({plugin.candidate.location}), which setup.cfg requires,"
                raise PluginError(
                    f"{what} is {plugin.status}: {plugin.reason}",
                    hint="Mend it, or take it out of require_plugins in setup.cfg.",
                ) from plugin.error

    def _implementations(self, hook: str) -> list[tuple[_Plugin, Any]]:
        """Give who implements a hook, in the order of the calls: of loading, but for ``tryfirst`` and ``trylast``."""
        found = {each.plugin_name: each for each in getattr(self._pluggy.hook, hook).get_hookimpls()}
        present = [(plugin, found[plugin.name]) for plugin in self._plugins if plugin.name in found]
        return sorted(present, key=lambda pair: pair[1].trylast - pair[1].tryfirst)

    def _collect(self, kind: Kind) -> dict[str, Sequence[Any]]:
        """Give what each plugin registers of one kind. Hooks are called once; who fails is out."""
        if kind.hook not in self._registered:
            self._registered[kind.hook] = results = {}
            for plugin, implementation in self._implementations(kind.hook):
                try:
                    results[plugin.name] = kind.read(_call(implementation, {}))
                except (Exception, SystemExit) as error:
                    self._fail(plugin, reason_of(error), error)
        return self._registered[kind.hook]

    def _items(self, kind: Kind) -> list[Any]:
        results = self._collect(kind)
        self._insist()
        owners: dict[str, str] = {}
        for owner, items in results.items():
            for name in chain.from_iterable(map(kind.names, items)):
                other = owners.setdefault(name, owner)
                if other != owner:
                    raise PluginError(
                        f"plugins '{other}' and '{owner}' both register {kind.noun} '{name}'",
                        hint=f"Remove one of them, or switch it off: {DISABLE}={owner}",
                    )
        return list(chain.from_iterable(results.values()))

    def _registry(self, kind: Kind) -> Registry[Any]:
        entries = dict(self._items(kind))
        failed = [f"'{plugin.name}' ({plugin.reason})" for plugin in self._plugins if plugin.status == "failed"]
        return Registry(kind.noun, entries, f"Failed to load: {', '.join(failed)}." if failed else "")

    def _notify(self, hook: str, arguments: Mapping[str, Any], outcome: str) -> None:
        for plugin, implementation in self._implementations(hook):
            try:
                _call(implementation, arguments)
            except DeckinfraError:
                raise
            except (Exception, SystemExit) as error:
                raise PluginError(
                    f"plugin '{plugin.name}' failed in {hook}: {reason_of(error)}",
                    hint=f"{outcome} Mend the plugin, or switch it off: {DISABLE}={plugin.name}",
                ) from error


def _call(implementation: Any, arguments: Mapping[str, Any]) -> Any:
    """Call one plugin's hook with those of ``arguments`` that it asks for, as pluggy would.

    pluggy calls all plugins at once and loses every result to the first error.
    """
    return implementation.function(*(arguments[name] for name in implementation.argnames))
