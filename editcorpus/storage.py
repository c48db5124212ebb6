"""Files under one root, locally or on S3: each is written whole or not at all.

A name appears with its whole content or it does not appear. Locally that is a temporary name,
fsync, rename and fsync of the folder; on S3 it is one PUT, or one CompleteMultipartUpload from a
local spool. A kill at any moment leaves at most a temporary file (`.*.tmp`) or an unfinished
multipart upload: neither is ever listed or read. A full disk raises `StorageFull`.
"""

import copy
import errno
import os
import re
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import IO, Any, cast
from urllib.parse import quote

from editcorpus.buckets import RangeFile, is_beyond_end, is_full, open_bucket, without_secrets
from editcorpus.buckets import cause as told_cause
from editcorpus.disk import commit_file, files_below, is_hidden, make_folder, sync
from editcorpus.errors import ConfigError, StorageError, StorageFull

_FULL = {errno.ENOSPC, errno.EDQUOT}
_NAME_BYTES = 255
"""Longest name that Linux file systems take (NAME_MAX of limits.h), in bytes."""
_SAFE_CHARS = 150
"""Longest name that `safe_name` gives: leaves room for suffixes within `_NAME_BYTES`."""
_FORBIDDEN = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")


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

    def open(self, path: str) -> IO[bytes]:
        """A seekable file for reading; on a bucket each read is one range request."""
        with self._told(path):
            if self.local:
                return self._file(path).open("rb")

        def fetch(start: int, length: int) -> bytes:
            return self.read_range(path, start, length)

        return cast("IO[bytes]", RangeFile(self.url(path), self.size(path), fetch))

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

    def create(self, path: str, data: bytes) -> bool:
        """Write `path` only if nothing has that name; whether this call did it.

        Locally exactly one of many callers wins. On a bucket this is a look and then a PUT, because
        not every server honours conditional writes: callers that need exactly one winner prove it
        themselves (see `runs.own_run`).
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
        return self.local / _checked(path)

    def _key(self, path: str) -> str:
        return f"{self._base}/{_checked(path)}"

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
                raise StorageFull(f"No space is left for {self._place(path, error)}.") from error
            cause = without_secrets(told_cause(error), self._options)
            raise StorageError(f"{self.url(path)}: {cause}") from error

    def _place(self, path: str, error: BaseException) -> str:
        if self.local or is_full(error):
            return self.url(path)
        return f"{self.url(path)} in the spool folder {self._spool}"


def safe_name(text: str) -> str:
    """`text` as one file name: letters, digits, `-`, `_`, `.`, `~` stay, the rest is %-encoded.

    Different texts give different names. A long one ends in `=` and a hash; so do no others, and
    the empty text is `=`.
    """
    name = quote(text, safe="", errors="surrogatepass") or "="
    if len(name) > _SAFE_CHARS:
        digest = sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        name = f"{name[: _SAFE_CHARS - 33]}={digest}"
    return f"%2E{name[1:]}" if name.startswith(".") else name


def _checked(path: str) -> str:
    """The path, proven to stay inside the store and to mean the same everywhere."""
    names = path.split("/")
    odd = any(name in {"", ".", ".."} or is_hidden(name) for name in names)
    if odd or _FORBIDDEN.search(path):
        raise ConfigError(f"{path!r} is not a path inside the store.")
    if any(len(name.encode()) > _NAME_BYTES for name in names):
        raise ConfigError(f"{path!r} has a name of more than {_NAME_BYTES} bytes.")
    return path
