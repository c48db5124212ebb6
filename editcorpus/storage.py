"""Files under one root, locally or on S3: each is written whole or not at all.

A name appears with its whole content or it does not appear. Locally that is a temporary name,
fsync, rename and fsync of the folder; on S3 it is one PUT, or one CompleteMultipartUpload from a
local spool. A kill at any moment leaves at most a temporary file (`.*.tmp`) or an unfinished
multipart upload: neither is ever listed or read. A full disk raises `StorageFull`.
"""

import copy
import errno
import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, cast

from editcorpus.buckets import RangeFile, is_beyond_end, is_full, open_bucket, without_secrets
from editcorpus.buckets import cause as told_cause
from editcorpus.disk import commit_file, files_below, make_folder, sync
from editcorpus.errors import ConfigError, StorageError, StorageFull
from editcorpus.names import checked_path

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
        self.root = folder if folder.endswith("://") else folder.rstrip("/") or "/"
        self.local = None if "://" in folder else Path(self.root).absolute()
        self._spool = spool
        self._options = dict(options or {})
        self._errors: tuple[type[BaseException], ...] = (OSError,)
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
        with self._told(path):
            return self._file(path).read_bytes() if self.local else self._cat(path, 0, None)

    def read_range(self, path: str, start: int, length: int) -> bytes:
        """At most `length` bytes from `start`; none from behind the end."""
        with self._told(path):
            if self.local is None:
                return self._cat(path, start, start + length)
            with self._file(path).open("rb") as file:
                file.seek(start)
                return file.read(length)

    def open(self, path: str, size: int | None = None) -> IO[bytes]:
        """A seekable file for reading; on a bucket each read is one range request.

        Who knows its size in bytes saves the request that asks for it.
        """
        with self._told(path):
            if self.local:
                return self._file(path).open("rb")

        def fetch(start: int, length: int) -> bytes:
            return self.read_range(path, start, length)

        length = self.size(path) if size is None else size
        return cast("IO[bytes]", RangeFile(self.url(path), length, fetch))

    def exists(self, path: str) -> bool:
        """Whether a file has this name."""
        with self._told(path):
            if self.local:
                return self._file(path).is_file()
            try:
                return bool(self._fs.info(self._key(path))["type"] == "file")
            except FileNotFoundError:
                return False

    def size(self, path: str) -> int:
        """Length in bytes; FileNotFoundError where there is none."""
        with self._told(path):
            if self.local:
                return self._file(path).stat().st_size
            return int(self._fs.info(self._key(path))["size"])

    def list(self, prefix: str) -> list[str]:
        """All paths below a folder, at any depth, sorted; none where the folder is missing."""
        with self._told(prefix, writing=True):
            if self.local:
                found = [str(file) for file in files_below(self._file(prefix))]
                skipped = len(str(self.local).rstrip("/")) + 1
            else:
                found, skipped = self._fs.find(self._key(prefix) + "/"), len(self._base) + 1
            names = (name[skipped:] for name in found if not name.endswith("/"))
            return sorted(name for name in names if name.startswith(f"{prefix}/"))

    def sizes(self, prefix: str) -> dict[str, int]:
        """Length in bytes of all files below a folder, by path; those that go meanwhile are not there."""
        if self.local is None:
            with self._told(prefix, writing=True):
                found = self._fs.find(self._key(prefix) + "/", detail=True)
            skipped = len(self._base) + 1
            named = ((name[skipped:], facts) for name, facts in found.items() if name[-1] != "/")
            return {path: int(facts["size"]) for path, facts in named}
        made = {}
        for path in self.list(prefix):
            with suppress(FileNotFoundError):
                made[path] = self.size(path)
        return made

    def temporary(self) -> Iterator[Path]:
        """Temporary files on this machine, of writes under way or dead: in the store or its spool."""
        folder = self.local or self._spool
        yield from files_below(folder, hidden=True) if folder else ()

    def write(self, path: str, data: bytes) -> None:
        """Put `data` under `path`, whole or not at all, replacing what was there."""
        if self.local is None:
            with self._told(path, writing=True):
                self._fs.pipe_file(self._key(path), data)
            return
        with self.upload(path) as file:
            file.write_bytes(data)

    @contextmanager
    def upload(self, path: str) -> Iterator[Path]:
        """Yield a local file to fill; commit it under `path` when the block ends well.

        The file is removed when the block raises; nothing then appears under `path`.
        """
        with self._told(path, writing=True), self._temporary(path) as file:
            yield file
            if self.local:
                commit_file(file, self._file(path))
            else:
                self._fs.put_file(str(file), self._key(path))

    def open_end(self, path: str) -> int:
        """A handle on the end of a local file that is there, for `append`; the caller closes it."""
        with self._told(path, writing=True):
            return os.open(self._file(path), os.O_WRONLY | os.O_APPEND)

    def append(self, path: str, handle: int, data: bytes) -> None:
        """Add to the end of an open local file, and return once it would survive a power cut.

        Args:
            path: The file's path in the store.
            handle: Of the file, open for appending.
            data: What is added; where that fails, part of it may be there.
        """
        with self._told(path, writing=True):
            left = memoryview(data)
            while left:
                left = left[os.write(handle, left) :]
            os.fdatasync(handle)

    def create(self, path: str, data: bytes) -> bool:
        """Write `path` only if nothing has that name; whether this call did it.

        Locally exactly one of many callers wins. On a bucket this is a look and then a PUT, because
        not every server honours conditional writes: callers that need exactly one winner prove it
        themselves (see `leases.leased`).
        """
        if self.local is None:
            if self.exists(path):
                return False
            self.write(path, data)
            return True
        with self._told(path, writing=True), self._temporary(path) as file:
            file.write_bytes(data)
            sync(file)
            try:
                os.link(file, self._file(path))
            except FileExistsError:
                return False
            sync(file.parent)
            return True

    def remove(self, path: str) -> None:
        """Delete a file; nothing happens where there is none."""
        with self._told(path):
            try:
                if self.local:
                    self._file(path).unlink()
                    sync(self._file(path).parent)
                else:
                    self._fs.rm_file(self._key(path))
            except FileNotFoundError:
                return

    def check(self) -> None:
        """Prove within seconds that the root can be written, read and cleaned.

        Raises:
            ConfigError: It can't; the sentence says what to look at. Nothing is left behind.
            StorageFull: The disk, the bucket or the spool has no space.
        """
        try:
            self._hasty()._probe(f"probe-{uuid.uuid4().hex}", b"editcorpus")
        except (StorageError, FileNotFoundError) as error:
            cause = without_secrets(told_cause(error.__cause__ or error), self._options)
            raise ConfigError(f"The store {self.root} cannot be used: {cause}") from None

    def local_file(self, path: str) -> Path | None:
        """Where the file lies on this machine's disk; None on a bucket."""
        return self._file(path) if self.local else None

    def _probe(self, path: str, data: bytes) -> None:
        if self.local is None and self._spool is None:
            self.write(path, data)
        else:
            with self.upload(path) as file:
                file.write_bytes(data)
        found = self.read(path)
        self.remove(path)
        if found != data:
            raise StorageError("it does not give back what was written.")

    def _hasty(self) -> "Store":
        made = copy.copy(self)
        if self.local is None:
            made._fs, _, _ = open_bucket(self.root, self._options, hasty=True)
        return made

    def _file(self, path: str) -> Path:
        assert self.local is not None  # noqa: S101 - callers branch on it
        return self.local / checked_path(path)

    def _key(self, path: str) -> str:
        return f"{self._base}/{checked_path(path)}"

    def _cat(self, path: str, start: int, end: int | None) -> bytes:
        """One GET, so that an object which is replaced meanwhile is never mixed with the new one."""
        if start == end:
            return b""
        try:
            data: bytes = self._fs.cat_file(self._key(path), start=start, end=end)
        except OSError as error:
            if is_beyond_end(error):
                return b""
            raise
        return data

    @contextmanager
    def _temporary(self, path: str) -> Iterator[Path]:
        folder = self._file(path).parent if self.local else self._spool
        if folder is None:
            raise ConfigError(f"The store {self.root} needs a local spool folder for uploads.")
        make_folder(folder)
        file = folder / f".{uuid.uuid4().hex}.tmp"
        try:
            yield file
        finally:
            file.unlink(missing_ok=True)

    @contextmanager
    def _told(self, path: str, *, writing: bool = False) -> Iterator[None]:
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
                spool = "" if here else f" in the spool folder {self._spool}"
                raise StorageFull(f"No space is left for {self.url(path)}{spool}.") from error
            cause = without_secrets(told_cause(error), self._options)
            raise StorageError(f"{self.url(path)}: {cause}") from error
