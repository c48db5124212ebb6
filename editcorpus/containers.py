"""What encoded pictures say of themselves, found without a decoder.

Their format, the size that they declare, whether they are whole; and for PNG the full proof that it
is sound, in constant memory and a fraction of the time.

Sources: W3C PNG specification, third edition, sections 5 (chunks), 7 (rows) and 9 (filters); WebP
container specification (RFC 9649); GIF89a specification, section 18.
"""

import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from editcorpus.errors import SourceError
from editcorpus.records import Reason

_MARKS = {
    b"\xff\xd8\xff": "jpeg",
    b"\x89PNG\r\n\x1a\n": "png",
    b"GIF87a": "gif",
    b"GIF89a": "gif",
    b"BM": "bmp",
    b"II*\x00": "tiff",
    b"MM\x00*": "tiff",
}
_UNREAD_CHUNKS = frozenset({b"caBX", b"tIME", b"bKGD", b"sBIT"})
"""Chunks that no decoder of ours looks into: provenance, date, background, significant bits."""


class _Chunk(NamedTuple):
    name: bytes
    body: memoryview


def sniff(data: bytes) -> str:
    """The format of encoded bytes, by their first bytes alone.

    Raises:
        SourceError: They bear the mark of no format that is read.
    """
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    for mark, name in _MARKS.items():
        if data.startswith(mark):
            return name
    raise SourceError(
        Reason.IMAGE_UNREADABLE,
        f"The image starts with {data[:8].hex()}: not one of JPEG, PNG, WebP, GIF, BMP, TIFF.",
    )


def declared_size(data: bytes, name: str) -> tuple[int, int] | None:
    """The size that a WebP or GIF declares, in px: their readers allocate it before they tell it."""
    if name == "gif":
        return struct.unpack_from("<HH", data, 6)
    if name != "webp":
        return None
    kind = data[12:16]
    if kind == b"VP8X":
        sides = (int.from_bytes(data[24:27], "little"), int.from_bytes(data[27:30], "little"))
        return sides[0] + 1, sides[1] + 1
    if kind == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    width, height = struct.unpack_from("<HH", data, 26)
    return width & 0x3FFF, height & 0x3FFF


def cut_short(data: bytes, name: str) -> bool:
    """Whether the end of the file is missing: a cheap look before decoding proves the rest."""
    if name == "webp":
        return len(data) < 8 + int.from_bytes(data[4:8], "little")
    end = {"jpeg": b"\xff\xd9", "png": b"IEND"}.get(name)
    return end is not None and data.rfind(end) < 0


def proven_size(data: bytes, max_pixels: int) -> tuple[int, int] | None:
    """Size in px of a PNG that is proven sound; None for kinds that only a decoder can judge.

    Raises:
        SourceError: It is damaged, or declares more than `max_pixels`.
    """
    if len(data) < 33 or data[12:16] != b"IHDR":
        raise _damaged("has no header")
    width, height, depth, colour, packing, filtering, interlaced = struct.unpack_from(
        ">IIBBBBB", data, 16
    )
    if not 0 < width * height <= max_pixels:
        raise _damaged(f"declares {width}x{height} px; at most {max_pixels} px are read")
    samples = {2: 3, 6: 4}.get(colour)
    if samples is None or (depth, packing, filtering, interlaced) != (8, 0, 0, 0):
        return None
    chunks = list(_chunks(data))
    names = [chunk.name for chunk in chunks[1:-1]]
    if not set(names) <= _UNREAD_CHUNKS | {b"IDAT"} or not _in_one_run(names):
        return None
    rows = _Rows(height, 1 + width * samples)
    for chunk in chunks:
        if chunk.name == b"IDAT":
            rows.feed(chunk.body)
    rows.finish()
    return width, height


def _in_one_run(names: list[bytes]) -> bool:
    places = [place for place, name in enumerate(names) if name == b"IDAT"]
    return not places or places[-1] - places[0] == len(places) - 1


def _chunks(data: bytes) -> Iterator[_Chunk]:
    view, at = memoryview(data), 8
    while at + 12 <= len(data):
        length = int.from_bytes(view[at : at + 4])
        end = at + 12 + length
        if end > len(data) or zlib.crc32(view[at + 4 : end - 4]) != int.from_bytes(
            view[end - 4 : end]
        ):
            break
        chunk = _Chunk(bytes(view[at + 4 : at + 8]), view[at + 8 : end - 4])
        yield chunk
        if chunk.name == b"IEND":
            return
        at = end
    raise _damaged(f"is cut short or has a wrong checksum near byte {at}")


class _Rows:
    """Inflates the rows of a PNG piece by piece, counts them, and keeps none."""

    def __init__(self, height: int, stride: int) -> None:
        self._inflate = zlib.decompressobj()
        self._left = height * stride
        self._stride = stride
        self._seen = 0

    def feed(self, body: bytes | memoryview) -> None:
        """Inflate one IDAT chunk; at most a quarter megabyte is held at a time."""
        while body and not self._inflate.eof:
            self._count(self._next(body))
            body = self._inflate.unconsumed_tail

    def finish(self) -> None:
        """Nothing may be missing."""
        while not self._inflate.eof and (rows := self._next(b"")):
            self._count(rows)
        if self._left or not self._inflate.eof:
            raise _damaged(f"lacks {self._left} bytes of rows or its checksum")

    def _next(self, body: bytes | memoryview) -> bytes:
        try:
            return self._inflate.decompress(body, 1 << 18)
        except zlib.error as error:
            raise _damaged(f"does not inflate: {error}") from error

    def _count(self, rows: bytes) -> None:
        filters = rows[-self._seen % self._stride :: self._stride]
        if len(rows) > self._left or max(filters, default=0) > 4:
            raise _damaged("holds rows that no header implies")
        self._seen += len(rows)
        self._left -= len(rows)


def _damaged(what: str) -> SourceError:
    return SourceError(Reason.IMAGE_UNREADABLE, f"The png {what}.")
