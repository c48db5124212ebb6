"""Pictures of a table with one huge row group: copied in one pass, whoever comes to them first."""

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import permutations
from pathlib import Path
from threading import Barrier
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from editcorpus.errors import Interrupted
from editcorpus.inputs import Inputs
from editcorpus.planning import Selection
from editcorpus.readers.parquet import ParquetShelf
from editcorpus.records import Reason
from editcorpus.shards import Manifest, need_manifest, pictures
from editcorpus.sources.scaleedit import SOURCE
from editcorpus.stages import fetch
from editcorpus.stages.mending import healed
from editcorpus.stages.opening import Job, opened
from editcorpus.stages.order import STAGES
from editcorpus.stages.plan import make_plan
from editcorpus.stages.stage import run_stage
from editcorpus.stages.workshop import Workshop

Make = Callable[..., Job]
ROWS, SHARD = 24, 4
SHARDS = ROWS // SHARD
PICTURE = 40_000
"""Bytes of a picture: a row is a page of its own, and no page is read before it is its turn."""


@dataclass(frozen=True)
class Counted(Inputs):
    """Inputs that count the bytes read of their files, and the files that are open."""

    told: dict[str, int] = field(default_factory=lambda: {"bytes": 0, "open": 0, "opened": 0})

    def open(self, url: str) -> IO[bytes]:
        return _Counting(Path(url), self.told)  # type: ignore[return-value]


class _Counting:
    def __init__(self, path: Path, told: dict[str, int]) -> None:
        self._file, self._told = path.open("rb"), told
        told["open"] += 1
        told["opened"] += 1

    def read(self, size: int = -1) -> bytes:
        found = self._file.read(size)
        self._told["bytes"] += len(found)
        return found

    def seek(self, *place: int) -> int:
        return self._file.seek(*place)

    def __enter__(self) -> "_Counting":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._told["open"] -= 1


def picture(file: int, row: int, size: int = PICTURE) -> bytes:
    return b"%02d-%03d-" % (file, row) * (size // 7)


def write(folder: Path, files: int = 1, rows: int = ROWS, size: int = PICTURE) -> Path:
    """Files of one row group, whose every row is a page."""
    for number in range(files):
        table = pa.table(
            {
                "id": pa.array(range(100 * number, 100 * number + rows), pa.int64()),
                "edit_task": ["object_addition"] * rows,
                "edit_instruction": [f"Add hat number {row}." for row in range(rows)],
                "source_image": [picture(number, row, size) for row in range(rows)],
                "edited_image": [b"e%d" % row for row in range(rows)],
            }
        )
        path = folder / f"object_addition_{number:04d}.parquet"
        rowwise = pa.concat_tables([table.slice(row, 1) for row in range(rows)])
        options = {"use_dictionary": False, "compression": "none", "data_page_size": 1}
        pq.write_table(rowwise, path, row_group_size=rows, **options)
        assert pq.ParquetFile(path).num_row_groups == 1
    return folder


@pytest.fixture(scope="session")
def one_group(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("one"))


@contextmanager
def fetching(
    job: Job, where: Path, told: dict[str, int] | None = None, size: int = SHARD
) -> Iterator[Workshop]:
    """A run over such files, planned, with fetch as its first stage."""
    inputs = Counted(Inputs.find(str(where)).files, told=told or Counted().told)
    job = replace(
        job, source=SOURCE, inputs=inputs, configs={**job.configs, "fetch": fetch.Config()}
    )
    with opened(job) as shop:
        make_plan(shop.store, shop.run, SOURCE, inputs, Selection(shard_size=size))
        yield shop


def fetched(shop: Workshop, shard: int) -> Manifest:
    run_stage(shop, shard, shop.stage("fetch"))
    return need_manifest(shop.store, shop.folder(shard), "fetch")


def copies(shop: Workshop, shard: int) -> list[bytes | None]:
    manifest = need_manifest(shop.store, shop.folder(shard), "fetch")
    with pictures(shop.store, shop.folder(shard), "fetch", "source") as found:
        return [found[row] for row in range(manifest.kept)]


def expected(shard: int, file: int = 0) -> list[bytes]:
    return [picture(file, row) for row in range(shard * SHARD, (shard + 1) * SHARD)]


def again(manifest: Manifest) -> tuple[int, int]:
    last = manifest.history[-1]
    return last.get("rows_again", 0), last.get("bytes_again", 0)


def read_so_far(told: dict[str, int], planned: int) -> float:
    """Bytes read since the plan, as a share of those of all pictures."""
    return (told["bytes"] - planned) / (ROWS * PICTURE)


def test_the_source_s_shards_are_fetched_before_anything_else(
    make_job: Make, one_group: Path, tmp_path: Path
) -> None:
    with fetching(make_job(tmp_path), one_group) as shop:
        assert [stage.name for stage in shop.stages] == [
            "fetch",
            *(stage.name for stage in STAGES),
        ]


@pytest.mark.parametrize("order", [(0, 1, 2, 3, 4, 5), (5, 4, 3, 2, 1, 0), (3, 0, 5, 1, 4, 2)])
def test_whatever_the_order_each_byte_is_read_once(
    order: tuple[int, ...], make_job: Make, one_group: Path, tmp_path: Path
) -> None:
    told = Counted().told
    with fetching(make_job(tmp_path), one_group, told) as shop:
        planned = told["bytes"]
        made = [fetched(shop, shard) for shard in order]
        assert [again(manifest) for manifest in made] == [(0, 0)] * SHARDS
        for shard in range(SHARDS):
            assert copies(shop, shard) == expected(shard)
            manifest = need_manifest(shop.store, shop.folder(shard), "fetch")
            assert len(manifest.history) == 1
    assert 0.99 < read_so_far(told, planned) < 1.1
    assert told["open"] == 0


def test_several_threads_at_once_share_the_one_pass(
    make_job: Make, one_group: Path, tmp_path: Path
) -> None:
    told, together = Counted().told, Barrier(SHARDS)
    with fetching(make_job(tmp_path), one_group, told) as shop:
        planned = told["bytes"]

        def work(shard: int) -> Manifest:
            together.wait(60)
            return fetched(shop, shard)

        with ThreadPoolExecutor(SHARDS) as pool:
            made = list(pool.map(work, reversed(range(SHARDS))))
        assert all(again(manifest) == (0, 0) for manifest in made)
        assert all(copies(shop, shard) == expected(shard) for shard in range(SHARDS))
    assert 0.99 < read_so_far(told, planned) < 1.1


def test_a_later_start_counts_and_tells_what_it_reads_again(
    make_job: Make, one_group: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with fetching(make_job(tmp_path), one_group) as shop:
        for shard in range(3):
            fetched(shop, shard)
    caplog.set_level(logging.INFO)
    with fetching(make_job(tmp_path), one_group) as shop:
        assert run_stage(shop, 1, shop.stage("fetch")).skipped
        made = [fetched(shop, shard) for shard in (5, 3, 4)]
        assert [again(manifest) for manifest in made] == [
            (0, 0),
            (12, 12 * len(picture(0, 0))),
            (0, 0),
        ]
        assert all(copies(shop, shard) == expected(shard) for shard in range(SHARDS))
    told = [line for line in caplog.messages if "gone through again" in line]
    assert len(told) == 1
    assert "rows 0 to 11 are gone through again" in told[0]


def test_a_part_of_the_run_writes_its_own_shards_alone(
    make_job: Make, one_group: Path, tmp_path: Path
) -> None:
    with fetching(make_job(tmp_path), one_group) as shop:
        shop.mine = range(3, 6)
        fetched(shop, 5)
        first = need_manifest(shop.store, shop.folder(3), "fetch")
        assert again(first)[0] == 12  # whoever has the shards before reads those rows, too
        assert need_manifest(shop.store, shop.folder(4), "fetch").kept == SHARD
        assert not shop.store.exists(f"{shop.folder(2)}/fetch.json")


def test_the_pass_goes_on_from_file_to_file_and_closes_what_is_read(
    make_job: Make, tmp_path: Path
) -> None:
    told, where = Counted().told, write(tmp_path, files=6, rows=2 * SHARD)
    with fetching(make_job(tmp_path / "store"), where, told) as shop:
        for shard in range(0, 12, 2):  # the first half of every file
            fetched(shop, shard)
        assert told["open"] == 4
        made = [fetched(shop, shard) for shard in range(1, 12, 2)]
        assert told["open"] == 0
        repeated = [again(manifest)[0] for manifest in made]
        assert repeated == [SHARD, SHARD, SHARD, 0, 0, 0]  # of those that had to be closed
        for file in range(6):
            assert copies(shop, 2 * file) == expected(0, file)
            assert copies(shop, 2 * file + 1) == expected(1, file)


def damage(path: Path, row: int, size: int) -> None:
    """Overwrite the header of a row's page of pictures."""
    with path.open("r+b") as file:
        at = file.read().index(picture(0, row, size))
        file.seek(at - 40)
        file.write(b"\xff" * 40)


def test_behind_a_damage_all_rows_are_rejected_and_nothing_is_read_twice(
    make_job: Make, tmp_path: Path
) -> None:
    told, size = Counted().told, 3 * 2**20
    where = write(tmp_path, rows=12, size=size)
    damage(next(where.glob("*.parquet")), 8, size)
    with fetching(make_job(tmp_path / "store"), where, told, size=3) as shop:
        before = told["opened"]
        with ThreadPoolExecutor(4) as pool:
            made = list(pool.map(lambda shard: fetched(shop, shard), range(3, -1, -1)))[::-1]
        assert told["opened"] == before + 1
    kept = [manifest.kept for manifest in made]
    assert kept == sorted(kept, reverse=True)
    assert 4 <= sum(kept) <= 8  # some rows before the damage were read together with it
    gone = [item for manifest in made for item in manifest.rejected]
    assert {item.reason for item in gone} == {Reason.ROW_UNREADABLE}
    assert sum(kept) + len(gone) == 12


def test_a_damaged_copy_is_made_anew(make_job: Make, one_group: Path, tmp_path: Path) -> None:
    with fetching(make_job(tmp_path), one_group) as shop:
        for shard in range(3):
            fetched(shop, shard)
        path = tmp_path / f"{shop.folder(1)}/fetch.parquet"
        path.write_bytes(path.read_bytes()[:-9])

        def use() -> list[str]:
            from editcorpus.shards import Columns

            return Columns(shop.store, shop.folder(1)).ids("fetch")

        found = healed(shop.mending, (lambda: fetched(shop, 1), use))
        assert len(found[1]) == SHARD
        assert again(need_manifest(shop.store, shop.folder(1), "fetch"))[0] == 2 * SHARD
        assert copies(shop, 1) == expected(1)
        fetched(shop, 3)
        assert copies(shop, 3) == expected(3)


def test_an_interrupt_leaves_whole_shards_alone(
    make_job: Make, one_group: Path, tmp_path: Path
) -> None:
    with fetching(make_job(tmp_path), one_group) as shop:
        fetched(shop, 0)
        shop.stopping.set()
        with pytest.raises(Interrupted):
            fetched(shop, 2)
        assert not shop.store.exists(f"{shop.folder(1)}/fetch.json")


def test_every_order_of_four_reads_gives_the_same_pictures(one_group: Path) -> None:
    """The shelf alone, without anybody who puts reads in order."""
    from editcorpus.planning import plan

    inputs = Inputs.find(str(one_group))
    shards = list(plan(SOURCE, inputs, Selection(shard_size=6)))
    for order in permutations(range(4)):
        shelf = ParquetShelf(SOURCE.reader, SOURCE, inputs)  # type: ignore[arg-type]
        for number in order:
            found: list[Any] = list(shelf.read(shards[number].triplets, ("source",)))
            assert [data["source"] for _, data in found] == [
                picture(0, one.row) for one, _ in found
            ]
            assert [one.row for one, _ in found] == list(range(6 * number, 6 * number + 6))
        shelf.close()
