"""Pictures where they lie in the pages of a row group, without a copy of any.

Shards of a corpus hold pictures in pages that are neither packed nor refer to a dictionary. A page of
another kind, or with a value that is null, is left to Arrow: here it is said, not judged.

Source: Apache Parquet format 2.12 (`parquet.thrift`: `PageHeader`, `DataPageHeader`; Encodings.md, "Plain").
"""

from collections.abc import Callable
from itertools import islice
from typing import NamedTuple

import pyarrow.parquet as pq

from editcorpus.blobs.levels import hybrid
from editcorpus.layouts.schema import PICTURE, PICTURES
from editcorpus.thrift import Struct, read_struct

Views = list[memoryview]

_MOST_MEMBERS = 200
"""Fields of a header in all; the format has fewer than 30."""
_KIND, _UNPACKED, _PACKED, _DATA = 1, 2, 3, 5
_COUNT, _ENCODING, _LEVELS = 1, 2, 3
_DATA_PAGE, _PLAIN, _RLE = 0, 0, 3
_LENGTH = 4
"""Bytes of a length, before the levels of a page and before each value."""


class Leaf(NamedTuple):
    """A column of bytes as the footer counts it.

    Attributes:
        number: Among all columns of the file, members of structs counted one by one.
        level: Of a value that is not null; 0 where none can be.
    """

    number: int
    level: int


def leaves(parquet: pq.ParquetFile) -> list[Leaf] | None:
    """The bytes of both pictures; None where a column is not as this version writes it."""
    schema, names = parquet.schema_arrow, [f"{name}.bytes" for name in PICTURES]
    if any(name not in schema.names or schema.field(name).type != PICTURE for name in PICTURES):
        return None
    columns = [parquet.schema.column(number) for number in range(len(parquet.schema))]
    found = {
        column.path: Leaf(number, column.max_definition_level)
        for number, column in enumerate(columns)
        if not column.max_repetition_level
    }
    return [found[name] for name in names] if found.keys() >= set(names) else None


def views(
    group: pq.RowGroupMetaData, leaf: Leaf, part: Callable[[int, int], memoryview]
) -> Views | None:
    """The values of a column in a row group; None where its pages are of another kind.

    Args:
        group: What the footer says of the row group.
        leaf: Which column.
        part: Gives bytes of the file: from where, and how many, or it raises.

    Raises:
        ValueError: The pages are damaged. No view reaches beyond the column's own bytes.
    """
    column = group.column(leaf.number)
    if (
        column.compression != "UNCOMPRESSED"
        or column.physical_type != "BYTE_ARRAY"
        or column.has_dictionary_page
    ):
        return None
    data, found = part(column.data_page_offset, column.total_compressed_size), Views()
    while len(found) < column.num_values:
        members, length = read_struct(data, _MOST_MEMBERS)
        size, data = _number(members, _PACKED), data[length:]
        if size > len(data):
            raise ValueError("a page goes beyond the end of its column")
        some = _page(members, data[:size], leaf.level)
        if some is None:
            return None
        found += some
        data = data[size:]
    if len(found) > column.num_values:
        raise ValueError("its pages hold more values than announced")
    return found


def _page(members: Struct, body: memoryview, level: int) -> Views | None:
    told = members.get(_DATA)
    if members.get(_KIND) != _DATA_PAGE or not isinstance(told, dict):
        return None
    if (told.get(_ENCODING), told.get(_LEVELS), members.get(_UNPACKED)) != (
        _PLAIN,
        _RLE,
        len(body),
    ):
        return None
    count = _number(told, _COUNT)
    if count > len(body) // _LENGTH:  # some are null, or it is damaged
        return None
    if level:
        levels, body = _behind_length(body)
        given = islice(hybrid(bytes(levels), level.bit_length()), count)
        if sum(one == level for one in given) < count:
            return None
    found = Views()
    for _ in range(count):
        value, body = _behind_length(body)
        found.append(value)
    return found


def _behind_length(data: memoryview) -> tuple[memoryview, memoryview]:
    """Bytes whose length stands before them, and what follows."""
    end = _LENGTH + int.from_bytes(data[:_LENGTH], "little")
    if end > len(data):
        raise ValueError("a value goes beyond the end of its page")
    return data[_LENGTH:end], data[end:]


def _number(members: Struct, field: int) -> int:
    found = members.get(field)
    if not isinstance(found, int) or found < 0:
        raise ValueError("the header of a page lacks a number")
    return found
