"""The response store: every answer that was paid for, found by the hash of its request.

Answers with a picture are one object each, `responses/<aa>/<hash>`: a line of JSON, which is the
ledger record, then the picture's bytes as the API gave them. So nothing can be stored but not
booked, or booked but not stored. Answers in text lie in the journals, each line with its record; an
index of them is read once per run.
"""

from array import array
from dataclasses import dataclass

import numpy as np

from editcorpus.errors import StorageError
from editcorpus.journal import Line, encode, read_lines
from editcorpus.ledger import Record, image_path, read_header, to_fields, to_record
from editcorpus.sinks import Place
from editcorpus.storage import Store


@dataclass(frozen=True, slots=True)
class ImageAnswer:
    """A stored picture; its bytes are read when somebody needs them."""

    record: Record
    store: Store

    def load(self) -> bytes:
        """The picture as the API gave it, encoded."""
        return _picture(self.store, self.record.key)


@dataclass(frozen=True, slots=True)
class TextAnswer:
    """A stored answer in text: the API's JSON."""

    record: Record
    body: str


class Responses:
    """Finds and keeps answers. Any thread may look; one event loop writes.

    Args:
        store: Where the answers lie.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._old = _Index()
        self._new: dict[str, Place] = {}

    def read_index(self) -> int:
        """Read which text answers the journals of all runs hold; returns how many."""
        self._old = _Index.of(self._store)
        return len(self._old)

    def image(self, key: str) -> ImageAnswer | None:
        """The stored picture for a request, if it was ever paid for."""
        if not self._store.exists(image_path(key)):
            return None
        return ImageAnswer(read_header(self._store, key), self._store)

    def picture(self, key: str) -> bytes:
        """The bytes of a picture that is stored; FileNotFoundError where it is not."""
        return _picture(self._store, key)

    def keep_image(self, record: Record, picture: bytes) -> ImageAnswer:
        """Store a picture under its request's hash; durable when this returns."""
        header = encode("answer", record.key, **to_fields(record))
        self._store.write(image_path(record.key), header + picture)
        return ImageAnswer(record, self._store)

    def text(self, key: str) -> TextAnswer | None:
        """The stored text for a request, if it was ever paid for."""
        place = self._new.get(key)
        if place is not None:
            return self._at(place)
        for candidate in self._old.find(key):
            answer = self._at(candidate)
            if answer.record.key == key:
                return answer
        return None

    def keep_text(self, record: Record, body: str, place: Place) -> TextAnswer:
        """Remember where a text answer was written (see `text_line`)."""
        self._new[record.key] = place
        return TextAnswer(record, body)

    def _at(self, place: Place) -> TextAnswer:
        data = self._store.read_range(place.path, place.offset, place.length)
        if not data.endswith(b"}\n"):
            raise StorageError(f"{self._store.url(place.path)} is shorter than it was.")
        members = Line("", 0, "", "", data).fields()
        return TextAnswer(to_record(members), members["body"])


def _picture(store: Store, key: str) -> bytes:
    return store.read(image_path(key)).split(b"\n", 1)[1]


def text_line(record: Record, body: str) -> bytes:
    """The journal line that holds a text answer together with its record."""
    return encode("answer", record.key, **to_fields(record), body=body)


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
    def of(cls, store: Store) -> "_Index":
        made = cls()
        prefix, offset, length = array("Q"), array("Q"), array("L")
        for number, path in enumerate(store.list("journal")):
            made._paths.append(path)
            for line in read_lines(store, path):
                if line.kind == "answer":
                    prefix.append(_prefix(line.key))
                    offset.append(number << 40 | line.offset)
                    length.append(len(line.data))
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


def _prefix(key: str) -> int:
    return int(key[:16], 16)
