"""Files under one root, locally or on S3: each is written whole or not at all.

A name appears with its whole content or it does not appear. Locally that is a temporary name,
fsync, rename and fsync of the folder; on S3 it is one PUT, or one CompleteMultipartUpload from a
local spool. A kill at any moment leaves at most a temporary file (`.*.tmp`) or an unfinished
multipart upload: neither is ever listed or read. A full disk raises `StorageFull`.
"""

import errno
import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any
from urllib.parse import quote

import fsspec

from editcorpus.errors import ConfigError, StorageError, StorageFull

_FULL = {errno.ENOSPC, errno.EDQUOT}


class Store:
    """A folder or bucket prefix that holds everything of a team's runs.

    Paths are relative to the root, with `/` between names. Any thread may call any method.
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
            ConfigError: The URL's protocol is unknown.
        """
        self.root = root.rstrip("/") or "/"
        self.local = None if "://" in root else Path(root).absolute()
        self._spool = spool
        if self.local is None:
            self._fs, self._base = _bucket(self.root, options or {})

    @classmethod
    def on_disk(cls, folder: Path | str) -> "Store":
        """A store in a local folder."""
        return cls(str(folder))

    def url(self, path: str) -> str:
        """The path as a person would type it."""
        return f"{self.root}/{path}" if self.local is None else str(self._file(path))

    def read(self, path: str) -> bytes:
        """The whole content; FileNotFoundError where there is none."""
        with _named(self.url(path)):
            return self._file(path).read_bytes() if self.local else self._cat(path, None, None)

    def read_range(self, path: str, start: int, length: int) -> bytes:
        """At most `length` bytes from `start`."""
        with _named(self.url(path)):
            if self.local is None:
                return self._cat(path, start, start + length)
            with self._file(path).open("rb") as file:
                file.seek(start)
                return file.read(length)

    def open(self, path: str) -> IO[bytes]:
        """A seekable file for reading; on a bucket each read is one range request."""
        with _named(self.url(path)):
            if self.local:
                return self._file(path).open("rb")
            opened: IO[bytes] = self._fs.open(self._key(path), "rb", cache_type="none")
            return opened

    def exists(self, path: str) -> bool:
        """Whether a file has this name."""
        with _named(self.url(path)):
            return (
                self._file(path).is_file() if self.local else bool(self._fs.exists(self._key(path)))
            )

    def size(self, path: str) -> int:
        """Length in bytes; FileNotFoundError where there is none."""
        with _named(self.url(path)):
            if self.local:
                return self._file(path).stat().st_size
            return int(self._fs.info(self._key(path))["size"])

    def list(self, prefix: str) -> list[str]:
        """All paths below a folder, at any depth, sorted; none where the folder is missing."""
        with _named(self.url(prefix)):
            if self.local is None:
                found = self._fs.find(self._key(prefix) + "/")
                return sorted(name[len(self._base) + 1 :] for name in found)
            files = (file for file in self._file(prefix).rglob("*") if not _hidden(file))
            return sorted(
                file.relative_to(self.local).as_posix() for file in files if file.is_file()
            )

    def write(self, path: str, data: bytes) -> None:
        """Put `data` under `path`, whole or not at all, replacing what was there."""
        with _named(self.url(path)):
            if self.local is None:
                self._fs.pipe_file(self._key(path), data)
                return
        with self.upload(path) as file:
            file.write_bytes(data)

    @contextmanager
    def upload(self, path: str) -> Iterator[Path]:
        """Yield a local file to fill; commit it under `path` when the block ends well.

        The file is removed when the block raises; nothing then appears under `path`.
        """
        with _named(self.url(path)):
            target = self._file(path) if self.local else None
            folder = target.parent if target else self._spool_folder()
            folder.mkdir(parents=True, exist_ok=True)
            file = folder / f".{uuid.uuid4().hex}.tmp"
            try:
                yield file
                if target:
                    commit_file(file, target)
                else:
                    self._fs.put_file(str(file), self._key(path))
            finally:
                file.unlink(missing_ok=True)

    def create(self, path: str, data: bytes) -> bool:
        """Write `path` only if nothing has that name; whether this call did it.

        Locally exactly one of many callers wins. On a bucket this is a look and then a PUT: callers
        that need exactly one winner read back what they wrote (`locks.py` does).
        """
        if self.local is None:
            if self.exists(path):
                return False
            self.write(path, data)
            return True
        with _named(self.url(path)), self._temporary(path, data) as file:
            try:
                os.link(file, self._file(path))
            except FileExistsError:
                return False
            return True

    def remove(self, path: str) -> None:
        """Delete a file; nothing happens where there is none."""
        with _named(self.url(path)):
            if self.local:
                self._file(path).unlink(missing_ok=True)
            elif self.exists(path):
                self._fs.rm_file(self._key(path))

    def check(self) -> None:
        """Prove that the root can be written, read and cleaned.

        Raises:
            ConfigError: It can't; the sentence says what to look at. Nothing is left behind.
        """
        path, data = f"probe/{uuid.uuid4().hex}", b"editcorpus"
        try:
            self.write(path, data)
            if self.read(path) != data:
                raise ConfigError(f"The store {self.root} does not give back what was written.")
            self.remove(path)
        except (OSError, ValueError) as error:
            if isinstance(error, ConfigError | StorageFull):
                raise
            raise ConfigError(f"The store {self.root} cannot be used: {_cause(error)}") from error
        finally:
            if self.local and (self.local / "probe").is_dir():
                _remove_if_empty(self.local / "probe")

    def local_file(self, path: str) -> Path | None:
        """Where the file lies on this machine's disk; None on a bucket."""
        return self._file(path) if self.local else None

    def _file(self, path: str) -> Path:
        assert self.local is not None  # noqa: S101 - callers branch on it
        return self.local / _safe(path)

    def _key(self, path: str) -> str:
        return f"{self._base}/{_safe(path)}"

    def _cat(self, path: str, start: int | None, end: int | None) -> bytes:
        data: bytes = self._fs.cat_file(self._key(path), start=start, end=end)
        return data

    def _spool_folder(self) -> Path:
        if self._spool is None:
            raise ConfigError(f"The store {self.root} needs a local spool folder for uploads.")
        return self._spool

    @contextmanager
    def _temporary(self, path: str, data: bytes) -> Iterator[Path]:
        folder = self._file(path).parent
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f".{uuid.uuid4().hex}.tmp"
        try:
            file.write_bytes(data)
            _sync(file)
            yield file
            _sync(folder)
        finally:
            file.unlink(missing_ok=True)


def commit_file(file: Path, target: Path) -> None:
    """Make a finished local file durable under its final name."""
    _sync(file)
    file.replace(target)
    _sync(target.parent)


def safe_name(text: str) -> str:
    """`text` as one file name: letters, digits, `-`, `_`, `.` stay, the rest is percent-encoded."""
    name = quote(text, safe="")
    return f"%2E{name[1:]}" if name.startswith(".") else name


def _safe(path: str) -> str:
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts:
        raise ConfigError(f"{path!r} is not a path inside the store.")
    return "/".join(parts)


def _hidden(file: Path) -> bool:
    return file.name.startswith(".") and file.name.endswith(".tmp")


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _remove_if_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError as error:
        if error.errno not in {errno.ENOTEMPTY, errno.ENOENT}:
            raise


def _bucket(root: str, options: Mapping[str, Any]) -> tuple[Any, str]:
    protocol, _, rest = root.partition("://")
    try:
        made = fsspec.filesystem(
            protocol, skip_instance_cache=True, use_listings_cache=False, **options
        )
    except (ValueError, ImportError) as error:
        raise ConfigError(f"No store can be opened at {root!r}: {error}.") from error
    return made, rest


@contextmanager
def _named(url: str) -> Iterator[None]:
    """Turn what storage raises into this project's own errors, with the place in the sentence."""
    try:
        yield
    except (StorageFull, StorageError, FileNotFoundError, ConfigError):
        raise
    except OSError as error:
        if error.errno in _FULL:
            raise StorageFull(f"No space is left for {url}.") from error
        raise StorageError(f"{url}: {_cause(error)}") from error
    except Exception as error:
        if type(error).__module__.split(".")[0] not in {"botocore", "aiobotocore", "aiohttp"}:
            raise
        raise StorageError(f"{url}: {_cause(error)}") from error


def _cause(error: BaseException) -> str:
    """The last line of an error, without request dumps."""
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:300]
