"""The backup repository: deduplicated objects, manifests, locks and proofs over any store.

A snapshot exists when its manifest does. Objects are written before it and deleted after it, so that
whatever is killed, and whenever, what remains is a valid repository. ``docs/backup-format.md`` has
the format, well enough to restore by hand.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from deckinfra.core.manifest import Manifest
from deckinfra.core.proof import Listed, Proof, verdict
from deckinfra.errors import DamagedError, LockedError, RepositoryError, StoreError, UnknownNameError
from deckinfra.ports import Reporter, Store
from deckinfra.repository.codec import Codec
from deckinfra.repository.config import Config, create_config, has_snapshots, read_config
from deckinfra.repository.locks import Held, bury, has_dead, hold
from deckinfra.repository.proofs import Proofs
from deckinfra.repository.reader import StoredSnapshot
from deckinfra.repository.snapshots import Snapshots, recover_config
from deckinfra.repository.writer import SnapshotWriter

LOCK_TIMEOUT = 60.0
"""Seconds to wait for somebody else's lock."""


__all__ = ["LOCK_TIMEOUT", "Repository", "StoredSnapshot"]


class Repository:
    """One repository in one store. Made by :meth:`open`; ``is_new`` tells whether that made it where there was none."""

    is_new = False

    def __init__(self, store: Store, config: Config, *, level: int, threads: int, reporter: Reporter) -> None:
        self.store = store
        self.config = config
        self.codec = Codec(config.key, level)
        self.threads = threads
        self.reporter = reporter
        self.snapshots = Snapshots(store, config)
        self.proofs = Proofs(store)

    @classmethod
    def open(cls, store: Store, *, create: bool, level: int, threads: int, reporter: Reporter) -> Repository:
        """Open the repository in ``store``, with ``create`` after making it where there is none.

        ``level`` is zstd's, ``threads`` how many work at once. One whose ``config.json`` is gone is
        mended from the copy in a manifest. Raises :class:`RepositoryError` where there is none, or a
        newer one, and the store's :class:`StoreError`.
        """
        config = read_config(store) or _recovered(store, reporter)
        made = None
        if config is None:
            if not create:
                raise RepositoryError(
                    f"there is no backup repository at {store}",
                    hint="If there should be one: is its disk mounted, and the address right? 'invoke env.show' tells. "
                    "If none was ever made there: 'invoke db.backup --init' makes it.",
                )
            made = Config.new()
            config = create_config(store, made)
        repository = cls(store, config, level=level, threads=threads, reporter=reporter)
        repository.is_new = config == made  # and not somebody else's, who was quicker
        return repository

    @contextmanager
    def shared(self, purpose: str) -> Iterator[Held]:
        """Hold a lock that keeps prune out."""
        with hold(self.store, purpose, exclusive=False, timeout=LOCK_TIMEOUT, reporter=self.reporter) as held:
            yield held

    @contextmanager
    def reading(self, purpose: str) -> Iterator[None]:
        """Hold a shared lock if the store can be written; reading must also work from one that cannot."""
        with ExitStack() as stack:
            try:
                self.clean(purpose)
                stack.enter_context(self.shared(purpose))
            except (StoreError, DamagedError) as error:
                self.reporter.warn(f"reading without a lock: {error.message}")
            yield

    @contextmanager
    def exclusive(self, purpose: str, *, timeout: float = LOCK_TIMEOUT) -> Iterator[Held]:
        """Hold a lock that keeps everybody else out."""
        with hold(self.store, purpose, exclusive=True, timeout=timeout, reporter=self.reporter) as held:
            yield held

    def clean(self, purpose: str) -> None:
        """Clean up, and say so, after others that died; only if there were any, and nobody is at work."""
        if has_dead(self.store):
            with suppress(LockedError), self.exclusive(purpose, timeout=0):
                self.sweep()

    def sweep(self) -> None:
        """Remove locks of the dead, and unfinished writes. Called under :meth:`exclusive`: nobody else writes."""
        bury(self.store, self.reporter)
        removed = self.store.sweep()
        if removed:
            writes = "1 unfinished write" if removed == 1 else f"{removed} unfinished writes"
            self.reporter.note(f"removed {writes} from {self.store}")

    def writer(self) -> SnapshotWriter:
        """Give what stores the chunks of one snapshot. Called under :meth:`shared`."""
        return SnapshotWriter(self.store, self.codec, self.threads, self.reporter)

    def reader(self, manifest: Manifest) -> StoredSnapshot:
        """Give what reads a snapshot back. Called under :meth:`reading`."""
        return StoredSnapshot(self.store, self.codec, self.threads, manifest)

    def listed(self) -> tuple[Listed, ...]:
        """Give the snapshots, newest first, each with the proof that counts. Damaged manifests are warned of."""
        found = []
        for identity in self.snapshots.ids():
            try:
                manifest = self.snapshots.read(identity)
            except UnknownNameError:  # a prune took it meanwhile
                continue
            except DamagedError as error:
                self.reporter.warn(error.message)
                continue
            proofs = self.proofs.of(identity)
            found.append(Listed(manifest, verdict(proofs)))
        return tuple(found)

    def record(self, proof: Proof) -> None:
        """Keep a proof. Where the store cannot be written, the proof is only warned of as lost."""
        try:
            self.proofs.record(proof)
        except StoreError as error:
            self.reporter.warn(f"the proof of snapshot {proof.snapshot} could not be kept: {error.message}")

    def __str__(self) -> str:
        return str(self.store)


def _recovered(store: Store, reporter: Reporter) -> Config | None:
    """Mend a repository that has manifests but no ``config.json``."""
    if not has_snapshots(store):
        return None
    config = recover_config(store)
    if config is None:
        raise DamagedError(
            f"{store} has lost its config.json, and no manifest in it is whole",
            hint="Put config.json back from a copy. docs/backup-format.md tells how to restore by hand.",
        )
    try:
        config = create_config(store, config)
    except StoreError as error:
        reporter.warn(f"config.json is missing in {store}, and a manifest's copy is used: {error.message}")
    else:
        reporter.warn(f"config.json was missing in {store}; it was written again from a manifest")
    return config
