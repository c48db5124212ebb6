"""Files of a corpus are read once, a row group at a time, and proven before anything of them is seen."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from editcorpus.errors import ShardError
from editcorpus.layouts import parquet as parquet_module
from editcorpus.layouts import proof
from editcorpus.layouts.catalogue import LAYOUTS
from editcorpus.layouts.corpus import Corpus, Shard, open_corpus
from editcorpus.layouts.export import NAME, export
from editcorpus.layouts.parquet import ShardFile, write_shard
from editcorpus.layouts.proof import proven
from editcorpus.layouts.row_groups import Group, proven_groups
from editcorpus.records import Published
from editcorpus.storage import Store

PATH = "data/train-00000.parquet"


@pytest.fixture
def records(sample) -> tuple[Published, ...]:
    pictures = [sample.draw(number, (100, 100)) for number in range(7)]
    return tuple(sample.published(n, edited_image=one) for n, one in enumerate(pictures))


@pytest.fixture
def groups(
    build, records: tuple[Published, ...], sample, monkeypatch: pytest.MonkeyPatch
) -> Corpus:
    """A corpus of one shard of seven records in three row groups."""
    monkeypatch.setattr(parquet_module, "GROUP_ROWS", 3)
    return open_corpus(build(shards=(records,)), sample.folder)


def retold(shard: Shard, data: bytes) -> Shard:
    """The shard with other content, of which the manifest knows."""
    shard.corpus.store.write(shard.path, data)
    told = ShardFile(PATH, shard.file.records, len(data), hashlib.sha256(data).hexdigest())
    return replace(shard, file=told)


def copied(group: Group) -> tuple[object, ...]:
    """What is the same where row groups are."""
    return group.texts, [*map(bytes, group.sources)], [*map(bytes, group.edited)]


def test_pictures_last_until_the_next_record_is_asked_for(
    groups: Corpus, records: tuple[Published, ...]
) -> None:
    (shard,) = groups.shards
    held = []
    for row, record in zip(shard.rows(), records, strict=True):
        assert row.texts == replace(record, source_image=b"", edited_image=b"")
        assert (row.source, row.edited) == (record.source_image, record.edited_image)
        held.append(row)
    assert [row.number for row in held] == list(range(7))
    for picture in (picture for row in held for picture in (row.source, row.edited)):
        with pytest.raises(ValueError, match="released memoryview"):
            bytes(picture)


def test_records_are_the_rows_with_their_pictures(
    groups: Corpus, records: tuple[Published, ...]
) -> None:
    (shard,) = groups.shards
    assert list(shard.records()) == list(enumerate(records))


@pytest.mark.parametrize("request_size", [256, 4_096])
def test_the_size_of_requests_changes_nothing(
    groups: Corpus, monkeypatch: pytest.MonkeyPatch, request_size: int
) -> None:
    (shard,) = groups.shards
    whole = list(shard.records())
    monkeypatch.setattr(proof, "REQUEST", request_size)
    monkeypatch.setattr(proof, "STEP", request_size)
    assert list(shard.records()) == whole


@pytest.mark.parametrize("tenth", range(10))
def test_no_flipped_bit_is_passed_over(groups: Corpus, tenth: int) -> None:
    (shard,) = groups.shards
    data = bytearray(groups.store.read(shard.path))
    data[len(data) * tenth // 10 + 7] ^= 1
    groups.store.write(shard.path, bytes(data))
    with pytest.raises(ShardError, match=r"train-00000\.parquet"):
        list(shard.records())


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_rotten_picture_is_never_exported(
    build, sample, tmp_path: Path, store: Store, name: str
) -> None:
    corpus = open_corpus(build(), sample.folder)
    path, picture = corpus.shards[1].path, sample.records[2].edited_image
    rotten = picture[:-40] + bytes([picture[-40] ^ 1]) + picture[-39:]
    store.write(path, store.read(path).replace(picture, rotten))
    target = Store.on_disk(tmp_path / "target")
    with pytest.raises(ShardError, match=r"train-00001\.parquet is not the file that the manifest"):
        export(corpus, LAYOUTS[name], target, "out")
    found = [target.read(one) for one in target.list("out")]
    assert not any(rotten in data for data in found)
    assert not target.exists(f"out/{NAME}")
    store.write(path, store.read(path).replace(rotten, picture))
    assert export(corpus, LAYOUTS[name], target, "out").records == 3


def test_a_bucket_is_read_like_a_disk(groups: Corpus) -> None:
    (shard,) = groups.shards
    bucket = Store("memory://proof")
    bucket.write(shard.path, groups.store.read(shard.path))
    found, told = (
        [copied(one) for one in proven_groups(store, shard.path, shard.file)]
        for store in (bucket, groups.store)
    )
    assert len(found) == 3
    assert found == told
    bucket.remove(shard.path)
    with pytest.raises(ShardError, match=r"train-00000\.parquet is missing"):
        list(proven_groups(bucket, shard.path, shard.file))


@pytest.mark.parametrize(
    ("lost", "fault"),
    [(200_000, "its row groups are not in"), (1_000, "a column lies outside of its row group")],
)
def test_a_footer_that_speaks_of_more_than_there_is_is_one_sentence(
    groups: Corpus, lost: int, fault: str
) -> None:
    (shard,) = groups.shards
    data = groups.store.read(shard.path)
    footer = len(data) - int.from_bytes(data[-8:-4], "little") - 8
    short = retold(shard, data[: footer - lost] + data[footer:])
    with pytest.raises(ShardError, match=f"is not a whole parquet file: {fault}"):
        list(short.records())


@pytest.mark.parametrize("data", [b"", b"PAR1", b"\xff\xff\xff\x7fPAR1", b"no parquet at all"])
def test_what_is_no_parquet_is_one_sentence(groups: Corpus, data: bytes) -> None:
    (shard,) = groups.shards
    with pytest.raises(ShardError, match="is not a whole parquet file"):
        list(retold(shard, data).records())


def test_a_footer_that_is_not_the_one_that_is_proven_is_one_sentence(groups: Corpus) -> None:
    class Misread(Store):
        def read_range(self, path: str, start: int, length: int) -> bytes:
            return super().read_range(path, start, length).replace(b"parquet-cpp", b"parquet-cqp")

    (shard,) = groups.shards
    misread = Misread(groups.store.root)
    with pytest.raises(ShardError, match="is not a whole parquet file: it changed while it was"):
        list(proven_groups(misread, shard.path, shard.file))


def test_a_shard_without_records_is_proven(store: Store) -> None:
    told = write_shard(store, PATH, ())
    assert list(proven_groups(store, PATH, told)) == []
    with pytest.raises(ShardError, match="is not the file that the manifest names"):
        list(proven_groups(store, PATH, replace(told, sha256="0" * 64)))


def test_a_file_that_was_not_read_to_its_end_is_not_proven(groups: Corpus) -> None:
    (shard,) = groups.shards

    def read_some() -> None:
        with proven(groups.store, shard.path, shard.file) as reader:
            assert reader.fill(memoryview(bytearray(1_000))) == 1_000

    with pytest.raises(ShardError, match="is not the file that the manifest names"):
        read_some()
