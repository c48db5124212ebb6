"""The values of a column of bytes."""

from collections.abc import Iterator
from itertools import islice, repeat
from typing import NamedTuple

from editcorpus.blobs.levels import few, hybrid
from editcorpus.blobs.pages import DATA, DATA_V2, DICTIONARY, Page, Words, read_header
from editcorpus.blobs.streams import PLAIN, SNAPPY, Bytes, Cursor, Fetch, Part, plain, unpacked

_BYTE_ARRAY = 6
_PLAIN, _OLD_DICTIONARY, _RLE, _BIT_PACKED, _DICTIONARY = 0, 2, 3, 4, 8


class Column(NamedTuple):
    """A column of a row group.

    Attributes:
        start: Of its pages in the file.
        end: Of its pages.
        values: How many it has, those that are null among them.
        kind: Physical type.
        codec: How pages are packed.
        encodings: Of its pages.
        nullable: The level of a value that is not null; 0 where none can be.
    """

    start: int
    end: int
    values: int
    kind: int
    codec: int
    encodings: frozenset[int]
    nullable: int


def readable(column: Column) -> bool:
    """Whether a column can be read here; Arrow reads all of them."""
    known = {_PLAIN, _OLD_DICTIONARY, _RLE, _BIT_PACKED, _DICTIONARY}
    return (
        column.kind == _BYTE_ARRAY and column.codec in {PLAIN, SNAPPY} and column.encodings <= known
    )


def blobs(fetch: Fetch, column: Column) -> Iterator[bytes | None]:
    """The values of a column in order; None where one is null.

    Raises:
        ValueError: The pages are damaged; all values before the damage were given.
    """
    cursor, left = Cursor(fetch, column.start, column.end), column.values
    words: Words | None = None
    while left:
        page = read_header(cursor)
        if page.kind == DICTIONARY:
            words = Words(cursor.fork(page.packed), page, column.codec)
            continue
        body = cursor.part(page.packed)
        if page.kind in {DATA, DATA_V2}:
            if page.values > left:
                raise ValueError("its pages hold more values than announced")
            yield from _values(page, body, column, words)
            left -= page.values
        body.skip()


def _values(page: Page, body: Part, column: Column, words: Words | None) -> Iterator[bytes | None]:
    """The values of a page."""
    levels: Iterator[int] | None = None
    width = column.nullable.bit_length()
    size = page.unpacked
    if page.kind == DATA_V2:
        levels = hybrid(few(body, page.levels), width) if width else None
        size -= page.levels
    codec = column.codec if page.is_packed else PLAIN
    inside = unpacked(body, size, codec)
    if page.kind == DATA and width:
        length = int.from_bytes(inside.take(4), "little")
        levels = hybrid(few(inside, length), width)
        size -= 4 + length
    there = islice(levels, page.values) if levels else repeat(0, page.values)
    yield from _read(page, inside, size, (there, column.nullable), words)


def _read(
    page: Page,
    inside: Bytes,
    size: int,
    levels: tuple[Iterator[int], int],
    words: Words | None,
) -> Iterator[bytes | None]:
    following = _following(page, inside, size, words)
    given = 0
    for level in levels[0]:
        given += 1
        if level == levels[1]:
            found = next(following, None)
            if found is None:
                raise ValueError("a page has fewer values than it announces")
            yield found
        else:
            yield None
    if given < page.values:
        raise ValueError("a page has fewer values than it announces")


def _following(page: Page, inside: Bytes, size: int, words: Words | None) -> Iterator[bytes]:
    """The values of a page that are not null, without end where they stand in it themselves."""
    if page.encoding == _PLAIN:
        while True:
            yield plain(inside)
    if page.encoding not in {_OLD_DICTIONARY, _DICTIONARY} or words is None:
        raise ValueError(f"a page has the encoding {page.encoding}, and no dictionary for it")
    wide = inside.take(1)[0] if size > 0 else 0
    for number in hybrid(few(inside, max(0, size - 1)), wide):
        yield words.word(number)
