"""What a bucket needs beyond a folder: opening it, reading ranges of it, and naming its errors."""

import errno
import importlib
import io
import re
from collections.abc import Callable, Mapping
from typing import Any

import fsspec

from editcorpus.errors import ConfigError

_FULL = {
    "InsufficientCapacity",  # Ceph
    "InsufficientStorage",  # HTTP 507
    "QuotaExceeded",  # Ceph
    "XMinioAdminBucketQuotaExceeded",
    "XMinioStorageFull",
}
"""S3 error codes that mean: no more bytes."""
_UNMET = {"412", "PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey"}
"""S3 error codes for a write whose condition does not hold, or that met another one."""
_BEYOND = {"416", "InvalidRange"}
"""S3 error codes for a range that begins behind the last byte."""
_PLAIN: dict[str, Any] = {"response_checksum_validation": "when_required"}
"""botocore's settings for any read: rclone 1.75 sends the checksum of the whole object along with a
range of it, which the default refuses. Uploads stay checked; what is read is checked by length here,
and by the SHA-256 in headers and manifests where it counts."""
_HASTY: dict[str, Any] = {
    "connect_timeout": 5,
    "read_timeout": 20,
    "retries": {"total_max_attempts": 1},
}
"""botocore's settings for a first look: whoever waits at a terminal gets an answer in seconds."""
_S3 = {"s3", "s3a"}
_KINDS = {"html": "text/html", "jpg": "image/jpeg", "png": "image/png", "webp": "image/webp"}
_PASSWORD = re.compile(r"://[^/\s]*:[^/\s]*@")
"""A user and a password in a URL; a name alone, as in `abfs://container@account`, is no secret."""


def open_bucket(
    root: str, options: Mapping[str, Any], *, hasty: bool = False
) -> tuple[Any, str, tuple[type[BaseException], ...]]:
    """Open a URL without touching what it names.

    Args:
        root: Such as `s3://bucket/prefix`.
        options: What fsspec's filesystem takes.
        hasty: Whether an S3 server that does not answer is given up within seconds.

    Returns:
        The filesystem, the part of the URL behind `://`, and what its clients raise.

    Raises:
        ConfigError: The protocol is unknown, or the URL names no bucket.
    """
    protocol, _, base = root.partition("://")
    refuse_password(root)
    if not base:
        raise ConfigError(f"The URL {root!r} names no bucket.")
    chosen = client_options(protocol, options, hasty=hasty)
    try:
        made = fsspec.filesystem(
            protocol, skip_instance_cache=True, use_listings_cache=False, **chosen
        )
    except (ValueError, ImportError) as error:
        raise ConfigError(f"No store can be opened at {root!r}: {error}.") from error
    if hasty:
        hurry(made)
    return made, base, _client_errors() if protocol in _S3 else (OSError,)


def client_options(protocol: str, options: Mapping[str, Any], *, hasty: bool) -> dict[str, Any]:
    """What fsspec's filesystem takes, with what an S3 client needs beyond it.

    Args:
        protocol: Such as `s3`; others are left as they are.
        options: As given.
        hasty: Whether a server that does not answer is given up within seconds.

    Raises:
        ConfigError: The URL of the server holds a password.
    """
    refuse_password(str(options.get("endpoint_url", "")))
    if protocol not in _S3:
        return dict(options)
    quick = _HASTY if hasty else {}
    return {**options, "config_kwargs": {**_PLAIN, **options.get("config_kwargs", {}), **quick}}


def refuse_password(url: str) -> None:
    """Refuse a URL with a password, which would be written wherever the URL is.

    Raises:
        ConfigError: It holds one; the sentence does not.
    """
    if _PASSWORD.search(url):
        raise ConfigError(
            f"The URL {_PASSWORD.sub('://***@', url)} holds a password, which every manifest and log "
            "would show; keys belong into the environment or into a saved block."
        )


def hurry(files: Any) -> None:
    """Let an S3 filesystem try everything once: s3fs adds tries to those of its client."""
    if "s3" in files.protocol:
        files.retries = 1


def error_code(error: BaseException) -> str:
    """The server's own code of an error, such as `NoSuchBucket`; empty where it gave none."""
    response = getattr(error.__cause__ or error, "response", None)
    members = response.get("Error", {}) if isinstance(response, Mapping) else {}
    return str(members.get("Code", ""))


def cat(files: Any, key: str, start: int, end: int | None) -> bytes:
    """One GET, so that an object which is replaced meanwhile is never mixed with the new one.

    Args:
        files: The filesystem.
        key: Bucket and key.
        start: First byte.
        end: The first byte that is not wanted any more; None wants all.
    """
    if start == end:
        return b""
    try:
        data: bytes = files.cat_file(key, start=start, end=end)
    except OSError as error:
        if is_beyond_end(error):
            return b""
        raise
    return data


def put(files: Any, key: str, data: bytes) -> None:
    """PUT an object, on S3 with its kind where it is one that a browser shows and else would save.

    Raises:
        OSError: Whatever the bucket's client raises.
    """
    kind = _KINDS.get(key.rpartition(".")[2]) if "s3" in files.protocol else None
    files.pipe_file(key, data, **({"ContentType": kind} if kind else {}))


def put_if(files: Any, key: str, data: bytes, tag: str) -> bool:
    """PUT an object only if it is still the one of an ETag; whether it was.

    Args:
        files: The filesystem.
        key: Bucket and key.
        data: The new content.
        tag: ETag without quotes; empty: only if nothing has this key.

    Raises:
        OSError: Another kind of bucket than S3, or whatever its client raises.
    """
    if "s3" not in files.protocol:
        raise OSError(errno.ENOTSUP, "conditional writes are known of S3 alone")
    # By RFC 9110 an ETag is quoted; Ceph 16 takes If-Match only without the quotes.
    forms = [{"IfMatch": tag}, {"IfMatch": f'"{tag}"'}] if tag else [{"IfNoneMatch": "*"}]
    for condition in forms:
        try:
            files.pipe_file(key, data, **condition)
        except FileExistsError:
            continue
        except OSError as error:
            if error_code(error) not in _UNMET and not isinstance(error, FileNotFoundError):
                raise
            continue
        return True
    return False


def etag(files: Any, key: str) -> str:
    """What the present content is known by, without quotes; FileNotFoundError where there is none."""
    return str(files.info(key).get("ETag", "")).strip('"')


def is_full(error: BaseException) -> bool:
    """Whether a server says that it takes no more bytes."""
    return error_code(error) in _FULL


def is_beyond_end(error: BaseException) -> bool:
    """Whether a server says that a range begins behind the last byte."""
    return error_code(error) in _BEYOND


def cause(error: BaseException) -> str:
    """The first line of an error, without request dumps and passwords, as the end of a sentence."""
    text = str(error).strip() or type(error).__name__
    text = re.sub(r"//[^/@\s]+@", "//***@", text.splitlines()[0])
    return text[:300].rstrip(".") + "."


def without_secrets(text: str, options: Mapping[str, Any]) -> str:
    """The text with every secret among the options replaced by `***`."""
    for value in options.values():
        if isinstance(value, Mapping):
            text = without_secrets(text, value)
        elif isinstance(value, str) and len(value) > 3 and "://" not in value:
            text = text.replace(value, "***")
    return text


class RangeFile(io.RawIOBase):
    """A seekable file over an object; each read is one range request.

    Args:
        name: For messages.
        size: Of the object, in bytes.
        fetch: Gives at most so many bytes (second) from a place (first).
    """

    def __init__(self, name: str, size: int, fetch: Callable[[int, int], bytes]) -> None:
        super().__init__()
        self.name = name
        self._size = size
        self._fetch = fetch
        self._at = 0

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def tell(self) -> int:
        """Where the next read begins."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go to a place; OSError where it lies before the first byte."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if start + offset < 0:
            raise OSError(f"{self.name} has no byte at {start + offset}.")
        self._at = start + offset
        return self._at

    def read(self, size: int | None = -1, /) -> bytes:
        """At most `size` bytes, or all that are left."""
        left = max(0, self._size - self._at)
        wanted = left if size is None or size < 0 else min(size, left)
        data = self._fetch(self._at, wanted) if wanted else b""
        self._at += len(data)
        return data

    def readall(self) -> bytes:
        """All that are left, in one request."""
        return self.read()

    def readinto(self, buffer: Any, /) -> int:
        """Fill a buffer as far as there are bytes."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def _client_errors() -> tuple[type[BaseException], ...]:
    """What s3fs raises: translated, and not; imported only where a bucket is used."""
    botocore = importlib.import_module("botocore.exceptions")
    aiohttp = importlib.import_module("aiohttp")
    return (OSError, botocore.BotoCoreError, botocore.ClientError, aiohttp.ClientError)
