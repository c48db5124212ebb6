"""Perceptual hashes of 768 bits, and how near two of them are.

A hash is a row of twelve numbers of 64 bits, in three planes of 256:

- signs: of the 256 lowest frequencies of the picture at 64x64 px, the lowest first (DCT-II, as pHash
  has it, with zero in place of the median);
- rises and falls: whether the picture at 17x16 px gets brighter or darker by at least `FIRM` levels from
  one px to the next, row by row (as dHash has it, with a third state for what is flat).

Signs tell different pictures apart; rises and falls find a picture again of which a part was edited, and
do not count what is flat. All three follow from those of the mirrored picture by moving bits about, so
that both orientations are compared without a second hash.
"""

from typing import NamedTuple

import numpy as np
from PIL import Image

from editcorpus.similar.bars import Array

VERSION = 1
"""Raised when the same picture gets another hash."""
WORDS = 12
FIRM = 3
"""Levels, of 255, from which on a difference counts."""
PLAIN = 64
"""Firm differences, of 256, that a picture has at least; others are blank or nearly so, and every one of
them looks like every other. 1 in 100 real pictures has fewer: a line on white paper."""
_SIDE, _ROWS = 64, 16
_FILTER = Image.Resampling.HAMMING
_ZERO = 1.0
"""Below it a coefficient is none: an amplitude of a thousandth of a level."""


def _frequencies(count: int) -> Array:
    """Vertical and horizontal order of the lowest frequencies, without the mean."""
    span = range(_ROWS + 1)
    ordered = sorted((v + u, max(v, u), v, u) for v in span for u in span)
    return np.array([(v, u) for _, _, v, u in ordered[1 : count + 1]])


def _words(bits: Array) -> Array:
    made: Array = np.packbits(bits, axis=-1, bitorder="little").view("<u8")
    return made


_FREQUENCIES = _frequencies(256)
_BASIS = np.cos(
    np.pi * (2 * np.arange(_SIDE) + 1) * np.arange(_ROWS + 1)[:, None] / (2 * _SIDE)
).astype("f4")
MIRRORS = _words(_FREQUENCIES[:, 1] % 2 == 1)
"""The signs that change when a picture is mirrored."""
_REVERSED = np.packbits(
    np.unpackbits(np.arange(65_536, dtype="<u2").view("u1").reshape(-1, 2), axis=1)[:, ::-1], axis=1
).view("<u2")[:, 0]
"""Numbers of 16 bits, read from the other end."""


class Likeness(NamedTuple):
    """How near pairs of hashes are, in the orientation in which they are nearer.

    Attributes:
        signs: How many signs differ, 0 to 256; about 128 of pictures that have nothing in common.
        low: How many of the 64 lowest differ.
        middle: How many of the 128 lowest differ.
        agreement: Of the differences that are firm in either, the share that is the same in both, 0 to 1.
        mirrored: Whether one was mirrored.
    """

    signs: Array
    low: Array
    middle: Array
    agreement: Array
    mirrored: Array


def hash_grey(grey: Image.Image, box: tuple[float, float, float, float] | None = None) -> Array:
    """The hash of what a box (in px) of a picture of mode L holds, or of all of it."""
    frequencies, steps = measure(grey, box)
    return hash_measures(frequencies, steps)


def measure(
    grey: Image.Image, box: tuple[float, float, float, float] | None = None
) -> tuple[Array, Array]:
    """The 256 lowest frequencies of what a box of a picture holds, and its 256 differences, in levels."""
    image = np.asarray(grey.resize((_SIDE, _SIDE), _FILTER, box), "f4")
    small = np.asarray(grey.resize((_ROWS + 1, _ROWS), _FILTER, box), "i2")
    frequencies = (_BASIS @ image @ _BASIS.T)[_FREQUENCIES[:, 0], _FREQUENCIES[:, 1]]
    return frequencies, np.diff(small, axis=1).ravel()


def hash_measures(frequencies: Array, steps: Array) -> Array:
    """The hash that belongs to measures of one picture, or of many, one a row."""
    planes = frequencies > _ZERO, steps >= FIRM, steps <= -FIRM
    return np.concatenate([_words(plane) for plane in planes], axis=-1)


def mirror(hashes: Array) -> Array:
    """The hashes that the mirrored pictures have, shape (N, 12)."""
    made = np.empty_like(hashes)
    made[:, :4] = hashes[:, :4] ^ MIRRORS
    rows = np.ascontiguousarray(hashes[:, 4:]).view("<u2")
    turned = np.ascontiguousarray(_REVERSED[rows]).view("<u8")
    made[:, 4:8], made[:, 8:] = turned[:, 4:], turned[:, :4]
    return made


def firm(hashes: Array) -> Array:
    """How many differences are firm, 0 to 256, of each of (N, 12)."""
    made: Array = np.bitwise_count(hashes[:, 4:]).sum(1, dtype="i4")
    return made


def is_plain(hashes: Array) -> Array:
    """Which of (N, 12) are of pictures with too little in them to be told apart."""
    return firm(hashes) < PLAIN


def compare(one: Array, other: Array) -> Likeness:
    """How near each of (N, 12) is to the one in the same place."""
    apart = one[:, :4] ^ other[:, :4]
    straight, turned = np.bitwise_count(apart), np.bitwise_count(apart ^ MIRRORS)
    mirrored = turned.sum(1, dtype="i2") < straight.sum(1, dtype="i2")
    signs = np.where(mirrored[:, None], turned, straight).cumsum(1, dtype="i2")
    seen = other.copy()
    seen[mirrored] = mirror(other[mirrored])
    both = np.bitwise_count(one[:, 4:] & seen[:, 4:]).sum(1, dtype="i2")
    either = np.bitwise_count(
        one[:, 4:8] | one[:, 8:] | seen[:, 4:8] | seen[:, 8:],
    ).sum(1, dtype="i2")
    agreement = (both / np.maximum(either, 1)).astype("f4")
    return Likeness(signs[:, 3], signs[:, 0], signs[:, 1], agreement, mirrored)
