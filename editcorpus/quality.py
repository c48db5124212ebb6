"""What a corpus measured of itself: rates with 95% intervals, and how its figures are spread.

Records are counted file by file, from their columns alone, and the counts of files add up, so that none is
read twice. Figures are rounded down to a step that is given with each, which is how a quantile of a million
records can be told of a few hundred counts. A column that a corpus does not have, and a value that says that
nothing was measured, are told as not measured: no rate is made up.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from editcorpus.intervals import Interval, wilson
from editcorpus.reasons import Reason

Column = NDArray[Any]
Columns = Mapping[str, Column]
"""Columns of records by name: numbers, or texts as objects; those that a file lacks are left out."""
QUANTILES = (0.05, 0.5, 0.95)
BARS = 20
"""Bars of a figure's histogram."""
MAX_BORDER = 0.005
"""Share of the border that may be padding by the plain rule (arXiv 2507.21033, appendix A.2)."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Something that is true of a record or not.

    Attributes:
        title: What it is, for people.
        column: Where it is told.
        known: Of which records it is known.
        found: Of which of all it is true.
    """

    title: str
    column: str
    known: Callable[[Column], Column]
    found: Callable[[Column], Column]


@dataclass(frozen=True, slots=True)
class Figure:
    """A number of a record.

    Attributes:
        title: What it is, and its unit.
        column: Where it is told.
        step: To which it is rounded down.
        least: Below it a value says that nothing was measured.
        by_family: Whether it is told of each family.
        axis: Between which values its bars are drawn.
    """

    title: str
    column: str
    step: float
    least: float = 0.0
    by_family: bool = False
    axis: tuple[float, float] = (0.0, 1.0)


def _doubt(name: str, title: str) -> Asked:
    return Asked(
        title, "doubts", _all, lambda told: _texts(told, lambda text: name in text.split())
    )


def _standing(name: str, title: str) -> Asked:
    return Asked(title, "registration", lambda told: told != "", lambda told: told == name)


def _all(column: Column) -> Column:
    return np.ones(len(column), bool)


def _texts(column: Column, test: Callable[[str], bool]) -> Column:
    return np.fromiter((test(text) for text in column), bool, len(column))


RATES: Mapping[str, Asked] = {
    "residual_padding": Asked(
        "any residual padding left", "residual_padding", _all, lambda told: told > 0
    ),
    "plain_border": Asked(
        "more than 0.5% of the border is white, in the source perhaps, too",
        "border_fraction",
        _all,
        lambda told: told > MAX_BORDER,
    ),
    "corrected": _standing("corrected", "shift and zoom of the answer undone"),
    "displaced": _standing("displaced", "shifted or zoomed, and left so"),
    "moving": _standing("moving", "frame was to move"),
    "unregistered": _standing("unregistered", "alignment cannot be told"),
    "off": Asked(
        "a corner still more than 0.5 px off",
        "displacement_px",
        lambda told: told >= 0,
        lambda told: told > 0.5,
    ),
    "tiny_edit": _doubt("tiny_edit", "suspiciously small edit"),
    "nothing_alike": _doubt("nothing_alike", "nothing of the source found again"),
    "unlike_outside": _doubt("unlike_outside", "detail outside of the edit lost or redrawn"),
    "tone_drift": _doubt("tone_drift", "colour or light outside of the edit changed"),
}
"""What is asked of each record that was kept."""

FIGURES: Mapping[str, Figure] = {
    "displacement_px": Figure("px by which a corner is still off", "displacement_px", 0.01),
    "changed_share": Figure(
        "share of the picture that changed, 0 to 1", "changed_share", 0.001, by_family=True
    ),
    "tone_drift": Figure("change of tone outside of the edit, 0 to 1", "tone_drift", 0.001),
    "psnr_outside": Figure("PSNR outside of the edit, dB", "psnr_outside", 0.1, axis=(20.0, 60.0)),
    "ssim_outside": Figure("SSIM outside of the edit", "ssim_outside", 0.001, -0.999),
    "psnr_outside_mask": Figure(
        "PSNR outside of the given mask, dB", "psnr_outside_mask", 0.1, axis=(20.0, 60.0)
    ),
    "score": Figure("judge: all three, geometric mean, 0 to 1", "score", 0.001),
    "score_done": Figure("judge: P(carried out)", "score_done", 0.001),
    "score_preserved": Figure("judge: P(all else preserved)", "score_preserved", 0.001),
    "score_clean": Figure("judge: P(free of artefacts)", "score_clean", 0.001),
    "embed_match": Figure("vectors: source with instruction, and result", "embed_match", 0.001, -1),
    "clip_sim_dir": Figure("CLIP: direction of the change", "clip_sim_dir", 0.001, -1),
    "dino_sim": Figure("DINO: source and result", "dino_sim", 0.001, -1),
}
"""What is told of the kept records as a whole."""

REJECTED = (
    *(Reason.RESIDUAL_PADDING, Reason.NO_EDIT, Reason.EVERYTHING_CHANGED, Reason.ANSWER_BLANK),
    *(Reason.WRONG_PICTURE, Reason.DISPLACED, Reason.CONTENT_LOST, Reason.CHANGED_OUTSIDE),
    *(Reason.UNLIKE, Reason.NOT_DONE, Reason.NOT_PRESERVED, Reason.ARTEFACTS),
)
"""Reasons that tell of pictures, and of which a rate is told even where it is nothing."""
NEEDED = frozenset(
    {
        *(asked.column for asked in RATES.values()),
        *(figure.column for figure in FIGURES.values()),
        "family",
    }
)
"""The columns that are looked at."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What was counted in some records; counts of others are added.

    Attributes:
        records: How many there were.
        rates: Of each of `RATES`, how many it is true of, and of how many that is known.
        figures: How often each figure has each value, in its steps; of a family under
            `<figure>/<family>`.
    """

    records: int = 0
    rates: dict[str, tuple[int, int]] = field(default_factory=dict)
    figures: dict[str, Counter[int]] = field(default_factory=dict)

    def __add__(self, other: "Counts") -> "Counts":
        rates = dict(self.rates)
        for name, (found, of) in other.rates.items():
            before = rates.get(name, (0, 0))
            rates[name] = before[0] + found, before[1] + of
        figures = {name: Counter(values) for name, values in self.figures.items()}
        for name, values in other.figures.items():
            figures.setdefault(name, Counter()).update(values)
        return Counts(self.records + other.records, rates, figures)


@dataclass(frozen=True, slots=True)
class Rate:
    """How many records something is true of; `interval` is 0 to 1 where nothing is known."""

    title: str
    count: int
    of: int
    interval: Interval


@dataclass(frozen=True, slots=True)
class Spread:
    """How a figure is spread.

    Attributes:
        quantiles: Those of `QUANTILES`; empty where nothing is known.
        bars: How many records lie in each of `BARS` equal parts of the axis; the outer ones hold what
            lies beyond it.
    """

    title: str
    family: str
    of: int
    quantiles: tuple[float, ...]
    axis: tuple[float, float] = (0.0, 1.0)
    bars: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Quality:
    """What a corpus measured of itself.

    Attributes:
        rates: Of the kept records.
        rejected: Of all that entered, by reason.
        spreads: Of the kept records.
        families: Likewise, of each family.
    """

    rates: tuple[Rate, ...] = ()
    rejected: tuple[Rate, ...] = ()
    spreads: tuple[Spread, ...] = ()
    families: tuple[Spread, ...] = ()


def count(columns: Columns, records: int) -> Counts:
    """Count some records.

    Args:
        columns: Of the same records in the same order; null is NaN or None.
        records: How many those are.
    """
    rates = {
        name: _asked(asked, columns[asked.column])
        for name, asked in RATES.items()
        if asked.column in columns
    }
    figures: dict[str, Counter[int]] = {}
    for name, figure in FIGURES.items():
        if figure.column not in columns:
            continue
        values = columns[figure.column].astype(float)
        known = np.isfinite(values) & (values >= figure.least)
        figures[name] = _steps(values[known], figure.step)
        if figure.by_family and "family" in columns:
            families = columns["family"]
            for family in sorted(set(families[known])):
                mine = known & (families == family)
                figures[f"{name}/{family}"] = _steps(values[mine], figure.step)
    return Counts(records, rates, figures)


def quality(counts: Counts, entered: int, rejected: Mapping[Reason, int]) -> Quality:
    """What is told of counts.

    Args:
        counts: Of all kept records.
        entered: Triplets that entered, 0 where nobody knows.
        rejected: How many were given up for which reason.
    """
    others = [reason for reason in Reason if reason in rejected and reason not in REJECTED]
    told = {reason: rejected.get(reason, 0) for reason in (*REJECTED, *others)}
    return Quality(
        tuple(_rate(asked.title, *counts.rates.get(name, (0, 0))) for name, asked in RATES.items()),
        tuple(_rate(str(reason), number, entered) for reason, number in told.items() if entered),
        tuple(_spread(name, "", counts.figures.get(name)) for name in FIGURES),
        tuple(
            _spread(name.partition("/")[0], name.partition("/")[2], values)
            for name, values in sorted(counts.figures.items())
            if "/" in name
        ),
    )


def _asked(asked: Asked, column: Column) -> tuple[int, int]:
    known = asked.known(column)
    return int((asked.found(column) & known).sum()), int(known.sum())


def _steps(values: Column, step: float) -> Counter[int]:
    """How often each multiple of a step is there; a hair above it is it."""
    numbers, counts = np.unique(np.floor(values / step + 1e-6).astype(int), return_counts=True)
    return Counter(dict(zip(numbers.tolist(), counts.tolist(), strict=True)))


def _rate(title: str, found: int, of: int) -> Rate:
    return Rate(title, found, of, wilson(found, of))


def _spread(name: str, family: str, values: Counter[int] | None) -> Spread:
    figure = FIGURES[name]
    of = sum((values or {}).values())
    if not values or not of:
        return Spread(figure.title, family, 0, ())
    steps = np.array(sorted(values))
    cumulated = np.cumsum([values[step] for step in steps.tolist()])
    places = [steps[np.searchsorted(cumulated, share * of)] for share in QUANTILES]
    quantiles = tuple(round(int(at) * figure.step, 4) for at in places)
    low, high = figure.axis
    where = np.floor((steps * figure.step - low) / (high - low) * BARS + 1e-6).clip(0, BARS - 1)
    bars = np.bincount(where.astype(int), [values[step] for step in steps.tolist()], BARS)
    return Spread(
        figure.title, family, of, quantiles, figure.axis, tuple(bars.astype(int).tolist())
    )
