"""Preview pictures: few, small, the same for the same corpus."""

import io
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image

from editcorpus.layouts.corpus import Corpus, open_corpus
from editcorpus.layouts.parquet import ShardFile
from editcorpus.layouts.previews import COUNT, write_previews
from editcorpus.storage import Store

Build = Callable[..., Store]


def files_of(corpus: Corpus) -> list[ShardFile]:
    return [
        ShardFile(shard.path, shard.file.records, shard.file.bytes, shard.file.sha256)
        for shard in corpus.shards
    ]


def test_they_are_drawn_evenly_and_show_both_pictures(build: Build, sample: Any) -> None:
    shards = [tuple(sample.published(n) for n in range(start, start + 9)) for start in (0, 9, 18)]
    corpus = open_corpus(build(shards=tuple(shards)), sample.folder)
    made = write_previews(corpus.store, corpus.folder, files_of(corpus))
    numbers = [0, 4, 9, 13, 18, 22]
    assert [one.picture for one in made] == [f"previews/{n:08d}.jpg" for n in numbers]
    assert [one.instruction for one in made] == [f"Add a bird, number {n}." for n in numbers]
    assert len(made) == COUNT
    with Image.open(io.BytesIO(corpus.store.read(f"{corpus.folder}/{made[0].picture}"))) as shown:
        assert (shown.format, shown.size) == ("JPEG", (24 + 8 + 24, 16))
    assert corpus.previews() == [one.picture for one in made]


def test_large_pictures_become_small(build: Build, sample: Any) -> None:
    record = sample.published(0, edited_image=sample.draw(7, size=(900, 600)))
    corpus = open_corpus(build(shards=((record,),)), sample.folder)
    (made,) = write_previews(corpus.store, corpus.folder, files_of(corpus))
    with Image.open(io.BytesIO(corpus.store.read(f"{corpus.folder}/{made.picture}"))) as shown:
        assert shown.size == (24 + 8 + 384, 256)


def test_the_same_corpus_has_the_same_bytes_and_is_not_written_twice(
    build: Build, sample: Any
) -> None:
    corpus = open_corpus(build(), sample.folder)
    first = write_previews(corpus.store, corpus.folder, files_of(corpus))
    assert corpus.store.local is not None
    files = sorted((corpus.store.local / corpus.folder / "previews").iterdir())
    before = [(file.read_bytes(), file.stat().st_ino) for file in files]
    assert write_previews(corpus.store, corpus.folder, files_of(corpus)) == first
    assert [(file.read_bytes(), file.stat().st_ino) for file in files] == before
    for file in files:
        file.unlink()
    write_previews(corpus.store, corpus.folder, files_of(corpus))
    assert [file.read_bytes() for file in files] == [data for data, _ in before]


def test_those_of_an_earlier_state_go(build: Build, sample: Any) -> None:
    corpus = open_corpus(build(), sample.folder)
    write_previews(corpus.store, corpus.folder, files_of(corpus))
    assert len(corpus.previews()) == 3
    assert write_previews(corpus.store, corpus.folder, ()) == ()
    assert corpus.previews() == []


@pytest.mark.parametrize("broken", [b"<svg>", b"\x89PNG\r\n\x1a\n", b""])
def test_a_picture_that_does_not_decode_is_not_shown(
    build: Build, sample: Any, broken: bytes
) -> None:
    records = (sample.published(0, edited_image=broken), sample.published(1))
    corpus = open_corpus(build(shards=(records,)), sample.folder)
    made = write_previews(corpus.store, corpus.folder, files_of(corpus))
    assert [one.picture for one in made] == ["previews/00000001.jpg"]
