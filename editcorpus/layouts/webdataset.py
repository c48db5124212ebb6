"""WebDataset: tar shards that `webdataset` and Hugging Face `datasets` read as a stream.

A shard of the corpus is `data/train-00017.tar`; a record is three members with one key, its number in
the corpus: `00004711.json` with every text and measure, `00004711.source.jpg` and `00004711.edited.png`.

`datasets` takes the names of the fields from the first records of the first tar, and demands that all
have the same, so an ending cannot follow each picture: it is `jpg` or `png` by the first record of the
corpus. Readers go by the bytes; `source_format` and `edited_format` tell the true format of each.
"""

import json
import tarfile
from collections.abc import Iterable, Iterator
from functools import partial
from typing import IO

from editcorpus.errors import RecordError, ShardError
from editcorpus.images import sniff
from editcorpus.layouts.corpus import Corpus, Row, Shard
from editcorpus.layouts.layout import (
    Layout,
    Line,
    ShardWriter,
    ending,
    no_more,
    published,
    texts_of,
)
from editcorpus.layouts.output import Output
from editcorpus.records import Published
from editcorpus.storage import Store

Parts = tuple[bytes | memoryview, ...]

_MARK = 16
"""Bytes of a picture that tell its format."""

_SIZE, _SUM = slice(124, 135), slice(148, 156)
"""Where a header says, in octal digits, how long its member is, and what its own bytes sum up to: with
spaces in that place (POSIX.1-2017, pax, "ustar Interchange Format")."""
_NAMELESS = bytearray(tarfile.TarInfo("").tobuf(tarfile.USTAR_FORMAT))
_NAMELESS[_SUM] = b" " * 8
_ZEROS = bytes(tarfile.BLOCKSIZE)

_LOADING = """
```python
from datasets import load_dataset

triplets = load_dataset("path/to/this/folder", split="train", streaming=True)
first = next(iter(triplets))
first["json"]["instruction"]  # the text to train on; the pictures' fields are named in the tar
```

Each record is `<number>.json`, `<number>.source.<ending>` and `<number>.edited.<ending>`; the endings
are the same throughout, and `source_format` and `edited_format` in the JSON tell what each picture is.
"""


def _writer(corpus: Corpus) -> ShardWriter:
    return partial(_shard, _fields(corpus))


def _shard(fields: tuple[str, str], shard: Shard, output: Output) -> Iterator[Line]:
    lines = []
    with output.shard(f"data/{shard.stem}.tar") as tar:
        for row in shard.rows():
            texts = texts_of(row.texts) | _formats(row)
            members = json.dumps(texts, ensure_ascii=False).encode()
            parts: Parts = (members, row.source, row.edited)
            for name, data in zip(("json", *fields), parts, strict=True):
                _add(tar, f"{row.number:08d}.{name}", data)
            lines.append({name: texts[name] for name in ("family", "dataset_source", "license")})
        tar.write(bytes(-tar.tell() % tarfile.RECORDSIZE or tarfile.RECORDSIZE))
    yield from lines


def _fields(corpus: Corpus) -> tuple[str, str]:
    """What the two pictures are called in every record of the corpus."""
    for shard in corpus.shards:
        for _, first in shard.records():
            pictures = (first.source_image, first.edited_image)
            source, edited = ("jpg" if ending(first, one) == "jpg" else "png" for one in pictures)
            return f"source.{source}", f"edited.{edited}"
    return "source.jpg", "edited.png"


def _formats(row: Row) -> Line:
    try:
        source, edited = (sniff(bytes(picture[:_MARK])) for picture in (row.source, row.edited))
    except RecordError as error:
        raise ShardError(f"A picture of {row.texts.id!r} is damaged: {error}") from error
    return {"source_format": source, "edited_format": edited}


def _add(tar: IO[bytes], name: str, data: bytes | memoryview) -> None:
    """Write a member as a whole, without owner or time: the same records give the same bytes."""
    tar.write(_header(name.encode(), len(data)))
    tar.write(data)
    tar.write(_ZEROS[: -len(data) % tarfile.BLOCKSIZE])


def _header(name: bytes, size: int) -> bytes:
    """What `tarfile` makes for a file without owner or time, in a fifth of the time.

    Args:
        name: At most 100 bytes.
        size: Of the member, below 8 GiB.
    """
    made = bytearray(_NAMELESS)
    made[: len(name)] = name
    made[_SIZE] = b"%011o" % size
    made[_SUM] = b"%06o\0 " % sum(made)
    return bytes(made)


_FILES = "data/*.tar"
LAYOUT = Layout("webdataset", _writer, no_more, "data/{split}-*.tar", _LOADING, (_FILES,))


def read_webdataset(store: Store, folder: str) -> Iterator[Published]:
    """The records of an export, in the order of the corpus.

    Raises:
        ShardError: A tar is damaged, or a record is not whole.
    """
    for path in store.list(f"{folder}/data"):
        try:
            with store.open(path) as file, tarfile.open(fileobj=file, mode="r|") as tar:
                yield from _records(_members(tar))
        except (tarfile.TarError, EOFError, ValueError) as error:
            raise ShardError(f"{store.url(path)} is damaged: {error}") from error


def _members(tar: tarfile.TarFile) -> Iterator[tuple[str, str, bytes]]:
    for member in tar:
        opened = tar.extractfile(member)
        key, _, field = member.name.partition(".")
        yield key, field.partition(".")[0], opened.read() if opened else b""


def _records(members: Iterable[tuple[str, str, bytes]]) -> Iterator[Published]:
    held: dict[str, bytes] = {}
    key = ""
    for name, field, data in members:
        if name != key and held:
            raise ShardError(f"The record {key} is not whole: it has {', '.join(held)} only.")
        key, held[field] = name, data
        if len(held) == 3:
            yield published(json.loads(held["json"]), held["source"], held["edited"])
            held = {}
    if held:
        raise ShardError(f"The record {key} is not whole: it has {', '.join(held)} only.")
