"""What `editcorpus estimate` prints, and what it refuses."""

import json
from pathlib import Path
from typing import Any

import pytest

from flows.cli import main


@pytest.fixture(autouse=True)
def _no_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "QWEN_VL_BASE_URL"):
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
    assert [words[-4] for words in rows if words[:2] == ["judge", "questions"]] == ["18"] * 3
    assert len([words for words in rows if words[:1] == ["rewrites"]]) == 3


def test_json_is_the_last_line(few: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["estimate", "omniedit", "--input", str(few), "--json", "--set", "rewrite.share=0.5"]
    assert main(words) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (found["rows"], found["sample"]) == (8, 8)
    for preset in found["presets"].values():
        steps = preset["steps"]
        assert [steps[name]["calls"] for name in ("regenerate", "rewrite", "align")] == [6, 3, 18]
        for kind in ("low", "expected", "worst"):
            total = sum(float(step[kind]) for step in steps.values())
            assert float(preset[kind]) == pytest.approx(total, abs=2e-4)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--sample", "0"), "--sample: '0' is not a whole number of at least 1"),
        (("--sample", "-3"), "--sample"),
        (("--sample", "many"), "--sample: 'many'"),
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
