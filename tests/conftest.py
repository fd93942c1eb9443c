"""Fixtures that every test may ask for, and the order of the files."""

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest_plugins = ("tests.support.servers", "tests.support.stacks")

UNMEASURED = ("backend", "builtin", "contracts", "docs", "faults", "mysql", "properties", "stack", "support")
"""Folders whose tests start programs that are not measured for coverage, which costs each of them a third of a second:
most are killed, and what they run is measured where the tasks and services are tested.
"""

LONGEST = (
    "stack/test_up.py",
    "properties/test_server_round_trip.py",
    "services/test_deploy.py",
    "mysql/test_kill.py",
    "stack/test_tasks.py",
    "builtin/engines/mysql/test_kill.py",
    "faults/test_kill.py",
    "services/test_stack.py",
    "tasks/test_db_migrate.py",
    "builtin/engines/mysql/test_faults.py",
    "tasks/test_db_restore.py",
    "builtin/environments/docker/test_stack.py",
    "mysql/test_swap.py",
    "properties/test_round_trip.py",
    "contracts/test_engines.py",
    "backend/test_load_faults.py",
    "builtin/engines/mysql/test_values.py",
)
"""The files that take minutes, about from the longest on, as ``--durations=0`` shows them: such as bring up stacks,
which take all of a small machine, between others.
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the longest files begin first: of several that run at a time, the last to end is then a short one."""
    here = Path(__file__).parent
    ranks = {here / name: rank for rank, name in enumerate(LONGEST)}
    gone = [str(path) for path in ranks if not path.is_file()]
    assert not gone, f"LONGEST names what is not there: {gone}"
    items.sort(key=lambda item: ranks.get(item.path, len(ranks)))


@pytest.fixture(autouse=True)
def _unmeasured_programs(request: pytest.FixtureRequest) -> Iterator[None]:
    # A patch of its own: the one that tests ask for would live as long as this one, so longer than their fixtures.
    with pytest.MonkeyPatch.context() as patch:
        if request.path.relative_to(Path(__file__).parent).parts[0] in UNMEASURED:
            patch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)
        yield
