"""Headers of pages, and dictionaries."""

from collections import OrderedDict
from typing import NamedTuple

from editcorpus.blobs.streams import Cursor, plain, unpacked
from editcorpus.thrift import CutShort, Struct, read_struct

DATA, DICTIONARY, DATA_V2 = 0, 2, 3
"""Kinds of pages (`parquet.thrift`, PageType)."""
_LONGEST_HEADER = 16 * 2**20
_MOST_MEMBERS = 200
_HELD = 128 * 2**20
"""Bytes of a dictionary that are held; what is asked for again later is unpacked again."""


class Page(NamedTuple):
    """The header of a page."""

    kind: int
    unpacked: int
    packed: int
    values: int
    encoding: int
    levels: int
    is_packed: bool


class Words:
    """The values of a dictionary, unpacked in their order as they are asked for."""

    def __init__(self, cursor: Cursor, page: Page, codec: int) -> None:
        self._page = page
        self._codec = codec
        self._cursor = cursor
        self._held: OrderedDict[int, bytes] = OrderedDict()
        self._size = 0
        self._again = cursor.again()
        self._begin()

    def word(self, number: int) -> bytes:
        """The value of that number, from 0.

        Raises:
            ValueError: There is none, or the dictionary is damaged.
        """
        if number >= self._page.values:
            raise ValueError("a value refers to none in the dictionary")
        known = self._held.get(number)
        if known is not None:
            return known
        if number < self._next:
            self._cursor = self._again.again()
            self._begin()
        while self._next <= number:
            found = plain(self._bytes)
            self._keep(self._next, found)
            self._next += 1
        return found

    def _begin(self) -> None:
        part = self._cursor.part(self._page.packed)
        self._bytes = unpacked(part, self._page.unpacked, self._codec)
        self._next = 0

    def _keep(self, number: int, found: bytes) -> None:
        if number in self._held:
            return
        self._held[number] = found
        self._size += len(found)
        while self._size > _HELD and len(self._held) > 1:
            self._size -= len(self._held.popitem(last=False)[1])


def read_header(cursor: Cursor) -> Page:
    """The header of the next page; its bytes are taken.

    Raises:
        ValueError: There is none, or it announces what cannot be.
    """
    wanted = 1024
    while True:
        seen = cursor.ahead(wanted)
        try:
            members, length = read_struct(seen, _MOST_MEMBERS)
            break
        except CutShort:
            if len(seen) < wanted or wanted >= _LONGEST_HEADER:
                raise
            wanted *= 16
    kind, unpacked, packed = (_number(members, one) for one in (1, 2, 3))
    field = {DATA: 5, DICTIONARY: 7, DATA_V2: 8}.get(kind)
    inner = members.get(field) if field else None
    told: Struct = inner if isinstance(inner, dict) else {}
    later = kind == DATA_V2
    page = Page(
        kind,
        unpacked,
        packed,
        _number(told, 1) if field else 0,
        _number(told, 4 if later else 2) if field else 0,
        _number(told, 5) if later else 0,
        bool(told.get(7, 1)) if later else True,
    )
    if later and _number(told, 6):
        raise ValueError("its rows are lists")
    cursor.take(length)
    return page


def _number(members: Struct, field: int) -> int:
    found = members.get(field)
    if not isinstance(found, int) or found < 0:
        raise ValueError("the header of a page lacks a number")
    return found
