"""``config.json``: which format a repository has, which repository it is, and the key of its object names."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from deckinfra.core.documents import decode, encode, field_of
from deckinfra.core.manifest import FORMAT
from deckinfra.errors import BlobExistsError, BlobNotFoundError, DamagedError, RepositoryError
from deckinfra.ports import Store
from deckinfra.repository.layout import CONFIG, SNAPSHOTS


@dataclass(frozen=True)
class Config:
    """What identifies a repository. ``key`` has 32 bytes; without it, object names say nothing of the content."""

    identity: str
    key: bytes

    def document(self) -> dict[str, Any]:
        """Give the JSON object that is stored, in ``config.json`` and, as a second copy, in each manifest."""
        document = {"format": FORMAT, "id": self.identity, "key": self.key.hex()}
        return {**document, "checksum": self.checksum(document)}

    def checksum(self, document: Mapping[str, Any]) -> str:
        """Give the keyed BLAKE2b of a document in its canonical spelling."""
        return hashlib.blake2b(encode(document), key=self.key, digest_size=32).hexdigest()

    @classmethod
    def from_document(cls, document: Mapping[str, Any], what: str) -> Config:
        """Read it back; a :class:`RepositoryError` says that a newer version wrote it, or what is wrong."""
        version = field_of(document, "format", int, what)
        if version > FORMAT:
            raise RepositoryError(
                f"{what} has format {version}, and this version of deckinfra knows formats up to {FORMAT}",
                hint="Nothing was changed. Update deckinfra to use it.",
            )
        try:
            key = bytes.fromhex(field_of(document, "key", str, what))
        except ValueError as error:
            raise DamagedError(f"{what} has no usable field 'key'") from error
        if len(key) != 32:
            raise DamagedError(f"{what} has no usable field 'key'")
        config = cls(field_of(document, "id", str, what), key)
        if document != config.document():
            raise DamagedError(f"{what} was changed after it was written")
        return config

    @classmethod
    def new(cls) -> Config:
        """Make up a new repository."""
        return cls(secrets.token_hex(8), secrets.token_bytes(32))


def read_config(store: Store) -> Config | None:
    """Give the configuration that ``store`` holds, or None where there is no repository at all."""
    what = f"{CONFIG} in {store}"
    try:
        data = store.get(CONFIG)
    except BlobNotFoundError:
        return None
    try:
        return Config.from_document(decode(data, what), what)
    except DamagedError as error:
        raise DamagedError(
            error.message, hint="Move it away: the next command writes it again from a manifest, if there is one."
        ) from error


def create_config(store: Store, config: Config) -> Config:
    """Write ``config`` unless somebody was quicker; gives the one that is there now."""
    try:
        store.put(CONFIG, encode(config.document()), overwrite=False)
    except BlobExistsError:
        present = read_config(store)
        if present is None:
            raise RepositoryError(f"{CONFIG} in {store} comes and goes", hint="Is somebody deleting it?") from None
        return present
    return config


def has_snapshots(store: Store) -> bool:
    """Whether there are manifests, with or without a configuration beside them."""
    return next(store.list(SNAPSHOTS), None) is not None
