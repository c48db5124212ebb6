"""Mutated parquet files, through planning and through the reading of their pictures."""

import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from mutations import mutated
from PIL import Image

from editcorpus.demo.rows import published_schema
from editcorpus.errors import ConfigError, RowsDamaged, ShardError
from editcorpus.inputs import Inputs
from editcorpus.planning import PlannedShard, Selection, plan
from editcorpus.readers.parquet import PARQUET
from editcorpus.records import Triplet
from editcorpus.sources.omniedit import SOURCE
from editcorpus.texts import clean_instruction

ROWS = 12
_FORMS: tuple[dict[str, Any], ...] = (
    {"compression": "snappy"},
    {"compression": "none", "use_dictionary": False},
    {"compression": "zstd", "data_page_version": "2.0"},
    {"compression": "gzip", "write_page_checksum": True, "data_page_size": 256},
)


def read_pictures(column: str, triplets: Sequence[Triplet], inputs: Inputs):
    source = replace(SOURCE, columns={column: "image"}, pictures={"source": column})
    for one, found in PARQUET.shelf(source, inputs, None).read(triplets, ("source",)):
        yield one, found if isinstance(found, RowsDamaged) else found["source"]


def _row(number: int) -> dict[str, Any]:
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16), (20 * number, 99, 7)).save(buffer, "PNG")
    task = ("attribute_modification", "removal")[number * 2 // ROWS]
    return {
        "omni_edit_id": f"task_obj_add_{number}",
        "task": task,
        "src_img": {"bytes": buffer.getvalue(), "path": f"{number}.png"},
        "edited_img": {"bytes": b"x" * 40, "path": None},
        "edited_prompt_list": [f"Add a {word} number {number}." for word in ("cat", "hat")],
        "width": 16,
        "height": 16,
    }


def seeds() -> list[bytes]:
    """The same twelve rows in four ways of writing them, in row groups of five."""
    made = []
    for form in _FORMS:
        buffer = io.BytesIO()
        with pq.ParquetWriter(buffer, published_schema(), **form) as writer:
            for start in range(0, ROWS, 5):
                rows = [_row(number) for number in range(start, min(ROWS, start + 5))]
                writer.write_table(pa.Table.from_pylist(rows, published_schema()))
        made.append(buffer.getvalue())
    return made


class Tables:
    """Checks one mutated file after the other.

    Args:
        folder: Where the file lies that is read; it is written anew each time.
    """

    def __init__(self, folder: Path) -> None:
        self._seeds = seeds()
        self._file = folder / "rows.parquet"
        self._file.write_bytes(self._seeds[0])
        self._inputs = Inputs.find(str(self._file))
        everything = plan(SOURCE, self._inputs, Selection(shard_size=4))
        self._planned = [one for shard in everything for one in shard.triplets]
        assert len(self._planned) == ROWS

    def check(self, chance: Random) -> str:
        """Plan and read one; gives in one word what became of it."""
        data = mutated(chance.choice(self._seeds), chance, chance.choice(self._seeds))
        self._file.write_bytes(data)
        limit, shard_size = chance.choice((0, 0, 3)), chance.choice((1, 4, 256))
        chosen = Selection(limit=limit, shard_size=shard_size, stratify=chance.random() < 0.5)
        read = self._pictures(self._planned)
        try:
            shards = list(plan(SOURCE, self._inputs, chosen))
        except ConfigError as error:
            assert str(self._file) in str(error) and len(str(error)) < 1500, error
            return f"not planned, {read}"
        entered = self._sound(shards, chosen)
        again = self._pictures([one for shard in shards for one in shard.triplets])
        whole = entered == (limit or ROWS)
        return f"planned {'whole' if whole else 'in part'}, {again}"

    def _sound(self, shards: list[PlannedShard], chosen: Selection) -> int:
        """Prove that a plan is one: ids are unique, shards small, instructions clean."""
        triplets = [one for shard in shards for one in shard.triplets]
        ids = [one.id for shard in shards for one in (*shard.triplets, *shard.rejected)]
        assert len(ids) == len(set(ids))
        assert len(ids) <= chosen.limit or not chosen.limit
        assert [shard.number for shard in shards] == list(range(len(shards)))
        assert all(
            0 < len(shard.triplets) + len(shard.rejected) <= chosen.shard_size for shard in shards
        )
        for one in triplets:
            assert clean_instruction(one.instruction) == (one.instruction, None)
            assert one.file == str(self._file) and one.row >= 0 and one.row_group >= 0
        return len(ids)

    def _pictures(self, triplets: list[Triplet]) -> str:
        """Read pictures; each wanted row comes at most once, and all of them unless it is damaged."""
        seen: list[str] = []
        damaged = 0
        try:
            for one, data in read_pictures("src_img", triplets, self._inputs):
                assert data is None or isinstance(data, bytes | RowsDamaged)
                seen.append(one.id)
                damaged += isinstance(data, RowsDamaged)
        except ShardError as error:
            assert len(str(error)) < 1500, error
            return "not read"
        finally:
            assert len(seen) == len(set(seen))
        assert sorted(seen) == sorted(one.id for one in triplets)
        return "read in part" if damaged else "read"
