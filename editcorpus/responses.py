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
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import NamedTuple

from editcorpus.errors import ShardError, StorageError
from editcorpus.indexes import TextIndex
from editcorpus.journal import Line, encode, told_key
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
_HEAD_BYTES = 65_536
"""More than any first line of a stored picture has."""


class Repaid(NamedTuple):
    """Answers that were paid for once more, since those in the store were damaged; and dollars."""

    answers: int
    usd: Decimal


NOTHING_REPAID = Repaid(0, Decimal(0))


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
        repay: Whether one that is damaged may be asked and paid for again.
    """

    def __init__(self, store: Store, *, repay: bool = True) -> None:
        self.repay = repay
        self.repaid = NOTHING_REPAID
        self._store = store
        self._old = TextIndex()
        self._new: dict[str, Place] = {}
        self._refused: dict[str, Refusal] = {}
        self._damaged: dict[str, Decimal | None] = {}

    def read_index(self, *, keep: bool = True) -> int:
        """Read which texts and refusals the journals of all runs hold; returns how many texts.

        Args:
            keep: Whether digests of journals may be written; not by whoever only looks.
        """
        keys = [path.rpartition("/")[2] for path in self._store.list(_DAMAGED)]
        self._damaged = {key: self._paid(f"{_DAMAGED}/{key}", key) for key in keys}
        refusals = Refusals()
        self._old = TextIndex.of(self._store, refusals, keep=keep)
        self._damaged |= dict.fromkeys(self._old.lost - {""})
        self._refused = refusals.standing()
        return len(self._old)

    @property
    def store(self) -> Store:
        """Where the answers lie."""
        return self._store

    @property
    def damaged(self) -> frozenset[str]:
        """Hashes of requests whose answer was found damaged and not given again yet."""
        return frozenset(self._damaged)

    def lost(self, key: str) -> str:
        """That the paid answer to a request is damaged, and what it cost; empty where it is not."""
        if key not in self._damaged:
            return ""
        usd = self._damaged[key]
        price = f"${usd:.4f}" if usd is not None else "a price that cannot be read any more"
        return f"The answer {key} was paid for, at {price}, and is damaged in the store."

    def repairs(self) -> str:
        """What became of damaged answers, and its price; a sentence less its end, or nothing."""
        if self.repaid.answers:
            return (
                f"{self.repaid.answers} paid answers that were damaged in the store were asked for again, "
                f"for ${self.repaid.usd:.4f}"
            )
        if self.repay or not self._damaged:
            return ""
        usd = sum((price or Decimal(0) for price in self._damaged.values()), Decimal(0))
        return (
            f"{len(self._damaged)} paid answers are damaged in the store and were not asked for again, "
            f"which would cost about ${usd:.4f}"
        )

    def image(self, key: str) -> ImageAnswer | None:
        """The stored picture for a request, if it was ever paid for and has its whole length."""
        header = read_header(self._store, key, lambda: self._found_damaged(key, None))
        if header is None:
            return None
        missing = header.start + header.size - self._store.size(image_path(key))
        if missing:
            self._found_damaged(key, header.record.usd)
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
            if key not in self._damaged:  # what was set aside before tells what it has cost
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
        self._paid_again(record)
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
        self._paid_again(record)
        return TextAnswer(record, body)

    def _set_aside(self, key: str, data: bytes) -> None:
        self._store.write(f"{_DAMAGED}/{key}", data)
        self._store.remove(image_path(key))
        self._found_damaged(key, self._paid(f"{_DAMAGED}/{key}", key))

    def _found_damaged(self, key: str, usd: Decimal | None) -> None:
        self._damaged[key] = usd
        then = "It is asked and paid for again." if self.repay else "It is not paid for again."
        _log.warning("%s %s", self.lost(key), then)

    def _paid_again(self, record: Record) -> None:
        if record.key in self._damaged:
            del self._damaged[record.key]
            self.repaid = Repaid(self.repaid.answers + 1, self.repaid.usd + record.usd)

    def _paid(self, path: str, key: str) -> Decimal | None:
        """What an answer that is damaged has cost, if its first line still says so."""
        head = self._store.read_range(path, 0, _HEAD_BYTES).partition(b"\n")[0]
        header = parse_header(path, key, head)
        return None if header is None else header.record.usd

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
            if told_key(data) == key:
                self._found_damaged(key, None)
            return None
        if answer.record.key != key:
            return None
        if members.get("sha256") != _hash(answer.body):
            _log.warning("%s is damaged at byte %d.", place.path, place.offset)
            self._found_damaged(key, answer.record.usd)
            return None
        return answer


def text_line(record: Record, body: str) -> bytes:
    """The journal line that holds a text answer together with its record."""
    return encode("answer", record.key, **to_fields(record), sha256=_hash(body), body=body)


def _hash(body: str) -> str:
    return hashlib.sha256(body.encode("utf-8", "surrogatepass")).hexdigest()
