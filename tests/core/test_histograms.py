"""How figures are spread, as a drawing."""

import math
import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from editcorpus.histograms import HEIGHT, WIDTH, Counted, histogram, histograms

SVG = "{http://www.w3.org/2000/svg}"
FIGURES = st.lists(st.floats(0, 1), max_size=40)


def bars(text: str, kind: str) -> list[ET.Element]:
    return [one for one in ET.fromstring(text).iter(f"{SVG}rect") if one.get("class") == kind]


def counted(text: str) -> int:
    """The sum of what all bars are said to count."""
    titles = re.findall(r"<title>[^:]*: ([0-9,]+)(?: and ([0-9,]+))?</title>", text)
    return sum(int(part.replace(",", "")) for pair in titles for part in pair if part)


@given(FIGURES, FIGURES)
def test_every_value_is_in_one_bar_and_every_bar_in_the_drawing(
    kept: list[float], others: list[float]
) -> None:
    text = histogram("Score", kept, others)
    assert counted(text) == len(kept) + len(others)
    for bar in bars(text, "kept") + bars(text, "other"):
        x, y, width, height = (float(bar.get(name) or -1) for name in ("x", "y", "width", "height"))
        assert x >= 0 and x + width <= WIDTH
        assert y > 0 and y + height <= HEIGHT
    assert bool(bars(text, "other")) == bool(others)


def test_heights_are_in_proportion() -> None:
    text = histogram("Score", [0.05] * 4 + [0.95] * 2, bins=10)
    first, last = (float(bar.get("height") or 0) for bar in bars(text, "kept"))
    assert first == pytest.approx(2 * last)


def test_what_lies_outside_counts_at_the_ends_and_what_is_no_number_nowhere() -> None:
    text = histogram("Shift", [-3.0, 7.0, math.nan, math.inf, 0.5], bins=4)
    assert counted(text) == 3
    assert len(bars(text, "kept")) == 3
    assert "3 values, median 0.5" in text


def test_without_values_it_says_so() -> None:
    assert "Score: no values" in histogram("Score", [])


def test_a_title_stays_text() -> None:
    text = histogram('</svg><script>alert("1")</script>', [0.5])
    assert "<script" not in text
    root = ET.fromstring(text)
    assert root.tag == f"{SVG}svg"
    assert (root.get("aria-label") or "").startswith('</svg><script>alert("1")</script>: 1 values')


def test_nothing_is_loaded_from_outside_and_no_style_stands_in_the_way_of_a_policy() -> None:
    text = histogram("Score", [0.5], [0.4])
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)|style=|href|<style", text)


@pytest.mark.parametrize(("low", "high", "bins"), [(1.0, 0.0, 5), (0.5, 0.5, 5), (0.0, 1.0, 0)])
def test_an_axis_without_length_or_bars_is_refused(low: float, high: float, bins: int) -> None:
    with pytest.raises(ValueError, match="needs an axis and bars"):
        histogram("Score", [0.5], low=low, high=high, bins=bins)


def test_several_are_one_drawing_and_none_lies_on_another() -> None:
    figures = [Counted(f"a <b> & c{n}", 3 * n, 0.5, [n, 0, 2 * n], 0.0, 2.0) for n in range(1, 5)]
    text = histograms(figures)
    root = ET.fromstring(text)
    cells = list(root.findall(f"{SVG}svg"))
    assert [one.findtext(f"{SVG}text") for one in cells] == [one.title for one in figures]
    places = {(int(one.get("x", "")), int(one.get("y", ""))) for one in cells}
    assert len(places) == len({x for x, _ in places}) + 1 == 4
    across, down = max(x for x, _ in places) + WIDTH, max(y for _, y in places) + HEIGHT
    assert root.get("viewBox") == f"0 0 {across} {down}"
    assert (
        min(abs(one[0] - other[0]) for one in places for other in places if one[0] != other[0])
        > WIDTH
    )
    assert counted(text) == sum(one.of for one in figures)
    assert "12 values, median 0.5" in text
    assert text == histograms(figures)


def test_what_cannot_be_drawn_is_refused() -> None:
    for figures in (
        [],
        [Counted("x", 0, 0.0, [], 0.0, 1.0)],
        [Counted("x", 1, 0.0, [1], 1.0, 1.0)],
    ):
        with pytest.raises(ValueError, match=r"nothing to draw|needs an axis"):
            histograms(figures)
