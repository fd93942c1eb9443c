"""The settings of the deck application: the backend reads the same variables."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, Literal
from urllib.parse import urlsplit

from pydantic import field_validator
from pydantic_core import PydanticCustomError

from deckinfra.core.secret import Secret
from deckinfra.core.settings import Problem, SettingsGroup, Stage, setting

_TOKEN: Final = re.compile(r"[!-~]+")
"""What a bearer token is made of, and more: ASCII that can be seen."""


class DeckSettings(SettingsGroup):
    """The deck builder."""

    app_log_level: Literal["debug", "info", "warning", "error", "critical"] = setting(
        "info", description="What the application logs: this and whatever is more serious."
    )
    app_workers: int = setting(1, ge=1, le=64, description="How many processes serve requests.")
    app_token_minutes: int = setting(
        30, ge=1, le=1440, description="For how many minutes a login is good before it has to be repeated."
    )
    app_pool_size: int = setting(
        10, ge=1, le=200, description="How many connections to the database each process keeps open."
    )
    app_pool_overflow: int = setting(
        10, ge=0, le=200, description="How many more it opens when all of those are in use, and closes again."
    )
    app_pool_timeout: int = setting(
        5, ge=1, le=60, description="For how many seconds a request waits for a connection before it is refused."
    )
    app_pool_recycle: int = setting(
        1800, ge=1, le=86400, description="After how many seconds a connection is replaced by a new one."
    )
    app_database_wait: int = setting(
        60, ge=0, le=3600, description="For how many seconds a start of the application waits for the database."
    )
    clash_royale_api_key: Secret | None = setting(
        None,
        description="The key of the official Clash Royale API, for `invoke cards.ingest`. Make one at "
        "https://developer.clashroyale.com for the address from which this machine reaches the internet.",
    )
    clash_royale_api_url: str = setting(
        "https://api.clashroyale.com/v1", description="Where that API is, or a proxy for it."
    )
    clash_royale_api_timeout: int = setting(
        30, ge=1, le=600, description="How many seconds an answer of that API may take."
    )
    clash_royale_api_attempts: int = setting(
        4, ge=1, le=10, description="How often it is asked before giving up, when it is busy or cannot be reached."
    )

    @field_validator("clash_royale_api_key")
    @classmethod
    def _is_token(cls, key: Secret | None) -> Secret | None:
        if key is not None and not _TOKEN.fullmatch(key.reveal()):
            hint = "Copy it again, as one line without spaces: it may have been wrapped."
            raise PydanticCustomError("setting", "{reason}", {"reason": "it cannot be sent as a key", "hint": hint})
        return key

    @field_validator("clash_royale_api_url")
    @classmethod
    def _is_web_address(cls, text: str) -> str:
        try:
            parts = urlsplit(text)
            usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
        except ValueError:
            usable = False
        else:
            usable = usable and not (parts.username or parts.password or parts.query or parts.fragment)
        if not usable:
            # It is not shown: what stands before an @, or behind a question mark, may be a secret.
            hint = "Write https://HOST/PATH, without a user, a password or options."
            raise PydanticCustomError("setting", "{reason}", {"reason": "it is not a web address", "hint": hint})
        return text.rstrip("/")

    def problems(self, stage: Stage) -> Iterable[Problem]:
        """Refuse to send the key unencrypted in production."""
        if stage is Stage.PRODUCTION and not self.clash_royale_api_url.startswith("https://"):
            yield Problem(
                "CLASH_ROYALE_API_URL", "is no https:// address in production", "The key would be sent as it is."
            )
