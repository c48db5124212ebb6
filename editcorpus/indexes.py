"""Where the journals of all runs hold which text answer."""

import json
import logging
from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from editcorpus.digests import Kind, digested, groups
from editcorpus.journal import DAMAGED, File, Line, told_key
from editcorpus.refusals import Refusals
from editcorpus.sinks import Place
from editcorpus.storage import Store

_log = logging.getLogger(__name__)
_FILE_BITS = 40
"""Bits of a place that are the offset; above them is the number of the file."""


@dataclass(slots=True)
class _Texts:
    """The texts in some files of a journal.

    Attributes:
        prefix: The first eight bytes of each hash.
        place: Where the line lies: number of the file among these, and offset.
        length: Of the line in bytes.
        said: The lines of refusals, and those that revoke them.
        damaged: By number of the file, the offsets of lines that are damaged, and what hash each tells.
    """

    prefix: "array[int] | NDArray[np.uint64]" = field(default_factory=lambda: array("Q"))
    place: "array[int] | NDArray[np.uint64]" = field(default_factory=lambda: array("Q"))
    length: "array[int] | NDArray[np.uint32]" = field(default_factory=lambda: array("I"))
    said: list[Line] = field(default_factory=list)
    damaged: dict[int, list[tuple[int, str]]] = field(default_factory=dict)


def _read(files: Iterable[File]) -> _Texts:
    made = _Texts()
    prefix, place, length = array("Q"), array("Q"), array("I")
    for number, file in enumerate(files):
        for line in file.lines():
            if line.kind == "answer":
                prefix.append(_prefix(line.key))
                place.append(number << _FILE_BITS | line.offset)
                length.append(len(line.data))
            elif line.kind in {"refusal", "revoked"}:
                made.said.append(line)
            elif line.kind == DAMAGED:
                made.damaged.setdefault(number, []).append((line.offset, told_key(line.data)))
    made.prefix, made.place, made.length = prefix, place, length
    return made


def _encode(made: _Texts) -> bytes | None:
    """Nothing where a line is damaged: whoever comes next is to be told so, too."""
    if made.damaged:
        return None
    said = [[*line[:4], line.data.decode("utf-8", "surrogateescape")] for line in made.said]
    head = json.dumps({"texts": len(made.prefix), "said": said}).encode()
    arrays = (made.prefix, np.uint64), (made.place, np.uint64), (made.length, np.uint32)
    return b"\n".join((head, b"".join(np.array(one, kind).tobytes() for one, kind in arrays)))


def _decode(data: bytes) -> _Texts:
    head, _, rest = data.partition(b"\n")
    told = json.loads(head)
    count = int(told["texts"])
    if count < 0 or len(rest) != 20 * count:
        raise ValueError(f"it has {len(rest)} bytes for {count} texts")
    prefix, place = np.frombuffer(rest[: 16 * count], np.uint64).reshape(2, count)
    said = [
        Line(path, offset, kind, key, text.encode("utf-8", "surrogateescape"))
        for path, offset, kind, key, text in told["said"]
    ]
    return _Texts(prefix, place, np.frombuffer(rest[16 * count :], np.uint32), said)


TEXTS: Kind[_Texts] = Kind("texts", _read, _encode, _decode)
"""The digest of a journal's texts: 20 bytes each."""


class TextIndex:
    """Where text answers lie: 20 bytes each, so that millions fit into memory.

    Sorted by the first eight bytes of the hash; whoever finds a line compares its whole hash.

    Attributes:
        lost: Hashes of requests whose answers stood in lines that are damaged, as far as they can be
            read.
    """

    def __init__(self) -> None:
        self.lost: set[str] = set()
        self._paths: list[str] = []
        self._prefix = np.empty(0, np.uint64)
        self._offset = np.empty(0, np.uint64)
        self._length = np.empty(0, np.uint32)

    def __len__(self) -> int:
        return len(self._prefix)

    @classmethod
    def of(cls, store: Store, refusals: Refusals, *, keep: bool) -> "TextIndex":
        """What all journals of a store hold; who is refused is told to `refusals`.

        Args:
            store: Where they lie.
            refusals: Of requests; it is added to.
            keep: Whether digests may be written, so that the next one need not read so much.
        """
        made = cls()
        found: list[_Texts] = []
        for group, texts in digested(store, TEXTS, groups(store), keep=keep):
            first = len(made._paths)
            made._paths += [path for path, _ in group.files]
            for line in texts.said:
                refusals.take(line)
            for number, lines in texts.damaged.items():
                made.lost.update(key for _, key in lines)
                _warn(store.url(group.files[number][0]), [offset for offset, _ in lines])
            texts.place = np.array(texts.place, np.uint64) + np.uint64(first << _FILE_BITS)
            found.append(texts)
        made._sort(found)
        return made

    def _sort(self, found: list[_Texts]) -> None:
        if not found:
            return
        prefix = np.concatenate([np.asarray(one.prefix, np.uint64) for one in found])
        order = np.argsort(prefix, kind="stable")
        self._prefix = prefix[order]
        self._offset = np.concatenate([np.asarray(one.place, np.uint64) for one in found])[order]
        self._length = np.concatenate([np.asarray(one.length, np.uint32) for one in found])[order]

    def find(self, key: str) -> list[Place]:
        """The places whose hash begins as this one does: almost always none or one."""
        wanted = np.uint64(_prefix(key))
        first = int(np.searchsorted(self._prefix, wanted, "left"))
        last = int(np.searchsorted(self._prefix, wanted, "right"))
        return [self._place(number) for number in range(first, last)]

    def _place(self, number: int) -> Place:
        packed = int(self._offset[number])
        path = self._paths[packed >> _FILE_BITS]
        return Place(path, packed & ((1 << _FILE_BITS) - 1), int(self._length[number]))


def _warn(url: str, offsets: list[int]) -> None:
    if offsets:
        _log.warning(
            "%s is damaged in %d places, the first at byte %d; what was answered there is not served.",
            url,
            len(offsets),
            offsets[0],
        )


def _prefix(key: str) -> int:
    return int(key[:16], 16)
