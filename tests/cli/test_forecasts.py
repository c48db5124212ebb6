"""What people read of an estimate fits 80 columns, however large the run."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from editcorpus.endpoints.endpoint import endpoint_from
from editcorpus.stages.estimate import Cost, Estimate, Kind
from editcorpus.stages.looking import Sample
from editcorpus.stages.pilot import Calls, Pilot, forecast
from editcorpus.stages.weights import Weight
from flows.forecasts import dollars, print_estimates, print_forecast, weighed


@pytest.mark.parametrize(
    ("usd", "shown"),
    [
        (Decimal(0), "$0.00"),
        (Decimal("0.000123"), "$0.0001"),
        (Decimal("0.0999"), "$0.0999"),
        (Decimal("0.1"), "$0.10"),
        (Decimal("999.994"), "$999.99"),
        (Decimal(391_234), "$391,234"),
        (1234.5, "$1,234"),
    ],
)
def test_dollars_have_the_digits_that_matter(usd: Decimal | float, shown: str) -> None:
    assert dollars(usd) == shown


def test_bytes_are_in_terabytes_where_there_are_some() -> None:
    assert (weighed(6.3e12), weighed(1e11), weighed(9.9e10)) == ("6.30 TB", "0.10 TB", "99.00 GB")


def large(preset: str, served: int | None) -> Estimate:
    usd = map(Decimal, ("312345", "318000.5", "159000.25", "999999"))
    return Estimate(
        preset=preset,
        kinds={
            Kind("regenerate", "gpt-image-2.5-sunburst", "xhigh", "1536x1024"): Cost(
                1_500_000, *usd
            ),
            Kind("rewrite", "gpt-6-luna"): Cost(150_000, *map(Decimal, (0, 45, 22, 140))),
            Kind("align", "Qwen/Qwen2.5-VL-7B-Instruct"): Cost(4_500_000),
        },
        served=served,
        hours={"regenerate": 1234.5, "rewrite": 1.5, "align": 20.0},
        keeps=Weight(2e12, 2e12, 1e12, 2e12),
    )


@pytest.mark.parametrize(
    ("served", "whole", "said"),
    [
        (12_345, False, "over the 64 rows looked at, extrapolated; they cost nothing more"),
        (0, True, "over all rows; they cost nothing more"),
        (None, True, "The store cannot be read: every edit counts as open."),
    ],
)
def test_a_large_estimate_fits(
    served: int | None, whole: bool, said: str, read_out: Callable[[], str]
) -> None:
    sample = Sample(64 if whole else 1_500_000, 64, ())
    found = [large("standard", served), large("paper", served)]
    print_estimates(sample, found, "paper", "price list of 2026-11-20")
    told = read_out()
    assert said in " ".join(told.split())
    assert "paper *" in told
    assert "paper: model" in told
    assert "gpt-image-2.5-sunburst" in told
    assert "$318,000" in told
    assert "$159,000" in told
    assert "1,234.5" in told
    assert "keeps 7.00 TB" in told
    assert "…" not in told


def test_a_large_forecast_fits(read_out: Callable[[], str]) -> None:
    pilot = Pilot("pilot", entered=120, open=20, served=3, bytes_a_row=4e6)
    pilot.usd = {"attribute_modification": [0.0612] * 60, "style": [0.0612] * 40}
    pilot.kept = {"attribute_modification": [1.0] * 50 + [0.0] * 10, "style": [0.0] * 40}
    pilot.calls = {"regenerate": Calls(110, 95.0, 1300.0)}
    rows = {"attribute_modification": 1_000_000, "style": 400_000, "swap": 99_999}
    limits = {"regenerate": endpoint_from("images", {"in_flight": 256})}
    print_forecast(pilot, forecast(pilot, rows, limits))
    told = read_out()
    assert told.startswith("Run pilot: 120 rows entered, 100 with a verdict, 20 without one.")
    words = " ".join(told.split())
    assert "attribute_modification 1,000,000 60 83.3% 72.0-90.7% 0.0734" in words
    assert "swap 99,999 0" in words
    assert "kept in the store 6.00 TB" in words
    assert "99,999 rows are of tasks that the pilot has not seen." in words
    assert "3 of the pilot's pictures were served from the store" in words
    assert "…" not in told


def test_a_forecast_of_nothing_accepted_says_so(read_out: Callable[[], str]) -> None:
    pilot = Pilot("pilot", entered=4)
    pilot.usd, pilot.kept = {"": [0.0] * 4}, {"": [0.0] * 4}
    print_forecast(pilot, forecast(pilot, {"": 10}, {}))
    words = " ".join(read_out().split())
    assert "not known: the pilot accepted none" in words
    assert "no call was made" in words
    assert "kept in the store not known" in words


@pytest.fixture
def read_out(capsys: pytest.CaptureFixture[str]) -> Callable[[], str]:
    def read() -> str:
        told = capsys.readouterr().out
        assert max(map(len, told.splitlines())) <= 80
        return told

    return read
