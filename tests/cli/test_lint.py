"""`editcorpus lint` as a person meets it: no key, no server, and what is wrong with a corpus."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from editcorpus.demo.folder import write_folder
from editcorpus.linting.report import Report
from flows.cli import main

Told = tuple[int, str, str]


@pytest.fixture
def ask(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Told]:
    """Runs the command in a folder of its own and without a variable that it could need."""
    monkeypatch.chdir(tmp_path)
    for name in ("OPENAI_API_KEY", "QWEN_VL_BASE_URL", "PREFECT_API_URL", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def asked(*words: object) -> Told:
        code = main(["lint", *map(str, words)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return asked


def test_a_folder_is_looked_at_without_a_key(ask: Callable[..., Told], tmp_path: Path) -> None:
    write_folder(tmp_path / "mine")
    code, out, err = ask("mine", "--sample", 5, "--seed", 3)
    first, clean, *_, page = out.splitlines()
    assert (code, err) == (0, "")
    assert first == "mine: layout folder, 5 of 8 rows, 5 triplets, seed 3"
    assert clean.startswith("without a defect: ")
    assert page == str(tmp_path / "lint" / "index.html")
    assert "<h1>mine</h1>" in Path(page).read_text("utf-8")
    assert sorted(one.name for one in (tmp_path / "lint").iterdir()) == [
        "index.html",
        "lint.json",
        "lint.schema.json",
    ]


def test_too_many_defects_can_fail_a_pipeline(ask: Callable[..., Told], tmp_path: Path) -> None:
    write_folder(tmp_path / "mine")
    code, out, _ = ask("mine", "--to", "out/report", "--json", "--fail-over", 0.2)
    report = Report.model_validate_json(out)
    assert (code, report.clean.count, report.clean.of) == (2, 6, 8)
    assert Report.model_validate_json((tmp_path / "out/report/lint.json").read_bytes()) == report
    assert ask("mine", "--fail-over", 0.25)[0] == 0


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["nothing"], "No corpus is found at 'nothing'"),
        (["mine", "--columns", "who=me"], "--columns takes NAME=COLUMN of instruction, "),
        (["mine", "--sample", "-1"], "--sample and --together are 0 or more"),
        (["mine", "--fail-over", "5"], "--fail-over is 0 to 1"),
        (["mine", "--layout", "zip"], "There is no layout 'zip'"),
        (["mine", "--against", "none.parquet"], "No parquet file is found at 'none.parquet'"),
        (["s3://key:secret@bucket/x"], "password"),
    ],
    ids=lambda one: " ".join(one) if isinstance(one, list) else "",
)
def test_what_cannot_be_looked_at_is_said_in_one_sentence(
    ask: Callable[..., Told], tmp_path: Path, words: list[str], sentence: str
) -> None:
    write_folder(tmp_path / "mine")
    code, out, err = ask(*words, "--json")
    assert (code, err.count("\n")) == (1, 1)
    assert sentence in err
    assert "secret" not in err
    assert json.loads(out)["error"] in err
    assert not (tmp_path / "lint").exists()
