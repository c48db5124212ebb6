"""Small numbers of pages: levels of nulls, and references to a dictionary."""

from collections.abc import Iterator

from editcorpus.blobs.streams import Bytes

_SMALL = 64 * 2**20
"""Bytes of them that a page may have."""


def few(inside: Bytes, size: int) -> bytes:
    """The bytes of such numbers.

    Raises:
        ValueError: They are too many, or cut short.
    """
    if not 0 <= size <= _SMALL:
        raise ValueError(f"{size} bytes of levels are more than a page has")
    return inside.take(size)


def hybrid(data: bytes, width: int) -> Iterator[int]:
    """Small numbers, in runs or packed by eight (Encodings.md, "RLE/Bit-Packing Hybrid").

    Raises:
        ValueError: They are cut short, or wider than they can be.
    """
    if width > 32:
        raise ValueError("references are wider than any number")
    at, size, mask = 0, (width + 7) // 8, (1 << width) - 1
    while at < len(data):
        head, at = _varint(data, at)
        if head & 1:
            for _ in range(head >> 1):
                bits = int.from_bytes(data[at : at + width], "little")
                at += width
                yield from ((bits >> place * width) & mask for place in range(8))
                if at >= len(data):
                    break
        else:
            number = int.from_bytes(data[at : at + size], "little")
            at += size
            for _ in range(head >> 1):
                yield number


def _varint(data: bytes, at: int) -> tuple[int, int]:
    found = shift = 0
    while at < len(data) and shift < 35:
        byte = data[at]
        at += 1
        found |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return found, at
    raise ValueError("levels are cut short")
