"""The members of a tar stream, found in one pass forwards: nothing is unpacked, no link is followed.

Read are ustar, GNU (long names, base-256 sizes) and pax (`path`, `size`). A member is a file whose name
stays inside the folder that the archive is: links, devices, pipes, sparse files and names such as
`../x` and `/x` are none, and are counted as refused. Headers are bounded: a name of megabytes is none.

Source: POSIX.1-2024, pax, "ustar interchange format" and "pax interchange format"; GNU tar manual,
"Basic Tar Format".
"""

import re
import tarfile
import zlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Protocol

from editcorpus.archives.parts import BrokenOff

_BLOCK = tarfile.BLOCKSIZE
_MOST_NAME = 1 << 20
"""Bytes of a pax header or a long name at most; an honest one has a few hundred."""
_LONGEST = 4_096
"""Longest path of a member, in bytes: PATH_MAX of Linux' limits.h."""
_UNFIT = re.compile("[\0\ud800-\udfff]")
_FILES = {tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE}
_EMPTY = {
    tarfile.LNKTYPE,
    tarfile.SYMTYPE,
    tarfile.CHRTYPE,
    tarfile.BLKTYPE,
    tarfile.DIRTYPE,
    tarfile.FIFOTYPE,
}
"""Types behind whose header no content lies, whatever size it names."""
_PAX = {tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE}
_NAMES = {tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, *_PAX}
_GNU_MORE, _GNU_MORE_AGAIN = 482, 504
"""Where the headers of a GNU sparse file say that another header block follows."""


class Stream(Protocol):
    """Bytes forwards."""

    at: int

    def take(self, most: int) -> memoryview:
        """The next bytes, at least one and at most so many; none at the end."""


Through = Callable[[Any, int], int]
"""Goes on in a stream by so many bytes."""


class Found(NamedTuple):
    """One entry of a tar stream.

    Attributes:
        path: Relative, with `/` between names; empty where the entry is no member.
        at: Place of its first byte in the stream.
        size: In bytes.
        crc: CRC-32 of its bytes.
        end: Place of the header that follows.
        refused: Whether it is no member although it would be a file for `tar`.
    """

    path: str
    at: int
    size: int
    crc: int
    end: int
    refused: bool = False


def member_path(name: str) -> str:
    """A path as members are known by: without `.` and double slashes; empty where it leaves the folder."""
    names = [one for one in name.split("/") if one not in {"", "."}]
    if name.startswith("/") or ".." in names or _UNFIT.search(name):
        return ""
    path = "/".join(names)
    return path if len(path.encode()) <= _LONGEST else ""


def entries(stream: Stream, through: Through | None = None) -> Iterator[Found]:
    """The entries of a tar stream, from a header on up to the mark of its end.

    Args:
        stream: Read forwards.
        through: Goes on over what a member holds, in place of reading it; gives its CRC-32, or 0.

    Raises:
        BrokenOff: The stream ends before, or holds no header where one must be.
    """
    more: dict[str, str] = {}
    while (header := _header(stream)) is not None:
        if header.type in _NAMES:
            more |= _more(stream, header)
            continue
        yield _entry(stream, header, more, through or _through)
        more = {}


def _header(stream: Stream) -> tarfile.TarInfo | None:
    """The next header; None at the mark of the end."""
    block = _exactly(stream, _BLOCK)
    if not block.strip(b"\0"):
        return None
    try:
        header = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except (tarfile.HeaderError, ValueError) as error:
        raise BrokenOff(f"there is no header of a member ({error})") from None
    if header.size < 0:
        raise BrokenOff(f"a member has a size of {header.size}")
    if header.type == tarfile.GNUTYPE_SPARSE:
        _skip_sparse_headers(stream, block)
    return header


def _entry(
    stream: Stream, header: tarfile.TarInfo, more: dict[str, str], through: Through
) -> Found:
    size = 0 if header.type in _EMPTY else _size(header, more)
    at = stream.at
    crc = through(stream, size)
    through(stream, -size % _BLOCK)
    sparse = any(key.startswith("GNU.sparse.") for key in more)
    path = member_path(_readable(more.get("path", header.name)))
    member = header.type in _FILES and not sparse and bool(path)
    refused = not member and header.type not in {tarfile.DIRTYPE, tarfile.XGLTYPE}
    return Found(path if member else "", at, size, crc, stream.at, refused)


def _size(header: tarfile.TarInfo, more: dict[str, str]) -> int:
    text = more.get("size", str(header.size))
    if not text.isdecimal() or len(text) > 19:
        raise BrokenOff(f"a member has a size of {text!r:.40}")
    return int(text)


def _more(stream: Stream, header: tarfile.TarInfo) -> dict[str, str]:
    """What a header of names says of the member behind it."""
    if header.size > _MOST_NAME:
        _through(stream, header.size + -header.size % _BLOCK)
        return {"path": ""}
    data = _exactly(stream, header.size)
    _through(stream, -header.size % _BLOCK)
    if header.type in _PAX:
        return _pax(data)
    if header.type == tarfile.GNUTYPE_LONGNAME:
        return {"path": data.partition(b"\0")[0].decode("utf-8", "surrogateescape")}
    return {}


def _pax(data: bytes) -> dict[str, str]:
    """Records `length key=value`, up to the first that is none."""
    made = {}
    at = 0
    while at < len(data):
        digits, blank, _ = data[at : at + 20].partition(b" ")
        if not blank or not digits.isdigit():
            break
        end = at + int(digits)
        key, equals, value = data[at + len(digits) + 1 : end - 1].partition(b"=")
        if end > len(data) or not equals:
            break
        made[_text(key)] = _text(value)
        at = end
    return made


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _readable(name: str) -> str:
    """The name with bytes that are no UTF-8 written as hex: it is listed, and no record's path fits it."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _skip_sparse_headers(stream: Stream, block: bytes) -> None:
    place = _GNU_MORE
    while block[place]:
        block, place = _exactly(stream, _BLOCK), _GNU_MORE_AGAIN


def _exactly(stream: Stream, length: int) -> bytes:
    """So many bytes; only for a bounded length."""
    made = bytearray()
    while len(made) < length:
        made += (taken := stream.take(length - len(made)))
        if not taken:
            raise BrokenOff("it ends without the mark of its end")
    return bytes(made)


def _through(stream: Stream, length: int) -> int:
    """Go on by so many bytes; their CRC-32."""
    crc = 0
    while length:
        taken = stream.take(length)
        if not taken:
            raise BrokenOff("it ends within a member")
        crc = zlib.crc32(taken, crc)
        length -= len(taken)
    return crc
