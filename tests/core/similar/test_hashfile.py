"""Files of hashes come back as they were, and those of others are not trusted."""

import io
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from editcorpus.errors import ConfigError, ShardError
from editcorpus.similar import hashfile
from editcorpus.similar.hashfile import SCHEMA, Item, Known, known, read_known, write_known
from editcorpus.similar.views import hash_views


@pytest.fixture(scope="module")
def made(photos: list[Image.Image]) -> Known:
    items = []
    for number, photo in enumerate(photos):
        names, views = hash_views(photo.convert("L"), crops=True)
        items.append(Item(f"item {number}", tuple(names), views, "Make it snow" if number else ""))
    return known("GEdit", items)


def written(made: Known) -> bytes:
    buffer = io.BytesIO()
    write_known(made, buffer)
    return buffer.getvalue()


def same(one: Known, other: Known) -> bool:
    arrays = ("items", "pictures", "instructions")
    texts = ("benchmark", "ids", "views")
    return all(getattr(one, name) == getattr(other, name) for name in texts) and all(
        np.array_equal(getattr(one, name), getattr(other, name)) for name in arrays
    )


def test_what_is_written_comes_back(made: Known) -> None:
    assert same(read_known(io.BytesIO(written(made)), "gedit.parquet"), made)
    assert not made.instructions[0].any()
    assert made.instructions[1].any()


def test_the_same_hashes_are_the_same_bytes_and_hold_no_picture(made: Known) -> None:
    data = written(made)
    assert data == written(made)
    assert len(data) < 300 * len(made.pictures) + 10_000
    assert b"\xff\xd8\xff" not in data


def test_a_benchmark_without_pictures_is_refused() -> None:
    with pytest.raises(ConfigError, match="has no pictures"):
        known("empty", [])


@pytest.mark.parametrize("key", ["editcorpus.pictures", "editcorpus.instructions"])
@pytest.mark.parametrize("version", ["2", "", "1" * 5000])
def test_hashes_of_another_version_are_refused(made: Known, key: str, version: str) -> None:
    data = with_metadata(made, {key: version})
    with pytest.raises(ConfigError, match="hash the benchmark's pictures anew") as caught:
        read_known(io.BytesIO(data), "x.parquet")
    assert len(str(caught.value)) < 200


def with_metadata(made: Known, more: dict[str, str]) -> bytes:
    table = pq.read_table(io.BytesIO(written(made)))
    told = {**table.schema.metadata, **{key.encode(): text.encode() for key, text in more.items()}}
    buffer = io.BytesIO()
    pq.write_table(table.replace_schema_metadata(told), buffer)
    return buffer.getvalue()


@pytest.mark.parametrize("column", SCHEMA.names)
def test_a_file_without_a_column_is_none(made: Known, column: str) -> None:
    table = pq.read_table(io.BytesIO(written(made))).drop_columns([column])
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    with pytest.raises(ShardError, match=r"x\.parquet is no file of hashes"):
        read_known(io.BytesIO(buffer.getvalue()), "x.parquet")


def test_hashes_of_another_width_are_refused(made: Known) -> None:
    table = pq.read_table(io.BytesIO(written(made)))
    short = pa.array([b"\0" * 8] * len(table), pa.binary(8))
    field = pa.field("picture", pa.binary(8), nullable=False)
    buffer = io.BytesIO()
    pq.write_table(table.set_column(2, field, short), buffer)
    with pytest.raises(ShardError, match="no file of hashes"):
        read_known(io.BytesIO(buffer.getvalue()), "x.parquet")


def test_endless_names_and_files_are_refused(made: Known, monkeypatch: pytest.MonkeyPatch) -> None:
    long = replace(made, ids=("x" * 1001, *made.ids[1:]))
    with pytest.raises(ShardError, match="a name has 1001 characters"):
        read_known(io.BytesIO(written(long)), "x.parquet")
    with pytest.raises(ShardError, match="a name has 2000 characters"):
        read_known(io.BytesIO(written(replace(made, benchmark="n" * 2000))), "x.parquet")
    monkeypatch.setattr(hashfile, "MOST_ROWS", 3)
    with pytest.raises(ShardError, match="3 are read at most"):
        read_known(io.BytesIO(written(made)), "x.parquet")


@pytest.mark.parametrize("data", [b"", b"PAR1", b"GIF89a" * 100, b"PAR1" + b"\0" * 64 + b"PAR1"])
def test_what_is_no_parquet_file_is_refused(data: bytes) -> None:
    with pytest.raises(ShardError, match=r"x\.parquet is not a whole parquet file"):
        read_known(io.BytesIO(data), "x.parquet")


@given(data=st.data())
def test_a_damaged_file_is_told_or_read(data: st.DataObject, made: Known) -> None:
    blob = bytearray(written(made))
    for _ in range(data.draw(st.integers(1, 4))):
        blob[data.draw(st.integers(0, len(blob) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = read_known(io.BytesIO(bytes(blob)), "x.parquet")
    except (ShardError, ConfigError) as error:
        assert "x.parquet" in str(error)
        assert len(str(error)) < 500
    else:
        assert len(found.items) == len(found.views) == len(found.pictures)
        assert len(found.ids) == len(found.instructions)


def test_small_pictures_may_come_with_the_hashes(made: Known) -> None:
    shown = replace(made, thumbnails={1: b"\xff\xd8\xff small"})
    found = read_known(io.BytesIO(written(shown)), "x.parquet")
    assert same(found, made)
    assert found.thumbnails == shown.thumbnails
    large = replace(made, thumbnails={0: bytes(hashfile.MOST_THUMBNAIL + 1)})
    with pytest.raises(ShardError, match="a thumbnail is too large"):
        read_known(io.BytesIO(written(large)), "x.parquet")
