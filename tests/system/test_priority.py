"""What gives way: one thread, and none beside it."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from unittest.mock import patch

import pytest

from deckinfra.repository.pipeline import ordered_map
from deckinfra.system.priority import NICE, give_way

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has priorities of threads")


def _mine(_: object = None) -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


def _in_a_thread(work: Callable[[], object]) -> int:
    with ThreadPoolExecutor(1) as pool:
        pool.submit(work).result()
        return pool.submit(_mine).result()


def test_a_thread_gives_way_alone() -> None:
    before = _mine()
    assert _in_a_thread(give_way) == NICE
    assert _mine() == before
    assert _in_a_thread(lambda: None) == before


def test_where_it_is_not_allowed_all_goes_on() -> None:
    with patch("os.setpriority", side_effect=PermissionError):
        assert _in_a_thread(give_way) == _mine()


def test_what_is_stored_in_the_background_gives_way_and_what_others_wait_for_does_not() -> None:
    assert set(ordered_map(_mine, range(8), 2)) == {NICE}
    with ThreadPoolExecutor(2) as shared:
        assert set(ordered_map(_mine, range(8), 2, shared=shared)) == {_mine()}
