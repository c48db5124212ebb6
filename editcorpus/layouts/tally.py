"""Counts and scores of a corpus by family, source, licence and type of instruction, out of its files.

Only the small columns are read, and of a bucket only their ranges; what is known of a file by its hash is
not read again.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from editcorpus.errors import ShardError
from editcorpus.layouts.counting import by_file, columns_of
from editcorpus.layouts.parquet import ShardFile
from editcorpus.storage import Store
from editcorpus.taxonomy import GEDIT, IMGEDIT, NO_GEDIT_TYPE, NO_IMGEDIT_TYPE, Family

_KEYS = ("family", "dataset_source", "license", "instruction_type")


@dataclass(frozen=True, slots=True)
class Group:
    """Records that have these in common.

    Attributes:
        family: Empty where the source does not tell.
        kind: Type of instruction.
        score: Sum of the records' scores.
    """

    family: str
    source: str
    licence: str
    kind: str
    records: int
    score: float


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a table: how many records, and their mean score, 0 to 1."""

    names: tuple[str, ...]
    records: int
    score: float


@dataclass(frozen=True, slots=True)
class Benchmark:
    """Scores by the types of a benchmark.

    Attributes:
        rows: One for each type that the corpus has.
        average: Mean over the types' scores, each counting once, 0 to 1.
        untyped: Records of families that the benchmark does not ask for, or without a family.
    """

    name: str
    rows: tuple[Row, ...]
    average: float
    untyped: int


Known = dict[str, list[Group]]
"""Groups of files by their SHA-256."""


def tally(store: Store, files: Sequence[ShardFile], known: Mapping[str, list[Group]]) -> Known:
    """The groups of each file, those that are known taken over.

    Args:
        store: Where the corpus lies.
        files: Files with records; paths are those in the store.
        known: Of an earlier call.

    Raises:
        ShardError: A file is missing or damaged.
    """
    return by_file(store, files, known, _read)


def encode(known: Known) -> bytes:
    """The groups as JSON; `decode` gives them back."""
    made = {
        digest: [[getattr(group, name) for name in Group.__slots__] for group in groups]
        for digest, groups in known.items()
    }
    return json.dumps(made, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def decode(data: bytes) -> Known:
    """The groups that `encode` wrote; none where the bytes are damaged, since all can be read anew."""
    try:
        told = json.loads(data)
        return {str(one): [Group(*members) for members in told[one]] for one in told}
    except (ValueError, TypeError, LookupError, RecursionError):
        return {}


def summed(known: Known) -> tuple[Group, ...]:
    """The groups of a whole corpus, ordered by their names."""
    counts: dict[tuple[str, ...], tuple[int, float]] = defaultdict(lambda: (0, 0.0))
    for _, groups in sorted(known.items()):
        for one in groups:
            key = (one.family, one.source, one.licence, one.kind)
            records, score = counts[key]
            counts[key] = records + one.records, score + one.score
    return tuple(_group(key, counts[key]) for key in sorted(counts))


def rows(groups: Iterable[Group], names: Callable[[Group], tuple[str, ...]]) -> tuple[Row, ...]:
    """A table with one row for each of the names that a group is given."""
    counts: dict[tuple[str, ...], tuple[int, float]] = defaultdict(lambda: (0, 0.0))
    for one in groups:
        records, score = counts[names(one)]
        counts[names(one)] = records + one.records, score + one.score
    return tuple(Row(key, n, score / max(n, 1)) for key, (n, score) in sorted(counts.items()))


def benchmarks(groups: Sequence[Group]) -> tuple[Benchmark, Benchmark]:
    """Scores by the types of GEdit-Bench and of ImgEdit-Bench, as `taxonomy` maps families on to them."""
    return (
        _benchmark("GEdit-Bench", groups, GEDIT, NO_GEDIT_TYPE),
        _benchmark("ImgEdit-Bench", groups, IMGEDIT, NO_IMGEDIT_TYPE),
    )


def _benchmark(
    name: str,
    groups: Sequence[Group],
    types: Mapping[Family, str],
    without: Iterable[Family],
) -> Benchmark:
    named = {str(family): kind for family, kind in types.items() if family not in set(without)}
    typed = [group for group in groups if group.family in named]
    made = rows(typed, lambda group: (named[group.family],))
    untyped = sum(group.records for group in groups) - sum(row.records for row in made)
    average = sum(row.score for row in made) / max(len(made), 1)
    return Benchmark(name, made, average, untyped)


def _read(store: Store, path: str) -> list[Group]:
    wanted = [*_KEYS, "score"]

    def choose(schema: pa.Schema) -> list[str]:
        missing = set(wanted) - set(schema.names)
        if missing:
            raise ShardError(f"{store.url(path)} has no column {', '.join(sorted(missing))}.")
        return wanted

    return _grouped(columns_of(store, path, choose))


def _grouped(table: pa.Table) -> list[Group]:
    grouped = pa.TableGroupBy(table, list(_KEYS), use_threads=False)
    found = grouped.aggregate([([], "count_all"), ("score", "sum")]).to_pylist()
    keyed = {tuple(str(row[name]) for name in _KEYS): row for row in found}
    return [
        _group(key, (keyed[key]["count_all"], keyed[key]["score_sum"])) for key in sorted(keyed)
    ]


def _group(key: tuple[str, ...], counts: tuple[int, float]) -> Group:
    family, source, licence, kind = key
    return Group(family, source, licence, kind, *counts)
