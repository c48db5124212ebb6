"""What the footer of a parquet file says of its columns, read without Arrow.

Arrow ends the process when it is asked for the statistics of a column in a damaged footer.

Source: Apache Parquet format 2.12 (`parquet.thrift`: `FileMetaData`, `RowGroup`, `ColumnChunk`,
`ColumnMetaData`, `Statistics`, `Encoding`).
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from editcorpus.thrift import Struct, Value, read_struct

_MOST_MEMBERS = 4_000_000
"""Members of a footer in all: 130,000 columns of row groups. Published files have some hundreds."""
_ROW_GROUPS, _COLUMNS, _META = 4, 1, 3
_KIND, _ENCODINGS, _PATH, _CODEC, _VALUES, _PACKED = 1, 2, 3, 4, 5, 7
_DATA, _DICTIONARY, _STATISTICS = 9, 11, 12
_DELTA_LENGTHS, _DELTA = 6, 7
_NULLS, _LARGEST, _LEAST, _LARGEST_EXACT, _LEAST_EXACT = 3, 5, 6, 7, 8


class Chunk(NamedTuple):
    """Where a column of a row group lies in its file: the bytes from `start` to before `end`.

    Attributes:
        values: How many it has.
        delta: Whether it says that some pages hold differences of texts.
    """

    start: int
    end: int
    values: int
    delta: bool = False


class Footer:
    """A footer as it lies in the file.

    Raises:
        ValueError: It is none.
    """

    def __init__(self, data: bytes) -> None:
        members, _ = read_struct(data, _MOST_MEMBERS)
        self._groups = _structs(members.get(_ROW_GROUPS))

    def only_text(self, group: int, column: str) -> str | None:
        """The one text that a column has in a row group; None where its statistics prove none."""
        statistics = next((one.get(_STATISTICS) for one in self._columns(group, [column])), None)
        if not isinstance(statistics, dict) or statistics.get(_NULLS) != 0:
            return None
        least, largest = statistics.get(_LEAST), statistics.get(_LARGEST)
        whole = statistics.get(_LEAST_EXACT, 1) and statistics.get(_LARGEST_EXACT, 1)
        if whole and isinstance(least, memoryview) and least == largest:
            return str(least, "utf-8")
        return None

    def deltas(self) -> set[str]:
        """Paths of columns with pages that hold lengths or differences of texts."""
        groups = range(len(self._groups))
        return {_path(one) for group in groups for one in self._all(group) if _is_delta(one)}

    def packing(self, group: int, column: str) -> tuple[int, int, frozenset[int]]:
        """Physical type, codec and encodings of a column in a row group.

        Raises:
            ValueError: There is none.
        """
        meta = next(self._columns(group, [column]), None)
        if meta is None:
            raise ValueError(f"its footer does not tell of the column {column}")
        listed = meta.get(_ENCODINGS)
        encodings = (
            frozenset(one for one in listed or () if isinstance(one, int))
            if isinstance(listed, list)
            else frozenset[int]()
        )
        return _number(meta, _KIND), _number(meta, _CODEC), encodings

    def chunks(self, group: int, columns: Sequence[str], size: int) -> list[Chunk]:
        """Where columns lie in a row group.

        Args:
            group: From 0.
            columns: Their names, or of members of structs, such as `img.bytes`.
            size: Of the file, in bytes.

        Raises:
            ValueError: They cannot lie there, or hold more values than the file has bytes.
        """
        found = []
        for one in self._columns(group, columns):
            start, dictionary = _number(one, _DATA), _number(one, _DICTIONARY)
            if 0 < dictionary < start:
                start = dictionary
            end, values = start + _number(one, _PACKED), _number(one, _VALUES)
            chunk = Chunk(start, end, values, _is_delta(one))
            if chunk.end > size or chunk.values > size:
                raise ValueError("its footer announces more than the file holds")
            found.append(chunk)
        return found

    def _columns(self, group: int, names: Sequence[str]) -> Iterator[Struct]:
        for meta in self._all(group):
            path = _path(meta)
            if any(path == name or path.startswith(f"{name}.") for name in names):
                yield meta

    def _all(self, group: int) -> Iterator[Struct]:
        for chunk in _structs(self._groups[group].get(_COLUMNS)):
            meta = chunk.get(_META)
            if isinstance(meta, dict):
                yield meta


def _is_delta(meta: Struct) -> bool:
    encodings = meta.get(_ENCODINGS)
    return isinstance(encodings, list) and not {_DELTA_LENGTHS, _DELTA}.isdisjoint(encodings)


def _path(meta: Struct) -> str:
    parts = meta.get(_PATH)
    listed = parts if isinstance(parts, list) else []
    return ".".join(str(one, "utf-8") for one in listed if isinstance(one, memoryview))


def _structs(values: Value | None) -> list[Struct]:
    listed = values if isinstance(values, list) else []
    return [one for one in listed if isinstance(one, dict)]


def _number(members: Struct, field: int) -> int:
    found = members.get(field, 0)
    if not isinstance(found, int) or found < 0:
        raise ValueError("its footer contradicts itself")
    return found
