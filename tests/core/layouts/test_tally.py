"""Counts and scores of a corpus, out of its files."""

from collections.abc import Callable
from typing import Any

import pytest

from editcorpus.errors import ShardError
from editcorpus.layouts.corpus import open_corpus
from editcorpus.layouts.parquet import ShardFile, write_shard
from editcorpus.layouts.tally import Group, benchmarks, decode, encode, rows, summed, tally
from editcorpus.storage import Store
from editcorpus.taxonomy import GEDIT, IMGEDIT, NO_GEDIT_TYPE, NO_IMGEDIT_TYPE, Family


@pytest.fixture
def files(build: Callable[..., Store], sample: Any) -> list[ShardFile]:
    corpus = open_corpus(build(), sample.folder)
    return [
        ShardFile(shard.path, shard.file.records, shard.file.bytes, shard.file.sha256)
        for shard in corpus.shards
    ]


def test_the_groups_hold_every_record_once(store: Store, files: list[ShardFile]) -> None:
    made = summed(tally(store, files, {}))
    place = ("object_addition", "omniedit", "MIT")
    assert made == (Group(*place, "original", 2, 1.6), Group(*place, "rewrite", 1, 0.8))


def test_what_is_known_of_a_file_is_not_read_again(store: Store, files: list[ShardFile]) -> None:
    known = tally(store, files, {})
    store.remove(files[0].path)
    assert tally(store, files, decode(encode(known))) == known
    with pytest.raises(ShardError, match=r"train-00000\.parquet is missing"):
        tally(store, files, {})


def test_a_file_of_another_kind_is_one_sentence(store: Store) -> None:
    store.write("x.parquet", b"PAR1 and no more")
    with pytest.raises(ShardError, match=r"x\.parquet is not a whole parquet file"):
        tally(store, [ShardFile("x.parquet", 1, 16, "0")], {})


@pytest.mark.parametrize("damage", [b"", b"{", b"[1]", b'{"a": [[1]]}', b"\xff"])
def test_a_damaged_memory_is_none(damage: bytes) -> None:
    assert decode(damage) == {}


def test_a_corpus_of_nothing_has_no_groups(store: Store) -> None:
    file = write_shard(store, "data/train-00000.parquet", ())
    assert summed(tally(store, [file], {})) == ()
    assert rows((), lambda group: (group.family,)) == ()


def test_each_type_counts_once_in_the_average_and_families_without_one_not_at_all() -> None:
    groups = [Group(family, "s", "MIT", "original", 2, 1.0) for family in Family]
    for made, types, without in zip(
        benchmarks(groups), (GEDIT, IMGEDIT), (NO_GEDIT_TYPE, NO_IMGEDIT_TYPE), strict=True
    ):
        asked = {types[family] for family in Family if family not in without}
        assert {row.names[0] for row in made.rows} == asked
        assert made.average == 0.5
        assert made.untyped == 2 * len(without)
        assert sum(row.records for row in made.rows) + made.untyped == 2 * len(Family)
