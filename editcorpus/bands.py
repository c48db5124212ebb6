"""What is usual in a run: for each family of tasks, between which values nearly all of its figures lie.

Fixed limits serve all corpora; the bands of a run's own accepted records say what is rare in this one. They
are an option, to be reported as such wherever they decide: a family that is wrong all over lies within its
own bands. Nothing here reads a file or a picture: rows are mappings from names of columns to values.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import quantiles
from typing import Any, NamedTuple

COLUMNS = (
    "changed_share",
    "change_area",
    "psnr_outside",
    "ssim_outside",
    "tone_drift",
    "outside_mask",
)
"""Columns of which there is a band; a value below 0 says that it is unknown, and has none."""
LEAST = 100
"""Records of a family with a value below which it has no band: a hundredth of fewer is nobody."""
LOW, HIGH = 0.01, 0.99
"""Shares of the records that lie below a band's ends."""


class Band(NamedTuple):
    """Between which values a figure is usual: the 1st and the 99th percentile."""

    low: float
    high: float


Bands = dict[str, dict[str, Band]]
"""Bands by family and column."""


def bands_of(rows: Iterable[Mapping[str, Any]], columns: Sequence[str] = COLUMNS) -> Bands:
    """The bands of accepted records.

    The same rows in another order give the same bands.

    Args:
        rows: Of a finished corpus: `family`, and any of the columns; null and absent are unknown.
        columns: Of which there are to be bands.

    Returns:
        By family, the columns of which `LEAST` records have a value; families without any are left out,
        as is the family that has no name.
    """
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        for name, value in _known(row, columns):
            found[str(row["family"])][name].append(value)
    made = {
        family: {
            name: _band(values) for name, values in sorted(each.items()) if len(values) >= LEAST
        }
        for family, each in sorted(found.items())
        if family
    }
    return {family: each for family, each in made.items() if each}


def beyond(row: Mapping[str, Any], bands: Bands) -> tuple[str, ...]:
    """The columns in which a record lies beyond the band of its family, in their order."""
    mine = bands.get(str(row["family"]), {})
    return tuple(name for name, value in _known(row, list(mine)) if not _within(value, mine[name]))


def _within(value: float, band: Band) -> bool:
    return band.low <= value <= band.high


def _known(row: Mapping[str, Any], columns: Sequence[str]) -> Iterable[tuple[str, float]]:
    for name in columns:
        value = row.get(name)
        if value is not None and value >= 0 and math.isfinite(value):
            yield name, float(value)


def _band(values: Sequence[float]) -> Band:
    cuts = quantiles(values, n=100, method="inclusive")
    return Band(cuts[round(LOW * 100) - 1], cuts[round(HIGH * 100) - 1])
