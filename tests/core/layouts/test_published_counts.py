"""The counts of GPT-IMAGE-EDIT-1.5M close over its families of sources and over its instruction types.

Numbers of its card and paper (arXiv 2507.21033): rows by task, and how many of them are rewrites.
"""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from editcorpus.errors import ShardError
from editcorpus.layouts.manifest import CorpusManifest, commit_manifest, read_manifest, sums
from editcorpus.layouts.parquet import ShardFile
from editcorpus.storage import Store

ULTRAEDIT = (
    *("add", "change_color", "change_global", "change_local", "others", "replace"),
    *("transform_global", "transform_local", "turn"),
)
ROWS: dict[tuple[str, str], tuple[int, int]] = {
    ("hqedit", "edit"): (89_585, 0),
    ("hqedit", "generate"): (93_597, 0),
    **{("ultraedit", task): (11_112, 0) for task in ULTRAEDIT},
    ("omniedit", "addition"): (189_336, 14_385),
    ("omniedit", "attribute_modification"): (204_065, 14_509),
    ("omniedit", "env"): (137_440, 14_509),
    ("omniedit", "removal"): (149_763, 13_497),
    ("omniedit", "style"): (14_405, 14_405),
    ("omniedit", "swap"): (261_983, 28_695),
    ("omniedit", "complex-edit"): (313_393, 0),
}
"""Rows by family and task, those that are rewrites included, and the number of those."""
LICENCES = {"hqedit": "CC-BY-NC-4.0", "ultraedit": "CC-BY-4.0", "omniedit": "MIT"}
TOTAL = 1_553_575
SOURCES = {"hqedit": 183_182, "ultraedit": 100_008, "omniedit": 1_270_385}
TYPES = {"original": 1_140_182, "rewrite": 100_000, "complex": 313_393}


def published() -> CorpusManifest:
    """A manifest with these counts, added up from the rows."""
    sources: Counter[str] = Counter()
    types: Counter[str] = Counter()
    licences: Counter[str] = Counter()
    for (source, task), (rows, rewrites) in ROWS.items():
        sources[source] += rows
        licences[LICENCES[source]] += rows
        types["complex" if task == "complex-edit" else "original"] += rows - rewrites
        types["rewrite"] += rewrites
    kept = sum(rows for rows, _ in ROWS.values())
    return CorpusManifest(
        run="gpt-image-edit",
        entered=kept,
        kept=kept,
        rejected={},
        failed={},
        files=(ShardFile("data/train-00000.parquet", kept, 1, "0" * 64),),
        tasks={task: rows for (_, task), (rows, _) in ROWS.items()},
        licences=licences,
        sources=sources,
        types=types,
        release="1.0.0",
    )


def test_the_published_numbers_are_what_their_rows_add_up_to() -> None:
    made = published()
    assert made.kept == TOTAL
    assert made.sources == SOURCES
    assert made.types == TYPES
    assert sums(made) == []


@pytest.mark.parametrize("name", ["sources", "types", "tasks", "licences"])
def test_a_partition_that_lacks_rows_is_told(name: str) -> None:
    made = published()
    counts = dict(getattr(made, name))
    first = next(iter(counts))
    counts[first] -= 6_705  # as many as name pictures that are missing
    assert sums(replace(made, **{name: counts})) == [
        f"The {name} sum up to {TOTAL - 6_705} records, but {TOTAL} were kept."
    ]


def test_rejecting_those_without_a_picture_closes_again(store: Store) -> None:
    made, missing = published(), 6_705
    left = TOTAL - missing
    members: dict[str, Any] = {
        "kept": left,
        "rejected": {"image_missing": missing},
        "files": (
            ShardFile("corpora/g/data/train-00000.parquet", left, 1, "0" * 64),
            ShardFile("corpora/g/rejects.parquet", missing, 1, "0" * 64),
        ),
        "tasks": {**made.tasks, "generate": 86_892},
        "sources": {**made.sources, "hqedit": SOURCES["hqedit"] - missing},
        "types": {**made.types, "original": TYPES["original"] - missing},
        "licences": {**made.licences, "CC-BY-NC-4.0": SOURCES["hqedit"] - missing},
    }
    commit_manifest(store, "corpora/g", replace(made, **members))
    found = read_manifest(store, "corpora/g")
    assert found is not None
    assert sum(found.types.values()) == sum(found.sources.values()) == found.kept == 1_546_870
    with pytest.raises(ShardError, match="The types sum up to"):
        commit_manifest(store, "corpora/g", replace(made, **members | {"types": made.types}))
