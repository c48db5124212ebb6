"""The layout of ScaleEdit-12M: one folder for each of the 23 task families, parquet inside.

`2.1_object_addition/object_addition_0017.parquet` holds shard 17's records of that family; a family
that the source does not tell is `0.0_unclassified`. Columns are those of `gzchen4ai/ScaleEdit-12M` at
e757eaf: the 15 of the release, or the 12 of its card (`scaleedit-12`). Pictures are raw bytes. `id` is
the record's number in the corpus; `provenance.parquet` beside the folders says by it what the columns
have no place for: native id and task, type of instruction, the source's own text, licence.

ScaleEdit scores by whole numbers from 1 to 3. Here these are the judge's probabilities on that scale,
1 + round(2p): `instruction_following_score` from `score_done`, `editing_consistency_score` from
`score_preserved`, `generation_quality_score` from `score_clean`. A published pair (variant `base`) that
brought such scores keeps them; of a new edited image they do not speak. A file of the release is one row
group of 32 GB; here a row group is closed by what is held in memory.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, fields
from typing import Any, NamedTuple, TypeGuard

import pyarrow as pa
import pyarrow.parquet as pq

from editcorpus.errors import ShardError
from editcorpus.layouts.corpus import Corpus, Shard
from editcorpus.layouts.layout import Layout, Line, always, family_name, source_facts
from editcorpus.layouts.output import Output
from editcorpus.records import Published
from editcorpus.storage import Store
from editcorpus.tables import damaged, read_columns, schema_of, table_writer, write_table
from editcorpus.taxonomy import SECTIONS, Family

PROVENANCE = "provenance.parquet"
UNKNOWN = "0.0_unclassified"

_HELD_BYTES = 32 * 2**20
"""Picture bytes in memory, over all families of a shard, before the largest group is written."""
_READ_ROWS = 4
_LINK_COLUMNS = ("source_image_url", "source_image_sha256", "source_image_fetch_date")
"""Of the release alone: where the source picture is a link. Here none is, so all are empty."""


@dataclass(frozen=True, slots=True)
class ScaleRow:
    """A row of the release; without its last three columns, of the card."""

    id: int
    edit_task: str
    edit_instruction: str
    source_image: bytes
    edited_image: bytes
    source_image_width: int
    source_image_height: int
    edited_image_width: int
    edited_image_height: int
    instruction_following_score: int
    editing_consistency_score: int
    generation_quality_score: int
    source_image_url: str = ""
    source_image_sha256: str = ""
    source_image_fetch_date: str = ""


@dataclass(frozen=True, slots=True)
class Provenance:
    """What the columns of ScaleEdit have no place for; `id` and `edit_task` as in the row."""

    id: int
    edit_task: str
    corpus_id: str
    dataset_source: str
    task: str
    subtask: str
    instruction_type: str
    instruction_original: str
    license: str
    model: str
    response: str
    variant: str
    source_facts: str


_SCORES = (
    "instruction_following_score",
    "editing_consistency_score",
    "generation_quality_score",
)
_OF_RECORD = [field.name for field in fields(Provenance)][3:]
_SCHEMA = schema_of(ScaleRow)
_NARROW = pa.schema([column for column in _SCHEMA if column.name not in _LINK_COLUMNS])

_LOADING = """
```python
from datasets import Image, load_dataset

rows = load_dataset("path/to/this/folder", split="train", streaming=True)
rows = rows.cast_column("source_image", Image()).cast_column("edited_image", Image())
```

The three scores are the judge's probabilities on ScaleEdit's scale, 1 + round(2p), or, where a published
pair brought such scores, its own. `provenance.parquet`
says by `id` from which source a row is, under which licence, and what its instruction was before a
rewrite.
"""


def folder_of(family: str) -> str:
    """The folder of a family, such as `2.1_object_addition`."""
    return f"{SECTIONS[Family(family)]}_{family}" if family else UNKNOWN


def _row(number: int, record: Published) -> ScaleRow:
    done, preserved, clean = _scores(record)
    return ScaleRow(
        id=number,
        edit_task=family_name(record) or "unclassified",
        edit_instruction=record.instruction,
        source_image=record.source_image,
        edited_image=record.edited_image,
        source_image_width=record.width,
        source_image_height=record.height,
        edited_image_width=record.edited_width,
        edited_image_height=record.edited_height,
        instruction_following_score=done,
        editing_consistency_score=preserved,
        generation_quality_score=clean,
    )


def _scores(record: Published) -> list[int]:
    """The source's own scores where the pair is the published one; else the judge's, on their scale."""
    judged = (record.score_done, record.score_preserved, record.score_clean)
    facts = source_facts(record) if record.variant == "base" else {}
    return [
        told if _is_score(told := facts.get(name)) else _of_three(score)
        for name, score in zip(_SCORES, judged, strict=True)
    ]


def _is_score(told: Any) -> TypeGuard[int]:
    return isinstance(told, int) and not isinstance(told, bool) and 1 <= told <= 3


def _of_three(probability: float) -> int:
    return 1 + round(2 * min(max(probability, 0.0), 1.0))


class _Families(NamedTuple):
    """The files of a shard, and the rows that wait for each of them."""

    writers: dict[str, pq.ParquetWriter]
    waiting: dict[str, list[ScaleRow]]
    schema: pa.Schema

    def write(self, family: str) -> None:
        rows = self.waiting.pop(family)
        columns = {name: [getattr(row, name) for row in rows] for name in self.schema.names}
        table = pa.table(columns, schema=self.schema)
        self.writers[family].write_table(table, row_group_size=len(rows))

    def held(self, family: str) -> int:
        return sum(len(row.source_image) + len(row.edited_image) for row in self.waiting[family])


def _written(shard: Shard, output: Output, schema: pa.Schema) -> Iterator[Line]:
    lines = []
    with ExitStack() as stack:
        files = _Families({}, defaultdict(list), schema)
        held = 0
        for number, record in shard.records():
            family = family_name(record)
            if family not in files.writers:
                name = f"{family or 'unclassified'}_{shard.number:04d}.parquet"
                file = stack.enter_context(output.large(f"{folder_of(family)}/{name}"))
                files.writers[family] = stack.enter_context(table_writer(schema, file))
            files.waiting[family].append(_row(number, record))
            held += len(record.source_image) + len(record.edited_image)
            if held > _HELD_BYTES:
                largest = max(files.waiting, key=files.held)
                held -= files.held(largest)
                files.write(largest)
            lines.append(_line(number, record, family))
        for family in list(files.waiting):
            files.write(family)
    yield from lines


def _line(number: int, record: Published, family: str) -> Line:
    told = {name: getattr(record, name) for name in _OF_RECORD}
    task = family or "unclassified"
    return {"id": number, "edit_task": task, "corpus_id": record.id, "family": family, **told}


def _finish(_: Corpus, lines: Iterable[Line], output: Output) -> None:
    names = [field.name for field in fields(Provenance)]
    rows = (Provenance(**{name: line[name] for name in names}) for line in lines)
    with output.large(PROVENANCE) as file:
        write_table(rows, Provenance, file)


def _wide(shard: Shard, output: Output) -> Iterator[Line]:
    yield from _written(shard, output, _SCHEMA)


def _narrow(shard: Shard, output: Output) -> Iterator[Line]:
    yield from _written(shard, output, _NARROW)


_GLOB = "[0-9].[0-9]_*/*.parquet"
_FILES = (_GLOB, PROVENANCE)
LAYOUT = Layout("scaleedit", always(_wide), _finish, _GLOB, _LOADING, _FILES)
NARROW = Layout("scaleedit-12", always(_narrow), _finish, _GLOB, _LOADING, _FILES)


def read_scaleedit(store: Store, folder: str) -> Iterator[tuple[ScaleRow, dict[str, Any]]]:
    """The rows of an export, family by family, each with its provenance.

    Raises:
        ShardError: A file is missing or damaged, lacks a column, or has an unknown id.
    """
    try:
        with store.open(f"{folder}/{PROVENANCE}") as file:
            known = {row["id"]: row for row in read_columns(file, Provenance).to_pylist()}
    except FileNotFoundError as error:
        raise ShardError(f"{store.url(folder)} has no {PROVENANCE}.") from error
    for path in store.list(folder):
        if path.count("/") == folder.count("/") + 2 and path.endswith(".parquet"):
            for row in _rows(store, path):
                if row.id not in known:
                    raise ShardError(f"{PROVENANCE} does not know the id {row.id}.")
                yield row, known[row.id]


def _rows(store: Store, path: str) -> Iterator[ScaleRow]:
    with damaged(store.url(path)), store.open(path) as file, pq.ParquetFile(file) as parquet:
        for batch in parquet.iter_batches(_READ_ROWS, use_threads=False):
            yield from (ScaleRow(**row) for row in batch.to_pylist())
