"""What `editcorpus estimate` prints, and what it refuses."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from editcorpus.sandbox import Running
from editcorpus.tariffs import PUBLISHED
from flows.cli import main

NOW, SUNBURST = PUBLISHED.as_of, "gpt-image-2.5-sunburst"


@pytest.fixture(autouse=True)
def _no_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "QWEN_VL_BASE_URL", "EDITCORPUS_TARIFFS"):
        monkeypatch.delenv(name, raising=False)


def test_the_table_is_on_standard_output_and_fits_80_columns(
    few: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["estimate", "omniedit", "--input", str(few)]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    lines = said.out.splitlines()
    assert lines[0] == "8 rows; 6 of 8 looked at are fit to be edited."
    assert max(map(len, lines)) <= 80
    rows = [line.split() for line in lines]
    assert [words[0] for words in rows if words[1:2] == ["*"]] == ["standard"]
    edits = [words for words in rows if "edits" in words[:3] and "$" in "".join(words)]
    assert [words[words.index("edits") + 1] for words in edits] == ["6", "6", "6"]
    assert [words[1] for words in rows if words[:1] == ["verdicts"]] == ["18"] * 3
    kinds = [words for words in rows if "1024x1024" in words or "1536x1024" in words]
    assert {words[0] for words in kinds} == {SUNBURST}
    assert sum(int(words[3]) for words in kinds) == 6
    assert "0 edits are in the store" in " ".join(said.out.split())
    assert f"By the price list of {NOW}. low" in " ".join(said.out.split())
    assert len([words for words in rows if words[:1] == ["rewrites"]]) == 3


def test_json_is_the_last_line(few: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["estimate", "omniedit", "--input", str(few), "--json", "--set", "rewrite.share=0.5"]
    assert main(words) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (found["rows"], found["sample"]) == (8, 8)
    for preset in found["presets"].values():
        steps = preset["steps"]
        assert [steps[name]["calls"] for name in ("regenerate", "rewrite", "align")] == [6, 2, 18]
        assert preset["served"] == 0
        assert 0 < preset["terabytes"] < 1e-3
        assert preset["hours"] == max(step["hours"] for step in steps.values())
        assert float(preset["batch"]) == pytest.approx(float(preset["expected"]) / 2, abs=2e-4)
        assert sum(kind["calls"] for kind in preset["kinds"]) == preset["calls"] == 26
        for kind in ("low", "expected", "batch", "worst"):
            total = sum(float(step[kind]) for step in steps.values())
            assert float(preset[kind]) == pytest.approx(total, abs=2e-4)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--sample", "0"), "--sample: '0' is not a whole number of at least 1"),
        (("--sample", "-3"), "--sample"),
        (("--sample", "many"), "--sample: 'many'"),
        (("--images-per-minute", "0"), "--images-per-minute: '0' is not a whole number"),
        (("--from-run", "none"), "The run 'none' does not exist in "),
        (("--tariffs", "none.json"), "The price file none.json cannot be read: No such file"),
        (("--in-flight", "0"), "--in-flight: '0'"),
        (("--set", "endpoints.images=mine"), "endpoints.images cannot be set here"),
        (("--set", "pad.min_side=0"), "pad.min_side"),
    ],
)
def test_wrong_values_are_refused(
    few: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], sentence: str
) -> None:
    assert main(["estimate", "omniedit", "--input", str(few), "--json", *words]) == 1
    said = capsys.readouterr()
    assert sentence in said.err.splitlines()[-1]
    nothing = json.loads(said.out)
    assert sentence in nothing.pop("error")
    assert nothing == {"rows": 0, "sample": 0, "presets": {}}


def cheaper(folder: Path, name: str, factor: str) -> Path:
    """A price file in which the image model's answers cost a part of what is published."""
    row = json.loads(PUBLISHED.models[SUNBURST].model_dump_json())
    row["prices"] = {"text_in": "0", "image_in": "0", "image_out": str(30 * float(factor))}
    path = folder / name
    path.write_text(json.dumps({"as_of": "2026-11-21", "models": {SUNBURST: row}}))
    return path


def estimated(capsys: pytest.CaptureFixture[str], *words: object) -> dict[str, Any]:
    assert main(["estimate", "omniedit", *map(str, words), "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return found


def test_own_prices_take_the_place_of_published_ones(
    few: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    half, tenth = cheaper(tmp_path, "half.json", "0.5"), cheaper(tmp_path, "tenth.json", "0.1")

    def cost(*words: object) -> tuple[float, str]:
        found = estimated(capsys, "--input", few, *words)
        return float(found["presets"]["paper"]["steps"]["regenerate"]["low"]), found["prices"]

    published, _ = cost()
    mine, told = cost("--tariffs", half)
    assert told == f"price list of {NOW}, with 1 row of {half}, dated 2026-11-21"
    assert 0.3 < mine / published < 0.5
    monkeypatch.setenv("EDITCORPUS_TARIFFS", str(tenth))
    named, _ = cost()
    assert named == pytest.approx(mine / 5, abs=1e-3)
    assert cost("--tariffs", half)[0] == mine  # the argument comes first


def test_hours_follow_the_limits_of_the_image_api_alone(
    few: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = estimated(capsys, "--input", few, "--images-per-minute", 1)["presets"]["modern"]
    assert found["hours"] == found["steps"]["regenerate"]["hours"] == pytest.approx(6 / 60)
    assert found["steps"]["align"]["hours"] < 0.001


@pytest.mark.prefect
def test_a_pilot_says_what_the_whole_input_will_come_to(
    few: Path,
    shell: Any,
    build: Callable[..., tuple[object, ...]],
    sandbox: Running,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    half = cheaper(shell.folder, "half.json", "0.5")
    built = shell.run(*build("--preset", "modern", "--tariffs", half, run="pilot"))
    assert built.code == 0, built.err
    card = (shell.folder / "store/corpora/pilot/README.md").read_text("utf-8")
    assert "half.json" in card
    assert str(shell.folder) not in card
    monkeypatch.setenv("OPENAI_BASE_URL", sandbox.url)
    there = ("--input", few, "--store", shell.folder / "store")

    sampled = estimated(capsys, *there)["presets"]
    assert sampled["modern"]["served"] == 6
    assert sampled["modern"]["steps"]["regenerate"]["calls"] == 0
    assert sampled["paper"]["served"] == 0

    assert main(["estimate", "omniedit", *map(str, there), "--from-run", "pilot", "--json"]) == 0
    lines = capsys.readouterr().out.splitlines()
    found = json.loads(lines[-1])
    assert max(map(len, lines[:-1])) <= 80
    assert lines[0].startswith("Run pilot: 8 rows entered, 8 with a verdict.")
    assert found["rows"] == 8
    assert found["usd"][1] == pytest.approx(float(built.json["cost_usd"]))
    assert found["accepted"][1] == pytest.approx(built.json["kept"])
    low, mid, high = found["usd_per_accepted"]
    assert low < mid < high
    assert mid == pytest.approx(found["usd"][1] / found["accepted"][1])
    tasks = found["pilot"]["tasks"]
    assert sum(task["rows"] for task in tasks.values()) == 8
    assert sum(task["accepted"] for task in tasks.values()) == built.json["kept"]
    assert 0 < found["terabytes"] < 1e-3
    assert found["days"] > 0


def test_a_dry_run_checks_everything_pays_nothing_and_says_what_it_would_cost(
    bare: Any, few: Path, sandbox: Running, tmp_path: Path
) -> None:
    shell = replace(bare.having(PREFECT_API_URL=None), folder=tmp_path)
    words = ("build", "omniedit", "--input", few, "--dry-run", "--json", "--budget-usd", 5)
    ended = shell.run(*words, "--preset", "paper")
    assert ended.code == 0, ended.err
    assert ended.json["dry_run"]
    assert (ended.json["run"], ended.json["rows"], ended.json["edits"]) == ("omniedit", 8, 6)
    assert "paper *" in ended.out
    assert "standard" not in ended.out
    assert sandbox.admin("summary")["billed"] == 0
    assert not (tmp_path / "store" / "runs").exists()
    dead = shell.having(OPENAI_BASE_URL="http://127.0.0.1:9/v1").run(*words)
    assert (dead.code, dead.out.count("preset")) == (1, 0)
