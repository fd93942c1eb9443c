"""The five nouns as protocols: what a plugin brings, and what every service may rely on.

A docstring here is a contract. The suites in :mod:`deckinfra.testing` check each sentence that can
be checked, on the built-ins and on anybody's plugin. Methods raise the errors of
:mod:`deckinfra.errors` that they name, and no other library's.
"""

from .engine import (
    ALL_TABLES,
    MAX_CHUNK,
    VERSION_TABLE,
    AccountsEngine,
    Activity,
    CarefulShadow,
    Chunk,
    DatabaseState,
    Engine,
    Kept,
    Need,
    RunningQuery,
    SelectiveEngine,
    SelectiveShadow,
    Shadow,
    Snapshot,
    SnapshotReader,
    Tables,
)
from .environment import DatabaseTools, Environment, ThrowawayEnvironment, on_this_terminal
from .executor import Executor
from .registration import Check, EngineFactory, EnvironmentFactory, Seed, SmokeQuery, StoreFactory
from .reporter import Progress, Reporter
from .script import TakesScripts, WritesScripts
from .stack import Mount, Service, Stack, Volume
from .store import MAX_BLOB, BlobInfo, Store

__all__ = [
    "ALL_TABLES",
    "MAX_BLOB",
    "MAX_CHUNK",
    "VERSION_TABLE",
    "AccountsEngine",
    "Activity",
    "BlobInfo",
    "CarefulShadow",
    "Check",
    "Chunk",
    "DatabaseState",
    "DatabaseTools",
    "Engine",
    "EngineFactory",
    "Environment",
    "EnvironmentFactory",
    "Executor",
    "Kept",
    "Mount",
    "Need",
    "Progress",
    "Reporter",
    "RunningQuery",
    "Seed",
    "SelectiveEngine",
    "SelectiveShadow",
    "Service",
    "Shadow",
    "SmokeQuery",
    "Snapshot",
    "SnapshotReader",
    "Stack",
    "Store",
    "StoreFactory",
    "Tables",
    "TakesScripts",
    "ThrowawayEnvironment",
    "Volume",
    "WritesScripts",
    "on_this_terminal",
]
