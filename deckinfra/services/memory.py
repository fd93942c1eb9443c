"""What is kept of a stack between runs, in the project's folder ``var``: what it was started from, and a deployment.

``stack-<environment>.json`` is what the stack itself took down after its last good start. ``deploy-<environment>.json``
is there while a deployment is under way, and afterwards if it broke off.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from deckinfra.core.documents import decode, encode, field_of
from deckinfra.core.manifest import format_time
from deckinfra.errors import ConfigurationError, DamagedError
from deckinfra.system.files import write_atomic
from deckinfra.system.processes import Owner


@dataclass(frozen=True)
class Deployment:
    """A deployment as far as it has come: the step that it is at, since when, and what ran before it.

    ``backup`` is the id of the snapshot taken for it, or empty. ``images`` gives each service that ran the name and the
    id of its image; ``record`` is the digest of the record that this was started from, or empty. ``replacing`` tells
    whether it, or one before it that broke off as well, has begun to start what is new.
    """

    owner: Owner
    step: str
    since: str
    backup: str
    images: Mapping[str, tuple[str, str]]
    record: str
    replacing: bool = False

    def told(self, environment: str) -> str:
        """Say in a sentence how it broke off, what is safe, and what to do."""
        saved = f"The backup from before is {self.backup}. " if self.backup else ""
        runs = "Its services may be old or new. " if self.replacing else "What ran before it goes on. "
        return (
            f"the deployment of '{environment}' that began at {self.owner.since} broke off in its step '{self.step}', "
            f"at which it was since {self.since}. {runs}{saved}"
            f"'invoke deploy -e {environment}' does it again, and with --back it brings back what ran before"
        )

    def document(self) -> dict[str, object]:
        """Give it as a JSON object."""
        return {
            "owner": self.owner.document(),
            "step": self.step,
            "since": self.since,
            "backup": self.backup,
            "images": {name: list(image) for name, image in self.images.items()},
            "record": self.record,
            "replacing": self.replacing,
        }

    @classmethod
    def parse(cls, data: bytes, what: str) -> Deployment:
        """Read it back; a :class:`DamagedError` that names ``what`` otherwise."""
        document = decode(data, what)
        images = field_of(document, "images", dict, what)
        try:
            found = {str(name): (str(image), str(image_id)) for name, (image, image_id) in images.items()}
        except (TypeError, ValueError):
            raise DamagedError(f"{what} has no usable field 'images'") from None
        texts = {name: field_of(document, name, str, what) for name in ("step", "since", "backup", "record")}
        owner = Owner.from_document(field_of(document, "owner", dict, what), what)
        return cls(owner=owner, images=found, replacing=field_of(document, "replacing", bool, what), **texts)


class StackMemory:
    """The two files of one environment. Each appears whole, readable by its owner only.

    Raises :class:`ConfigurationError` where a file cannot be read or written, and :class:`DamagedError` for one that
    holds something else.
    """

    def __init__(self, root: Path, environment: str) -> None:
        self._folder = root / "var"
        self._record = self._folder / f"stack-{environment}.json"
        self._journal = self._folder / f"deploy-{environment}.json"

    def record(self) -> bytes | None:
        """Give what the stack was last started from."""
        return _read(self._record)

    def keep(self, record: bytes) -> None:
        """Keep what the stack was started from. With that, a deployment that broke off is settled."""
        self.forget()
        self._write(self._record, record)

    def deployment(self) -> Deployment | None:
        """Give the deployment that is under way, or broke off."""
        data = _read(self._journal)
        if data is None:
            return None
        what = f"var/{self._journal.name}"
        try:
            return Deployment.parse(data, what)
        except DamagedError as error:
            error.hint = f"It tells of a deployment that broke off. Nothing was changed; remove {what} to go on."
            raise

    def broken_off(self) -> Deployment | None:
        """Give the deployment that broke off: one whose process goes on is no such."""
        found = self.deployment()
        return None if found is None or found.owner.is_alive() else found

    def note(self, deployment: Deployment) -> None:
        """Write down how far a deployment has come."""
        self._write(self._journal, encode(deployment.document()))

    def forget(self) -> None:
        """Forget the deployment: it has come to an end."""
        with suppress(FileNotFoundError):
            self._journal.unlink()

    def _write(self, path: Path, data: bytes) -> None:
        try:
            self._folder.mkdir(exist_ok=True)
            write_atomic(path, data, mode=0o600)
        except OSError as error:
            raise ConfigurationError(
                f"var/{path.name} cannot be written: {error.strerror}",
                hint="Make room, or the folder writable for you, and run it again.",
            ) from error


def digest(record: bytes) -> str:
    """Give what a record is known by."""
    return hashlib.sha256(record).hexdigest()


def now() -> str:
    """Give the time, as it is written down."""
    return format_time(datetime.now(UTC))


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigurationError(
            f"var/{path.name} cannot be read: {error.strerror}", hint="Nothing was changed. Make it readable for you."
        ) from error
