"""The ledger as CSV and Parquet: fixed columns, exact dollars, whole files or none."""

import csv
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from editcorpus.errors import ConfigError, StorageError
from editcorpus.lookups import tables
from editcorpus.lookups.spending import Row
from editcorpus.lookups.tables import SCHEMA, csv_writer, parquet_writer

ROW = Row(
    run="spring",
    step="regenerate",
    id="omniedit/r1",
    shard=3,
    sample=0,
    model="gpt-image-2.5-sunburst",
    outcome="settled",
    usd=Decimal("0.031250000123"),
    at="2026-11-20T00:01:00.000+00:00",
    day="2026-11-20",
    seconds=12.5,
    request_id="req_1",
    request="0" * 64,
    attempt="p-1",
    verdict="rejected",
    reason="no_edit",
    text_in=30,
    image_out=272,
)


def test_the_columns_are_fixed() -> None:
    assert SCHEMA.names[:8] == [
        *("run", "step", "id", "shard", "sample", "model", "outcome", "usd"),
    ]
    assert SCHEMA.field("usd").type == pa.decimal128(38, 18)
    assert len(SCHEMA) == 23


@pytest.mark.parametrize("count", [0, 1, 5])
def test_both_files_hold_every_call_to_the_last_digit(
    tmp_path: Path, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "_GROUP", 2)
    rows = [replace(ROW, shard=number) for number in range(count)]
    with csv_writer(tmp_path / "a.csv") as lines, parquet_writer(tmp_path / "a.parquet") as table:
        for row in rows:
            lines.add(row)
            table.add(row)
    found = pq.read_table(tmp_path / "a.parquet")
    assert found.schema.names == SCHEMA.names
    assert found["usd"].to_pylist() == [row.usd for row in rows]
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as opened:
        told = list(csv.DictReader(opened))
    assert [Decimal(line["usd"]) for line in told] == [row.usd for row in rows]
    assert [int(line["shard"]) for line in told] == found["shard"].to_pylist()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "a.parquet"]


def test_text_from_outside_is_no_formula(tmp_path: Path) -> None:
    with csv_writer(tmp_path / "a.csv") as lines:
        lines.add(replace(ROW, request_id='=HYPERLINK("x")\n,'))
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as opened:
        (told,) = csv.DictReader(opened)
    assert told["request_id"] == '\'=HYPERLINK("x")\n,'


@pytest.mark.parametrize("make", [csv_writer, parquet_writer])
def test_a_folder_that_is_not_there_is_one_sentence(tmp_path: Path, make) -> None:
    with pytest.raises(ConfigError, match="cannot be written"), make(tmp_path / "no" / "a"):
        pass


@pytest.mark.parametrize("make", [csv_writer, parquet_writer])
def test_what_breaks_leaves_no_file_and_keeps_its_own_words(tmp_path: Path, make) -> None:
    path = tmp_path / "a"
    path.write_text("before")
    with pytest.raises(StorageError, match="journal"), make(path) as lines:
        lines.add(ROW)
        raise StorageError("A journal is damaged.")
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]
