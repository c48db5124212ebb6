"""Parquet: a corpus as it is, copied and proven: `data/`, both outcome files and its manifest."""

import hashlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq

from editcorpus.errors import ShardError
from editcorpus.layouts.corpus import Corpus, Shard
from editcorpus.layouts.layout import Layout, Line, always
from editcorpus.layouts.manifest import DATA, NAME
from editcorpus.layouts.output import Output
from editcorpus.layouts.parquet import ShardFile
from editcorpus.layouts.unify import completed
from editcorpus.storage import Store
from editcorpus.tables import damaged

_CHUNK = 8 * 2**20
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
    corpus = shard.corpus
    _copy(corpus, shard.file, output)
    with damaged(corpus.store.url(shard.path)), corpus.store.open(shard.path) as file:
        rows = _texts(file)
    if len(rows) != shard.file.records:
        raise ShardError(f"{corpus.store.url(shard.path)} holds {len(rows)} records.")
    yield from rows


def _texts(file: IO[bytes]) -> list[Line]:
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
            _copy(corpus, file, output)
    output.put(NAME, corpus.manifest.encode())


def _copy(corpus: Corpus, file: ShardFile, output: Output) -> None:
    """Copy a file and prove it; one thread hashes a chunk while the other writes it and reads the next."""
    path, digest = f"{corpus.folder}/{file.path}", hashlib.sha256()
    with (
        ThreadPoolExecutor(1) as hashing,
        output.large(file.path) as target,
        target.open("wb") as written,
    ):
        hashed = hashing.submit(digest.update, b"")
        for chunk in _chunks(corpus.store, path, file.bytes):
            hashed.result()  # at most two chunks are in memory
            hashed = hashing.submit(digest.update, chunk)
            written.write(chunk)
        hashed.result()
        if digest.hexdigest() != file.sha256:
            url = corpus.store.url(path)
            raise ShardError(f"{url} is not the file that the manifest names; `editcorpus audit`.")


def _chunks(store: Store, path: str, size: int) -> Iterator[bytes | memoryview]:
    """The content of a file; each chunk holds until the next but one is asked for."""
    file = store.local_file(path)
    try:
        if file is None:
            for start in range(0, size, _CHUNK):
                yield store.read_range(path, start, _CHUNK)
            return
        buffers = cycle((memoryview(bytearray(_CHUNK)), memoryview(bytearray(_CHUNK))))
        with store.told(path), file.open("rb", buffering=0) as opened:
            while length := opened.readinto(buffer := next(buffers)):
                yield buffer[:length]
    except FileNotFoundError as error:
        raise ShardError(f"{store.url(path)} is missing.") from error


_FILES = "data/*.parquet"
LAYOUT = Layout("parquet", always(_shard), _finish, "data/{split}-*.parquet", _LOADING, (_FILES,))
