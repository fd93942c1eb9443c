"""Files appear whole or not at all, whatever happens to the writer."""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from deckinfra.system.files import TEMPORARY, is_full, link_exclusive, sync_directory, sync_file, write_atomic

LIMITED = """
import resource, signal, sys
from pathlib import Path
from deckinfra.system.files import is_full, write_atomic

signal.signal(signal.SIGXFSZ, getattr(signal, sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (64 * 1024, 64 * 1024))
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
try:
    write_atomic(Path(sys.argv[2]), b"new" * 1_000_000)
except OSError as error:
    sys.exit(3 if is_full(error) else 4)
"""


def _names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_file_holds_what_was_written_with_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "it's größe.txt"
    before = os.umask(0o077)
    try:
        write_atomic(path, b"content", mode=0o644)
    finally:
        os.umask(before)
    assert (path.read_bytes(), _mode(path)) == (b"content", 0o644)


def test_a_file_is_replaced_whole_and_takes_the_new_mode(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomic(path, b"an older and longer content", mode=0o644)
    write_atomic(path, b"new", mode=0o600)
    assert (path.read_bytes(), _mode(path)) == (b"new", 0o600)
    assert _names(tmp_path) == ["file"]


def test_what_is_there_may_be_kept(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomic(path, b"first", replace=False)
    with pytest.raises(FileExistsError):
        write_atomic(path, b"second", replace=False)
    assert path.read_bytes() == b"first"
    assert _names(tmp_path) == ["file"]


def test_a_folder_in_its_place_is_an_error_and_nothing_is_left(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(IsADirectoryError):
        write_atomic(tmp_path / "folder", b"x")
    assert _names(tmp_path) == ["folder"]


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_atomic(tmp_path / "missing" / "file", b"x")


def test_readers_see_the_old_content_or_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "file"
    versions = [bytes([number]) * 300_000 for number in range(10)]
    write_atomic(path, versions[0])

    def write() -> None:
        for version in versions:
            write_atomic(path, version)

    writer = threading.Thread(target=write)
    writer.start()
    seen = set()
    while writer.is_alive():
        seen.add(path.read_bytes())
    writer.join()
    assert seen <= set(versions)


def test_a_writer_that_is_killed_half_way_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    ended = subprocess.run([sys.executable, "-c", LIMITED, "SIG_DFL", str(path)], timeout=60, check=False)
    assert ended.returncode == -signal.SIGXFSZ
    assert path.read_bytes() == b"old"
    (left,) = (name for name in _names(tmp_path) if name != "file")
    assert left.startswith(TEMPORARY)
    assert 0 < (tmp_path / left).stat().st_size <= 64 * 1024


def test_a_disk_that_is_full_leaves_the_old_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    ended = subprocess.run([sys.executable, "-c", LIMITED, "SIG_IGN", str(path)], timeout=60, check=False)
    assert ended.returncode == 3
    assert path.read_bytes() == b"old"
    assert _names(tmp_path) == ["file"]


def test_a_second_name_is_given_only_where_it_is_free(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(b"x")
    link_exclusive(source, target)
    assert target.read_bytes() == b"x"
    with pytest.raises(FileExistsError):
        link_exclusive(source, target)


def test_files_and_folders_can_be_made_durable(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x")
    sync_file(path)
    sync_directory(tmp_path)
    with pytest.raises(NotADirectoryError):
        sync_directory(path)
    with pytest.raises(FileNotFoundError):
        sync_file(tmp_path / "missing")


def test_a_file_system_that_cannot_sync_a_folder_is_left_as_it_is() -> None:
    with pytest.raises(OSError, match=os.strerror(errno.EINVAL)):
        _fsync("/proc/self/fd")
    sync_directory(Path("/proc/self/fd"))


def _fsync(folder: str) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@pytest.mark.parametrize(
    ("number", "full"),
    [(errno.ENOSPC, True), (errno.EDQUOT, True), (errno.EFBIG, True), (errno.EIO, False), (errno.EACCES, False)],
)
def test_errors_that_say_that_there_is_no_room(number: int, full: bool) -> None:
    assert is_full(OSError(number, os.strerror(number))) is full


def test_a_file_system_without_hard_links_is_told_by_its_number(tmp_path: Path) -> None:
    """A folder has none on any file system: Linux answers as it does for a file on FAT."""
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="the file system has no hard links") as caught:
        link_exclusive(tmp_path / "folder", tmp_path / "second")
    assert caught.value.errno == errno.ENOTSUP
