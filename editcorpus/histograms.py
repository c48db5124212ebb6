"""How figures are spread, drawn as small SVGs that need nothing from outside.

The same values give the same text. Shapes and words carry classes (`kept`, `other`, `word`, `line`), so that
a page that holds the picture may give them colours of its own; alone it reads on light and on dark ground.
"""

import math
from collections.abc import Sequence
from html import escape
from statistics import median
from typing import NamedTuple

WIDTH, HEIGHT = 320, 128
"""Units of the drawing: it scales to whatever it is put into."""
_TOP, _BOTTOM = 26, 18
_ACROSS, _GAP = 3, 24
_KEPT, _OTHER, _WORD, _LINE = "#1d7548", "#c7743a", "#75787d", "#9a9ca0"


def histogram(
    title: str,
    values: Sequence[float],
    others: Sequence[float] = (),
    low: float = 0.0,
    high: float = 1.0,
    bins: int = 20,
) -> str:
    """One `svg` element: bars of `values`, with those of `others` stacked upon them.

    Args:
        title: What the figure is; any text.
        values: Figures of what was kept; those that are no finite numbers are left out.
        others: Figures of what was not kept, likewise.
        low: Left end of the axis; what lies below counts in the first bar.
        high: Right end, above `low`; what lies above counts in the last bar.
        bins: Number of bars, at least 1.

    Raises:
        ValueError: The axis has no length, or there are no bars.
    """
    _check(low, high, bins)
    kept, rest = _finite(values), _finite(others)
    counts = [_counted(each, low, high, bins) for each in (kept, rest)]
    return _framed(
        title, _words(kept + rest), _bars(counts[0], counts[1], low, high) + _axis(low, high)
    )


class Counted(NamedTuple):
    """A figure that was counted before.

    Attributes:
        title: What the figure is; any text.
        of: How many values were counted.
        middle: Their median.
        bars: How many lie in each of as many equal parts of the axis; at least one part.
        low: Left end of the axis.
        high: Right end, above `low`.
    """

    title: str
    of: int
    middle: float
    bars: Sequence[int]
    low: float
    high: float


def histograms(figures: Sequence[Counted]) -> str:
    """One `svg` element with a histogram of each figure, three in a row.

    Raises:
        ValueError: There is no figure, an axis has no length, or there are no bars.
    """
    if not figures:
        raise ValueError("There is nothing to draw.")
    made = []
    for place, one in enumerate(figures):
        _check(one.low, one.high, len(one.bars))
        bars = _bars(one.bars, [0] * len(one.bars), one.low, one.high)
        at = (place % _ACROSS * (WIDTH + _GAP), place // _ACROSS * (HEIGHT + _GAP))
        words = f"{one.of:,} values, median {_number(one.middle)}"
        made.append(_framed(one.title, words, bars + _axis(one.low, one.high), at))
    across, down = min(len(figures), _ACROSS), -(-len(figures) // _ACROSS)
    size = (across * (WIDTH + _GAP) - _GAP, down * (HEIGHT + _GAP) - _GAP)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size[0]} {size[1]}" '
        f'width="{size[0]}" height="{size[1]}">{"".join(made)}</svg>'
    )


def _check(low: float, high: float, bins: int) -> None:
    if not low < high or bins < 1:
        raise ValueError(f"A histogram needs an axis and bars, not {low} to {high} in {bins}.")


def _framed(title: str, words: str, body: str, at: tuple[int, int] | None = None) -> str:
    """A drawing with its heading; `at` is where it lies in another one, of longer titles."""
    heading = escape(title)
    place = f'x="{at[0]}" y="{at[1]}" width="{WIDTH}" height="{HEIGHT}" ' if at else ""
    beside, anchor = ((0, 24), "start") if at else ((WIDTH, 12), "end")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="histogram" role="img" {place}'
        f'viewBox="0 0 {WIDTH} {HEIGHT}" aria-label="{heading}: {words}" '
        f'font-family="system-ui, sans-serif" font-size="11">'
        f'<text class="word" x="0" y="12" fill="{_WORD}" font-weight="600">{heading}</text>'
        f'<text class="word" x="{beside[0]}" y="{beside[1]}" fill="{_WORD}" text-anchor="{anchor}">'
        f"{words}</text>{body}</svg>"
    )


def _finite(values: Sequence[float]) -> list[float]:
    return [value for value in values if math.isfinite(value)]


def _counted(values: Sequence[float], low: float, high: float, bins: int) -> list[int]:
    counts = [0] * bins
    for value in values:
        place = math.floor((value - low) / (high - low) * bins)
        counts[min(max(place, 0), bins - 1)] += 1
    return counts


def _words(values: Sequence[float]) -> str:
    if not values:
        return "no values"
    return f"{len(values):,} values, median {_number(median(values))}"


def _bars(kept: Sequence[int], others: Sequence[int], low: float, high: float) -> str:
    tallest = max(1, *(one + other for one, other in zip(kept, others, strict=True)))
    room, width, floor = HEIGHT - _TOP - _BOTTOM, WIDTH / len(kept), HEIGHT - _BOTTOM
    span = (high - low) / len(kept)
    made = []
    for place, (one, other) in enumerate(zip(kept, others, strict=True)):
        if not one + other:
            continue
        lower, upper = one / tallest * room, other / tallest * room
        told = f"{_number(low + place * span)} to {_number(low + (place + 1) * span)}: {one:,}"
        told += f" and {other:,}" if other else ""
        made.append(
            f"<g><title>{told}</title>"
            + _bar("kept", _KEPT, place * width, floor - lower, width, lower)
            + _bar("other", _OTHER, place * width, floor - lower - upper, width, upper)
            + "</g>"
        )
    return "".join(made)


def _bar(kind: str, colour: str, x: float, y: float, width: float, height: float) -> str:
    """A bar, a hair apart from the next; one that counts anything at all can be seen."""
    if not height:
        return ""
    tall = max(height, 1.0)
    return (
        f'<rect class="{kind}" x="{x + 0.5:.2f}" y="{y + height - tall:.2f}" '
        f'width="{max(width - 1, 0.5):.2f}" height="{tall:.2f}" fill="{colour}"/>'
    )


def _axis(low: float, high: float) -> str:
    floor = HEIGHT - _BOTTOM
    ends = ((0.0, low, "start"), (WIDTH / 2, (low + high) / 2, "middle"), (WIDTH, high, "end"))
    labels = "".join(
        f'<text class="word" x="{x:.0f}" y="{HEIGHT - 4}" fill="{_WORD}" '
        f'text-anchor="{anchor}">{_number(value)}</text>'
        for x, value, anchor in ends
    )
    line = f'<path class="line" d="M0 {floor + 0.5}H{WIDTH}" stroke="{_LINE}" fill="none"/>'
    return line + labels


def _number(value: float) -> str:
    """At most three digits behind the point, and no more than are needed."""
    text = f"{value:.3f}".rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text
