"""What a pilot says of a whole input: estimates with the 95% intervals that belong to them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, variance
from typing import NamedTuple

Z = 1.959963984540054
"""Standard deviations on either side of the mean that hold 95% of a normal distribution."""
_MORE = (1.0, 1.0, 0.0, 0.0)
"""What is added to the outcomes of a stratum before their spread is taken (Agresti and Coull 1998):
without it, ten of ten accepted would seem to be certain."""


class Interval(NamedTuple):
    """An estimate and the 95% interval around it."""

    low: float
    mid: float
    high: float


@dataclass(frozen=True, slots=True)
class Stratum:
    """Triplets of one kind that a pilot has done, and how many there are in all.

    Attributes:
        rows: How many of the kind the whole input has.
        usd: What each triplet of the pilot cost, in dollars.
        kept: 1 for each that was accepted, else 0, in the same order.
    """

    rows: float
    usd: Sequence[float]
    kept: Sequence[float]


@dataclass(frozen=True, slots=True)
class Projection:
    """What all rows of some strata will come to.

    Attributes:
        usd: Dollars.
        kept: Accepted triplets.
        usd_per_kept: Dollars for an accepted triplet; None where the pilot accepted none.
    """

    usd: Interval
    kept: Interval
    usd_per_kept: Interval | None


def wilson(successes: int, trials: int) -> Interval:
    """A share with Wilson's score interval (Wilson 1927), all 0 to 1; nothing is known of no trial."""
    if not trials:
        return Interval(0.0, 0.0, 1.0)
    share, room = successes / trials, Z * Z / trials
    centre = (share + room / 2) / (1 + room)
    half = Z / (1 + room) * math.sqrt(share * (1 - share) / trials + room / (4 * trials))
    low = 0.0 if successes == 0 else max(0.0, centre - half)
    return Interval(low, share, 1.0 if successes == trials else min(1.0, centre + half))


def project(strata: Sequence[Stratum]) -> Projection:
    """Extrapolate strata to their rows, each by its own means (Cochran, Sampling Techniques, ch. 5).

    Dollars and accepted triplets have normal intervals; their ratio has one by the delta method on
    the logarithm, since it is skewed where few are accepted.

    Args:
        strata: At least one, none of them empty.
    """
    usd = sum(each.rows * fmean(each.usd) for each in strata)
    kept = sum(each.rows * fmean(each.kept) for each in strata)
    rows = sum(each.rows for each in strata)
    of_usd = Z * math.sqrt(_spread(strata, [each.usd for each in strata]))
    padded = [_padded(each) for each in strata]
    of_kept = Z * math.sqrt(_spread(strata, [found for _, found in padded]))
    ratio = None
    if kept:
        middle = usd / kept
        residues = [
            [cost - middle * one for cost, one in zip(*pair, strict=True)] for pair in padded
        ]
        ratio = _around(middle, math.sqrt(_spread(strata, residues)) / kept)
    return Projection(
        Interval(max(0.0, usd - of_usd), usd, usd + of_usd),
        Interval(max(0.0, kept - of_kept), kept, min(rows, kept + of_kept)),
        ratio,
    )


def _padded(stratum: Stratum) -> tuple[list[float], list[float]]:
    """Dollars and outcomes with `_MORE` outcomes at the mean price."""
    price = fmean(stratum.usd)
    return [*stratum.usd, *(price for _ in _MORE)], [*stratum.kept, *_MORE]


def _spread(strata: Sequence[Stratum], values: Sequence[Sequence[float]]) -> float:
    """Variance of a total; a stratum of one triplet is taken to spread as all do together."""
    together = [value for of_stratum in values for value in of_stratum]
    fallback = variance(together) if len(together) > 1 else 0.0
    spreads = (variance(each) if len(each) > 1 else fallback for each in values)
    return sum(
        stratum.rows**2 * spread / len(each)
        for stratum, each, spread in zip(strata, values, spreads, strict=True)
    )


def _around(middle: float, error: float) -> Interval:
    if not middle:
        return Interval(0.0, 0.0, Z * error)
    factor = math.exp(Z * error / middle)
    return Interval(middle / factor, middle, middle * factor)
