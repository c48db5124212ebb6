"""Where a block of deflate begins, so that unpacking can start there later.

A gzip stream can be unpacked from its first byte, or from the beginning of any block of it, given
the 32 KiB that were unpacked just before (RFC 1951, section 3.2). zlib's Python face tells nobody
where blocks begin. So a block is looked for among the packed bytes by what its header must look like,
and is believed only when unpacking from there gives the very bytes that the stream gives.

A block may begin inside a byte. `primer` fills the bits before it with empty blocks, so that any
inflater that starts at whole bytes can start there. No index of a foreign library is parsed, nothing
runs in C but zlib itself, and what was found on hostile bytes is at worst nothing.
"""

import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

WINDOW = 32_768
"""How far back deflate may refer, in bytes: RFC 1951, section 2."""
STORED = 8
"""Stands in `Block.bit` for a block of bytes as they are, whose lengths lie at `Block.byte`."""
_REGION = 1 << 15
"""Packed bytes that are searched at a time; blocks of gzip are 10 to 60 kB long."""
_REGIONS = 8
_TRUTH = 1 << 23
"""Bytes that are unpacked for comparing at most; a bomb has more, and gets no block here."""
_ENOUGH = 4_096
"""Equal bytes after which a block is believed: a wrong header fails within a few."""
_HEADER = 400
"""A block's header takes at most 17 + 19 * 3 + 316 * 14 bits, and nearly always fewer than these bytes."""
_DYNAMIC = 17 + 19 * 3
"""Bits of a header with codes of its own up to the lengths of those codes."""


class Block(NamedTuple):
    """The beginning of a block.

    Attributes:
        byte: Its place among the packed bytes.
        bit: The bit of that byte, 0 to 7 from the lowest; or `STORED`.
        ahead: Unpacked bytes before it.
        window: The last of them, at most `WINDOW`.
    """

    byte: int
    bit: int
    ahead: int
    window: bytes


def find_block(state: Any, history: bytes, data: bytes) -> Block | None:
    """The first block that is found to begin among packed bytes; None where none is.

    Args:
        state: zlib's decompression object before `data`; not changed.
        history: What it unpacked last, `WINDOW` bytes or all there were.
        data: Packed bytes that it takes next; a few hundred kB are searched.

    Returns:
        Places as counted from the beginning of `data`.
    """
    try:
        truth = history + state.copy().decompress(data, _TRUTH)
    except zlib.error:
        return None
    for byte, bit in _candidates(data):
        end = byte + (bit != STORED)
        ahead = len(state.copy().decompress(data[:end], _TRUTH))
        place = len(history) + ahead
        window = truth[max(0, place - WINDOW) : place]
        if _agrees(data[byte:], bit, window, truth[place:]):
            return Block(byte, bit, ahead, window)
    return None


def opened(window: bytes) -> Any:
    """What unpacks from the beginning of a block; feed it `primed` bytes."""
    return zlib.decompressobj(-zlib.MAX_WBITS, zdict=window)


def primed(data: bytes, bit: int) -> bytes:
    """Packed bytes from a block on, made to begin with a whole byte.

    Args:
        data: From the byte on in which the block begins.
        bit: `Block.bit`.
    """
    if bit == STORED:
        return b"\0" + data
    if bit == 0:
        return data
    ahead = primer(bit)
    return bytes([*ahead[:-1], ahead[-1] | (data[0] >> bit << bit)]) + data[1:]


def primer(bit: int) -> bytes:
    """Empty blocks that end just before a bit of their last byte; its other bits are 0.

    Blocks with fixed codes are 10 bits long, so that odd places need one with codes of its own.

    Args:
        bit: 1 to 7.
    """
    bits = _odd_block() if bit % 2 else ""
    while len(bits) % 8 != bit:
        bits += _EMPTY_FIXED
    bits += "0" * (8 - bit)
    return bytes(int(bits[at : at + 8][::-1], 2) for at in range(0, len(bits), 8))


_EMPTY_FIXED = "010" + "0000000"
"""Not the last block, fixed codes, end of block: bits in the order of the stream."""


def _odd_block() -> str:
    """An empty block of 95 bits: RFC 1951, section 3.2.7.

    Its codes are two, one bit each: 0 for the literal 0, 1 for the end. The code for lengths has 0 for
    "none", 10 for "one bit" and 11 for "none, 11 to 138 times" (7 bits follow).
    """
    lengths = ["000"] * 18
    lengths[2], lengths[3], lengths[17] = "010", "100", "010"  # of 18, of 0, of 1; lowest bit first
    none = [_low_first(times - 11, 7) for times in (138, 117)]
    codes = ["10", "11", none[0], "11", none[1], "10", "0"]
    head = ["001", _low_first(0, 5), _low_first(0, 5), _low_first(14, 4)]
    return "".join([*head, *lengths, *codes, "1"])


def _low_first(value: int, bits: int) -> str:
    return f"{value:0{bits}b}"[::-1]


def _agrees(data: bytes, bit: int, window: bytes, truth: bytes) -> bool:
    if len(truth) < _ENOUGH:
        return False
    try:
        made = opened(window).decompress(primed(data, bit), len(truth))
    except zlib.error:
        return False
    return len(made) >= _ENOUGH and truth.startswith(made)


def _candidates(data: bytes) -> Iterator[tuple[int, int]]:
    """Places at which a header may lie, first come first."""
    for start in range(0, min(len(data), _REGION * _REGIONS), _REGION):
        region = data[start : start + _REGION + _HEADER]
        dynamic = [(start + int(at) // 8, int(at) % 8) for at in _dynamic(region)]
        stored = [(start + int(at), STORED) for at in _stored(region)]
        for byte, bit in sorted(dynamic + stored):
            if byte < start + _REGION and (bit == STORED or _opens(data, byte, bit)):
                yield byte, bit


def _opens(data: bytes, byte: int, bit: int) -> bool:
    """Whether zlib takes the header of a block with codes of its own."""
    try:
        opened(bytes(WINDOW)).decompress(primed(data[byte : byte + _HEADER], bit), 1)
    except zlib.error:
        return False
    return True


def _dynamic(data: bytes) -> NDArray[np.int64]:
    """Bits at which a block with codes of its own may begin: RFC 1951, section 3.2.7."""
    bits = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")
    count = max(0, len(bits) - _DYNAMIC)
    kind = (bits[:count] == 0) & (bits[1 : count + 1] == 0) & (bits[2 : count + 2] == 1)
    at = np.flatnonzero(kind)
    at = at[(_number(bits, at + 3, 5) <= 29) & (_number(bits, at + 8, 5) <= 29)]
    used = _number(bits, at + 13, 4) + 4
    full = np.zeros(len(at), np.int64)
    for code in range(19):
        length = _number(bits, at + 17 + 3 * code, 3)
        full += np.where((code < used) & (length > 0), 128 >> length, 0)
    begins: NDArray[np.int64] = at[full == 128]
    return begins


def _number(bits: NDArray[np.uint8], at: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    made = np.zeros(len(at), np.int64)
    for place in range(count):
        made |= bits[at + place].astype(np.int64) << place
    return made


def _stored(data: bytes) -> NDArray[np.int64]:
    """Bytes at which a length and its complement may lie: RFC 1951, section 3.2.4."""
    one = np.frombuffer(data, np.uint8)
    if len(one) < 4:
        return np.zeros(0, np.int64)
    low, high = one[:-3] ^ one[2:-1], one[1:-2] ^ one[3:]
    return np.flatnonzero((low == 255) & (high == 255))
