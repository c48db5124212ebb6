"""Groups of what is near, however many steps apart; which of a group stays; what splits keep together."""

from collections.abc import Iterable

import numpy as np

from editcorpus.similar.bars import Array
from editcorpus.similar.search import Pairs


def group(count: int, pairs: Iterable[tuple[Array, Array]]) -> Array:
    """The group of each of `count` members, named by its lowest member, when pairs are joined (union-find).

    Args:
        count: Of members, numbered from 0.
        pairs: Numbers of both of each pair, as arrays; read once.
    """
    groups = np.arange(count, dtype="u4")
    for one, other in pairs:
        while True:
            left, right = groups[one], groups[other]
            apart = left != right
            if not apart.any():
                break
            low, high = np.minimum(left, right)[apart], np.maximum(left, right)[apart]
            np.minimum.at(groups, high, low)
            _flatten(groups)
    return groups


def same_triplets(sources: Array, edited: Array, instructions: Array) -> Array:
    """The group of triplets that agree in all three, named by its lowest member.

    Near source images alone make no duplicates, since a picture may be edited in many ways; nor does the
    instruction alone, since many pictures may be edited in the same way; and two edits of a small part are
    near each other, whatever they say.

    Args:
        sources: The group of each triplet's source image.
        edited: The group of its edited image.
        instructions: The group of its instruction.
    """
    keys = np.stack([sources, edited, instructions], 1).astype("<u4")
    values = np.ascontiguousarray(keys).view("V12")[:, 0]
    _, first, inverse = np.unique(values, return_index=True, return_inverse=True)
    return first[inverse].astype("u4")


def best(groups: Array, scores: Array) -> Array:
    """The number of the member that stays for each of its group: the best by score, of equals the first."""
    ranks = np.nan_to_num(np.asarray(scores, "f8"), nan=-np.inf)
    order = np.lexsort((np.arange(len(groups)), -ranks, groups))
    ordered = groups[order]
    first = np.searchsorted(ordered, groups, side="left")
    made: Array = order[first]
    return made


def leaks(pairs: Pairs, splits: Array) -> Pairs:
    """The pairs whose members lie in different splits.

    Args:
        pairs: Of pictures.
        splits: Number of the split of each picture.
    """
    return pairs.take(np.flatnonzero(splits[pairs.one] != splits[pairs.other]))


def _flatten(groups: Array) -> None:
    while True:
        higher = groups[groups]
        if np.array_equal(higher, groups):
            return
        groups[:] = higher
