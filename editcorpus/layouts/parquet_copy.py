"""Parquet: a corpus as it is, copied and proven: `data/`, both outcome files and its manifest."""

import hashlib
from collections.abc import Iterable, Iterator

from editcorpus.errors import ShardError
from editcorpus.layouts.corpus import Corpus, Shard
from editcorpus.layouts.layout import Layout, Line, always, configured
from editcorpus.layouts.manifest import DATA, NAME
from editcorpus.layouts.output import Output
from editcorpus.layouts.parquet import ShardFile
from editcorpus.records import Published
from editcorpus.tables import damaged, read_columns
from editcorpus.taxonomy import family_of

_CHUNK = 8 * 2**20
_TOLD = ("dataset_source", "task", "subtask", "instruction_type", "license")
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
        rows = read_columns(file, Published, _TOLD).to_pylist()
    if len(rows) != shard.file.records:
        raise ShardError(f"{corpus.store.url(shard.path)} holds {len(rows)} records.")
    for row in rows:
        task = row["task"], row["subtask"], row["instruction_type"]
        family = family_of(row["dataset_source"], *task) or ""
        yield {"family": family, **{name: row[name] for name in ("dataset_source", "license")}}


def _finish(corpus: Corpus, _: Iterable[Line], output: Output) -> None:
    for file in corpus.manifest.files:
        if not file.path.startswith(DATA):
            _copy(corpus, file, output)
    output.put(NAME, corpus.manifest.encode())


def _copy(corpus: Corpus, file: ShardFile, output: Output) -> None:
    path, digest = f"{corpus.folder}/{file.path}", hashlib.sha256()
    with output.large(file.path) as target, target.open("wb") as written:
        for start in range(0, file.bytes, _CHUNK):
            chunk = _chunk(corpus, path, start)
            digest.update(chunk)
            written.write(chunk)
        if digest.hexdigest() != file.sha256:
            url = corpus.store.url(path)
            raise ShardError(f"{url} is not the file that the manifest names; `editcorpus audit`.")


def _chunk(corpus: Corpus, path: str, start: int) -> bytes:
    try:
        return corpus.store.read_range(path, start, _CHUNK)
    except FileNotFoundError as error:
        raise ShardError(f"{corpus.store.url(path)} is missing.") from error


LAYOUT = Layout("parquet", always(_shard), _finish, configured("data/*.parquet"), _LOADING)
