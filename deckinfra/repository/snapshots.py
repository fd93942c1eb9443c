"""Manifests in the store: written last, read with their checksum, found by what a person types."""

from __future__ import annotations

from deckinfra.core.documents import decode, encode, field_of
from deckinfra.core.manifest import SNAPSHOT_ID, Manifest, Origin
from deckinfra.core.names import closest
from deckinfra.errors import BlobNotFoundError, DamagedError, UnknownNameError
from deckinfra.ports import Store
from deckinfra.repository.config import Config
from deckinfra.repository.layout import SNAPSHOTS, snapshot_name, stem


class Snapshots:
    """The manifests of one repository."""

    def __init__(self, store: Store, config: Config) -> None:
        self._store = store
        self._config = config

    def ids(self) -> list[str]:
        """Give the ids of all snapshots, newest first, readable or not."""
        names = {blob.name for blob in self._store.list(SNAPSHOTS)}
        found = {stem(name) for name in names}
        return sorted((i for i in found if SNAPSHOT_ID.match(i) and snapshot_name(i) in names), reverse=True)

    def publish(self, manifest: Manifest) -> None:
        """Store a manifest: from now on the backup exists. Everything that it names is stored already."""
        document = manifest.document()
        envelope = {
            "manifest": document,
            "repository": self._config.document(),
            "checksum": self._config.checksum(document),
        }
        self._store.put(snapshot_name(manifest.id), encode(envelope), overwrite=False)

    def read(self, identity: str) -> Manifest:
        """Read one manifest; :class:`DamagedError` if it is not what was written."""
        try:
            return self._read(identity)
        except DamagedError as error:
            advice = "Nothing live was changed. Use another snapshot: 'invoke db.backups' lists them."
            raise DamagedError(error.message, hint=error.hint or advice) from error

    def _read(self, identity: str) -> Manifest:
        what = f"the manifest of snapshot {identity} in {self._store}"
        try:
            envelope = decode(self._store.get(snapshot_name(identity)), what)
        except BlobNotFoundError as error:
            raise UnknownNameError(f"there is no snapshot {identity} any more in {self._store}") from error
        document = field_of(envelope, "manifest", dict, what)
        expected = self._config.document(), self._config.checksum(document)
        if (envelope.get("repository"), envelope.get("checksum")) != expected:
            raise DamagedError(f"{what} was changed after it was written")
        manifest = Manifest.from_document(document, what)
        if manifest.id != identity:
            raise DamagedError(f"{what} belongs to snapshot {manifest.id}")
        return manifest

    def find(self, wanted: str, origin: Origin) -> Manifest:
        """Read the snapshot that :meth:`resolve` finds."""
        return self.read(self.resolve(wanted, origin))

    def resolve(self, wanted: str, origin: Origin) -> str:
        """Give the id of a snapshot: named by it, a beginning of it, its last part, or ``latest`` of one origin.

        The manifests that are newer than the latest one have to be whole: whose they are, only they tell.
        """
        ids = self.ids()
        if wanted == "latest":
            for identity in ids:
                if self.read(identity).origin == origin:
                    return identity
            raise UnknownNameError(
                f"there is no snapshot of {origin} in {self._store}",
                hint="'invoke db.backups' lists what there is; 'invoke db.backup' makes one.",
            )
        matches = [identity for identity in ids if wanted and wanted in (identity, identity.rpartition("-")[2])]
        matches = matches or [identity for identity in ids if wanted and identity.startswith(wanted)]
        if len(matches) == 1:
            return matches[0]
        if matches:
            raise UnknownNameError(
                f"'{wanted}' fits {len(matches)} snapshots in {self._store}",
                hint=f"Give more of the id, such as {matches[0]}.",
            )
        meant = closest(wanted, ids)
        advice = f"Did you mean '{meant}'? " if meant else ""
        raise UnknownNameError(
            f"unknown snapshot '{wanted}' in {self._store}", hint=f"{advice}'invoke db.backups' lists what there is."
        )

    def delete(self, identity: str) -> None:
        """Delete a manifest: from now on the backup does not exist. What only it named is garbage."""
        self._store.delete(snapshot_name(identity))


def recover_config(store: Store) -> Config | None:
    """Give the configuration that a manifest carries a copy of, for a repository that lost its ``config.json``."""
    for blob in store.list(SNAPSHOTS):
        what = f"the manifest {blob.name} in {store}"
        try:
            envelope = decode(store.get(blob.name), what)
            config = Config.from_document(field_of(envelope, "repository", dict, what), what)
            document = field_of(envelope, "manifest", dict, what)
            if field_of(envelope, "checksum", str, what) == config.checksum(document):
                return config
        except (DamagedError, BlobNotFoundError):
            continue
    return None
