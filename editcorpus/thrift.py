"""Structs of Thrift's compact protocol, as the headers and footers of parquet files use them.

Source: Apache Thrift, "Thrift Compact protocol encoding" (doc/specs/thrift-compact-protocol.md).
"""

from typing import Union

Value = Union[int, memoryview, "Struct", list["Value"]]
Struct = dict[int, Value]
"""Members of a struct by field id."""

_TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _LIST, _SET, _STRUCT = 1, 2, 3, 7, 8, 9, 10, 12
_INTEGERS = {4, 5, 6}
_SIZES = {_BYTE: 1, _DOUBLE: 8}
_DEEPEST = 8
"""Structs and lists within each other; a footer has five."""
_LONGEST_NUMBER = 10
"""Bytes of a number of 64 bits."""


class CutShort(ValueError):
    """The bytes end before the struct does."""


def read_struct(data: bytes | memoryview, most: int) -> tuple[Struct, int]:
    """The struct at the start of some bytes, and how many of them it takes.

    Nothing is set aside for the lengths that it announces. Maps are not read.

    Args:
        data: Texts in the result are views of it.
        most: Most fields and elements of lists in all.

    Raises:
        CutShort: The bytes end before it does.
        ValueError: It is no struct, or has more fields and elements.
    """
    reader = _Reader(memoryview(data), most)
    return reader.struct(0), reader.at


class _Reader:
    """Reads on from `at`."""

    def __init__(self, data: memoryview, left: int) -> None:
        self._data = data
        self._left = left
        self.at = 0

    def struct(self, depth: int) -> Struct:
        members: Struct = {}
        field = 0
        while head := self._byte():
            before, step = field, head >> 4
            field = before + step if step else self._signed()
            self._count()
            if field <= before or depth > _DEEPEST:
                raise ValueError("its fields are in disorder")
            kind = head & 15
            members[field] = (
                int(kind == _TRUE) if kind in {_TRUE, _FALSE} else self._value(kind, depth)
            )
        return members

    def _value(self, kind: int, depth: int) -> Value:
        if kind in _INTEGERS:
            return self._signed()
        if kind == _BINARY:
            return self._bytes(self._varint())
        if kind == _STRUCT:
            return self.struct(depth + 1)
        if kind in {_LIST, _SET}:
            return self._list(depth + 1)
        if kind not in _SIZES:
            raise ValueError(f"a field has the type {kind}")
        return self._bytes(_SIZES[kind])

    def _list(self, depth: int) -> list[Value]:
        head = self._byte()
        count = self._varint() if head >> 4 == 15 else head >> 4
        kind = _BYTE if head & 15 in {_TRUE, _FALSE} else head & 15
        if depth > _DEEPEST:
            raise ValueError("its lists are nested too deeply")
        found: list[Value] = []
        while len(found) < count:
            self._count()
            found.append(self._value(kind, depth))
        return found

    def _count(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise ValueError("it has too many members")

    def _signed(self) -> int:
        number = self._varint()
        return (number >> 1) ^ -(number & 1)

    def _varint(self) -> int:
        number = 0
        for place in range(_LONGEST_NUMBER):
            byte = self._byte()
            number |= (byte & 127) << 7 * place
            if byte < 128:
                return number
        raise ValueError("a number in it has no end")

    def _byte(self) -> int:
        if self.at >= len(self._data):
            raise CutShort("it is cut short")
        self.at += 1
        return self._data[self.at - 1]

    def _bytes(self, count: int) -> memoryview:
        if count > len(self._data) - self.at:
            raise CutShort("it is cut short")
        self.at += count
        return self._data[self.at - count : self.at]
