"""Asks the official Clash Royale API for its cards: with time limits, in bounded memory, and again where that may help.

https://developer.clashroyale.com describes it. Its errors are JSON: a ``reason`` and a ``message``.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final

from deckinfra.core.secret import Secret, redact
from deckinfra.errors import ConfigurationError, DeckinfraError, TimeLimitError

from .errors import CardsError

if TYPE_CHECKING:
    from httpx import AsyncClient

MAX_BYTES: Final = 4 * 1024 * 1024
"""Size limit of an answer, in bytes. All the game's cards are a few hundred thousand."""

_UNCHANGED: Final = "Nothing was changed."
_KEY: Final = (
    f"{_UNCHANGED} A key is good from the addresses that it was made for. Make one at "
    "https://developer.clashroyale.com and write it to .secrets/<environment>/CLASH_ROYALE_API_KEY; or give a file by "
    "--file."
)


@dataclass(frozen=True)
class Patience:
    """How long is waited for the API, in seconds, and how often it is asked.

    ``timeout`` is for one answer; ``pause`` is before the second attempt, and doubles; ``longest`` is the most that is
    waited before any, whatever the API asks for.
    """

    timeout: float
    attempts: int
    pause: float = 1.0
    longest: float = 60.0


class _BusyError(Exception):
    """The API says that it cannot answer now: its status, its words, and when it wants to be asked again."""

    def __init__(self, status: int, words: str, pause: float | None) -> None:
        super().__init__(f"it answered {status}{words}")
        self.status = status
        self.pause = pause


def fetch(url: str, key: Secret, patience: Patience, note: Callable[[str], None]) -> bytes:
    """Give the body of the API's answer to ``GET url``, at most :data:`MAX_BYTES` of it.

    Asks again when a connection fails, on 429 (when the API says, if it does) and on 5xx; ``note`` is told.
    Raises :class:`ConfigurationError` where the key is refused, :class:`TimeLimitError` for an answer that takes too
    long, and :class:`CardsError` for anything else.
    """
    try:
        import httpx
        import stamina  # noqa: F401 - asked for here, since whoever misses one misses both
    except ImportError as error:
        raise ConfigurationError(
            f"asking {url} needs a library that is not installed: {error.name}",
            hint=f"{_UNCHANGED} Install the extra: pip install -e '.[app]'; or give a file by --file.",
        ) from error
    try:
        with _telling(note):
            return asyncio.run(_fetch(url, key, patience))
    except DeckinfraError:
        raise
    except _BusyError as error:
        wait = "" if error.pause is None else f", not before {error.pause:.0f} s have passed"
        raise CardsError(
            f"{url} cannot give the cards now: {error}", hint=f"{_UNCHANGED} Run it again later{wait}."
        ) from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise CardsError(
            f"{url} cannot be reached: {redact(str(error), [key]) or type(error).__name__}",
            hint=f"{_UNCHANGED} Look at the network and at CLASH_ROYALE_API_URL, or give a file by --file.",
        ) from error


async def _fetch(url: str, key: Secret, patience: Patience) -> bytes:
    import stamina
    from httpx import AsyncClient, NetworkError, ProxyError, RemoteProtocolError

    def may_pass(error: Exception) -> bool | float:
        if isinstance(error, _BusyError) and error.pause is not None:
            return error.pause if error.pause <= patience.longest else False
        return isinstance(error, _BusyError | NetworkError | ProxyError | RemoteProtocolError)

    # What is packed could be far larger than it looks.
    headers = {
        "Authorization": f"Bearer {key.reveal()}",
        "Accept": "application/json",
        "Accept-Encoding": "identity",
    }
    async with AsyncClient(headers=headers, timeout=patience.timeout) as client:
        async for attempt in stamina.retry_context(
            on=may_pass,
            attempts=patience.attempts,
            timeout=None,
            wait_initial=patience.pause,
            wait_max=patience.longest,
            wait_jitter=patience.pause / 2,
        ):
            with attempt:
                return await _ask(client, url, key, patience.timeout)
    raise AssertionError("the last attempt returns or raises")


async def _ask(client: AsyncClient, url: str, key: Secret, limit: float) -> bytes:
    from httpx import TimeoutException

    body = bytearray()
    try:
        # httpx limits each step only: who sends a byte now and then would keep it waiting for ever.
        async with asyncio.timeout(limit), client.stream("GET", url) as response:
            async for piece in response.aiter_raw():
                body += piece
                if len(body) > MAX_BYTES:
                    raise CardsError(
                        f"{url} sends more than {MAX_BYTES // 1024**2} MiB, which no list of cards is",
                        hint=f"{_UNCHANGED} Look at CLASH_ROYALE_API_URL.",
                    )
    except (TimeoutError, TimeoutException) as error:
        raise TimeLimitError(
            f"{url} did not answer in full within {limit:g} s",
            hint=f"{_UNCHANGED} Run it again later, or allow more time with CLASH_ROYALE_API_TIMEOUT.",
        ) from error
    if response.status_code != 200:
        raise _refusal(url, response.status_code, response.headers, redact(_words(bytes(body)), [key]))
    return bytes(body)


def _refusal(url: str, status: int, headers: Mapping[str, str], words: str) -> Exception:
    if status == 429 or status >= 500:
        return _BusyError(status, words, _seconds(headers.get("Retry-After", "")))
    if status in {401, 403}:
        here = " from this machine's address" if "invalidIp" in words else ""
        return ConfigurationError(f"{url} refuses CLASH_ROYALE_API_KEY{here}: it answered {status}{words}", hint=_KEY)
    return CardsError(
        f"{url} has no cards: it answered {status}{words}", hint=f"{_UNCHANGED} Look at CLASH_ROYALE_API_URL."
    )


def _words(body: bytes) -> str:
    """Give what an error says, to be put behind its number."""
    try:
        found: Any = json.loads(body)
        words = [str(found[name]) for name in ("reason", "message") if found.get(name)]
    except (ValueError, AttributeError, RecursionError):
        return ""
    return f" ({': '.join(words)[:300]})" if words else ""


def _seconds(text: str) -> float | None:
    """Read ``Retry-After``: seconds, or a date (RFC 9110, 10.2.3)."""
    if text.isdecimal():
        return float(text)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


@contextmanager
def _telling(note: Callable[[str], None]) -> Iterator[None]:
    """Have each new attempt told to ``note``, in place of stamina's log entries."""
    from stamina.instrumentation import RetryDetails, get_on_retry_hooks, set_on_retry_hooks

    def tell(details: RetryDetails) -> None:
        why = str(details.caused_by) or type(details.caused_by).__name__
        note(f"the API is asked again in {details.wait_for:.0f} s: {why}")

    before = get_on_retry_hooks()
    set_on_retry_hooks([tell])
    try:
        yield
    finally:
        set_on_retry_hooks(before)
