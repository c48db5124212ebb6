"""Splits are told by names of files, and no source image may be in two of them."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from editcorpus.linting.checks import Check
from editcorpus.linting.lint import Settings, look
from editcorpus.linting.page import page_text
from editcorpus.linting.splits import split_of
from editcorpus.linting.summed import summed


@pytest.mark.parametrize(
    ("file", "split"),
    [
        ("data/train-00000-of-00002.parquet", "train"),
        ("data/test-00000.parquet", "test"),
        ("s3://bucket/corpus/dev.parquet", "validation"),
        ("hf://datasets/a/b@c0ffee/validation/0.parquet", "validation"),
        ("dev/corpus/data_Training_3.parquet", "train"),
        ("contest/latest-trained.parquet", ""),
        ("train/test/rows.parquet", "test"),
        ("train-and-test.parquet", ""),
        ("", ""),
    ],
)
def test_the_last_part_that_names_a_split_decides(file: str, split: str) -> None:
    assert split_of(file) == split


def write(path: Path, rows: list[Any]) -> None:
    path.parent.mkdir(exist_ok=True)
    names = ("id", "instruction", "source", "edited")
    table = pa.Table.from_pylist([{name: getattr(row, name) for name in names} for row in rows])
    pq.write_table(
        table.rename_columns(["id", "instruction", "source_image", "edited_image"]), path
    )


@pytest.fixture
def torn(tmp_path: Path, planted: Any) -> Path:
    """Two splits that share the first photograph, encoded anew; and another pair of one split alone."""
    rows = planted.clean_rows(4)
    twin = planted.jpeg(planted.scene(0), 70)
    other = planted.png(planted.edited(planted.scene(0), 3))
    again = planted.row("again", "Lift the heavy stone.", rows[1].source, other)
    write(tmp_path / "data" / "train-0.parquet", [rows[0], rows[1], again])
    leaked = planted.row("leaked", "Sing a quiet song.", twin, other)
    write(tmp_path / "data" / "test-0.parquet", [leaked, rows[2], rows[3]])
    return tmp_path


def test_a_source_image_in_two_splits_is_told_with_its_partner(torn: Path) -> None:
    report, examples = summed(look(str(torn), {}, Settings(threads=2)))
    found = [one for one in report.findings if one.check is Check.SPLIT_LEAK]
    assert [one.id.rpartition("/")[2] for one in found] == ["leaked"]
    assert "clean-0, which is in train" in found[0].detail
    rates = {one.check: one.rate for one in report.checks}
    assert (rates[Check.SPLIT_LEAK].count, rates[Check.SPLIT_LEAK].of) == (1, 6)
    (shown,) = [one for one in examples if one.check is Check.SPLIT_LEAK]
    assert shown.partner.endswith("clean-0")
    assert shown.partner_pair


def test_without_two_splits_nothing_is_looked_for(torn: Path) -> None:
    (torn / "data" / "test-0.parquet").rename(torn / "data" / "train-1.parquet")
    report, examples = summed(look(str(torn), {}, Settings(threads=2)))
    rates = {one.check: one.rate for one in report.checks}
    assert (rates[Check.SPLIT_LEAK].count, rates[Check.SPLIT_LEAK].of) == (0, 0)
    assert "in two splits" in page_text(report, examples)
    assert "names of files tell no two splits" in page_text(report, examples)
