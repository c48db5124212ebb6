"""A corpus as parquet."""

import json
from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from editcorpus.errors import ShardError
from editcorpus.layouts import parquet
from editcorpus.layouts.parquet import (
    extension,
    outcome_rows,
    read_outcomes,
    read_shard,
    shard_rows,
    write_outcomes,
    write_shard,
)
from editcorpus.layouts.unify import unified
from editcorpus.records import Failed, Published, Reason, Rejected
from editcorpus.storage import Store

PATH = "corpora/spring/data/train-00017.parquet"


def test_records_come_back_as_they_were(store: Store, sample) -> None:
    written = write_shard(store, PATH, iter(sample.records))
    assert tuple(read_shard(store, PATH)) == sample.records
    assert (written.path, written.records) == (PATH, 3)
    assert written.bytes == store.size(PATH)


def test_the_same_records_give_the_same_bytes(store: Store, sample) -> None:
    one = write_shard(store, "a/one.parquet", sample.records)
    two = write_shard(store, "b/two.parquet", sample.records)
    assert one.sha256 == two.sha256
    assert store.read("a/one.parquet") == store.read("b/two.parquet")


def test_what_was_not_measured_is_null_and_comes_back(store: Store, sample) -> None:
    measured = replace(sample.records[0], clip_sim_dir=0.25, ssim=0.5, embed_model="clip")
    records = (measured, *sample.records[1:])
    assert {record.clip_sim_dir for record in records} == {0.25, None}
    path = write_shard(store, PATH, records).path
    assert tuple(read_shard(store, path)) == records
    table = unified(pq.read_table(store.local_file(PATH)))
    assert table.column("clip_sim_dir").to_pylist() == [0.25, None, None]
    older = table.drop_columns(["clip_sim_dir", "embed_model"])
    assert unified(older).column("clip_sim_dir").null_count == len(records)
    assert set(unified(older).column("embed_model").to_pylist()) == {""}
    with pytest.raises(ShardError, match="has no value for score"):
        write_shard(store, PATH, [replace(measured, score=None)])


def test_datasets_opens_it_with_decoded_pictures_and_no_configuration(
    build, sample, tmp_path: Path
) -> None:
    datasets = import_module("datasets")
    store = build()
    card = b"---\nconfigs:\n- config_name: default\n  data_files: data/*.parquet\n---\n"
    store.write(f"{sample.folder}/README.md", card)
    loaded = datasets.load_dataset(store.url(sample.folder), cache_dir=str(tmp_path / "cache"))
    assert list(loaded) == ["train"]
    rows = loaded["train"]
    assert [row["id"] for row in rows] == [record.id for record in sample.records]
    assert rows[0]["source_image"].size == rows[0]["edited_image"].size == (24, 16)
    assert rows.features["edited_image"] == datasets.Image()
    assert rows.features["width"] == datasets.Value("int64")
    assert rows.features["registered"] == datasets.Value("bool")
    assert rows.column_names[:5] == ["id", "dataset_source", "task", "subtask", "family"]


def test_the_schema_tells_every_column(store: Store, sample) -> None:
    write_shard(store, PATH, sample.records)
    schema = pq.read_schema(store.local_file(PATH))
    told = json.loads(schema.metadata[b"huggingface"])["info"]["features"]
    assert list(told) == schema.names == list(Published.__dataclass_fields__)
    assert told["score"] == {"dtype": "float64", "_type": "Value"}


def test_row_groups_are_closed_by_bytes(
    store: Store, sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "GROUP_BYTES", 5_000)
    records = [
        sample.published(n, source_image=b"\xff\xd8\xff" + bytes(size), edited_image=b"")
        for n, size in enumerate((2_000, 2_500, 600, 9_000, 10))
    ]
    write_shard(store, PATH, records)
    meta = pq.read_metadata(store.local_file(PATH))
    rows = [meta.row_group(group).num_rows for group in range(meta.num_row_groups)]
    assert rows == [2, 1, 1, 1]
    assert list(read_shard(store, PATH)) == records


def test_only_one_row_group_is_drawn_ahead(
    store: Store, sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "GROUP_ROWS", 2)
    drawn: list[int] = []

    def records() -> Iterator[Published]:
        for number in range(5):
            drawn.append(number)
            yield sample.published(number)

    groups = parquet._groups(records())
    next(groups)
    assert drawn == [0, 1, 2]


def test_reading_can_stop_in_the_middle(store: Store, sample) -> None:
    write_shard(store, PATH, sample.records)
    reading = read_shard(store, PATH)
    assert next(reading) == sample.records[0]
    reading.close()


def test_pictures_have_safe_names_with_the_right_extension(store: Store, sample) -> None:
    records = [
        sample.published(0, id="../../etc/passwd\n<x>"),
        sample.published(1, id="a/" + "é" * 500),
        sample.published(2, source_image=sample.draw(2, kind="WEBP")),
    ]
    write_shard(store, PATH, records)
    table = pq.read_table(store.local_file(PATH), columns=["source_image", "edited_image"])
    names = [row["path"] for name in table.column_names for row in table[name].to_pylist()]
    assert names[0] == "%2E.%2F..%2Fetc%2Fpasswd%0A%3Cx%3E-source.jpg"
    assert names[2] == "omniedit%2Ftask_obj_add_2-source.webp"
    assert all(len(name) < 230 and "/" not in name and name.isascii() for name in names)
    assert len(set(names)) == 6
    assert all(name.endswith(".png") for name in names[3:])


@pytest.mark.parametrize(
    ("start", "name"),
    [
        (b"\xff\xd8\xff\xe0", "jpg"),
        (b"\x89PNG\r\n\x1a\n", "png"),
        (b"RIFF\0\0\0\0WEBP", "webp"),
        (b"GIF89a", "gif"),
        (b"MM\0*", "tiff"),
        (b"<svg", "bin"),
        (b"", "bin"),
    ],
)
def test_the_extension_follows_from_the_bytes(start: bytes, name: str) -> None:
    assert extension(start) == name


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"subtask": None}, "'omniedit/task_obj_add_1' has no value for subtask"),
        ({"edited_image": None}, "has no value for edited_image"),
        ({"width": "wide"}, "The column width cannot hold a value"),
        ({"instruction": "\ud800"}, "The column instruction cannot hold a value"),
        ({"source_row": 2**70}, "The column source_row cannot hold a value"),
    ],
)
def test_a_value_that_fits_no_column_writes_nothing(
    store: Store, sample, change: dict[str, object], sentence: str
) -> None:
    records = (sample.published(0), sample.published(1, **change))
    with pytest.raises(ShardError, match=sentence):
        write_shard(store, PATH, records)
    assert store.list("corpora") == []


def test_an_empty_shard_has_all_columns(store: Store) -> None:
    assert write_shard(store, PATH, ()).records == 0
    assert list(read_shard(store, PATH)) == []


def test_null_in_a_foreign_file_is_refused_by_reading_and_shown_as_it_is(
    store: Store, sample
) -> None:
    write_shard(store, PATH, sample.records)
    file = store.local_file(PATH)
    table = pq.read_table(file)
    nulled = table.set_column(
        table.column_names.index("subtask"), "subtask", pa.array([None, "x", "y"])
    )
    pq.write_table(nulled, file)
    assert [row["subtask"] for row in shard_rows(store, PATH)] == [None, "x", "y"]
    with pytest.raises(ShardError, match=r"'omniedit/task_obj_add_0' has null in subtask\."):
        list(read_shard(store, PATH))


@pytest.mark.parametrize("damage", ["empty", "cut", "flipped footer", "text"])
def test_a_damaged_file_says_so(store: Store, sample, damage: str) -> None:
    write_shard(store, PATH, sample.records)
    data = store.read(PATH)
    broken = {
        "empty": b"",
        "cut": data[: len(data) // 2],
        "flipped footer": data[:-40] + bytes(byte ^ 255 for byte in data[-40:]),
        "text": b"not parquet at all",
    }
    store.write(PATH, broken[damage])
    with pytest.raises(ShardError, match=r"train-00017.parquet"):
        list(read_shard(store, PATH))


def test_a_flipped_byte_anywhere_never_raises_anything_else(store: Store, sample) -> None:
    write_shard(store, PATH, sample.records)
    data = bytearray(store.read(PATH))
    for place in range(3, len(data), max(1, len(data) // 150)):
        data[place] ^= 0x55
        store.local_file(PATH).write_bytes(data)
        data[place] ^= 0x55
        try:
            list(read_shard(store, PATH))
        except ShardError as error:
            assert "train-00017.parquet" in str(error)


def test_a_missing_file_and_a_missing_column_say_so(store: Store, sample) -> None:
    with pytest.raises(ShardError, match="is missing"):
        list(read_shard(store, PATH))
    write_outcomes(store, PATH, sample.rejected)
    with pytest.raises(ShardError, match="no column dataset_source"):
        list(read_shard(store, PATH))


def test_outcomes_come_back_as_they_were(store: Store, sample) -> None:
    assert write_outcomes(store, "r.parquet", sample.rejected).records == 2
    write_outcomes(store, "f.parquet", iter(sample.failed))
    assert tuple(read_outcomes(store, "r.parquet", Rejected)) == sample.rejected
    assert tuple(read_outcomes(store, "f.parquet", Failed)) == sample.failed
    assert write_outcomes(store, "e.parquet", ()).records == 0
    assert list(outcome_rows(store, "e.parquet")) == []


def test_an_unknown_reason_is_named(store: Store) -> None:
    names = ("id", "step", "reason", "detail")
    values = [pa.array([text]) for text in ("a/1", "pad", "mood", "")]
    store.local_file("x").parent.mkdir(parents=True)
    pq.write_table(pa.table(values, names), store.local_file("r.parquet"))
    with pytest.raises(ShardError, match="'a/1' has 'mood' is not a valid Reason"):
        list(read_outcomes(store, "r.parquet", Rejected))
    assert Reason.NO_EDIT
