"""What a card says of near duplicates, of benchmarks, and of instructions that repeat."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from editcorpus.similar.contamination import Kind
from editcorpus.similar.minhash import BANDS
from editcorpus.similar.wording import wording
from editcorpus.union import looks
from editcorpus.union.digests import read_looks
from editcorpus.union.entries import Array
from editcorpus.union.rejects import Union
from editcorpus.union.verdicts import Verdict

_MOST_COMMON = 10


@dataclass(frozen=True, slots=True)
class Held:
    """What a benchmark and the runs have in common.

    Attributes:
        items: Of the benchmark.
        by_picture: Records with one of its pictures.
        by_both: Records with a picture that resembles one of its, and nearly the same instruction.
        text_only: Records with the instruction of an item and none of its pictures; they are no hits.
        buckets: Keys that too many of its hashes share; hashes are not compared by these.
    """

    name: str
    items: int
    by_picture: int
    by_both: int
    text_only: int
    buckets: int


@dataclass(frozen=True, slots=True)
class Instructions:
    """How often the kept triplets repeat themselves in words.

    Attributes:
        count: Instructions with a letter or digit.
        distinct: How many differ but for case, marks and white space.
        groups: How many differ by more than a few words.
        common: What is said most often, and how often, or nearly.
    """

    count: int
    distinct: int
    groups: int
    common: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Report:
    """What was found by looking at pictures.

    Attributes:
        near: Whether near duplicates were sought.
        clusters: Triplets that are kept and stand for near duplicates.
        plain: Source images with too little in them to be told from others by a hash.
        broken: Pictures that do not decode.
        buckets: Keys that too many hashes share; hashes are not compared by these.
        held: By benchmark.
    """

    near: bool
    clusters: int
    plain: int
    broken: int
    buckets: int
    held: tuple[Held, ...]
    instructions: Instructions


def report_of(union: Union) -> Report | None:
    """The report; None where nobody looked."""
    seen = union.seen
    if not seen.looked:
        return None
    codes = union.verdicts.codes
    stays = np.unique(union.verdicts.earlier[codes == Verdict.NEAR_DUPLICATE])
    return Report(
        near=union.terms.near_duplicates,
        clusters=int((codes[stays] == Verdict.KEPT).sum()),
        plain=sum(told.plain for told in seen.sought),
        broken=sum(told.broken for told in seen.sought),
        buckets=sum(told.buckets for told in seen.sought),
        held=tuple(_held(union)),
        instructions=_instructions(union),
    )


def _held(union: Union) -> Sequence[Held]:
    made = []
    for benchmark, against in zip(union.seen.benchmarks, union.seen.against, strict=True):
        kinds = Counter(hit.kind for hit in against.hits.values())
        items = len(benchmark.known.ids)
        by = kinds[Kind.PICTURE.value], kinds[Kind.BOTH.value]
        made.append(Held(against.name, items, *by, against.text_only, against.buckets))
    return made


def _instructions(union: Union) -> Instructions:
    kept = union.verdicts.kept(slice(0, len(union.entries)))
    signatures = np.empty((len(kept), BANDS), "<u8")
    for batch in union.work:
        rows = slice(*np.searchsorted(kept, (batch.first, batch.first + batch.records)))
        if rows.start < rows.stop:
            table = read_looks(union.store, batch, ["signature"])
            found = looks.numbers(table["signature"], BANDS)
            signatures[rows] = found[kept[rows] - batch.first]
    made = wording(signatures, _MOST_COMMON)
    firsts = kept[[number for number, _ in made.common]]
    texts = _texts(union, firsts)
    common = tuple((texts[int(kept[number])], count) for number, count in made.common)
    return Instructions(made.instructions, made.distinct, made.groups, common)


def _texts(union: Union, numbers: Array) -> dict[int, str]:
    """The instructions of some records."""
    made: dict[int, str] = {}
    for batch in union.work:
        own = [int(one) for one in numbers if 0 <= one - batch.first < batch.records]
        if own:
            table = read_looks(union.store, batch, ["text"])
            found = table["text"].take(pa.array([one - batch.first for one in own]))
            made |= dict(zip(own, found.to_pylist(), strict=True))
    return made
