"""The volumes that compose files describe, and whose they are."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deckinfra.errors import RefusedError
from deckinfra.ports import Mount, Volume


@dataclass(frozen=True)
class Declared:
    """A volume as the compose files describe it. Compose removes one that is not ``external``."""

    volume: Volume
    external: bool


def declared(configuration: str) -> Sequence[Declared]:
    """Give the volumes in what Compose printed of its files, by name."""
    document = json.loads(configuration)
    services: Mapping[str, Any] = document.get("services") or {}
    mounts: dict[str, list[Mount]] = {}
    for service, described in sorted(services.items()):
        for mount in described.get("volumes") or ():
            if mount.get("type") == "volume" and mount.get("source"):
                writable = not mount.get("read_only", False)
                mounts.setdefault(mount["source"], []).append(Mount(service, mount["target"], writable))
    volumes: Mapping[str, Any] = document.get("volumes") or {}
    found = [
        Declared(
            Volume(each["name"], _device(each.get("driver_opts") or {}), tuple(mounts.get(key, ()))),
            bool(each.get("external")),
        )
        for key, each in volumes.items()
    ]
    return sorted(found, key=lambda each: each.volume.name)


def refuse_another_folders(
    project: str,
    root: Path,
    folders: Sequence[str],
    known: Sequence[Declared],
    options: Mapping[str, Mapping[str, str]],
) -> None:
    """Raise :class:`RefusedError` where the stack of this name is another folder's.

    ``folders`` are those that its containers were started in, and ``options`` those of the volumes that there are.
    A volume that is bound to another folder than the files say was made by another folder's files.
    """
    here = root.resolve()
    others = {folder for folder in folders if folder and Path(folder).resolve() != here}
    names = []
    for each in known:
        device = _device(options.get(each.volume.name, {}))
        if each.volume.folder and device and Path(device).resolve() != Path(each.volume.folder).resolve():
            others.add(device)
            names.append(each.volume.name)
    if others:
        moved = f"'docker compose --project-name {project} down'"
        if names:
            moved += f", then 'docker volume rm {' '.join(names)}', which removes a name and no data"
        raise RefusedError(
            f"the stack '{project}' belongs to another folder: {', '.join(sorted(others))}",
            hint="Nothing was changed. Work with it from there, or give this folder's stack a name of its own "
            f"(COMPOSE_PROJECT_NAME). If this folder was moved from there: {moved}.",
        )


def _device(options: Mapping[str, Any]) -> str:
    """Give where the data of a volume is that is only a name for a place; empty where it has the data itself."""
    return "" if options.get("type") == "tmpfs" else str(options.get("device") or "")
