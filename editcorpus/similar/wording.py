"""How often the instructions of a corpus repeat, by their signatures (`minhash`): a report, no verdict.

The same words are said of many pictures, so nothing is ever left out for its text alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from editcorpus.similar.bars import Array
from editcorpus.similar.clusters import group
from editcorpus.similar.minhash import ALIKE, BANDS, resemblance

_MIX = np.arange(1, 2 * BANDS, 2, dtype="u8") * np.uint64(0x9E3779B97F4A7C15)
_BLOCK = 1 << 17


@dataclass(frozen=True, slots=True)
class Wording:
    """What is said how often.

    Attributes:
        instructions: How many were looked at; those without a letter are none.
        distinct: How many differ at all, but for order of what repeats.
        groups: How many differ by more than a few words.
        common: The largest groups: number of the first instruction, and how many are like it.
    """

    instructions: int
    distinct: int
    groups: int
    common: tuple[tuple[int, int], ...]


def wording(signatures: Array, most: int = 20) -> Wording:
    """The report on signatures, shape (N, 16); `most` is how many of the largest groups are named."""
    groups = group_wording(signatures)
    rows = np.flatnonzero(signatures.any(1))
    keys = np.zeros(len(rows), "u8")
    for band, factor in enumerate(_MIX):
        keys += signatures[rows, band] * factor
    names, sizes = np.unique(groups[rows], return_counts=True)
    largest = np.lexsort((names, -sizes))[:most]
    common = tuple((int(names[one]), int(sizes[one])) for one in largest if sizes[one] > 1)
    return Wording(len(rows), len(np.unique(keys)), len(names), common)


def group_wording(signatures: Array) -> Array:
    """The group of each instruction, named by its lowest number; of one without a letter, itself.

    Within a bucket each is held against the first and against the one before it, and not against all, so
    that the time grows with their number, however often a few words are said.
    """
    return group(len(signatures), _neighbours(signatures))


def _neighbours(signatures: Array) -> Iterator[tuple[Array, Array]]:
    rows = np.flatnonzero(signatures.any(1)).astype("u4")
    for band in range(BANDS):
        keys = signatures[rows, band]
        order = np.argsort(keys, kind="stable")
        ordered, keys = rows[order], keys[order]
        same = np.zeros(len(rows), bool)
        same[1:] = keys[1:] == keys[:-1]
        firsts = np.maximum.accumulate(np.where(same, 0, np.arange(len(rows))))
        later = np.flatnonzero(same)
        for at in range(0, len(later), _BLOCK):
            places = later[at : at + _BLOCK]
            for earlier in (firsts[places], places - 1):
                one, other = ordered[earlier], ordered[places]
                near = resemblance(signatures[one], signatures[other]) >= ALIKE
                yield one[near], other[near]
