"""Parquet: a corpus as it is, copied and proven: `data/`, both outcome files and its manifest."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from editcorpus.errors import ShardError
from editcorpus.layouts.corpus import Corpus, Shard
from editcorpus.layouts.direct import BLOCK, Direct
from editcorpus.layouts.layout import Layout, Line, always
from editcorpus.layouts.manifest import DATA, NAME
from editcorpus.layouts.output import Output
from editcorpus.layouts.parquet import ShardFile
from editcorpus.layouts.proof import proven
from editcorpus.layouts.unify import completed
from editcorpus.tables import damaged

_TOLD = ("family", "dataset_source", "license")
_READ = (*_TOLD, "task", "subtask", "instruction_type")
_LOADING = """
```python
from datasets import load_dataset

triplets = load_dataset("path/to/this/folder", split="train")
triplets[0]["edited_image"]  # a decoded picture of the size of triplets[0]["source_image"]
```

`instruction` is the text to train on, and `instruction_original` the source's own where
`instruction_type` is `rewrite`. `rejects.parquet` and `failed.parquet` say of every other triplet why it
is not here, and `manifest.json` holds size and SHA-256 of every file.
"""


def _shard(shard: Shard, output: Output) -> Iterator[Line]:
    url = shard.corpus.store.url(shard.path)
    with output.shard(shard.file.path) as copy:
        _copy(shard.corpus, shard.file, copy)
        with damaged(url):
            rows = _texts(Path(copy.name))
    if len(rows) != shard.file.records:
        raise ShardError(f"{url} holds {len(rows)} records.")
    yield from rows


def _texts(file: Path) -> list[Line]:
    """What is remembered of each record; a corpus of an earlier version has its families looked up."""
    with pq.ParquetFile(file) as parquet:
        there = [name for name in _READ if name in parquet.schema_arrow.names]
        table = parquet.read(columns=there, use_threads=False)
    wanted = pa.schema([(name, pa.string()) for name in _TOLD])
    made: list[Line] = completed(table, wanted).to_pylist()
    return made


def _finish(corpus: Corpus, _: Iterable[Line], output: Output) -> None:
    for file in corpus.manifest.files:
        if not file.path.startswith(DATA):
            with output.shard(file.path) as copy:
                _copy(corpus, file, copy)
    output.put(NAME, corpus.manifest.encode())


def _copy(corpus: Corpus, file: ShardFile, target: Direct) -> None:
    """Copy a file, and prove it; what lies on a disk is read to where it is written from."""
    with proven(corpus.store, f"{corpus.folder}/{file.path}", file) as reader:
        if reader.step <= BLOCK:
            while length := reader.fill(target.room()):
                target.grow(length)
        else:
            buffer = memoryview(bytearray(reader.step))
            while length := reader.fill(buffer):
                target.write(buffer[:length])
    target.flush()


_FILES = "data/*.parquet"
LAYOUT = Layout("parquet", always(_shard), _finish, "data/{split}-*.parquet", _LOADING, (_FILES,))
