"""Records with pictures: facts in one file, pictures in another, and each picture proven."""

import io
import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from editcorpus.errors import ShardDamaged, ShardError
from editcorpus.pictures import Pictures, facts_of, has_pictures, hashes_of, write_split
from editcorpus.tables import schema_of


@dataclass(frozen=True, slots=True)
class Canvas:
    id: str
    picture: bytes
    width: int
    thumbnail: bytes | None


@dataclass(frozen=True, slots=True)
class Plain:
    id: str


def canvas(number: int) -> Canvas:
    return Canvas(f"a/{number}", bytes([number]) * (number + 1), number, b"t" if number else None)


def written(folder: Path, count: int) -> tuple[Path, Path]:
    files = (folder / "pad.parquet", folder / "pad.pictures.parquet")
    assert write_split((canvas(number) for number in range(count)), Canvas, *files) == count
    return files


def hashes(facts: Path, column: str) -> list[str | None]:
    return hashes_of(pq.read_table(facts), column)


def test_only_a_field_of_bytes_makes_a_class_with_pictures():
    assert has_pictures(Canvas)
    assert not has_pictures(Plain)


@pytest.mark.parametrize("count", [0, 1, 4, 9])
def test_facts_come_back_without_their_pictures(tmp_path: Path, count: int):
    facts, _ = written(tmp_path, count)
    found = facts_of(pq.read_table(facts), Canvas)
    assert found == [replace(canvas(n), picture=b"", thumbnail=b"") for n in range(count)]
    assert len(pq.read_table(facts).schema) == len(schema_of(Canvas))


def test_facts_are_one_row_group_and_pictures_are_uncompressed_ones_of_four(tmp_path: Path):
    facts, pictures = (pq.ParquetFile(path).metadata for path in written(tmp_path, 10))
    assert facts.num_row_groups == 1
    groups = [pictures.row_group(number) for number in range(pictures.num_row_groups)]
    assert [group.num_rows for group in groups] == [4, 4, 2]
    kinds = {c["path_in_schema"]: c["compression"] for c in groups[0].to_dict()["columns"]}
    assert kinds == {"picture": "UNCOMPRESSED", "thumbnail": "UNCOMPRESSED"}


def test_the_same_records_give_the_same_bytes(tmp_path: Path):
    first = [path.read_bytes() for path in written(tmp_path, 9)]
    assert [path.read_bytes() for path in written(tmp_path, 9)] == first


def test_no_more_than_four_records_are_taken_before_they_are_written(tmp_path: Path):
    sizes = []
    path = tmp_path / "pictures"

    def rows():
        for number in range(9):
            sizes.append(path.stat().st_size)
            yield replace(canvas(number), picture=bytes(1_000_000))

    write_split(rows(), Canvas, tmp_path / "facts", path)
    assert [size // 4_000_000 for size in sizes] == [0] * 4 + [1] * 4 + [2]


def test_pictures_are_read_by_row_number(tmp_path: Path):
    facts, path = written(tmp_path, 9)
    with (
        Pictures(lambda: path, "picture", hashes(facts, "picture")) as pictures,
        Pictures(lambda: path, "thumbnail", hashes(facts, "thumbnail")) as thumbnails,
    ):
        assert len(pictures) == 9
        assert [pictures[row] for row in (8, 0, 3, 4, 7)] == [
            bytes([n]) * (n + 1) for n in (8, 0, 3, 4, 7)
        ]
        assert (thumbnails[0], thumbnails[1], thumbnails.need(2)) == (None, b"t", b"t")
        with pytest.raises(ShardError, match="Row 0 of thumbnail has no picture"):
            thumbnails.need(0)
        for row in (-1, 9):
            with pytest.raises(IndexError, match=f"Row {row} is not one of 9 rows"):
                pictures[row]


def test_rows_taken_in_order_read_each_row_group_once_and_none_before_it_is_needed(tmp_path: Path):
    reads: list[int] = []

    class Counting(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            reads.append(self.tell())
            return super().read(size)

    facts, path = written(tmp_path, 12)
    file = Counting(path.read_bytes())
    with Pictures(lambda: file, "picture", hashes(facts, "picture")) as pictures:
        assert len(pictures) == 12
        assert reads == []
        assert len(pictures.need(0)) == 1
        reads.clear()
        assert [len(pictures.need(row)) for row in range(12)] == list(range(1, 13))
        assert len(reads) == 2
    assert file.closed


def test_many_threads_may_read_pictures(tmp_path: Path):
    facts, path = written(tmp_path, 40)
    rows = [number * 7 % 40 for number in range(200)]
    with (
        Pictures(lambda: path, "picture", hashes(facts, "picture")) as pictures,
        ThreadPoolExecutor(8) as pool,
    ):
        got = list(pool.map(pictures.__getitem__, rows))
    assert got == [bytes([n]) * (n + 1) for n in rows]


def test_a_column_without_pictures_is_refused(tmp_path: Path):
    facts, path = written(tmp_path, 2)
    with pytest.raises(ShardError, match="no column 'width' of pictures"):
        hashes(facts, "width")
    column = Pictures(lambda: path, "canvas", hashes(facts, "picture"))
    with column, pytest.raises(ShardError, match="no column 'canvas' of bytes"):
        column[0]


def test_pictures_of_another_time_are_known_by_their_number(tmp_path: Path):
    facts, path = written(tmp_path, 5)
    known = hashes(facts, "picture")
    written(tmp_path, 6)
    with (
        Pictures(lambda: path, "picture", known) as column,
        pytest.raises(ShardError, match="It holds 6 rows, not 5"),
    ):
        column[0]


def test_whoever_reads_decides_which_error_is_raised(tmp_path: Path):
    facts, _ = written(tmp_path, 5)

    def wrong(sentence: str) -> ShardDamaged:
        return ShardDamaged(sentence, "f", "pad", "p")

    column = Pictures(lambda: tmp_path / "none", "picture", hashes(facts, "picture"), wrong)
    with column, pytest.raises(ShardDamaged, match="It is missing"):
        column[0]


def test_no_flipped_bit_gives_a_wrong_picture(tmp_path: Path):
    """Headers and footer included, which parquet's own page checksums do not cover."""
    facts, path = written(tmp_path, 9)
    data, known = path.read_bytes(), hashes(facts, "picture")
    whole = [canvas(number).picture for number in range(9)]
    outcomes: Counter[str] = Counter()
    drawn = random.Random(0).sample(range(len(data) * 8), 1500)
    for bit in (*range(8 * 40), *drawn):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        with Pictures(lambda: io.BytesIO(flipped), "picture", known) as column:  # noqa: B023
            try:
                found = [column[row] for row in range(9)]
            except ShardError:
                outcomes["told"] += 1
            else:
                assert found == whole
                outcomes["harmless"] += 1
    assert outcomes["told"] > 500
