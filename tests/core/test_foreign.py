"""Parquet files that are damaged, or made to take all memory: refused before Arrow believes them."""

import io
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from editcorpus import foreign
from editcorpus.errors import RowsDamaged, ShardError, StorageError
from editcorpus.footers import Chunk
from editcorpus.foreign import ForeignTable
from editcorpus.inputs import Inputs
from editcorpus.pages import Guard
from editcorpus.readers.parquet import PARQUET
from editcorpus.records import Triplet
from editcorpus.sources.omniedit import SOURCE
from editcorpus.thrift import CutShort, read_struct

HUGE = 2**31 - 1
ROWS = 20
GROUP = 10


def read_pictures(column: str, triplets: Sequence[Triplet], inputs: Inputs):
    source = replace(SOURCE, columns={column: "image"}, pictures={"source": column})
    for one, found in PARQUET.shelf(source, inputs, None).read(triplets, ("source",)):
        yield one, found if isinstance(found, RowsDamaged) else found["source"]


def varint(number: int) -> bytes:
    made = b""
    while number > 127:
        made, number = made + bytes([number & 127 | 128]), number >> 7
    return made + bytes([number])


def struct(members: dict) -> bytes:
    """A struct of numbers and structs, as Thrift's compact protocol has it."""
    made, before = b"", 0
    for field, value in members.items():
        kind = 12 if isinstance(value, dict) else 5
        body = struct(value) if isinstance(value, dict) else varint(value << 1)
        made, before = made + bytes([(field - before) << 4 | kind]) + body, field
    return made + b"\0"


V1 = {5: {1: GROUP, 2: 0, 3: 3, 4: 3}}
HEADERS = {
    "page": {1: 0, 2: HUGE, **V1},
    "page without packing": {1: 0, 2: HUGE, 3: HUGE, **V1},
    "page v2": {1: 3, 2: HUGE, 8: {1: GROUP, 2: 0, 3: GROUP, 4: 0, 5: 2, 6: 0}},
    "dictionary": {1: 2, 2: HUGE, 7: {1: GROUP, 2: 0}},
    "values": {1: 0, 2: 100, 5: {1: HUGE, 2: 0, 3: 3, 4: 3}},
    "values v2": {1: 3, 2: 100, 8: {1: HUGE, 2: 0, 3: GROUP, 4: 0, 5: 2, 6: 0}},
    "entries": {1: 2, 2: 100, 7: {1: HUGE, 2: 0}},
    "many small dictionaries": {1: 2, 2: 2**26, 7: {1: 2**26, 2: 0}},
    "no size": {1: 0, 3: 50, **V1},
    "no number of values": {1: 0, 2: 100, 5: {2: 0, 3: 3, 4: 3}},
}
"""What the first page says; where it gives no packed size, that is the rest of its column."""


def write(path: Path, **options) -> Path:
    kind = pa.struct({"bytes": pa.binary(), "path": pa.string()})
    rows = [{"bytes": b"%d-" % n * 40, "path": f"{n}.png"} for n in range(ROWS)]
    columns = {"img": pa.array(rows, kind), "text": [f"Paint {n}." for n in range(ROWS)]}
    pq.write_table(pa.table(columns), path, row_group_size=GROUP, **options)
    return path


def announce(path: Path, header: dict, column: int = 0, group: int = 0) -> Path:
    """Put another header before the first page of a column, as long as there is room for it."""
    chunk = pq.ParquetFile(path).metadata.row_group(group).column(column)
    start = chunk.dictionary_page_offset or chunk.data_page_offset
    whole = chunk.total_compressed_size
    room = whole
    for _ in range(3):
        made = struct(dict(sorted({3: room, **header}.items())))
        room = whole - len(made)
    data = bytearray(path.read_bytes())
    data[start : start + len(made)] = made
    path.write_bytes(data)
    return path


def triplets(path: Path) -> list[Triplet]:
    words = ("toy", "", "", "Paint.", 0, "CC0-1.0", str(path))
    return [Triplet(f"toy/{n}", *words, n // GROUP, n) for n in range(ROWS)]


def pictures(path: Path) -> list[bytes | RowsDamaged | None]:
    return [data for _, data in read_pictures("img", triplets(path), Inputs())]


@pytest.mark.parametrize("name", HEADERS)
def test_a_page_that_announces_what_cannot_be_spoils_its_row_group_alone(tmp_path, name: str):
    path = announce(write(tmp_path / "a.parquet"), HEADERS[name])
    read = pictures(path)
    assert read[GROUP:] == [b"%d-" % n * 40 for n in range(GROUP, ROWS)]
    assert all(isinstance(one, RowsDamaged) for one in read[:GROUP])
    assert str(read[0]).startswith(f"{path} is damaged in row group 0, rows 0 to 9: ")
    assert str(read[0]).endswith(".") and len(str(read[0])) < 400


BOUNDED = """
import resource, sys
from pathlib import Path
sys.path.insert(0, {folder!r})
from test_foreign import pictures
pictures(Path(sys.argv[1]))
pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
most = pages * resource.getpagesize() + 2**30
resource.setrlimit(resource.RLIMIT_AS, (most, most))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for path in sys.argv[2:]:
    assert "memory" not in str(pictures(Path(path))[0]), path
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="Only Linux bounds a process' addresses.")
def test_no_page_makes_a_process_take_what_it_announces(tmp_path: Path):
    paths = [write(tmp_path / "whole.parquet")]
    for number, header in enumerate(HEADERS.values()):
        paths.append(announce(write(tmp_path / f"{number}.parquet"), header))
    script = BOUNDED.format(folder=str(Path(__file__).parent))
    ended = subprocess.run([sys.executable, "-c", script, *paths], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert int(ended.stdout) < 200 * 1024


FORMS = [
    {"compression": "snappy"},
    {"compression": "none", "use_dictionary": False},
    {"compression": "zstd", "data_page_version": "2.0", "data_page_size": 64},
    {
        "compression": "gzip",
        "write_page_checksum": True,
        "write_batch_size": 1,
        "data_page_size": 1,
    },
    {"use_dictionary": False, "column_encoding": {"text": "DELTA_BYTE_ARRAY"}},
    {"use_dictionary": False, "column_encoding": {"text": "DELTA_LENGTH_BYTE_ARRAY"}},
    {"compression": "brotli", "write_page_index": True},
]


@pytest.mark.parametrize("buffer", [7, 100, 4_000_000])
@pytest.mark.parametrize("form", FORMS)
def test_whatever_is_sound_is_read_however_it_comes(tmp_path, form, buffer, monkeypatch):
    monkeypatch.setattr(foreign, "_BUFFER_BYTES", buffer)
    path = write(tmp_path / "a.parquet", **form)
    assert pictures(path) == [b"%d-" % n * 40 for n in range(ROWS)]
    with PARQUET.rows(Inputs(), str(path)) as table:
        rows = [row for group in (1, 0) for row in table.records(group, ["text"])]
    assert rows == [{"text": f"Paint {n}."} for n in (*range(GROUP, ROWS), *range(GROUP))]


class Counted(io.BytesIO):
    """A file that counts how often it is read."""

    reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self.reads += 1
        return super().read(size)


def test_looking_at_pages_reads_nothing_twice(tmp_path: Path):
    path = tmp_path / "a.parquet"
    rows = [{"bytes": bytes([n]) * 50_000, "path": ""} for n in range(ROWS)]
    table = pa.table(
        {"img": pa.array(rows, pa.struct({"bytes": pa.binary(), "path": pa.string()}))}
    )
    options = {"compression": "none", "use_dictionary": False}
    pq.write_table(
        table, path, row_group_size=GROUP, data_page_size=1, write_batch_size=1, **options
    )
    file = Counted(path.read_bytes())
    opened = ForeignTable(file, "a.parquet")
    assert file.reads == 1
    for group in (0, 1):
        assert sum(one.num_rows for one in opened.batches(group, ["img.bytes"], 4)) == GROUP
    assert file.reads == 3, "one request a column of a row group"


def test_a_text_that_unfolds_to_gigabytes_is_not_unfolded(tmp_path: Path):
    path = tmp_path / "a.parquet"
    texts = pa.DictionaryArray.from_arrays(pa.array([0] * 400, pa.int32()), ["x" * 200_000])
    pq.write_table(pa.table({"text": texts}), path, compression="zstd")
    assert path.stat().st_size < 10_000
    with (
        PARQUET.rows(Inputs(), str(path)) as table,
        pytest.raises(RowsDamaged, match="texts unfold to"),
    ):
        list(table.records(0, ["text"]))


def test_values_that_repeat_each_other_are_bounded(tmp_path: Path):
    path = tmp_path / "a.parquet"
    encoding = {"use_dictionary": False, "column_encoding": {"text": "DELTA_BYTE_ARRAY"}}
    texts = pa.table({"text": ["x" * 500_000] * 1_200})
    pq.write_table(texts, path, compression="none", **encoding)
    with (
        PARQUET.rows(Inputs(), str(path)) as table,
        pytest.raises(RowsDamaged, match="repeat each other"),
    ):
        list(table.records(0, ["text"]))


def test_a_list_is_read_with_what_is_missing_in_it(tmp_path: Path):
    lists = [["a", None], [], None, ["b"]]
    for kind in (pa.list_, pa.large_list):
        pq.write_table(pa.table({"l": pa.array(lists, kind(pa.string()))}), tmp_path / "a.parquet")
        with PARQUET.rows(Inputs(), str(tmp_path / "a.parquet")) as table:
            assert [row["l"] for row in table.records(0, ["l"])] == lists


def test_a_file_that_ends_while_it_is_read_is_the_stores_matter(tmp_path: Path):
    guard = Guard(io.BytesIO(bytes(200_000)))
    guard._file = io.BytesIO(bytes(1000))
    with pytest.raises(StorageError, match="Of 300 bytes asked for at 900, 100 came"):
        guard.seek(900)
        guard.read(300)


def test_only_watched_columns_are_handed_on_and_in_order():
    page = struct({1: 0, 2: 4, 3: 4, 5: {1: 1, 2: 0, 3: 3, 4: 3}}) + b"abcd"
    guard = Guard(io.BytesIO(page * 3))
    with pytest.raises(ValueError, match="overlap"):
        guard.watch([Chunk(0, len(page), 1), Chunk(5, len(page), 1)])
    guard.watch([Chunk(0, len(page), 1)])
    assert guard.read() == page, "no byte behind the column"
    with pytest.raises(ValueError, match="beyond the end of its column"):
        guard.read(1)
    guard.seek(3)
    with pytest.raises(ValueError, match="not read in order"):
        guard.read(1)
    assert guard.tell() == 3 and guard.readable() and guard.seekable()


@pytest.mark.parametrize(
    ("word", "change"),
    [
        ("more than the file holds", {5: 10**6}),
        ("more than the file holds", {7: 10**6}),
        ("more than the file holds", {9: 10**6, 11: 0}),
        ("contradicts itself", {9: -3}),
    ],
)
def test_a_footer_that_announces_too_much_is_refused(word: str, change: dict, monkeypatch):
    table = ForeignTable(io.BytesIO(small()), "a.parquet")
    column = next(table._footer._columns(0, ["n"]))
    column.update(change)
    with pytest.raises(RowsDamaged, match=word):
        list(table.records(0, ["n"]))


def small() -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.table({"n": [1, 2, 3]}), buffer)
    return buffer.getvalue()


def test_more_rows_than_bytes_are_refused():
    rows = pa.table({"n": pa.array([1] * 2_000_000, pa.int8())})
    buffer = io.BytesIO()
    pq.write_table(rows, buffer, row_group_size=2_000_000)
    with pytest.raises(
        ShardError, match=r"^a is not a whole parquet file: .* more rows than it has b"
    ):
        ForeignTable(io.BytesIO(buffer.getvalue()), "a")


def test_a_struct_that_is_cut_is_known_for_it():
    whole = struct({1: 0, 2: 300, 3: 400, 5: {1: 1, 2: 0}})
    assert read_struct(whole + b"more", 10) == ({1: 0, 2: 300, 3: 400, 5: {1: 1, 2: 0}}, len(whole))
    for end in range(len(whole)):
        with pytest.raises(CutShort):
            read_struct(whole[:end], 10)


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"\x15\x02\x05\x02\x02\x00", "disorder"),
        (b"\x1c" * 30, "disorder"),
        (b"\x15" + b"\xff" * 11, "no end"),
        (b"\x1b\x00\x00", "type 11"),
        (b"\x19\xf3\xff\xff\xff\xff\x0f" + bytes(40), "too many"),
        (b"\x19\x19" * 20, "deeply"),
    ],
)
def test_what_is_no_struct_is_known_for_it(data: bytes, word: str):
    with pytest.raises(ValueError, match=word):
        read_struct(data, 10 if word == "too many" else 100)


def test_every_kind_of_value_is_passed_over():
    data = b"\x11\x12\x13\x07\x17" + bytes(8) + b"\x18\x02ab\x19\x21\x01\x02\x1a\x15\x04\x00"
    members, length = read_struct(data, 100)
    assert length == len(data)
    assert members == {1: 1, 2: 0, 3: b"\x07", 4: bytes(8), 5: b"ab", 6: [b"\x01", b"\x02"], 7: [2]}
