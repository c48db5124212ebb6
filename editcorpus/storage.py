"""Files under one root, locally or on S3: each is written whole or not at all.

A name appears with its whole content or it does not appear. Locally that is a temporary name,
fsync, rename and fsync of the folder; on S3 it is one PUT, or one CompleteMultipartUpload from a
local spool. A kill at any moment leaves at most a temporary file (`.*.tmp`) or an unfinished
multipart upload: neither is ever listed or read. A full disk raises `StorageFull`.
"""

import copy
import errno
import hashlib
import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import IO, Any, cast

from editcorpus.buckets import (
    RangeFile,
    cat,
    etag,
    is_full,
    open_bucket,
    put,
    put_if,
    without_secrets,
)
from editcorpus.buckets import cause as told_cause
from editcorpus.conditions import Promise, probed
from editcorpus.disk import commit_file, files_below, link_file, locked, make_folder, sync
from editcorpus.errors import ConfigError, StorageError, StorageFull
from editcorpus.names import checked_path
from editcorpus.traffic import Traffic

_FULL = {errno.ENOSPC, errno.EDQUOT}


class Store:
    """A folder or bucket prefix that holds everything of a team's runs.

    Paths are relative to the root, with `/` between names. Any thread may call any method. What
    goes wrong is a `StorageFull`, a `StorageError` that names the place, or, where something is
    read that is not there, a FileNotFoundError; no message holds a key.
    """

    def __init__(
        self, root: str, options: Mapping[str, Any] | None = None, spool: Path | None = None
    ) -> None:
        """Open a root without touching it.

        Args:
            root: A folder, or a URL such as `s3://bucket/prefix`.
            options: What fsspec's filesystem takes: `key`, `secret`, `endpoint_url`.
            spool: Local folder for files on their way to a bucket; needed for S3 uploads only.

        Raises:
            ConfigError: The URL's protocol is unknown, or the URL names no bucket.
        """
        folder = root.removeprefix("file://")
        self.spool = spool
        self.traffic = Traffic()  # of this store and of its hasty copies
        self.root = folder if folder.endswith("://") else folder.rstrip("/") or "/"
        self.local = None if "://" in folder else Path(self.root).absolute()
        self._options = dict(options or {})
        self._errors: tuple[type[BaseException], ...] = (OSError,)
        self._promise: Promise | None = None
        self._promising = Lock()
        if self.local is None:
            self._fs, self._base, self._errors = open_bucket(self.root, self._options)

    @classmethod
    def on_disk(cls, folder: Path | str) -> "Store":
        """A store in a local folder."""
        return cls(str(folder))

    def url(self, path: str) -> str:
        """The path as a person would type it."""
        return f"{self.root}/{path}" if self.local is None else str(self._file(path))

    def read(self, path: str) -> bytes:
        """The whole content; FileNotFoundError where there is none."""
        with self.told(path):
            if self.local is None:
                return self._cat(path, 0, None)
            return self.traffic.took(self._file(path).read_bytes())

    def read_range(self, path: str, start: int, length: int) -> bytes:
        """At most `length` bytes from `start`; none from behind the end."""
        with self.told(path):
            if self.local is None:
                return self._cat(path, start, start + length)
            with self._file(path).open("rb") as file:
                file.seek(start)
                return self.traffic.took(file.read(length))

    def open(self, path: str, size: int | None = None) -> IO[bytes]:
        """A seekable file for reading; on a bucket each read is a request, and so is an unknown size."""
        with self.told(path):
            if self.local:
                return self.traffic.open(self._file(path))

        def fetch(start: int, length: int) -> bytes:
            return self.read_range(path, start, length)

        length = self.size(path) if size is None else size
        return cast("IO[bytes]", RangeFile(self.url(path), length, fetch))

    def exists(self, path: str) -> bool:
        """Whether a file has this name."""
        with self.told(path):
            if self.local:
                return self._file(path).is_file()
            with suppress(FileNotFoundError):
                return bool(self._fs.info(self._key(path))["type"] == "file")
            return False

    def size(self, path: str) -> int:
        """Length in bytes; FileNotFoundError where there is none."""
        with self.told(path):
            if self.local:
                return self._file(path).stat().st_size
            return int(self._fs.info(self._key(path))["size"])

    def list(self, prefix: str) -> list[str]:
        """All paths below a folder, at any depth, sorted; none where the folder is missing."""
        if self.local is None:
            return sorted(self._found(prefix))
        with self.told(prefix, writing=True):
            found = [str(file) for file in files_below(self._file(prefix))]
        skipped = len(str(self.local).rstrip("/")) + 1
        return sorted(name[skipped:] for name in found)

    def sizes(self, prefix: str) -> dict[str, int]:
        """Length in bytes of all files below a folder, by path; those that go are not there."""
        if self.local is None:
            return self._found(prefix)
        made = {}
        for path in self.list(prefix):
            with suppress(FileNotFoundError):
                made[path] = self.size(path)
        return made

    def temporary(self) -> Iterator[Path]:
        """Temporary files on this machine, of writes under way or dead: in the store or its spool."""
        folder = self.local or self.spool
        yield from files_below(folder, hidden=True) if folder else ()

    def write(self, path: str, data: bytes) -> None:
        """Put `data` under `path`, whole or not at all, replacing what was there."""
        if self.local is None:
            with self.told(path, writing=True):
                put(self._fs, self._key(path), self.traffic.gave(data))
            return
        with self.upload(path) as file:
            file.write_bytes(data)

    @contextmanager
    def upload(self, path: str) -> Iterator[Path]:
        """Yield a local file to fill; commit it under `path` if the block ends well, else forget it."""
        with self.told(path, writing=True), self._temporary(path) as file:
            yield file
            if self.local:
                commit_file(self.traffic.gave_file(file), self._file(path))
            else:
                self._fs.put_file(str(self.traffic.gave_file(file)), self._key(path))

    def open_end(self, path: str) -> int:
        """A handle on the end of a local file that is there, for `append`; the caller closes it."""
        with self.told(path, writing=True):
            return os.open(self._file(path), os.O_WRONLY | os.O_APPEND)

    def append(self, path: str, handle: int, data: bytes) -> None:
        """Add to the end of an open local file, durably; where that fails, part of it may be there."""
        with self.told(path, writing=True):
            left = memoryview(self.traffic.gave(data))
            while left:
                left = left[os.write(handle, left) :]
            os.fdatasync(handle)

    def create(self, path: str, data: bytes) -> bool:
        """Write `path` only if nothing has that name; whether this call did it.

        Locally exactly one of many callers wins. On a bucket this is a look and then a PUT; where
        the store keeps that promise, `swap` has one winner there, too.
        """
        if self.local is None:
            if self.exists(path):
                return False
            self.write(path, data)
            return True
        with self.told(path, writing=True), self._temporary(path) as file:
            file.write_bytes(self.traffic.gave(data))
            return link_file(file, self._file(path))

    def tag(self, path: str) -> str:
        """What `swap` knows the present content by; empty where nothing has this name."""
        with self.told(path):
            with suppress(FileNotFoundError):
                if self.local is None:
                    return etag(self._fs, self._key(path))
                return hashlib.sha256(self._file(path).read_bytes()).hexdigest()
            return ""

    def swap(self, path: str, data: bytes, tag: str) -> bool:
        """Write `path` only if its content is still the one of `tag`; whether this call did it.

        It holds where `promise` says so. Take the tag, empty where there must be no such name, before
        you read what you change; `data` must be new, so that it is known again if an answer is lost.
        """
        with self.told(path, writing=True):
            if self.local is None:
                done = put_if(self._fs, self._key(path), self.traffic.gave(data), tag)
                return done or (bool(self.tag(path)) and self.read(path) == data)
            with locked(self.local):
                if self.tag(path) != tag:
                    return False
                self.write(path, data)
                return True

    def promise(self) -> Promise:
        """What this store promises beyond whole files; tried once, and then known."""
        with self._promising:
            self._promise = self._promise or probed(self)
            return self._promise

    def remove(self, path: str) -> None:
        """Delete a file; nothing happens where there is none."""
        with self.told(path), suppress(FileNotFoundError):
            if self.local is None:
                self._fs.rm_file(self._key(path))
                return
            self._file(path).unlink()
            sync(self._file(path).parent)

    def hasty(self) -> "Store":
        """The same store; a server that does not answer is given up within seconds."""
        made = copy.copy(self)
        if self.local is None:
            made._fs, _, _ = open_bucket(self.root, self._options, hasty=True)
        return made

    def plain(self, error: BaseException) -> str:
        """What went wrong in one line, without any secret of this store."""
        return without_secrets(told_cause(error), self._options)

    def local_file(self, path: str) -> Path | None:
        """Where the file lies on this machine's disk; None on a bucket."""
        return self._file(path) if self.local else None

    def beneath(self, path: str) -> tuple[Any, str]:
        """The bucket's filesystem and the path's key there, for what only buckets know."""
        return self._fs, self._key(path)

    def _file(self, path: str) -> Path:
        assert self.local is not None  # noqa: S101 - callers branch on it
        return self.local / checked_path(path)

    def _cat(self, path: str, start: int, end: int | None) -> bytes:
        return self.traffic.took(cat(self._fs, self._key(path), start, end))

    def _found(self, prefix: str) -> dict[str, int]:
        """Length in bytes of all objects of a bucket below a prefix, by path."""
        with self.told(prefix, writing=True):
            found = self._fs.find(self._key(prefix) + "/", detail=True)
        named = ((key[len(self._base) + 1 :], one) for key, one in found.items() if key[-1] != "/")
        return {path: int(one["size"]) for path, one in named if path.startswith(f"{prefix}/")}

    def _key(self, path: str) -> str:
        return f"{self._base}/{checked_path(path)}"

    @contextmanager
    def _temporary(self, path: str) -> Iterator[Path]:
        folder = self._file(path).parent if self.local else self.spool
        if folder is None:
            raise ConfigError(f"The store {self.root} needs a local spool folder for uploads.")
        make_folder(folder)
        file = folder / f".{uuid.uuid4().hex}.tmp"
        try:
            yield file
        finally:
            file.unlink(missing_ok=True)

    @contextmanager
    def told(self, path: str, *, writing: bool = False) -> Iterator[None]:
        """Turn what storage raises into this project's own errors, with the place in the sentence."""
        try:
            yield
        except (StorageFull, StorageError, ConfigError):
            raise
        except self._errors as error:
            if isinstance(error, FileNotFoundError) and not writing:
                raise
            if getattr(error, "errno", None) in _FULL or is_full(error):
                here = self.local or is_full(error)
                spool = "" if here else f" in the spool folder {self.spool}"
                raise StorageFull(f"No space is left for {self.url(path)}{spool}.") from error
            raise StorageError(f"{self.url(path)}: {self.plain(error)}") from error
