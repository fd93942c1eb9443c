"""For authors of plugins: what a port promises, as tests to inherit, and fakes that keep the same promises.

Needs pytest. A contract suite is a class; a subclass whose name starts with ``Test`` and that gives
its fixture runs it, as ``docs/plugins.md`` shows.
"""

import pytest

# Before they are imported, so that a failed assertion shows its values.
pytest.register_assert_rewrite(
    "deckinfra.testing.engines",
    "deckinfra.testing.environments",
    "deckinfra.testing.stacks",
    "deckinfra.testing.stores",
)

from deckinfra.testing.engines import EngineContract  # noqa: E402
from deckinfra.testing.environments import EnvironmentContract, ExecutorContract, ThrowawayContract  # noqa: E402
from deckinfra.testing.reporters import RecordingReporter  # noqa: E402
from deckinfra.testing.snapshots import MemorySnapshot  # noqa: E402
from deckinfra.testing.stacks import StackContract  # noqa: E402
from deckinfra.testing.storage import FaultyStore, MemoryStore, flipped, truncated  # noqa: E402
from deckinfra.testing.stores import StoreContract  # noqa: E402

__all__ = [
    "EngineContract",
    "EnvironmentContract",
    "ExecutorContract",
    "FaultyStore",
    "MemorySnapshot",
    "MemoryStore",
    "RecordingReporter",
    "StackContract",
    "StoreContract",
    "ThrowawayContract",
    "flipped",
    "truncated",
]
