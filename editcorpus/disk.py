"""What a local folder needs so that a file is there whole, or not at all, after a power cut."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def commit_file(file: Path, target: Path) -> None:
    """Make a finished file durable under its final name; both lie in the same file system."""
    sync(file)
    file.replace(target)
    sync(target.parent)


def link_file(file: Path, target: Path) -> bool:
    """Make a finished file durable under a name that nothing has; whether nothing had it."""
    sync(file)
    try:
        os.link(file, target)
    except FileExistsError:
        return False
    sync(target.parent)
    return True


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep every other process and thread that asks for the same out while the block lasts.

    The lock is the kernel's, on the folder itself (flock): nothing is left behind, and a process that
    dies gives it back. OSError where the file system has no such locks.
    """
    make_folder(folder)
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def make_folder(folder: Path) -> None:
    """Make a folder and its parents durable; FileExistsError where one of them is a file."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    sync(folder.parent)


def files_below(folder: Path, *, hidden: bool = False) -> Iterator[Path]:
    """All files at any depth, in any order; none where the folder is missing.

    Args:
        folder: Where they lie.
        hidden: Whether temporary files are wanted, and they alone, or all others.

    Raises:
        OSError: A folder cannot be read: what it holds is never left out in silence.
    """

    def heard(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError | NotADirectoryError):
            raise error

    for place, _, names in os.walk(folder, onerror=heard):
        yield from (Path(place, name) for name in names if is_hidden(name) == hidden)


def is_hidden(name: str) -> bool:
    """Whether this is the name of a temporary file: `.*.tmp`."""
    return name.startswith(".") and name.endswith(".tmp")


def sync(path: Path) -> None:
    """Wait until a file's bytes, or a folder's names, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
