"""Records to parquet and back."""

import io
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from editcorpus import tables
from editcorpus.errors import ShardError
from editcorpus.records import Failed, Geometry, Published, Reason, Rejected, Triplet


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True, slots=True)
class Fact:
    id: str
    count: int
    share: float
    good: bool
    colour: Colour
    note: str | None = None
    width: int | None = None
    ratio: float | None = None
    sure: bool | None = None


@dataclass(frozen=True, slots=True)
class Canvas:
    id: str
    picture: bytes
    thumbnail: bytes | None


@dataclass(frozen=True, slots=True)
class Odd:
    id: str
    sizes: list[int]


def facts(count: int = 3) -> list[Fact]:
    return [
        Fact(f"a/{n}", n, n / 7, n % 2 == 0, Colour.BLUE, width=n or None) for n in range(count)
    ]


def canvases(count: int) -> list[Canvas]:
    return [Canvas(f"a/{n}", bytes([n]) * (n + 1), None if n % 2 else b"t") for n in range(count)]


def written(rows: list, cls: type) -> io.BytesIO:
    sink = io.BytesIO()
    assert tables.write_table(rows, cls, sink) == len(rows)
    return io.BytesIO(sink.getvalue())


def test_a_dataclass_says_which_columns_there_are():
    schema = tables.schema_of(Fact)
    assert schema.names == [field.name for field in fields(Fact)]
    assert schema.field("id") == pa.field("id", pa.string(), nullable=False)
    assert schema.field("width") == pa.field("width", pa.int64())
    assert schema.field("ratio") == pa.field("ratio", pa.float64())
    assert schema.field("good") == pa.field("good", pa.bool_(), nullable=False)
    assert schema.field("colour") == pa.field("colour", pa.string(), nullable=False)


@pytest.mark.parametrize("cls", [Triplet, Failed, Geometry, Published])
def test_every_record_of_the_core_has_a_schema(cls):
    assert len(tables.schema_of(cls)) == len(fields(cls))


def test_a_field_that_says_so_has_no_column_and_comes_back_as_it_is_unset():
    verdict = Rejected("toy/1", "filter", Reason.DISPLACED, "It moved.", measured="{}")

    table = tables.to_table([verdict], Rejected)

    assert table.schema.names == ["id", "step", "reason", "detail"]
    assert tables.from_table(table, Rejected) == [replace(verdict, measured="")]


def test_a_field_that_no_column_stands_for_is_refused():
    with pytest.raises(TypeError, match=r"Odd\.sizes"):
        tables.schema_of(Odd)


fact = st.builds(
    Fact,
    id=st.text(),
    count=st.integers(-(2**63), 2**63 - 1),
    share=st.floats(allow_nan=False),
    good=st.booleans(),
    colour=st.sampled_from(Colour),
    note=st.none() | st.text(),
    width=st.none() | st.integers(0, 10),
    ratio=st.none() | st.floats(allow_nan=False),
    sure=st.none() | st.booleans(),
)


@settings(max_examples=50, deadline=None)
@given(st.lists(fact, max_size=5))
def test_records_come_back_as_they_went_in(rows):
    assert tables.read_rows(written(rows, Fact), Fact) == rows


def test_reasons_come_back_as_reasons():
    rows = [Rejected("a/1", "plan", Reason.DUPLICATE_ID, "<b>")]
    back = tables.read_rows(written(rows, Rejected), Rejected)
    assert back == rows
    assert isinstance(back[0].reason, Reason)


def test_pictures_come_back_as_they_went_in(tmp_path: Path):
    path = tmp_path / "pad.parquet"
    assert tables.write_table(canvases(9), Canvas, path) == 9
    assert tables.read_rows(path, Canvas) == canvases(9)


def test_the_same_records_give_the_same_bytes():
    assert written(facts(), Fact).getvalue() == written(facts(), Fact).getvalue()
    assert written(canvases(9), Canvas).getvalue() == written(canvases(9), Canvas).getvalue()


def test_no_records_are_a_table_with_columns():
    assert tables.read_rows(written([], Fact), Fact) == []
    assert tables.read_columns(written([], Canvas), Canvas).column_names == [
        "id",
        "picture",
        "thumbnail",
    ]


def test_text_is_compressed_and_pictures_are_not():
    meta = pq.ParquetFile(written(canvases(10), Canvas)).metadata
    kinds = {c["path_in_schema"]: c["compression"] for c in meta.row_group(0).to_dict()["columns"]}
    assert kinds == {"id": "ZSTD", "picture": "UNCOMPRESSED", "thumbnail": "UNCOMPRESSED"}


def test_only_the_columns_asked_for_are_read():
    table = tables.read_columns(written(canvases(5), Canvas), Canvas, ["id"])
    assert table.column_names == ["id"]


def test_a_null_where_none_is_allowed_is_refused():
    with pytest.raises(pa.ArrowInvalid):
        tables.write_table([Canvas(None, b"", b"")], Canvas, io.BytesIO())  # type: ignore[arg-type]


def test_a_missing_column_is_named():
    with pytest.raises(ShardError, match="needs the column 'note'"):
        tables.from_table(tables.to_table(facts(), Fact).drop(["note"]), Fact)
    with pytest.raises(ShardError, match="needs the column 'picture'"):
        tables.read_columns(written(facts(), Fact), Canvas)


def test_a_column_of_another_type_is_named():
    table = (
        tables.to_table(facts(), Fact).drop(["count"]).append_column("count", pa.array(["1"] * 3))
    )
    with pytest.raises(ShardError, match="'count' of Fact is string, not int64"):
        tables.from_table(table, Fact)


@pytest.mark.parametrize("cut", [0, 3, 200, -20])
def test_a_damaged_file_is_a_shard_error(tmp_path: Path, cut: int):
    path = tmp_path / "pad.parquet"
    path.write_bytes(written(canvases(9), Canvas).getvalue()[:cut])
    with pytest.raises(ShardError, match=r"pad\.parquet is not a whole parquet file"):
        tables.read_rows(path, Canvas)


def test_a_missing_file_stays_a_missing_file(tmp_path: Path):
    with pytest.raises(FileNotFoundError):
        tables.read_rows(tmp_path / "none.parquet", Fact)
