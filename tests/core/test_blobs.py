"""Columns of bytes, value by value: what Arrow writes is read as Arrow reads it, in little memory."""

import io
import random
from itertools import product
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from editcorpus.blobs import streams
from editcorpus.blobs.levels import hybrid
from editcorpus.errors import ShardError, StorageError
from editcorpus.foreign import ForeignTable

OPTIONS: list[dict[str, Any]] = [
    {
        "compression": packed,
        "use_dictionary": words,
        "data_page_version": version,
        "data_page_size": size,
    }
    for packed, words, version, size in product(
        ("none", "snappy"), (False, True), ("1.0", "2.0"), (2**10, 2**20)
    )
]


def noise(seed: int, size: int) -> bytes:
    return random.Random(seed).randbytes(size)


def mixed(rows: int) -> list[bytes | None]:
    """Noise, text that packs well, empty values, nulls, and values that come again."""
    kinds = (
        lambda row: noise(row, 100 + row * 37 % 5000),
        lambda row: b"abc" * (row % 700) + noise(row, 9),
        lambda row: b"",
        lambda row: None,
        lambda row: noise(row % 7, 3000),
        lambda row: bytes(row % 60_000),
    )
    return [kinds[row % len(kinds)](row) for row in range(rows)]


def table_of(values: list[bytes | None], nullable: bool = True, **options: Any) -> ForeignTable:
    schema = pa.schema([pa.field("n", pa.int64()), pa.field("p", pa.binary(), nullable)])
    made = pa.table({"n": range(len(values)), "p": pa.array(values, pa.binary())}, schema=schema)
    sink = io.BytesIO()
    pq.write_table(made, sink, **options)
    return ForeignTable(io.BytesIO(sink.getvalue()), "a.parquet")


def read(table: ForeignTable, group: int = 0, column: str = "p") -> list[bytes | None]:
    found = table.values(group, [column])
    assert found is not None
    return [value for (value,) in found]


@pytest.mark.parametrize("options", OPTIONS, ids=lambda one: "-".join(map(str, one.values())))
def test_reads_what_arrow_has_written(options: dict[str, Any]) -> None:
    values = mixed(3000)
    assert read(table_of(values, **options)) == values


@pytest.mark.parametrize("packed", ["none", "snappy"])
def test_a_column_without_nulls_has_no_levels(packed: str) -> None:
    values = [noise(row, 500) for row in range(50)]
    assert read(table_of(values, nullable=False, compression=packed)) == values


def test_pictures_in_structs_and_several_columns_and_row_groups() -> None:
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    rows = [None if row % 5 == 4 else {"bytes": noise(row, 99), "path": "x"} for row in range(20)]
    rows[7] = {"bytes": None, "path": "x"}
    other = [b"%d" % row for row in range(20)]
    sink = io.BytesIO()
    pq.write_table(pa.table({"a": pa.array(rows, kind), "b": other}), sink, row_group_size=8)
    table = ForeignTable(io.BytesIO(sink.getvalue()), "a.parquet")
    found = [pair for group in range(3) for pair in table.values(group, ["b", "a.bytes"]) or ()]
    assert found == [
        (second, first["bytes"] if first else None)
        for first, second in zip(rows, other, strict=True)
    ]


@pytest.mark.parametrize("packed", ["zstd", "gzip", "brotli"])
def test_what_is_packed_otherwise_is_left_to_arrow(packed: str) -> None:
    assert table_of([b"a"], compression=packed).values(0, ["p"]) is None


def test_columns_that_hold_no_bytes_are_left_to_arrow() -> None:
    assert table_of([b"a"]).values(0, ["n"]) is None
    sink = io.BytesIO()
    pq.write_table(pa.table({"p": [[b"a"]]}), sink)
    assert ForeignTable(io.BytesIO(sink.getvalue()), "x").values(0, ["p.list.element"]) is None


def test_a_dictionary_that_is_not_held_as_a_whole_is_unpacked_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("editcorpus.blobs.pages._HELD", 2000)
    values: list[bytes | None] = [noise(row % 9, 700) for row in range(40)]
    assert read(table_of(values, use_dictionary=True)) == values


class Counting(io.BytesIO):
    """A file that counts the bytes read of it."""

    total = 0

    def read(self, size: int | None = -1, /) -> bytes:
        found = super().read(size)
        self.total += len(found)
        return found


@pytest.mark.parametrize("words", [False, True])
def test_each_byte_is_read_once_and_no_value_before_its_turn(words: bool) -> None:
    values = [noise(row, 2**20) for row in range(40)]
    sink = io.BytesIO()
    pq.write_table(pa.table({"p": values}), sink, use_dictionary=words)
    file = Counting(sink.getvalue())
    table = ForeignTable(file, "a.parquet")
    before = file.total
    found = table.values(0, ["p"])
    assert found is not None
    assert next(found) == (values[0],)
    assert file.total - before <= 2 * 4 * 2**20
    assert [value for (value,) in found] == values[1:]
    assert 40 * 2**20 <= file.total - before <= 40 * 2**20 + 2**16


def damaged(data: bytes, seed: int) -> bytes:
    chance = random.Random(seed)
    made = bytearray(data)
    for _ in range(chance.randint(1, 6)):
        made[chance.randrange(4, len(data) - 700)] = chance.randrange(256)
    return bytes(made)


@pytest.mark.parametrize("options", OPTIONS[::3], ids=lambda one: "-".join(map(str, one.values())))
def test_damage_is_told_and_never_more(options: dict[str, Any]) -> None:
    sink = io.BytesIO()
    pq.write_table(pa.table({"p": mixed(60)}), sink, **options)
    for seed in range(150):
        try:
            found = read(ForeignTable(io.BytesIO(damaged(sink.getvalue(), seed)), "a.parquet"))
        except ShardError as error:  # the footer may be hit, too
            assert str(error).startswith("a.parquet is ")
        else:
            assert len(found) == 60


def test_a_value_that_announces_more_than_its_page_has_takes_no_memory() -> None:
    body = (2**31 - 1).to_bytes(4, "little") + b"x" * 50
    cursor = streams.Cursor(lambda at, wanted: body[at : at + wanted], 0, len(body))
    with pytest.raises(ValueError, match="larger than any picture"):
        streams.plain(cursor)
    short = (51).to_bytes(4, "little") + b"x" * 50
    cursor = streams.Cursor(lambda at, wanted: short[at : at + wanted], 0, len(short))
    with pytest.raises(ValueError, match="goes beyond the end"):
        streams.plain(cursor)


def test_a_store_s_own_trouble_is_no_damage() -> None:
    table = table_of([noise(1, 100_000)])

    def gone(_at: int, _wanted: int) -> bytes:
        raise StorageError("gone")

    table._guard.fetch = gone  # type: ignore[method-assign]
    with pytest.raises(StorageError, match="gone"):
        read(table)


@pytest.mark.parametrize("data", [b"\xff" * 9, b"\x80"])
def test_levels_that_are_cut_short_have_an_end(data: bytes) -> None:
    with pytest.raises(ValueError, match="levels"):
        sum(1 for _ in hybrid(data, 1))


def test_a_run_that_is_packed_by_eight_ends_with_its_bytes() -> None:
    assert sum(1 for _ in hybrid(bytes([0xFF] * 4 + [0x0F, 1, 1]), 1)) == 16


def packed(*elements: bytes, size: int) -> streams.Snappy:
    body = bytes([size]) + b"".join(elements)
    cursor = streams.Cursor(lambda at, wanted: body[at : at + wanted], 0, len(body))
    return streams.Snappy(cursor.part(len(body)), size)


def test_copies_may_lie_over_themselves() -> None:
    literal, copy = bytes([1 << 2]) + b"ab", bytes([(7 - 4) << 2 | 1, 2])
    assert packed(literal, copy, size=9).take(9) == b"ababababa"


@pytest.mark.parametrize(
    "elements",
    [
        (bytes([0x01, 3]),),  # of nothing
        (b"\x00a", bytes([0x01, 0])),  # of itself
        (b"\x00a", bytes([0x01, 9])),  # of before the start
        (bytes([9 << 2]) + b"a" * 10,),  # more than announced
    ],
)
def test_copies_of_what_is_not_there_are_damage(elements: tuple[bytes, ...]) -> None:
    with pytest.raises(ValueError, match="a page"):
        packed(*elements, size=5).take(5)
