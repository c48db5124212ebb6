"""Where the journals of all runs hold which text answer."""

import logging
from array import array

import numpy as np

from editcorpus.journal import DAMAGED, read_lines, told_key
from editcorpus.refusals import Refusals
from editcorpus.sinks import Place
from editcorpus.storage import Store

_log = logging.getLogger(__name__)


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
    def of(cls, store: Store, refusals: Refusals) -> "TextIndex":
        """Read all journals of a store; who is refused is told to `refusals`."""
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
                    made.lost.add(told_key(line.data))
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
            "%s is damaged in %d places, the first at byte %d; what was answered there is not served.",
            url,
            len(offsets),
            offsets[0],
        )


def _prefix(key: str) -> int:
    return int(key[:16], 16)
