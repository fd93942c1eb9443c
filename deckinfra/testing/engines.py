"""The contract of :class:`deckinfra.ports.Engine`, as tests."""

# ruff: noqa: D102 - the name of a test says what it checks
from __future__ import annotations

import json
import multiprocessing
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.synchronize import Event
from typing import Any

import pytest

from deckinfra.core.manifest import Facts
from deckinfra.errors import DamagedError, LockedError, UnknownNameError
from deckinfra.ports import MAX_BLOB, VERSION_TABLE, Engine, TakesScripts, WritesScripts
from deckinfra.testing.databases import tables_at
from deckinfra.testing.snapshots import MemorySnapshot

OpenEngine = Callable[[str], Engine]
_WAIT = 30.0


class EngineContract(ABC):
    """Inherit as ``TestMyEngine``, give the fixture ``open_engine`` and write the three methods.

    ``open_engine`` is a function of one argument, a name such as ``one``: it opens an engine on the database of
    that name, the same at every call. No such database exists at first. It can be pickled (a
    :func:`functools.partial` of a module's function), since a process of its own is killed at its work.
    """

    @abstractmethod
    def populate(self, engine: Engine) -> None:
        """Create the database, with some tables and a few thousand rows: several chunks of them."""

    @abstractmethod
    def mutate(self, engine: Engine) -> None:
        """Change, add and remove rows, and commit. It may wait for a snapshot to end, up to half a minute."""

    @abstractmethod
    def rows(self, engine: Engine) -> Any:
        """Give everything that is in the tables, read by other means than the engine's, to be compared."""

    @pytest.fixture
    def engine(self, open_engine: OpenEngine) -> Engine:
        """Open the engine whose database is populated."""
        engine = open_engine("one")
        self.populate(engine)
        return engine

    # Looking ---------------------------------------------------------------------------------------

    def test_a_database_that_does_not_exist_is_no_error(self, open_engine: OpenEngine) -> None:
        state = open_engine("missing").state()
        assert (state.exists, state.size, state.tables) == (False, 0, ())

    def test_its_state_tells_the_tables(self, engine: Engine) -> None:
        state = engine.state()
        assert state.exists
        assert state.size > 0
        assert state.version
        assert state.tables
        assert VERSION_TABLE not in state.tables

    def test_what_its_server_is_busy_with_is_there_or_there_is_no_server(self, engine: Engine) -> None:
        found = engine.activity()
        assert found is None or 0 < found.connections <= found.connection_limit

    def test_it_has_a_name_and_its_url_shows_no_password(self, engine: Engine) -> None:
        assert engine.name
        assert engine.url.dialect in engine.dialects
        assert engine.url.password is None or engine.url.password.reveal() not in f"{engine.url!r} {engine.url}"

    # Snapshots -------------------------------------------------------------------------------------

    def test_a_snapshot_says_what_a_manifest_needs(self, engine: Engine) -> None:
        with engine.snapshot() as snapshot:
            chunks = list(snapshot.chunks())
            facts = snapshot.facts()
            assert json.loads(json.dumps(dict(snapshot.details))) == dict(snapshot.details)
            assert all(isinstance(revision, str) for revision in snapshot.revisions)
            assert snapshot.size > 0
        assert all(0 < len(chunk.data) <= MAX_BLOB for chunk in chunks)
        keys = [(each.kind, each.name) for each in facts]
        assert len(keys) == len(set(keys))

    def test_unchanged_data_gives_the_same_chunks(self, engine: Engine) -> None:
        first, second = self._taken(engine), self._taken(engine)
        assert first.contents == second.contents
        assert _sorted(first.facts) == _sorted(second.facts)

    def test_changed_data_gives_other_facts(self, engine: Engine) -> None:
        before = self._taken(engine)
        self.mutate(engine)
        assert _sorted(before.facts) != _sorted(self._taken(engine).facts)

    def test_a_snapshot_is_one_point_in_time_while_others_write(self, engine: Engine, open_engine: OpenEngine) -> None:
        before = self.rows(engine)
        with ThreadPoolExecutor(1) as pool:
            with engine.snapshot() as snapshot:
                changing = pool.submit(self.mutate, engine)
                time.sleep(0.2)
                taken = MemorySnapshot.of(snapshot)
            changing.result(_WAIT)
        assert self.rows(engine) != before
        other = open_engine("two")
        self._restored(other, taken)
        assert self.rows(other) == before

    # Restoring -------------------------------------------------------------------------------------

    def test_a_loaded_shadow_has_the_facts_of_the_snapshot(self, engine: Engine) -> None:
        taken = self._taken(engine)
        with engine.shadow("test") as shadow:
            shadow.load(taken)
            assert _sorted(taken.facts) == _sorted(shadow.facts())

    def test_the_url_of_a_loaded_shadow_leads_to_its_tables(self, engine: Engine) -> None:
        taken = self._taken(engine)
        with engine.shadow("test") as shadow:
            shadow.load(taken)
            url = shadow.url
            assert url != engine.url
            assert url.password is None or url.password.reveal() not in f"{url!r} {url}"
            assert set(engine.state().tables) <= set(tables_at(url))

    def test_a_shadow_that_is_not_swapped_in_is_gone(self, engine: Engine) -> None:
        taken, before = self._taken(engine), self.rows(engine)
        self.mutate(engine)
        changed = self.rows(engine)
        with engine.shadow("test") as shadow:
            shadow.load(taken)
        assert before != changed
        assert self.rows(engine) == changed
        assert list(engine.kept()) == []
        with engine.lock("test", timeout=_WAIT):
            assert list(engine.recover()) == []

    def test_a_swap_makes_the_snapshot_live_and_keeps_what_it_replaced(self, engine: Engine) -> None:
        taken, before = self._taken(engine), self.rows(engine)
        self.mutate(engine)
        kept = self._restored(engine, taken)
        assert self.rows(engine) == before
        assert kept is not None
        assert kept.intact
        assert "contract" in kept.reason
        assert kept.time.tzinfo is not None
        assert [kept.id] == [each.id for each in engine.kept()]

    def test_a_swap_where_there_was_no_database_keeps_nothing(self, engine: Engine, open_engine: OpenEngine) -> None:
        other = open_engine("two")
        assert self._restored(other, self._taken(engine)) is None
        assert self.rows(other) == self.rows(engine)
        assert list(other.kept()) == []

    def test_damage_in_the_snapshot_comes_through_and_nothing_changes(self, engine: Engine) -> None:
        damaged, before = self._taken(engine).with_damage(), self.rows(engine)
        with pytest.raises(DamagedError), engine.shadow("test") as shadow:
            shadow.load(damaged)
        assert self.rows(engine) == before

    def test_kept_states_come_newest_first_and_can_be_discarded(self, engine: Engine) -> None:
        taken = self._taken(engine)
        first = self._restored(engine, taken)
        second = self._restored(engine, taken)
        assert first is not None
        assert second is not None
        assert [second.id, first.id] == [each.id for each in engine.kept()]
        with engine.lock("test", timeout=_WAIT):
            engine.discard(second)
        assert [first.id] == [each.id for each in engine.kept()]

    def test_undo_puts_back_what_was_replaced_and_can_be_undone(self, engine: Engine) -> None:
        taken, before = self._taken(engine), self.rows(engine)
        self.mutate(engine)
        changed = self.rows(engine)
        kept = self._restored(engine, taken)
        assert kept is not None
        with engine.lock("test", timeout=_WAIT):
            put_back, now_kept = engine.undo()
        assert self.rows(engine) == changed
        assert put_back.id == kept.id
        assert now_kept is not None
        assert [now_kept.id] == [each.id for each in engine.kept()]
        with engine.lock("test", timeout=_WAIT):
            engine.undo()
        assert self.rows(engine) == before

    def test_undo_where_nothing_was_kept_is_an_error(self, engine: Engine) -> None:
        with engine.lock("test", timeout=_WAIT), pytest.raises(UnknownNameError):
            engine.undo()

    # Scripts ---------------------------------------------------------------------------------------

    def test_a_snapshot_written_as_sql_makes_another_database_of_the_same_rows(
        self, engine: Engine, open_engine: OpenEngine
    ) -> None:
        """For engines that are :class:`WritesScripts` and :class:`TakesScripts`."""
        taken, other = self._taken(engine), open_engine("two")
        if not isinstance(engine, WritesScripts) or not isinstance(other, TakesScripts):
            pytest.skip("this engine writes and takes no SQL")
        script = b"".join(engine.script(taken))
        with other.lock("test", timeout=_WAIT), other.shadow("test") as shadow:
            # Each line is a piece of its own: what comes together has no meaning.
            assert list(other.run(shadow, iter(script.splitlines(keepends=True)))) == []
            other.swap(shadow, "replaced by the contract's test")
        assert self.rows(other) == self.rows(engine)
        with pytest.raises(DamagedError), other.shadow("test") as shadow:
            other.run(shadow, iter([script[: script.rindex(b";")]]))

    # Locks and accidents ---------------------------------------------------------------------------

    def test_the_lock_keeps_others_out_and_names_its_holder(self, engine: Engine, open_engine: OpenEngine) -> None:
        other = open_engine("one")
        with engine.lock("db.first-at-work", timeout=_WAIT) as found:
            assert found is None
            began = time.monotonic()
            with pytest.raises(LockedError, match=r"db\.first-at-work"), other.lock("db.second", timeout=0.3):
                pass
            assert 0.2 < time.monotonic() - began < 10
        with other.lock("db.second", timeout=_WAIT) as found:
            assert found is None

    def test_the_lock_of_a_database_is_not_that_of_another(self, engine: Engine, open_engine: OpenEngine) -> None:
        with engine.lock("test", timeout=_WAIT), open_engine("two").lock("test", timeout=0.3):
            pass

    def test_the_lock_of_a_process_that_died_is_free(self, engine: Engine, open_engine: OpenEngine) -> None:
        _killed(_hold_the_lock, 0.0, open_engine)
        with engine.lock("test", timeout=_WAIT) as found:
            assert found is None or found.strip()

    def test_where_nothing_was_left_recover_does_nothing(self, engine: Engine) -> None:
        before = self.rows(engine)
        with engine.lock("test", timeout=_WAIT):
            assert list(engine.recover()) == []
        assert self.rows(engine) == before

    @pytest.mark.parametrize("delay", [0.0, 0.02, 0.05, 0.1, 0.2])
    def test_killed_at_any_point_one_state_or_the_other_is_live(
        self, engine: Engine, open_engine: OpenEngine, delay: float
    ) -> None:
        taken, states = self._taken(engine), [self.rows(engine)]
        self.mutate(engine)
        states.append(self.rows(engine))
        _killed(_restore_for_ever, delay, open_engine, taken)
        assert self.rows(engine) in states
        with engine.lock("test", timeout=_WAIT):
            engine.recover()
            assert self.rows(engine) in states
            assert list(engine.recover()) == []
        self._restored(engine, taken)
        assert self.rows(engine) == states[0]

    # -----------------------------------------------------------------------------------------------

    def _taken(self, engine: Engine) -> MemorySnapshot:
        with engine.snapshot() as snapshot:
            return MemorySnapshot.of(snapshot)

    def _restored(self, engine: Engine, taken: MemorySnapshot) -> Any:
        with engine.lock("test", timeout=_WAIT), engine.shadow("test") as shadow:
            shadow.load(taken)
            assert _sorted(taken.facts) == _sorted(shadow.facts())
            return engine.swap(shadow, "replaced by the contract's test")


def _sorted(facts: Any) -> list[Facts]:
    return sorted(facts, key=lambda each: (each.kind, each.name))


def _killed(work: Callable[..., None], delay: float, *arguments: Any) -> None:
    """Run ``work`` in a process of its own, and kill that ``delay`` seconds after it began."""
    context = multiprocessing.get_context("spawn")
    began = context.Event()
    process = context.Process(target=work, args=(began, *arguments))
    process.start()
    assert began.wait(60), "the other process did not begin"
    time.sleep(delay)
    process.kill()
    process.join()


def _hold_the_lock(began: Event, open_engine: OpenEngine) -> None:
    with open_engine("one").lock("db.restore", timeout=_WAIT):
        began.set()
        time.sleep(600)


def _restore_for_ever(began: Event, open_engine: OpenEngine, taken: MemorySnapshot) -> None:
    engine = open_engine("one")
    while True:
        with engine.lock("db.restore", timeout=_WAIT), engine.shadow("db.restore") as shadow:
            began.set()
            shadow.load(taken)
            engine.swap(shadow, "replaced by a process that is killed")
        with engine.lock("db.undo-restore", timeout=_WAIT):
            engine.undo()
