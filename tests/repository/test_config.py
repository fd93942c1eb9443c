"""config.json: written once, read strictly, and any change to it noticed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from deckinfra.core.documents import decode, encode
from deckinfra.core.manifest import FORMAT
from deckinfra.errors import DamagedError, RepositoryError
from deckinfra.repository.config import Config, create_config, has_snapshots, read_config
from deckinfra.testing import FaultyStore, MemoryStore

from .support import flip

CONFIG = Config("0123456789abcdef", bytes(range(32)))


def test_a_config_is_read_back_as_it_was_written(store: MemoryStore) -> None:
    create_config(store, CONFIG)
    assert read_config(store) == CONFIG


def test_where_there_is_none_none_is_read(store: MemoryStore) -> None:
    assert read_config(store) is None


def test_each_new_repository_has_a_key_of_its_own() -> None:
    first, second = Config.new(), Config.new()
    assert (len(first.key), len(first.identity)) == (32, 16)
    assert (first.key != second.key, first.identity != second.identity) == (True, True)


def test_of_several_that_make_one_all_get_the_same(store: MemoryStore) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: create_config(store, Config.new()), range(8)))
    assert len({config.key for config in made}) == 1
    assert read_config(store) == made[0]


def test_one_that_comes_and_goes_is_told(store: MemoryStore) -> None:
    class Fleeting(FaultyStore):
        def get(self, name: str) -> bytes:
            self.delete(name)
            return super().get(name)

    create_config(store, CONFIG)
    with pytest.raises(RepositoryError, match=r"config\.json in memory: comes and goes"):
        create_config(Fleeting(store), Config.new())


@pytest.mark.parametrize("name", sorted(CONFIG.document()))
@pytest.mark.parametrize("wrong", [None, True, "", {}, "missing"], ids=repr)
def test_a_field_that_is_malformed_or_missing_is_damage(store: MemoryStore, name: str, wrong: Any) -> None:
    document = CONFIG.document()
    if wrong == "missing":
        del document[name]
    else:
        document[name] = wrong
    store.put("config.json", encode(document))
    with pytest.raises(DamagedError, match=r"config\.json in memory:") as caught:
        read_config(store)
    assert "Move it away" in caught.value.hint


@pytest.mark.parametrize("key", ["zz", "00" * 31, "00" * 33])
def test_a_key_that_is_none_is_damage(store: MemoryStore, key: str) -> None:
    store.put("config.json", encode({**CONFIG.document(), "key": key}))
    with pytest.raises(DamagedError, match="has no usable field 'key'"):
        read_config(store)


def test_every_flipped_bit_is_noticed(store: MemoryStore) -> None:
    stored = encode(CONFIG.document())
    for position in range(len(stored)):
        for bit in range(8):
            store.put("config.json", flip(stored, position, bit))
            with pytest.raises(RepositoryError):
                read_config(store)


def test_a_newer_format_is_refused_with_what_to_do(store: MemoryStore) -> None:
    store.put("config.json", encode({"format": FORMAT + 1, "new": "things"}))
    with pytest.raises(RepositoryError, match=f"has format {FORMAT + 1}") as caught:
        read_config(store)
    assert not isinstance(caught.value, DamagedError)
    assert caught.value.hint == "Nothing was changed. Update deckinfra to use it."


def test_snapshots_are_seen_with_or_without_a_config(store: MemoryStore) -> None:
    assert not has_snapshots(store)
    store.put("snapshots/x.json", b"")
    assert has_snapshots(store)
    assert decode(encode(CONFIG.document()), "it") == CONFIG.document()
