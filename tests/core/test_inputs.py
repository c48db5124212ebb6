"""Finding, opening and reading a source's files."""

import socket
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from editcorpus import buckets
from editcorpus.errors import ConfigError, RowsDamaged, ShardError, StorageError
from editcorpus.inputs import Inputs
from editcorpus.readers.parquet import PARQUET
from editcorpus.records import Triplet
from editcorpus.sources.omniedit import SOURCE

NOBODY = {
    "endpoint_url": "http://127.0.0.1:1",
    "config_kwargs": {"retries": {"total_max_attempts": 1}},
}


def read_pictures(column: str, triplets: Sequence[Triplet], inputs: Inputs):
    source = replace(SOURCE, columns={column: "image"}, pictures={"source": column})
    for one, found in PARQUET.shelf(source, inputs, None).read(triplets, ("source",)):
        yield one, found if isinstance(found, RowsDamaged) else found["source"]


def write(path: Path, pictures: list, group: int = 10, struct: bool = True) -> Path:
    kind = pa.struct({"bytes": pa.binary(), "path": pa.string()}) if struct else pa.binary()
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"img": pa.array(pictures, kind)}), path, row_group_size=group)
    return path


def structs(count: int) -> list[dict | None]:
    return [{"bytes": b"%d" % n * 10, "path": f"{n}.png"} for n in range(count)]


def triplet(file: Path | str, group: int, row: int) -> Triplet:
    return Triplet(f"toy/{row}", "toy", "", "", "Paint.", 0, "CC0-1.0", str(file), group, row)


def test_a_file_a_folder_a_glob_and_a_list_are_found_sorted(tmp_path: Path, monkeypatch):
    b, a = write(tmp_path / "data/b.parquet", []), write(tmp_path / "data/deep/a.parquet", [])
    (tmp_path / "data/README.md").write_text("x")
    (tmp_path / "data/.a.parquet").write_text("x")
    (tmp_path / "data/_a.parquet").write_text("x")
    assert Inputs.find(str(b)).files == (str(b),)
    assert Inputs.find(str(tmp_path)).files == (str(b), str(a))
    assert Inputs.find(f"{tmp_path}/data/*.parquet").files == (str(b),)
    assert Inputs.find(f"{tmp_path}/**/?.parquet").files == (str(b), str(a))
    assert Inputs.find([str(a), str(b), str(tmp_path)]).files == (str(b), str(a))
    assert Inputs.find(f"file://{b}").files == (f"file://{b}",)
    monkeypatch.chdir(tmp_path)
    assert Inputs.find("data/deep").files == (str(a),)


def test_brackets_may_be_part_of_a_name(tmp_path: Path):
    path = write(tmp_path / "run[1]/a.parquet", [])
    assert Inputs.find(str(tmp_path / "run[1]")).files == (str(path),)
    assert Inputs.find(str(path)).files == (str(path),)


@pytest.mark.parametrize("where", ["", "none", "none/*.parquet", "none.parquet"])
def test_nothing_found_is_one_sentence(tmp_path: Path, where: str):
    with pytest.raises(ConfigError, match=r"^No parquet file is found at '.*'\.$"):
        Inputs.find(f"{tmp_path}/{where}")
    with pytest.raises(ConfigError, match="No input is given"):
        Inputs.find([])


def test_an_unknown_protocol_is_one_sentence():
    with pytest.raises(
        ConfigError, match=r"No input can be read at 'nope://x/y': Protocol not known"
    ):
        Inputs.find("nope://x/y")


@pytest.mark.parametrize("struct", [True, False])
def test_pictures_come_by_row_from_structs_and_plain_bytes(tmp_path: Path, struct: bool):
    members = structs(25)
    path = write(
        tmp_path / "a.parquet",
        members if struct else [one and one["bytes"] for one in members],
        struct=struct,
    )
    wanted = [triplet(path, row // 10, row) for row in (24, 3, 0, 11, 12)]
    got = list(read_pictures("img", wanted, Inputs()))
    assert [(one.row, data) for one, data in got] == [
        (row, b"%d" % row * 10) for row in (0, 3, 11, 12, 24)
    ]


def test_several_files_are_read_one_after_the_other(tmp_path: Path):
    paths = [write(tmp_path / f"{name}.parquet", structs(3)) for name in "ba"]
    got = list(read_pictures("img", [triplet(path, 0, 1) for path in paths], Inputs()))
    assert [one.file for one, _ in got] == [str(paths[1]), str(paths[0])]


def test_a_picture_that_is_not_there_is_none(tmp_path: Path):
    path = write(tmp_path / "a.parquet", [None, {"bytes": None, "path": "x"}, {"bytes": b""}])
    got = list(read_pictures("img", [triplet(path, 0, row) for row in range(3)], Inputs()))
    assert [data for _, data in got] == [None, None, b""]


def test_only_the_row_groups_that_are_needed_are_read(tmp_path: Path):
    path = write(tmp_path / "a.parquet", structs(30))
    data = bytearray(path.read_bytes())
    chunk = pq.ParquetFile(path).metadata.row_group(0).column(0)
    start = chunk.dictionary_page_offset or chunk.data_page_offset
    data[start : start + chunk.total_compressed_size] = b"\xff" * chunk.total_compressed_size
    path.write_bytes(data)
    assert len(list(read_pictures("img", [triplet(path, 1, 10)], Inputs()))) == 1
    [(_, damage)] = read_pictures("img", [triplet(path, 0, 1)], Inputs())
    assert isinstance(damage, RowsDamaged)
    assert "a.parquet is damaged in row group 0, rows 0 to 9: " in str(damage)


def test_memory_does_not_follow_the_row_group(tmp_path: Path):
    path = tmp_path / "a.parquet"
    pictures = [bytes([n]) * 2_000_000 for n in range(64)]
    table = pa.table({"img": pa.array(pictures, pa.binary())})
    pq.write_table(
        table, path, compression="none", use_dictionary=False, write_batch_size=1, data_page_size=1
    )
    del pictures, table
    before, most = pa.total_allocated_bytes(), 0
    for _, data in read_pictures("img", [triplet(path, 0, row) for row in range(64)], Inputs()):
        assert len(data or b"") == 2_000_000
        most = max(most, pa.total_allocated_bytes() - before)
    assert most < 40_000_000


def test_a_file_that_changed_since_the_plan_is_refused(tmp_path: Path):
    path = write(tmp_path / "a.parquet", structs(3))
    with pytest.raises(ShardError, match="fewer row groups"):
        list(read_pictures("img", [triplet(path, 1, 10)], Inputs()))
    with pytest.raises(ShardError, match="fewer rows"):
        list(read_pictures("img", [triplet(path, 0, 7)], Inputs()))
    with pytest.raises(ShardError, match="no longer has the column 'src'"):
        list(read_pictures("src", [triplet(path, 0, 0)], Inputs()))


def test_a_file_that_vanished_is_a_storage_error(tmp_path: Path):
    with pytest.raises(StorageError, match=r"The input .*a\.parquet cannot be read"):
        list(read_pictures("img", [triplet(tmp_path / "a.parquet", 0, 0)], Inputs()))


def test_secrets_are_in_no_message_and_no_representation():
    inputs = Inputs((), {"key": "AKIAKEY", "client_kwargs": {"token": "sesame-open"}})
    assert "AKIAKEY" not in repr(inputs)
    with pytest.raises(StorageError) as caught, inputs.explained("s3://b/a"):
        raise OSError("no entry for AKIAKEY with sesame-open\nsecond line")
    assert str(caught.value) == "The input s3://b/a cannot be read: no entry for *** with ***."


@pytest.fixture(scope="module")
def bucket(s3):
    """What opens a bucket `data` that holds one file."""
    write(s3.folder / s3.bucket("data") / "omni/a.parquet", structs(25))
    return {**s3.options, "skip_instance_cache": True}


@pytest.mark.s3
def test_a_bucket_is_an_input_like_a_folder(bucket):
    for where in ("s3://data/omni", "s3://data/omni/*.parquet", "s3://data/omni/a.parquet"):
        inputs = Inputs.find(where, bucket)
        assert inputs.files == ("s3://data/omni/a.parquet",)
    wanted = [triplet(inputs.files[0], row // 10, row) for row in (1, 24)]
    assert [data for _, data in read_pictures("img", wanted, inputs)] == [b"1" * 10, b"24" * 10]


@pytest.mark.s3
@pytest.mark.parametrize(
    ("where", "change", "message"),
    [
        ("s3://none/omni", {}, "No parquet file is found|does not exist|cannot be read"),
        ("s3://data/none", {}, "No parquet file is found"),
        ("s3://data/none.parquet", {}, "No parquet file is found"),
        ("s3://data/omni", {"secret": "wr0ng-of-test"}, "cannot be read"),
        ("s3://data/omni", NOBODY, "cannot be read"),
    ],
)
def test_an_unusable_bucket_is_one_sentence_without_secrets(bucket, where, change, message):
    with pytest.raises(ConfigError, match=message) as caught:
        Inputs.find(where, {**bucket, **change})
    assert "of-test" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.s3
@pytest.mark.parametrize("connects", [True, False])
def test_a_bucket_that_does_not_answer_is_told_in_seconds(connects: bool, monkeypatch):
    monkeypatch.setitem(buckets._HASTY, "read_timeout", 1)
    with socket.socket() as server, ExitStack() as callers:
        server.bind(("127.0.0.1", 0))
        server.listen(64 if connects else 0)
        for _ in range(0 if connects else 2):  # a full queue: the next one is never connected
            caller = callers.enter_context(socket.socket())
            caller.setblocking(False)
            caller.connect_ex(server.getsockname())
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        options = {"key": "access", "secret": "s3cr3t-of-test", "endpoint_url": url}
        began = time.monotonic()
        with pytest.raises(ConfigError, match="cannot be read"):
            Inputs.find("s3://data/omni", options)
        assert time.monotonic() - began < 120, "five tries of a minute each, were it not hasty"


@pytest.mark.s3
def test_a_first_look_reads_what_any_look_reads(bucket):
    inputs = Inputs.find("s3://data/omni/a.parquet", bucket)
    with PARQUET.rows(inputs.hasty(), inputs.files[0]) as parquet:
        assert parquet.metadata.num_rows == 25
    assert not inputs.first_look


@pytest.mark.s3
def test_a_bucket_that_goes_away_is_a_storage_error(bucket):
    gone = Inputs((), {**bucket, **NOBODY})
    with pytest.raises(StorageError, match="cannot be read"):
        list(read_pictures("img", [triplet("s3://data/omni/a.parquet", 0, 0)], gone))
