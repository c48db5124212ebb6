"""Texts of anybody's corpora on a terminal: nothing in them does anything, and none stops a command."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from editcorpus.demo.folder import write_folder
from editcorpus.linting.report import Report
from flows.cli import main

Told = tuple[int, str, str]
HOSTILE = "\x1b]0;taken\x07\x1b[2J\u202e"
HALF = "\ud800"


@pytest.fixture
def ask(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Told]:
    """Runs a command in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def asked(*words: str) -> Told:
        code = main(words)
        said = capsys.readouterr()
        for text in (said.out, said.err):
            assert all(one.isprintable() for one in text.replace("\n", "")), text
        return code, said.out, said.err

    return asked


def write_rows(folder: Path) -> None:
    """Rows whose texts are hostile to a terminal, or no text at all."""
    write_folder(folder)
    pictures = {"source_image": "before/cat.jpg", "edited_image": "after/cat.png"}
    texts = (
        {"instruction": "Add a hat.", "task": HOSTILE, "license": f"{HOSTILE} NC", "id": HOSTILE},
        {"instruction": "Add a cat.", "task": HALF, "dataset_source": HALF, "id": HALF},
        {"instruction": f"Add {HALF} a dog.", "family": HALF, "license": "CC0-1.0"},
        {"instruction": "Add a bat.", "source_image": f"{HALF}{HOSTILE}.jpg"},
    )
    lines = (json.dumps({**pictures, **one}) for one in texts)
    (folder / "rows.jsonl").write_text("\n".join(lines) + "\n", "utf-8")


def test_hostile_texts_of_rows_are_told_and_do_nothing(
    ask: Callable[..., Told], tmp_path: Path
) -> None:
    write_rows(tmp_path / "mine")
    assert ask("lint", "mine")[0] == 0
    code, out, _ = ask("lint", "mine", "--to", "again", "--json")
    report = Report.model_validate_json(out)
    assert (code, report.corpus.triplets) == (0, 4)
    assert "?" in {one.source for one in report.licences}
    stored = Report.model_validate_json((tmp_path / "again" / "lint.json").read_bytes())
    assert stored == report


def test_a_folder_whose_name_is_no_text_is_looked_at(
    ask: Callable[..., Told], tmp_path: Path
) -> None:
    name = os.fsdecode(b"caf\xe9 \xff")
    try:
        write_folder(tmp_path / name)
    except OSError:
        pytest.skip("this file system takes no such name")
    assert ask("lint", name, "--sample", "2")[0] == 0
    assert b"caf? ?" in (tmp_path / "lint" / "lint.json").read_bytes()


def test_hostile_names_of_columns_are_told_and_do_nothing(
    ask: Callable[..., Told], tmp_path: Path
) -> None:
    pq.write_table(pa.table({HOSTILE: ["x"], "b": ["y"]}), tmp_path / "a.parquet")
    code, _, err = ask("lint", "a.parquet")
    assert code == 1
    assert "]0;taken" in err


def test_hostile_ids_of_a_benchmark_are_told_and_do_nothing(
    ask: Callable[..., Told], tmp_path: Path
) -> None:
    write_folder(tmp_path / "mine")
    picture = (tmp_path / "mine" / "before" / "cat.jpg").read_bytes()
    rows = [
        {"id": key, "image": {"bytes": data, "path": ""}}
        for key, data in ((HOSTILE, b"none"), ("cat", picture))
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "bench.parquet")
    code, _, err = ask("hashes", "--from", "bench.parquet", "--name", "b", "--to", "b.parquet")
    assert code == 0
    assert "left out: \ufffd]0;taken" in err


@pytest.mark.parametrize("to", ["file", "file/deep/er"])
@pytest.mark.parametrize("command", ["lint", "hashes"])
def test_a_place_that_cannot_be_is_told_before_anything_is_looked_at(
    ask: Callable[..., Told], tmp_path: Path, command: str, to: str
) -> None:
    (tmp_path / "file").write_bytes(b"mine")
    pq.write_table(pa.table({"x": [1]}), tmp_path / "a.parquet")  # no layout: told, if looked at
    words = {"lint": ["a.parquet"], "hashes": ["--from", "a.parquet", "--name", "b"]}[command]
    where = f"{to}/b.parquet" if command == "hashes" else to
    code, _, err = ask(command, *words, "--to", where)
    assert code == 1
    assert f"Nothing can be written to '{tmp_path / to}': " in err
    assert (tmp_path / "file").read_bytes() == b"mine"


def test_a_setting_that_is_nested_beyond_measure_is_no_value(ask: Callable[..., Told]) -> None:
    deep = "[" * 100_000
    code, _, err = ask("build", "omniedit", "--input", "x", "--set", f"publish.min_done={deep}")
    assert (code, err.count("\n")) == (1, 1)
