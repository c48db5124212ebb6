"""Chance that is no chance: numbers, quotas and draws that follow from a seed and a name.

No generator is seeded anywhere. A draw is a hash of the seed and of what is drawn, so that it does
not depend on order, on other draws or on the machine.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from heapq import heapify, heapreplace
from itertools import accumulate


def number(seed: int, *names: str | int) -> int:
    """64 bits that follow from the seed and the names: the same everywhere and for ever."""
    text = "\x1f".join(map(str, (seed, *names)))
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")


def fraction(seed: int, *names: str | int) -> float:
    """A number from 0, inclusive, to 1, exclusive, evenly spread over names."""
    return (number(seed, *names) >> 11) / 2**53  # 53 bits: all that a float holds below 1


def quotas(counts: Mapping[str, int], limit: int) -> dict[str, int]:
    """How many of `limit` each stratum gets: in proportion to its size, and one before that.

    Seats are handed out one by one: first one to each stratum, the largest first, then always to
    the stratum with the highest count / (2 * seats + 1) (Webster's method). So no stratum is
    missing while the limit allows it, and a higher limit never takes a seat away.

    Args:
        counts: Size of each stratum, at least 0.
        limit: How many there are to hand out; what is there beyond the sum of counts stays over.
    """
    left = {name: count for name, count in counts.items() if count > 0}
    limit = min(limit, sum(left.values()))
    seats = dict.fromkeys(left, 0)
    for name in sorted(left, key=lambda name: (-left[name], name))[:limit]:
        seats[name] = 1
    rivals = [(-left[name] / 3, name) for name in left if left[name] > 1]
    heapify(rivals)
    for _ in range(limit - sum(seats.values())):
        name = rivals[0][1]
        seats[name] += 1
        weight = left[name] / (2 * seats[name] + 1) if seats[name] < left[name] else 0.0
        heapreplace(rivals, (-weight, name))
    return seats


def spread(counts: Sequence[int], quota: int, at_most: int) -> list[int]:
    """How many to draw from each group, few groups being better than many.

    The groups, which stand in drawn order, give up to `at_most` each, one group after the other.
    Where all of them together give too few, all are raised evenly. A higher quota never takes less
    from any group.

    Args:
        counts: Size of each group, at least 0.
        quota: How many to draw in all.
        at_most: How many a group gives before another one is asked; at least 1.
    """
    quota = min(quota, sum(counts))
    if sum(min(count, at_most) for count in counts) >= quota:
        return _in_turn([min(count, at_most) for count in counts], quota)
    cap = bisect_left(
        range(max(counts)), quota, key=lambda cap: sum(min(count, cap) for count in counts)
    )
    base = [min(count, cap - 1) for count in counts]
    more = _in_turn([int(count >= cap) for count in counts], quota - sum(base))
    return [one + other for one, other in zip(base, more, strict=True)]


def _in_turn(offers: Sequence[int], quota: int) -> list[int]:
    before = accumulate(offers, initial=0)
    return [max(0, min(offer, quota - taken)) for offer, taken in zip(offers, before, strict=False)]
