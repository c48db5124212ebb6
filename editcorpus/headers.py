"""The headers of stored pictures: each is the ledger record of the call that paid for it."""

import logging
from collections.abc import Callable
from typing import NamedTuple

from editcorpus.bookings import Record, to_record
from editcorpus.errors import StorageError
from editcorpus.journal import Line
from editcorpus.storage import Store

_log = logging.getLogger(__name__)
_HEADER_BYTES = (8 * 1024, 1024 * 1024)
"""How much of a stored answer is read to find its header: nearly always, and at most."""


class Header(NamedTuple):
    """The first line of a stored picture: its ledger record, and what proves the bytes behind it.

    Attributes:
        start: Where the picture begins, in bytes.
        size: Of the picture, in bytes.
        sha256: Of the picture, in hex.
    """

    record: Record
    start: int
    size: int
    sha256: str


def image_path(key: str) -> str:
    """Where the answer to an image request lies."""
    return f"responses/{key[:2]}/{key}"


def read_header(
    store: Store, key: str, damaged: Callable[[], None] = lambda: None
) -> Header | None:
    """The header of a stored picture; None where there is none, or one that is damaged, which is told."""
    path = image_path(key)
    try:
        for length in _HEADER_BYTES:
            head, end, _ = store.read_range(path, 0, length).partition(b"\n")
            if end:
                header = parse_header(path, key, head)
                if header is None:
                    damaged()
                return header
    except FileNotFoundError:
        return None
    _log.warning("%s is damaged: it has no header.", store.url(path))
    damaged()
    return None


def parse_header(path: str, key: str, head: bytes) -> Header | None:
    """The header in the first line of a stored picture; None, and a warning, where it is damaged."""
    try:
        members = Line(path, 0, "answer", key, head).fields()
        record, proof = to_record(members), (members.get("bytes"), members.get("sha256"))
    except StorageError as error:
        _log.warning("%s is damaged: %s", path, error)
        return None
    if record.key != key or not isinstance(proof[0], int) or not isinstance(proof[1], str):
        _log.warning("%s is damaged: its header is not its own.", path)
        return None
    return Header(record, len(head) + 1, proof[0], proof[1])
