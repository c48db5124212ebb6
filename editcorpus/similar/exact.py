"""Pictures that are equal to the pixel, whatever the file: proven by reading those alone whose hashes are."""

from collections.abc import Callable

import numpy as np

from editcorpus.similar.bars import Array
from editcorpus.similar.clusters import group
from editcorpus.similar.hashes import is_plain
from editcorpus.similar.search import Pairs, equal, joined

_MOST_SIGNS = 24
"""Signs that differ at most between the hashes of equal pixels: a JPEG is hashed from a reduced reading."""


def exact_groups(hashes: Array, near: Pairs, pixels: Callable[[int], str]) -> Array:
    """The group of each picture whose pixels are equal, named by its lowest number.

    Plain pictures, which no search compares, are held against those with the same hash.

    Args:
        hashes: Of all pictures, one view each, shape (N, 12).
        near: What `search.near` has found among them.
        pixels: Gives `images.pixel_hash` of a picture by its number; asked once for each that may have
            an equal.
    """
    alike = equal(hashes, np.flatnonzero(is_plain(hashes)).astype("u4"))
    straight = near.take(np.flatnonzero((near.signs <= _MOST_SIGNS) & ~near.mirrored))
    pairs = joined([alike, straight])
    keys = {int(one): pixels(int(one)) for one in np.unique([pairs.one, pairs.other])}
    same = [
        keys[one] == keys[other]
        for one, other in zip(pairs.one.tolist(), pairs.other.tolist(), strict=True)
    ]
    rows = np.flatnonzero(same)
    return group(len(hashes), [(pairs.one[rows], pairs.other[rows])])
