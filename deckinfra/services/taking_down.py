"""What a stack's volumes hold: what is lost with them, and what would not fit them any more."""

from __future__ import annotations

import shlex
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from deckinfra.core.settings import Stage
from deckinfra.errors import DeckinfraError, RefusedError
from deckinfra.services.at_stake import holds_data
from deckinfra.services.backed_up import own_backups

if TYPE_CHECKING:
    from deckinfra.app import App
    from deckinfra.ports import Stack, Volume

DATABASE_SECRETS: Final = frozenset({"DATABASE_PASSWORD", "DATABASE_ADMIN_PASSWORD"})
"""The secrets that a database is made with, and keeps."""


def loss_of_volumes(project: App, now: datetime | None = None) -> str:
    """Say what goes with the volumes of a stack, what stays, and which backup there is. ``now`` defaults to the clock.

    Raises :class:`RefusedError` where the stack is another folder's, or that of a production environment as well, or
    nobody can tell whether it is.
    """
    stack = project.stack.stack
    name = project.environment_name
    volumes = stack.volumes()
    _refuse_productions(project, stack)
    going = [volume for volume in volumes if not volume.folder]
    kept = [f"{volume.name} (its data is in {volume.folder})" for volume in volumes if volume.folder]
    if going:
        text = f"delete the volumes {', '.join(volume.name for volume in going)} of the stack '{name}'"
        data = [volume.name for volume in going if holds_data(volume, stack)]
        text += f"; the database is in {', '.join(data)}; {_last_backup(project, now)}" if data else ""
    else:
        text = f"delete the data of the stack '{name}': there is none of its named volumes, but unnamed ones may be"
    text += f"; kept: {', '.join(kept)}" if kept else ""
    backups = [volume.name for volume in going if _holds_backups(project, volume)]
    if backups:
        text += f"; THE BACKUPS ARE DELETED, TOO: the services keep them in {', '.join(backups)}"
    return text


def refuse_unfit_secrets(project: App, names: Collection[str]) -> None:
    """Raise :class:`RefusedError` where a secret of the database is to be made, and its volume has the old one.

    Where the stack cannot be asked, its :class:`StackError` or :class:`ConfigurationError` says why.
    """
    missing = sorted(DATABASE_SECRETS.intersection(names))
    if not missing:
        return
    name = project.environment_name
    stack = project.environment.stack()
    data = [] if stack is None else [volume.name for volume in stack.volumes() if holds_data(volume, stack)]
    if stack is None or not data:
        return
    copies = []
    for secret in missing:
        command = stack.secret_copy(secret)
        if command is not None:
            folder, copying = f".secrets/{name}", shlex.join(command.argv)
            whole = f"{copying} > {folder}/.{secret}.new && mv {folder}/.{secret}.new {folder}/{secret}"
            copies.append(f"(umask 077; mkdir -p {folder}; {whole})")
    way = f"The stack has a copy: {'; '.join(copies)}. " if copies else ""
    raise RefusedError(
        f"there is no {' and no '.join(missing)} of '{name}', and a database that was made with it is in the volume "
        f"{', '.join(data)}",
        hint=f"Nothing was changed. A new one would not open it: put the old one back into .secrets/{name}/. {way}"
        f"If its data may go: 'invoke stack.down -e {name} --volumes', which asks first.",
    )


def _refuse_productions(project: App, stack: Stack) -> None:
    """Refuse for a stack that goes by the name of production's: nobody can tell whose data that is."""
    if project.settings.stage is Stage.PRODUCTION:
        return
    for other in project.others():
        try:
            theirs = other.environment.stack() if other.settings.stage is Stage.PRODUCTION else None
            shared = theirs is not None and theirs.name == stack.name
        except DeckinfraError as error:
            raise RefusedError(
                f"the stack '{stack.name}' keeps its data: whether it is also that of '{other.environment_name}' could "
                f"not be seen: {error.message}",
                hint=f"Nothing was changed. 'invoke env.check -e {other.environment_name}' says what is wrong there. "
                "An environment that is no more is forgotten by removing its env file.",
            ) from error
        if shared:
            raise RefusedError(
                f"the stack '{stack.name}' is also that of '{other.environment_name}', which is production",
                hint="Nothing was changed. Give one of the two a COMPOSE_PROJECT_NAME of its own. If it is "
                f"production's data that shall go: -e {other.environment_name}.",
            )


def _last_backup(project: App, now: datetime | None) -> str:
    """Say how old the last backup is, and what is known of it; loudly where it may not be one to rely on."""
    try:
        mine = own_backups(project)
    except DeckinfraError as error:
        return f"NO BACKUP of it can be seen: {error.message}"
    if not mine:
        return "THERE IS NO BACKUP of it"
    manifest, proof = mine[0].manifest, mine[0].proof
    age = max((now or datetime.now(UTC)) - manifest.time, timedelta())
    said = f"its last backup, {manifest.id}, is {age.days} d {age.seconds // 3600} h old, and"
    if proof is None or (proof.good and not proof.proves):
        return f"{said} NOTHING PROVED that it restores"
    if not proof.good and proof.whole:
        return f"{said} it restores, but ITS DATA MAY BE WRONG: {proof.problems[0]}"
    if not proof.good:
        return f"{said} IT IS BAD: {proof.problems[0]}"
    if proof.kind == "drill":
        return f"{said} a drill proved that it restores"
    return f"{said} a verify read all of it, but no drill restored it"


def _holds_backups(project: App, volume: Volume) -> bool:
    """Whether a service has the volume where the repository is, or a folder around it."""
    url = project.repository_url()
    location = PurePosixPath(url.location)
    if url.scheme != "file":
        return False
    for path in (PurePosixPath(mount.path) for mount in volume.mounts):
        if location.is_absolute():
            if location.is_relative_to(path):
                return True
        elif any(around.parts and path.parts[-len(around.parts) :] == around.parts for around in _up(location)):
            return True
    return False


def _up(path: PurePosixPath) -> list[PurePosixPath]:
    return [path, *path.parents]
