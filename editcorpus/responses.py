"""The response store: every answer that was paid for, found by the hash of its request.

Answers with a picture are one object each, `responses/<aa>/<hash>`: a line of JSON, which is the
ledger record, then the picture's bytes as the API gave them. So nothing can be stored but not
booked, or booked but not stored. Answers in text lie in the journals, each line with its record; an
index of them is read once per run. So do refusals: what the API will never answer is on record with
its reason, and asked for no more. What came last counts: an answer after a refusal, or the reverse.

Every answer carries the SHA-256 of its bytes. One that is not whole is never served: a picture that
is cut short, or a text that does not match, counts as missing, with a warning, and is asked for
again. A picture whose bytes turn out wrong only when they are needed is set aside as
`damaged/<hash>`, so that it is missing from then on; `Responses.damaged` names such requests until
they are answered again.
"""

import hashlib
import logging
from array import array
from dataclasses import dataclass, replace

import numpy as np

from editcorpus.errors import ShardError, StorageError
from editcorpus.journal import DAMAGED, Line, encode, read_lines
from editcorpus.ledger import (
    Record,
    image_path,
    parse_header,
    read_header,
    to_fields,
    to_record,
)
from editcorpus.refusals import Refusal, Refusals
from editcorpus.sinks import Place
from editcorpus.storage import Store

_log = logging.getLogger(__name__)
_DAMAGED = "damaged"


@dataclass(frozen=True, slots=True)
class ImageAnswer:
    """A stored picture; its bytes are read when somebody needs them (`Responses.picture`)."""

    record: Record


@dataclass(frozen=True, slots=True)
class TextAnswer:
    """A stored answer in text: the API's JSON."""

    record: Record
    body: str


class Responses:
    """Finds and keeps answers. Any thread may look and keep pictures; one keeps all else.

    Args:
        store: Where the answers lie.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._old = _Index()
        self._new: dict[str, Place] = {}
        self._refused: dict[str, Refusal] = {}
        self._damaged: set[str] = set()

    def read_index(self) -> int:
        """Read which texts and refusals the journals of all runs hold; returns how many texts."""
        self._damaged = {path.rpartition("/")[2] for path in self._store.list(_DAMAGED)}
        refusals = Refusals()
        self._old = _Index.of(self._store, refusals)
        self._refused = refusals.standing()
        return len(self._old)

    @property
    def damaged(self) -> frozenset[str]:
        """Hashes of requests whose picture was set aside and not answered again yet."""
        return frozenset(self._damaged)

    def image(self, key: str) -> ImageAnswer | None:
        """The stored picture for a request, if it was ever paid for and has its whole length."""
        header = read_header(self._store, key)
        if header is None:
            return None
        missing = header.start + header.size - self._store.size(image_path(key))
        if missing:
            _log.warning("%s is damaged: %d bytes are missing.", image_path(key), missing)
            return None
        return ImageAnswer(header.record)

    def picture(self, key: str) -> bytes:
        """The picture that is stored, as the API gave it.

        Raises:
            ShardError: It is missing, or its bytes are not those that were stored; such a one is
                set aside.
        """
        path = image_path(key)
        try:
            data = self._store.read(path)
        except FileNotFoundError as error:
            self._set_aside(key, b"")
            raise ShardError(f"The paid answer {path} is missing.") from error
        head, _, picture = data.partition(b"\n")
        header = parse_header(path, key, head)
        if header is None or header.sha256 != hashlib.sha256(picture).hexdigest():
            self._set_aside(key, data)
            raise ShardError(
                f"The paid answer {path} is damaged; it was set aside as damaged/{key}."
            )
        return picture

    def keep_image(self, record: Record, picture: bytes) -> ImageAnswer:
        """Store a picture under its request's hash; durable when this returns."""
        proof = {"bytes": len(picture), "sha256": hashlib.sha256(picture).hexdigest()}
        header = encode("answer", record.key, **to_fields(record), **proof)
        self._store.write(image_path(record.key), header + picture)
        self._refused.pop(record.key, None)
        if record.key in self._damaged:
            self._store.remove(f"{_DAMAGED}/{record.key}")
            self._damaged.discard(record.key)
        return ImageAnswer(record)

    def text(self, key: str) -> TextAnswer | None:
        """The stored text for a request, the newest, if it was ever paid for and is whole."""
        place = self._new.get(key)
        places = [place] if place else self._old.find(key)
        found = [answer for place in places if (answer := self._at(place, key)) is not None]
        return max(reversed(found), key=lambda answer: answer.record.at, default=None)

    def refusal(self, key: str) -> Refusal | None:
        """That a request is refused for good, if it is; no store is asked."""
        return self._refused.get(key)

    def keep_refusal(self, record: Record, refusal: Refusal) -> None:
        """Remember that a request is refused for good (see `refusals.refusal_line`)."""
        self._refused[record.key] = replace(refusal, at=record.at)

    def revoke(self, key: str) -> None:
        """Forget that a request is refused (see `refusals.revoked_line`)."""
        self._refused.pop(key, None)

    def keep_text(self, record: Record, body: str, place: Place) -> TextAnswer:
        """Remember where a text answer was written (see `text_line`)."""
        self._new[record.key] = place
        self._refused.pop(record.key, None)
        return TextAnswer(record, body)

    def _set_aside(self, key: str, data: bytes) -> None:
        _log.warning("%s is damaged; it is set aside.", image_path(key))
        self._store.write(f"{_DAMAGED}/{key}", data)
        self._damaged.add(key)
        self._store.remove(image_path(key))

    def _at(self, place: Place, key: str) -> TextAnswer | None:
        """The answer at a place; None where it answers another request, or is damaged."""
        try:
            data = self._store.read_range(place.path, place.offset, place.length)
        except FileNotFoundError:
            data = b""
        try:
            members = Line(place.path, place.offset, "answer", key, data).fields()
            answer = TextAnswer(to_record(members), str(members.get("body")))
        except StorageError as error:
            _log.warning("A stored answer is not served: %s", error)
            return None
        if answer.record.key != key:
            return None
        if members.get("sha256") != _hash(answer.body):
            _log.warning("%s is damaged at byte %d.", place.path, place.offset)
            return None
        return answer


def text_line(record: Record, body: str) -> bytes:
    """The journal line that holds a text answer together with its record."""
    return encode("answer", record.key, **to_fields(record), sha256=_hash(body), body=body)


def _hash(body: str) -> str:
    return hashlib.sha256(body.encode("utf-8", "surrogatepass")).hexdigest()


class _Index:
    """Where text answers lie: 20 bytes each, so that millions fit into memory.

    Sorted by the first eight bytes of the hash; whoever finds a line compares its whole hash.
    """

    def __init__(self) -> None:
        self._paths: list[str] = []
        self._prefix = np.empty(0, np.uint64)
        self._offset = np.empty(0, np.uint64)
        self._length = np.empty(0, np.uint32)

    def __len__(self) -> int:
        return len(self._prefix)

    @classmethod
    def of(cls, store: Store, refusals: Refusals) -> "_Index":
        made = cls()
        prefix, offset, length = array("Q"), array("Q"), array("I")
        for number, path in enumerate(store.list("journal")):
            made._paths.append(path)
            damaged: list[int] = []
            for line in read_lines(store, path):
                if line.kind == "answer":
                    prefix.append(_prefix(line.key))
                    offset.append(number << 40 | line.offset)
                    length.append(len(line.data))
                elif line.kind in {"refusal", "revoked"}:
                    refusals.take(line)
                elif line.kind == DAMAGED:
                    damaged.append(line.offset)
            _warn(store.url(path), damaged)
        order = np.argsort(np.array(prefix, np.uint64), kind="stable")
        made._prefix = np.array(prefix, np.uint64)[order]
        made._offset = np.array(offset, np.uint64)[order]
        made._length = np.array(length, np.uint32)[order]
        return made

    def find(self, key: str) -> list[Place]:
        """The places whose hash begins as this one does: almost always none or one."""
        wanted = np.uint64(_prefix(key))
        first = int(np.searchsorted(self._prefix, wanted, "left"))
        last = int(np.searchsorted(self._prefix, wanted, "right"))
        return [self._place(number) for number in range(first, last)]

    def _place(self, number: int) -> Place:
        packed = int(self._offset[number])
        path = self._paths[packed >> 40]
        return Place(path, packed & ((1 << 40) - 1), int(self._length[number]))


def _warn(url: str, offsets: list[int]) -> None:
    if offsets:
        _log.warning(
            "%s is damaged in %d places, the first at byte %d; what was answered there is asked for "
            "again.",
            url,
            len(offsets),
            offsets[0],
        )


def _prefix(key: str) -> int:
    return int(key[:16], 16)
