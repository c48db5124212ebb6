"""Numbers that look random and are a function of their names alone."""

import hashlib
from collections.abc import Sequence
from statistics import NormalDist
from typing import TypeVar

Item = TypeVar("Item")

_NORMAL = NormalDist()


def digest(*names: object) -> str:
    """SHA-256, in hex, over the names with a separator that no name holds."""
    return hashlib.sha256("\x1f".join(map(str, names)).encode("utf-8", "replace")).hexdigest()


def share(*names: object) -> float:
    """A number in [0, 1), uniform over names."""
    return int(digest(*names)[:13], 16) / 16**13


def normal(*names: object) -> float:
    """A number of the standard normal distribution, at most about 5 from 0."""
    return _NORMAL.inv_cdf(min(max(share(*names), 1e-7), 1 - 1e-7))


def pick(items: Sequence[Item], *names: object) -> Item:
    """One of the items."""
    return items[int(share(*names) * len(items))]
