"""Languages, sizes, ratios and places of a corpus, counted from its files."""

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pyarrow.parquet as pq
import pytest

from editcorpus.errors import ShardError
from editcorpus.layouts.facets import Facets, decode, facets, languages_of, ranked
from editcorpus.layouts.parquet import ShardFile, write_shard
from editcorpus.storage import Store

NOTE = "runs/spring/facets.json"
Write = Callable[..., list[ShardFile]]


@pytest.fixture
def write(store: Store, sample: Any) -> Write:
    """Writes two files of records that differ in what is given for each."""

    def made(*changes: dict[str, Any]) -> list[ShardFile]:
        records = [sample.published(number, **one) for number, one in enumerate(changes)]
        halves = records[: len(records) // 2], records[len(records) // 2 :]
        return [
            write_shard(store, f"corpora/spring/data/train-{number:05d}.parquet", half)
            for number, half in enumerate(halves)
        ]

    return made


def sized(width: int, height: int) -> dict[str, Any]:
    return {"width": width, "height": height}


def test_counts_languages_sizes_ratios_and_places(store: Store, write: Write) -> None:
    told = json.dumps({"geography": "Kenya"})
    files = write(
        {"language": "en", "script": "Latn", **sized(1024, 1024)},
        {"language": "en", "script": "Latn", **sized(1536, 1024), "source_facts": told},
        {"language": "zh", "script": "Hani", **sized(2000, 1125), "source_facts": '{"score": 1}'},
        {**sized(300, 400), "source_facts": '["geography"]'},
        {**sized(300, 400), "source_facts": '{"geography": 7, "place": "\\"geography\\""}'},
    )

    found = facets(store, files, NOTE)

    assert found.languages == {"en Latn": 2, "zh Hani": 1, "und Zyyy": 2}
    assert found.sizes == {"0.1 to 0.5 MP": 2, "1 to 2 MP": 2, "2 MP and more": 1}
    assert found.ratios == {"1:1": 1, "3:2": 1, "16:9": 1, "3:4": 2}
    assert found.places == {"Kenya": 1}
    assert languages_of(found.languages) == ["en", "zh"]


def test_of_a_corpus_of_an_earlier_version_the_language_is_told_now(
    store: Store, write: Write
) -> None:
    for file in (files := write({}, {"instruction": "把天空变成粉红色"})):
        path = store.local_file(file.path)
        assert path is not None
        pq.write_table(pq.read_table(path).drop_columns(["language", "script"]), path)

    assert facets(store, files, NOTE).languages == {"en Latn": 1, "zh Hani": 1}


def test_a_file_that_is_known_is_not_read_again(store: Store, write: Write) -> None:
    files = write({}, {})
    first = facets(store, files, NOTE)
    for file in files:
        store.remove(file.path)

    assert facets(store, files, NOTE) == first

    with pytest.raises(ShardError, match="is missing"):
        facets(store, files, "runs/other/facets.json")


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b'{"a": 1}', b'{"a": {"sizes": {}}}', b"\xff"])
def test_a_damaged_note_is_no_note(data: bytes) -> None:
    assert decode(data) == {}


def test_an_empty_corpus_has_none(store: Store) -> None:
    assert facets(store, [], NOTE) == Facets()


def test_tables_are_in_an_order_or_begin_with_the_largest() -> None:
    counts = Counter(b=1, a=1, c=3)
    assert ranked(counts) == [("c", 3), ("a", 1), ("b", 1)]
    assert ranked(counts, ("b", "a", "c")) == [("b", 1), ("a", 1), ("c", 3)]
