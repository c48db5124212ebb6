"""Signatures of instructions, by which those that say the same in nearly the same words are found.

An instruction is brought into one form (`plain_text`) and seen as the set of its runs of four characters.
Of each of 128 permutations of all such runs, the signature has 8 bits of the least (Broder 1997; Li and
König 2010), so that the share of equal bytes estimates how much of two sets is common (Jaccard). A
signature is 128 bytes, or sixteen numbers of 64 bits, which are the sixteen bands of locality-sensitive
hashing: of instructions with 0.8 in common, 95 in 100 share one, of those with 0.5, 6 in 100.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence

import numpy as np

from editcorpus.similar.bars import Array

VERSION = 1
"""Raised when the same instruction gets another signature."""
BANDS = 16
"""Numbers of a signature."""
ALIKE = 0.8
"""What instructions have in common that count as the same."""

_LANES = 128
_RUN = 4
_CHANCE = 1 / 256
"""Of equal bytes where nothing is in common."""
_BATCH = 2048
_BLOCK = 1 << 16
_NO_TEXT = re.compile(r"[\W_]+")
_GENERATOR = np.random.Generator(np.random.PCG64(20_260_101))
_FACTORS = _GENERATOR.integers(0, 2**31, _LANES, dtype="u4") * np.uint32(2) + np.uint32(1)
_OFFSETS = _GENERATOR.integers(0, 2**32, _LANES, dtype="u4")
_PLACES = np.array([0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D, 0x27D4EB2F], "u4")
"""Odd factors of xxHash (Collet), one for each place in a run."""


def plain_text(text: str) -> str:
    """An instruction without case, punctuation and extra white space, its characters in one form (NFKC)."""
    return _NO_TEXT.sub(" ", unicodedata.normalize("NFKC", text).casefold()).strip()


def signatures(texts: Sequence[str]) -> Array:
    """Signatures, shape (N, 16), 64 bits each; all zero for a text with neither letter nor digit.

    Args:
        texts: Instructions as they are; `plain_text` is applied.
    """
    made = np.zeros((len(texts), BANDS), "<u8")
    for first in range(0, len(texts), _BATCH):
        plain = [plain_text(text) for text in texts[first : first + _BATCH]]
        rows = np.flatnonzero([bool(text) for text in plain])
        if len(rows):
            lanes = _lanes([plain[row] for row in rows])
            made[first + rows] = lanes.view("<u8")
    return made


def resemblance(one: Array, other: Array) -> Array:
    """Estimates of what each of (N, 16) has in common with the one in its place, 0 to 1.

    The standard error is below 0.045.
    """
    equal = (np.ascontiguousarray(one).view("u1") == np.ascontiguousarray(other).view("u1")).mean(1)
    made: Array = np.maximum((equal - _CHANCE) / (1 - _CHANCE), 0).astype("f4")
    return made


def alike(one: Array, other: Array, least: float = ALIKE) -> Iterator[tuple[Array, Array, Array]]:
    """Numbers of both of each pair across two arrays that has `least` or more in common, and how much.

    Pairs come some at a time, each once.

    Args:
        one: Shape (M, 16), such as those of a benchmark.
        other: Shape (N, 16).
        least: What a pair has in common.
    """
    there = other.any(1)
    for band in range(BANDS):
        rows = np.flatnonzero(there).astype("u4")
        order = rows[np.argsort(other[rows, band], kind="stable")]
        keys = other[order, band]
        asked = np.flatnonzero(one.any(1))
        low = np.searchsorted(keys, one[asked, band], side="left")
        sizes = np.searchsorted(keys, one[asked, band], side="right") - low
        for part, place in _spread(low, sizes):
            left, right = asked[part], order[place]
            fresh = ~(one[left, :band] == other[right, :band]).any(1)
            left, right = left[fresh], right[fresh]
            common = resemblance(one[left], other[right])
            taken = common >= least
            yield left[taken], right[taken], common[taken]


def _spread(starts: Array, sizes: Array) -> Iterator[tuple[Array, Array]]:
    """Each number as often as its size says, with the places from its start on; some at a time."""
    ends = np.cumsum(sizes)
    total = int(ends[-1]) if len(ends) else 0
    for first in range(0, total, _BLOCK):
        places = np.arange(first, min(first + _BLOCK, total))
        part = np.searchsorted(ends, places, side="right")
        yield part, places - (ends[part] - sizes[part]) + starts[part]


def _lanes(texts: Sequence[str]) -> Array:
    """Signatures of plain texts, none of them empty, as bytes, shape (N, 128)."""
    padded = [text.ljust(_RUN) for text in texts]
    sizes = np.array([len(text) for text in padded])
    letters = np.frombuffer("".join(padded).encode("utf-32-le"), "<u4")
    runs = _mixed(
        sum(letters[at : len(letters) - _RUN + 1 + at] * _PLACES[at] for at in range(_RUN))
    )
    ends = np.cumsum(sizes)
    inside = np.ones(len(letters), bool)
    for back in range(1, _RUN):
        inside[ends - back] = False
    runs = runs[inside[: len(runs)]]
    counts = sizes - (_RUN - 1)
    starts = np.cumsum(counts) - counts
    made = np.empty((len(texts), _LANES), "u1")
    for lane in range(_LANES):
        least = np.minimum.reduceat(runs * _FACTORS[lane] + _OFFSETS[lane], starts)
        made[:, lane] = _mixed(least) >> np.uint32(24)
    return made


def _mixed(values: Array) -> Array:
    """Numbers of 32 bits, stirred (the last steps of MurmurHash3)."""
    made = values.astype("u4")
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        made ^= made >> np.uint32(shift)
        made *= np.uint32(factor)
    made ^= made >> np.uint32(16)
    return made
