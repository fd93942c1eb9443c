from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deckinfra.builtin.stores.directory import DirectoryStore, deckinfra_stores, open_directory
from deckinfra.core.settings import Settings, Stage
from deckinfra.core.urls import StoreURL
from deckinfra.errors import BlobExistsError, BlobNotFoundError, ConfigurationError, StoreError
from deckinfra.ports import MAX_BLOB, Store

SETTINGS = Settings(Stage.DEVELOPMENT, {}, ())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def store(folder: Path) -> DirectoryStore:
    return DirectoryStore(folder)


@pytest.fixture
def mask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def opened(url: str, root: Path) -> Store:
    return deckinfra_stores()["file"](StoreURL.parse(url), root, SETTINGS)


# Where it is ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("backups/local", "backups/local"),
        ("./a", "a"),
        ("../beside", "../beside"),
        ("~/a", "~/a"),
        ('with space/it\'s "q"/ä€', 'with space/it\'s "q"/ä€'),
        ("100%20/a?b#c", "100%20/a?b#c"),
    ],
)
def test_a_relative_location_starts_at_the_root_and_stands_for_itself(
    tmp_path: Path, location: str, expected: str
) -> None:
    opened(f"file:{location}", tmp_path).put("a/b", b"x")
    assert (tmp_path / expected / "a" / "b").read_bytes() == b"x"


@pytest.mark.parametrize("prefix", ["file:", "file://"])
def test_an_absolute_location_does_not(tmp_path: Path, prefix: str) -> None:
    opened(f"{prefix}{tmp_path}/there", tmp_path / "root").put("a", b"x")
    assert (tmp_path / "there" / "a").read_bytes() == b"x"


def test_it_is_called_by_its_url(tmp_path: Path) -> None:
    assert str(opened("file:backups/local", tmp_path)) == "file:backups/local"
    assert str(DirectoryStore(Path("/srv/x"))) == "file:/srv/x"


@pytest.mark.parametrize(("url", "said"), [("file://host/a", "names a machine"), ("file:a\0b", "no folder's name")])
def test_a_url_that_is_no_folder_is_refused(tmp_path: Path, url: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        open_directory(StoreURL.parse(url), tmp_path, SETTINGS)


# What is in it ----------------------------------------------------------------------------------


@pytest.mark.usefixtures("mask")
def test_files_and_folders_are_for_their_owner_only(store: DirectoryStore, folder: Path) -> None:
    store.put("objects/ab/abc", b"x")
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in [folder, *folder.rglob("*")]}
    assert modes == {"store": 0o700, "objects": 0o700, "ab": 0o700, "abc": 0o600}


def test_nothing_else_is_left_in_the_folder(store: DirectoryStore, folder: Path) -> None:
    store.put("a/b", b"1")
    store.put("a/b", b"2")
    with pytest.raises(BlobExistsError, match=r"'a/b' is in file:.* already"):
        store.put("a/b", b"3", overwrite=False)
    assert [path.name for path in folder.rglob("*") if path.is_file()] == ["b"]


def test_a_folder_that_is_missing_is_empty_and_comes_back(store: DirectoryStore, folder: Path) -> None:
    assert list(store.list()) == []
    assert store.stat("a") is None
    assert store.sweep() == 0
    store.delete("a")
    with pytest.raises(BlobNotFoundError, match=r"there is no 'a' in file:"):
        store.get("a")
    assert not folder.exists()
    store.put("a", b"x")
    (folder / "a").unlink()
    folder.rmdir()
    store.put("deep/down/a", b"y")
    assert store.get("deep/down/a") == b"y"


def test_what_is_below_a_blob_is_not_there(store: DirectoryStore) -> None:
    store.put("a", b"x")
    assert store.stat("a/b") is None
    assert list(store.list("a/")) == []
    store.delete("a/b")
    with pytest.raises(BlobNotFoundError):
        store.get("a/b")


def test_a_blob_and_a_folder_cannot_have_one_name(store: DirectoryStore) -> None:
    store.put("a", b"x")
    store.put("b/c", b"x")
    for name in ("a/b", "b"):
        with pytest.raises(StoreError, match="a file is where a folder should be"):
            store.put(name, b"y")
    assert sorted(info.name for info in store.list()) == ["a", "b/c"]


def test_what_interrupted_puts_left_is_not_listed_and_is_swept(store: DirectoryStore, folder: Path) -> None:
    store.put("objects/ab/abc", b"x")
    for place in (folder, folder / "objects" / "ab"):
        (place / ".tmp-0123456789abcdef").write_bytes(b"half")
    (folder / ".tmp-folder").mkdir()
    assert [info.name for info in store.list()] == ["objects/ab/abc"]
    assert store.sweep() == 2
    assert store.sweep() == 0
    assert store.get("objects/ab/abc") == b"x"


def test_what_cannot_be_a_blob_is_not_listed(store: DirectoryStore, folder: Path) -> None:
    store.put("a", b"x")
    (folder / ".DS_Store").write_bytes(b"")
    (folder / "a b").write_bytes(b"")
    (folder / ".git").mkdir()
    (folder / ".git" / "config").write_bytes(b"")
    os.close(os.open(os.fsencode(folder) + b"/\xff", os.O_CREAT))
    assert [info.name for info in store.list()] == ["a"]


def test_what_changes_while_it_is_listed_is_left_out(store: DirectoryStore, folder: Path) -> None:
    for number in range(5):
        store.put(f"{number}", b"x")
    listing = store.list()
    seen = next(listing).name
    for gone, path in enumerate(path for path in sorted(folder.iterdir()) if path.name != seen):
        path.unlink()
        if gone % 2:
            path.mkdir()
    assert list(listing) == []


def test_a_blob_is_not_larger_than_blobs_are(store: DirectoryStore, folder: Path) -> None:
    with pytest.raises(StoreError, match="a blob has at most 67108864"):
        store.put("a", bytes(MAX_BLOB + 1))
    store.put("a", b"x")
    os.truncate(folder / "a", MAX_BLOB + 1)
    with pytest.raises(StoreError, match="has 67108865 bytes"):
        store.get("a")


# Links and other things -------------------------------------------------------------------------


def test_a_link_in_the_place_of_a_folder_is_an_error_and_not_followed(
    store: DirectoryStore, folder: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_bytes(b"precious")
    folder.mkdir()
    (folder / "objects").symlink_to(outside)
    said = "'objects' in file:.* is a symbolic link"
    for attempt in (
        lambda: store.put("objects/new", b"x"),
        lambda: store.get("objects/kept"),
        lambda: store.stat("objects/kept"),
        lambda: store.delete("objects/kept"),
        lambda: list(store.list()),
        lambda: list(store.list("objects/")),
    ):
        with pytest.raises(StoreError, match=said):
            attempt()
    (outside / ".tmp-1").write_bytes(b"")
    assert store.sweep() == 0
    assert sorted(path.name for path in outside.iterdir()) == [".tmp-1", "kept"]


def test_a_link_in_the_place_of_a_blob_is_an_error_until_it_is_replaced(
    store: DirectoryStore, folder: Path, tmp_path: Path
) -> None:
    target = tmp_path / "target"
    target.write_bytes(b"precious")
    folder.mkdir()
    (folder / "a").symlink_to(target)
    for attempt in (lambda: store.get("a"), lambda: store.stat("a"), lambda: list(store.list())):
        with pytest.raises(StoreError, match=r"'a' in file:.* is a symbolic link"):
            attempt()
    with pytest.raises(BlobExistsError):
        store.put("a", b"x", overwrite=False)
    store.put("a", b"x")
    assert (store.get("a"), target.read_bytes()) == (b"x", b"precious")


def test_the_folder_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "store").symlink_to(tmp_path / "real")
    store = DirectoryStore(tmp_path / "store")
    store.put("a/b", b"x")
    assert [info.name for info in store.list()] == ["a/b"]
    assert (tmp_path / "real" / "a" / "b").read_bytes() == b"x"


def test_a_pipe_in_the_place_of_a_blob_is_an_error_and_nobody_waits(store: DirectoryStore, folder: Path) -> None:
    folder.mkdir()
    os.mkfifo(folder / "a")
    for attempt in (lambda: store.get("a"), lambda: store.stat("a"), lambda: list(store.list())):
        with pytest.raises(StoreError, match="neither a file nor a folder"):
            attempt()


# What the file system says ----------------------------------------------------------------------


def test_a_file_in_the_place_of_the_store_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "store").write_bytes(b"precious")
    store = DirectoryStore(tmp_path / "store")
    for attempt in (
        lambda: store.put("a/b", b"x"),
        lambda: store.get("a"),
        lambda: store.stat("a"),
        lambda: store.delete("a"),
        lambda: list(store.list()),
        store.sweep,
    ):
        with pytest.raises(StoreError, match="a file is where a folder should be"):
            attempt()
    assert (tmp_path / "store").read_bytes() == b"precious"


def test_a_name_that_the_file_system_cannot_have_is_an_error(store: DirectoryStore) -> None:
    with pytest.raises(StoreError, match=r"could not store 'x+' in file:.*: File name too long") as caught:
        store.put("x" * 300, b"")
    assert caught.value.hint.startswith("What was stored before is as it was.")


def test_a_socket_cannot_be_read(store: DirectoryStore, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.mkdir()
    monkeypatch.chdir(folder)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("a")
        with pytest.raises(StoreError, match="could not read 'a'"):
            store.get("a")


def test_no_room_is_told_and_leaves_what_was_there(store: DirectoryStore, folder: Path) -> None:
    store.put("a", b"old")
    script = (
        "import resource, sys; from pathlib import Path\n"
        "from deckinfra.builtin.stores.directory import DirectoryStore\n"
        "from deckinfra.errors import StoreError\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "try: DirectoryStore(Path(sys.argv[1])).put('a', bytes(200_000))\n"
        "except StoreError as error: print(error.message, '|', error.hint)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, folder], capture_output=True, text=True, check=True)
    assert "could not store 'a' in" in done.stdout
    assert done.stdout.strip().endswith(
        "there is no room left | What was stored before is as it was. Make room there, then run it again."
    )
    assert store.get("a") == b"old"
    assert [path.name for path in folder.iterdir()] == ["a"]


def test_what_is_forbidden_is_told(tmp_path: Path) -> None:
    """``/proc`` forbids new files to everybody, root included."""
    store = DirectoryStore(Path("/proc/self/task"))
    with pytest.raises(StoreError, match=r"could not store 'a' in file:/proc/self/task: ") as caught:
        store.put("a", b"x")
    assert caught.value.hint.startswith("What was stored before is as it was.")
    with pytest.raises(StoreError, match="it is not allowed"):
        DirectoryStore(Path("/proc/self")).delete("status")


def test_names_are_checked_before_the_disk_is_touched(store: DirectoryStore, folder: Path) -> None:
    with pytest.raises(StoreError, match=r"'\.\./a' cannot name a blob in file:"):
        store.put("../a", b"x")
    assert not folder.exists()
