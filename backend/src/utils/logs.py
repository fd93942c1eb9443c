"""Logs: one JSON object a line on standard output, each with the id of the request that it belongs to."""

from __future__ import annotations

from typing import Any

from pythonjsonlogger.core import RESERVED_ATTRS


def logging_config(level: str) -> dict[str, Any]:
    """Give the configuration for :func:`logging.config.dictConfig`; it can be pickled, for workers."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"request": {"()": "asgi_correlation_id.CorrelationIdFilter"}},
        "formatters": {
            "json": {
                "()": "pythonjsonlogger.json.JsonFormatter",
                "fmt": "%(levelname)s %(name)s %(message)s %(correlation_id)s",
                "rename_fields": {
                    "levelname": "level",
                    "name": "logger",
                    "correlation_id": "request_id",
                    "exc_info": "traceback",
                },
                "timestamp": "time",
                # Uvicorn's texts with colours in them.
                "reserved_attrs": [*RESERVED_ATTRS, "color_message"],
            }
        },
        "handlers": {
            "stdout": {
                "class": "logging.StreamHandler",
                "stream": "ext://sys.stdout",
                "formatter": "json",
                "filters": ["request"],
            }
        },
        "root": {"level": level.upper(), "handlers": ["stdout"]},
        # The application logs requests itself, with their ids; the pool's and driver's chatter is no use.
        "loggers": {
            "uvicorn.access": {"level": "CRITICAL"},
            "asgi_correlation_id": {"level": "ERROR"},
            "watchfiles": {"level": "WARNING"},
        },
    }
