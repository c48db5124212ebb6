"""Unfinished multipart uploads of a bucket: nobody reads them, and their parts are paid for."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

from editcorpus.buckets import error_code
from editcorpus.storage import Store


class Upload(NamedTuple):
    """An upload that nobody has finished, or given up.

    Attributes:
        path: In the store, of what it was to become.
        id: The server's name of it.
        bytes: Length of the parts that are there.
        age_s: Seconds since it began, by the server's own clock.
    """

    path: str
    id: str
    bytes: int
    age_s: float


def unfinished(store: Store) -> Iterator[Upload]:
    """All of them below the root of a store; none in a folder, or on a bucket other than S3.

    Raises:
        StorageError: The server does not tell.
    """
    if store.local is not None or not store.root.startswith(("s3://", "s3a://")):
        return
    files, key = store.beneath("x")
    bucket, _, prefix = key.removesuffix("x").partition("/")
    asked: dict[str, Any] = {"Bucket": bucket, "Prefix": prefix}
    while True:
        page: dict[str, Any] = {}
        with store.told("uploads", writing=True), _none_left():
            page = files.call_s3("list_multipart_uploads", **asked)
        now = _server_time(page)
        for one in page.get("Uploads") or ():
            size = _size(store, bucket, one)
            age_s = (now - one["Initiated"]).total_seconds()
            yield Upload(one["Key"].removeprefix(prefix), one["UploadId"], size, age_s)
        if not page.get("IsTruncated"):
            return
        asked["KeyMarker"] = page["NextKeyMarker"]
        asked["UploadIdMarker"] = page["NextUploadIdMarker"]


def abort(store: Store, path: str, upload_id: str) -> None:
    """Give an upload up; nothing happens where it is not there any more.

    Args:
        store: Where it is.
        path: Of what it was to become.
        upload_id: The server's name of it.

    Raises:
        StorageError: The server does not do it.
    """
    files, key = store.beneath(path)
    bucket, _, name = key.partition("/")
    with store.told(path, writing=True), _none_left():
        files.call_s3("abort_multipart_upload", Bucket=bucket, Key=name, UploadId=upload_id)


@contextmanager
def _none_left() -> Iterator[None]:
    """Let pass that there is no such upload; rclone 1.75 says so of a bucket that never had one."""
    try:
        yield
    except OSError as error:
        if not isinstance(error, FileNotFoundError) and error_code(error) != "NoSuchUpload":
            raise


def _server_time(page: dict[str, Any]) -> datetime:
    """The server's date, which comes with each answer; this machine's where it sends none."""
    told = page.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date", "")
    try:
        return parsedate_to_datetime(told)
    except ValueError:
        return datetime.now(UTC)


def _size(store: Store, bucket: str, one: dict[str, Any]) -> int:
    files, _ = store.beneath("x")
    where = {"Bucket": bucket, "Key": one["Key"], "UploadId": one["UploadId"]}
    parts: dict[str, Any] = {}
    with store.told("uploads", writing=True), _none_left():  # unless it has just ended
        parts = files.call_s3("list_parts", **where)
    return sum(int(part["Size"]) for part in parts.get("Parts") or ())
