from __future__ import annotations

from pathlib import Path

import pytest

from deckinfra.builtin.environments.docker.volumes import Declared, refuse_another_folders
from deckinfra.errors import RefusedError
from deckinfra.ports import Volume

DATA = Declared(Volume("shop_data", "", ()), external=False)


def bound(folder: Path) -> tuple[Declared, dict[str, dict[str, str]]]:
    """Give a volume that the files bind to ``backups`` in ``folder``, and the same as Docker knows it."""
    device = str(folder / "backups")
    return Declared(Volume("shop_backups", device, ()), external=False), {"shop_backups": {"device": device}}


def test_a_folders_own_stack_is_not_refused(tmp_path: Path) -> None:
    volume, there = bound(tmp_path)
    refuse_another_folders("shop", tmp_path, [str(tmp_path), ""], [DATA, volume], there | {"shop_data": {}})


def test_a_folder_that_was_moved_is_told_which_volumes_are_only_names(tmp_path: Path) -> None:
    volume, _ = bound(tmp_path / "here")
    _, there = bound(tmp_path / "before")
    with pytest.raises(RefusedError, match="the stack 'shop' belongs to another folder: ") as caught:
        refuse_another_folders("shop", tmp_path / "here", [], [DATA, volume], there | {"shop_data": {}})
    assert str(tmp_path / "before" / "backups") in caught.value.message
    assert caught.value.hint is not None
    assert "'docker compose --project-name shop down', then 'docker volume rm shop_backups'" in caught.value.hint
    assert "which removes a name and no data." in caught.value.hint


def test_where_no_volume_is_only_a_name_none_is_told(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="belongs to another folder: /srv/shop") as caught:
        refuse_another_folders("shop", tmp_path, ["/srv/shop"], [DATA], {"shop_data": {}})
    assert caught.value.hint is not None
    assert "docker volume rm" not in caught.value.hint
    assert "COMPOSE_PROJECT_NAME" in caught.value.hint
