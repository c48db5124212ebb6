"""What `editcorpus plan-capacity` prints, and what it refuses."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from editcorpus.tariffs import PUBLISHED, Usage
from flows.cli import main


def told(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    assert main(["plan-capacity", "--json", *words]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return found


def test_people_read_it_in_80_columns(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan-capacity", "--triplets", "1.5e6", "--images-per-minute", "1000"]) == 0
    said = capsys.readouterr()
    lines = said.out.splitlines()
    assert said.err == ""
    assert max(map(len, lines)) <= 80
    text = " ".join(said.out.split())
    assert "1,500,000 triplets in 1.04 days, 1,000 a minute" in text
    assert "first to bind: pictures a minute" in text
    for name in ("money", "workers", "calls", "partitions", "storage", "bucket", "Prefect"):
        assert sum(line.startswith(f"{name} ") for line in lines) == 1
    assert "cut the input" not in text
    assert "The budget ends" not in text


def test_dollars_are_those_of_the_price_list(capsys: pytest.CaptureFixture[str]) -> None:
    found = told(capsys, "--triplets", "1000", "--size", "1024x1024")
    model = "gpt-image-2.5-sunburst"
    usage = Usage(
        image_in=PUBLISHED.input_tokens(model, 1024, 1024),
        image_out=PUBLISHED.image_output_tokens(model, "high", 1024, 1024),
    )
    edits = PUBLISHED.price(model, usage) * 1000 * Decimal("1.02")
    assert edits < Decimal(found["usd"]) < edits * Decimal("1.02")  # texts, and a tenth rewritten
    assert Decimal(found["usd_batch"]) == pytest.approx(Decimal(found["usd"]) / 2, abs=1)


def test_the_last_line_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--triplets", "12e6", "--workers", "100", "--budget", "1000", "--latency-s", "60")
    found = told(capsys, *words)
    assert (found["triplets"], found["workers"], found["runs"]) == (12_000_000, 100, 4)
    assert found["binds"] == "workers' calls in flight"
    assert found["triplets_per_minute"] == pytest.approx(100 * 230.4)
    assert found["triplets_per_minute"] == min(found["triplets_per_minute_by_limit"].values())
    assert found["in_flight"] == pytest.approx(23_040)
    assert 0 < found["affordable"] < 30_000
    assert set(found["stored_bytes"]) == {
        *("answers", "canvases", "edited pictures"),
        *("corpus", "journals"),
    }


def test_twice_the_triplets_cost_and_weigh_twice_as_much(
    capsys: pytest.CaptureFixture[str],
) -> None:
    one, two = (told(capsys, "--triplets", count) for count in ("256000", "512000"))
    assert Decimal(two["usd"]) == pytest.approx(2 * Decimal(one["usd"]), abs=Decimal("0.02"))
    for name, size in one["stored_bytes"].items():
        assert two["stored_bytes"][name] == pytest.approx(2 * size, abs=2)
    for name in ("task_runs", "database_bytes", "shards", "partitions"):
        assert two[name] == 2 * one[name]


def test_quicker_answers_need_fewer_calls_in_flight(capsys: pytest.CaptureFixture[str]) -> None:
    limit = ("--triplets", "1e5", "--requests-per-minute", "600")
    usual, quick = told(capsys, *limit), told(capsys, *limit, "--latency-s", "10")
    assert usual["in_flight"] == pytest.approx(10 * quick["in_flight"])
    assert usual["workers"] > quick["workers"] >= 1


def test_a_price_file_counts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan-capacity", "--triplets", "10", "--tariffs", str(tmp_path / "none")]) == 1
    assert "none" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "--triplets"),
        (["--triplets", "0"], "'0' is not a number above 0"),
        (["--triplets", "1.5"], "'1.5' is not a whole number of at least 1"),
        (["--triplets", "nan"], "'nan' is not a number above 0"),
        (["--triplets", "10", "--latency-s", "-1"], "'-1' is not a number above 0"),
        (["--triplets", "10", "--size", "1024"], "'1024' is not WIDTHxHEIGHT in pixels"),
        (["--triplets", "10", "--size", "9000x100"], "padded by more than"),
        (["--triplets", "10", "--quality", "best"], "There is no quality 'best'; there are low"),
        (["--triplets", "10", "--model", "dall-e-9"], "has no model 'dall-e-9'"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(
    words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan-capacity", "--json", *words]) == 1
    said = capsys.readouterr()
    assert sentence in said.err
    assert len(said.err.splitlines()) == 1
    assert json.loads(said.out)["triplets"] == 0
