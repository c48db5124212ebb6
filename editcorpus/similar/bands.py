"""Keys of 16 bits under which near hashes meet: the same for a picture and for its mirror image.

Fifteen keys are signs of frequencies, the lowest first. Those of even horizontal order stay when a picture
is mirrored; those of odd order all change, so that these are taken relative to the first of their key.
Sixteen keys are a row each of rises and falls: from the left edge to the middle, and from the right edge to
the middle, in ascending order. An edit of a part leaves the rows above and below it as they were. A row
without enough firm differences has no key: flat rows are all alike.
"""

from collections.abc import Callable, Iterator

import numpy as np

from editcorpus.similar.bars import Array
from editcorpus.similar.hashes import MIRRORS

Keys = Callable[[Array], tuple[Array, Array | None]]
"""Of hashes (N, 12): the key of each, and which of them have one; None where all have."""

_BITS = 16
_ROW_FIRM = 10
"""Firm differences, of 16, that a row needs for its key."""
_ODD = np.unpackbits(MIRRORS.view("u1"), bitorder="little").astype(bool)
_BYTE_REVERSED = np.packbits(
    np.unpackbits(np.arange(256, dtype="u1")[:, None], axis=1)[:, ::-1], axis=1
)[:, 0]


def bands() -> Iterator[Keys]:
    """What computes each of the keys."""
    even, odd = np.flatnonzero(~_ODD), np.flatnonzero(_ODD)
    for first in range(0, len(even) - _BITS + 1, _BITS):
        yield _signs(even[first : first + _BITS], None)
    for first in range(0, len(odd) - _BITS, _BITS + 1):
        yield _signs(odd[first + 1 : first + 1 + _BITS], int(odd[first]))
    for row in range(_BITS):
        yield _row(row)


def _signs(places: Array, relative_to: int | None) -> Keys:
    def keys(hashes: Array) -> tuple[Array, None]:
        made = np.zeros(len(hashes), "<u2")
        for number, place in enumerate(places.tolist()):
            made |= _bit(hashes, place) << np.uint16(number)
        if relative_to is not None:
            made ^= np.where(_bit(hashes, relative_to), np.uint16(0xFFFF), np.uint16(0))
        return made, None

    return keys


def _bit(hashes: Array, place: int) -> Array:
    word = hashes[:, place // 64] >> np.uint64(place % 64)
    made: Array = word.astype("<u2") & np.uint16(1)
    return made


def _row(row: int) -> Keys:
    def keys(hashes: Array) -> tuple[Array, Array]:
        shift = np.uint64(row % 4 * _BITS)
        rises, falls = ((hashes[:, at + row // 4] >> shift).astype("<u2") for at in (4, 8))
        left, right = rises & np.uint16(255), _BYTE_REVERSED[falls >> np.uint16(8)].astype("<u2")
        made: Array = np.minimum(left, right) << np.uint16(8) | np.maximum(left, right)
        return made, np.bitwise_count(rises | falls) >= _ROW_FIRM

    return keys
