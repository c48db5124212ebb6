"""A folder tree of pictures: on this machine, in a bucket, or in a dataset on the Hub.

A path from a record never leaves the folder; on this machine a link is followed only to a file below
the same folder, and what is no plain file (a pipe, a device) is not there.
"""

import errno
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

from editcorpus import webfiles
from editcorpus.archives.entries import member_path
from editcorpus.archives.members import too_large
from editcorpus.buckets import cat
from editcorpus.errors import ConfigError
from editcorpus.hub import Address, hub_at, is_hub, parse
from editcorpus.inputs import Inputs

_NOWHERE = {errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP}
_LONGEST_KEY = 1_024
"""Bytes of an object's key: Amazon S3 User Guide, "Naming Amazon S3 objects"."""


class _Place(Protocol):
    """Files by a path that is known to stay inside."""

    def has(self, path: str) -> bool:
        """Whether a file is there."""

    def begins(self, path: str, most: int) -> bytes:
        """At most so many bytes of a file; FileNotFoundError where there is none."""


class Folder:
    """Files below a folder, a prefix of a bucket, or a folder of a dataset on the Hub, by their paths."""

    complete = True
    problem = ""

    def __init__(self, root: str, inputs: Inputs) -> None:
        """Find the folder.

        Args:
            root: A path, or a URL such as `s3://bucket/images` or `hf://datasets/a/b@<commit>/images`.
            inputs: Opens it.

        Raises:
            ConfigError: There is no such folder, or its protocol is unknown.
            StorageError: It cannot be reached; on the Hub also: there is none.
        """
        self._root = root.rstrip("/")
        self._inputs = inputs
        self._place: _Place = _place(self._root, inputs)

    def __contains__(self, path: str) -> bool:
        inside = member_path(path)
        with self._inputs.explained(f"{self._root}/{inside}"):
            return bool(inside) and self._place.has(inside)

    def read(self, path: str, most_bytes: int) -> bytes | None:
        """The bytes of a file, as `Members.read`; on a bucket that is one request."""
        inside = member_path(path)
        if not inside:
            return None
        with self._inputs.explained(f"{self._root}/{inside}"):
            try:
                data = self._place.begins(inside, most_bytes + 1)
            except FileNotFoundError:
                return None
        if len(data) > most_bytes:
            raise too_large(path, len(data), most_bytes)
        return data

    def in_order(self, paths: Iterable[str]) -> list[str]:
        """The paths sorted; those that are missing are among them, as each is asked for only once."""
        return sorted(paths)


def _place(root: str, inputs: Inputs) -> _Place:
    if is_hub(root):
        return _Hub(root, inputs)
    if webfiles.is_web(root):
        return _Web(root)
    system, base = inputs.reach(root)
    with inputs.explained(root):
        if not system.isdir(base):
            raise ConfigError(f"There is no folder of pictures at {root!r}.")
    return _Local(Path(base).resolve()) if "://" not in root else _Bucket(system, base)


class _Local:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def has(self, path: str) -> bool:
        return self._found(path) is not None

    def begins(self, path: str, most: int) -> bytes:
        file = self._found(path)
        if file is None:
            raise FileNotFoundError(path)
        with file.open("rb") as opened:
            return opened.read(most)

    def _found(self, path: str) -> Path | None:
        """The file that is meant; None where it lies outside, or is no plain file."""
        try:
            file = (self._folder / path).resolve(strict=True)
            plain = stat.S_ISREG(file.stat().st_mode)
        except RuntimeError:  # links in a circle, before Python 3.13
            return None
        except OSError as error:
            if error.errno in _NOWHERE:
                return None
            raise
        return file if plain and file.is_relative_to(self._folder) else None


class _Bucket:
    def __init__(self, system: Any, base: str) -> None:
        self._system = system
        self._base = base

    def has(self, path: str) -> bool:
        try:
            return bool(self._system.info(self._key(path))["type"] == "file")
        except FileNotFoundError:
            return False

    def begins(self, path: str, most: int) -> bytes:
        return cat(self._system, self._key(path), 0, most)

    def _key(self, path: str) -> str:
        key = f"{self._base}/{path}"
        if len(key.encode()) > _LONGEST_KEY:
            raise FileNotFoundError(key)
        return key


class _Web:
    def __init__(self, root: str) -> None:
        self._root = root

    def has(self, path: str) -> bool:
        try:
            webfiles.length(self._url(path))
        except FileNotFoundError:
            return False
        return True

    def begins(self, path: str, most: int) -> bytes:
        return webfiles.fetch(self._url(path), 0, most)

    def _url(self, path: str) -> str:
        return f"{self._root}/{quote(path)}"


class _Hub:
    """A folder that is listed once, at its beginning: a thousand names a call."""

    def __init__(self, root: str, inputs: Inputs) -> None:
        self._inputs = inputs
        self._files = self._listed(parse(root))

    def has(self, path: str) -> bool:
        return path in self._files

    def begins(self, path: str, most: int) -> bytes:
        if path not in self._files:
            raise FileNotFoundError(path)
        url, size = self._files[path]
        hub = hub_at(self._inputs.options, hasty=self._inputs.first_look)
        with hub.open(parse(url), size) as opened:
            return opened.read(min(most, size))

    def _listed(self, root: Address) -> dict[str, tuple[str, int]]:
        """URL and length of each file by its path in the folder."""
        hub = hub_at(self._inputs.options, hasty=self._inputs.first_look)
        found = hub.find(root, self._inputs.files).sizes
        skipped = len(root.path) + 1 if root.path else 0
        return {parse(url).path[skipped:]: (url, size) for url, size in found.items()}
