"""Metrics for Prometheus, of one application: counted in this process, or across workers in files.

With several workers, ``PROMETHEUS_MULTIPROC_DIR`` names a folder before ``prometheus_client`` is imported; each
worker writes its numbers there, and whichever one is asked adds them up.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from platform import python_version
from typing import Final

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from src import __version__
from src.utils.database import PoolUse

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
FOLDER_VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"

_BUCKETS: Final = (0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_LIVE: Final = re.compile(r"gauge_live.*_(\d+)\.db")

# When each counter began is a sample for each sample; whoever collects them notices a new start anyway.
disable_created_metrics()  # type: ignore[no-untyped-call]


class Metrics:
    """Counts requests and looks at the pool. Thread-safe."""

    def __init__(self) -> None:
        folder = os.environ.get(FOLDER_VARIABLE)
        self._folder = Path(folder) if folder else None
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "http_requests",
            "Requests that were answered.",
            ["method", "route", "status"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            "http_request_duration_seconds",
            "Time from a request's first byte to its answer's last.",
            ["method", "route"],
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._pool = {
            name: Gauge(f"database_pool_{name}", text, multiprocess_mode="livesum", registry=self._registry)
            for name, text in (
                ("size", "Connections that are kept."),
                ("max_overflow", "Connections that may be added for a while."),
                ("checked_out", "Connections in use."),
                ("overflow", "Connections that were added for a while."),
            )
        }
        info = Gauge(
            "app_info", "What is running.", ["version", "python"], multiprocess_mode="livemax", registry=self._registry
        )
        info.labels(__version__, python_version()).set(1)
        if self._folder is None:
            ProcessCollector(registry=self._registry)

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request. ``route`` is the template, of which there are few, and not the path."""
        method = method if method in _METHODS else "other"
        self._requests.labels(method, route, status).inc()
        self._seconds.labels(method, route).observe(seconds)

    def pool(self, use: PoolUse) -> None:
        """Note how the pool of this process is used now."""
        for name, gauge in self._pool.items():
            gauge.set(getattr(use, name))

    def render(self) -> bytes:
        """Give all of it in Prometheus's text format."""
        if self._folder is None:
            return generate_latest(self._registry)
        for path in self._folder.glob("gauge_live*.db"):
            match = _LIVE.fullmatch(path.name)
            if match and not _lives(int(match[1])):
                mark_process_dead(int(match[1]), str(self._folder))  # type: ignore[no-untyped-call]
        registry = CollectorRegistry()
        MultiProcessCollector(registry, str(self._folder))  # type: ignore[no-untyped-call]
        return generate_latest(registry)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
