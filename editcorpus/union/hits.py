"""Pages of what was left out by its looks, as pairs of pictures.

A near duplicate stands beside the triplet that stays in its place, a benchmark's picture beside that
benchmark's own.

Each addition has a page of its own, `hits/<version>.html`, written with it and never changed: one file
without script or address, its pictures small and inside of it.
"""

from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
import pyarrow as pa
from jinja2 import Environment, StrictUndefined, Template

from editcorpus.errors import SourceError
from editcorpus.images import Limits, decode, decode_source, encode_jpeg, fit
from editcorpus.layouts.corpus import Shard
from editcorpus.layouts.markdown import one_line
from editcorpus.storage import Store
from editcorpus.union.batches import Batch
from editcorpus.union.digests import read_digest
from editcorpus.union.entries import Array
from editcorpus.union.reading import Alive, tables
from editcorpus.union.rejects import Union
from editcorpus.union.verdicts import Verdict

FOLDER = "hits"
MOST = 200
"""Pairs of each kind on a page; `rejects.parquet` has all."""

_SIDE = 160
_QUALITY = 70
_TEXT_CHARACTERS = 300
_NO_PICTURES = ("", "")
_GONE = "(its run lies elsewhere, or is gone)"
Look = tuple[str, tuple[str, str]]
"""Instruction and small pictures of a record."""
_COLUMNS = frozenset({"instruction", "source_image", "edited_image"})
_LIMITS = Limits(4_000_000, 1)


@dataclass(frozen=True, slots=True)
class Shown:
    """A triplet on a page.

    Attributes:
        id: Of the record.
        run: The run that it is of.
        instruction: Its beginning.
        pictures: Source and edited image as JPEG, small, in base64; empty where one does not decode.
    """

    id: str
    run: str
    instruction: str
    pictures: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Pair:
    """A record that was left out, and why.

    Attributes:
        lost: The record.
        stays: The one that stays in its place; None where it is a benchmark's.
        sentence: For people.
        theirs: The benchmark's pictures, as `Shown.pictures` are, each with what it is called.
    """

    lost: Shown
    stays: Shown | None
    sentence: str = ""
    theirs: tuple[tuple[str, str], ...] = ()


def pages(union: Union, releases: Sequence[str]) -> tuple[str, ...]:
    """Paths of the pages that a corpus has, relative to it.

    Args:
        union: All that was decided.
        releases: The version of each addition.
    """
    shown = zip(releases, union.additions, strict=False)
    return tuple(f"{FOLDER}/{release}.html" for release, rows in shown if _hits(union, rows))


def write_hits(store: Store, folder: str, union: Union, release: str, alive: Alive) -> None:
    """Write the page of the last addition, unless nobody was left out for looks.

    Args:
        store: Where the corpus lies.
        folder: Where in the store.
        union: All that was decided.
        release: Version of the corpus since that addition.
        alive: See `reading.Alive`.

    Raises:
        ShardError: A file of a run is damaged.
    """
    rows = union.additions[-1]
    if not _hits(union, rows):
        return
    near, total_near = _numbers(union, rows, Verdict.NEAR_DUPLICATE)
    theirs, total_theirs = _numbers(union, rows, Verdict.CONTAMINATED)
    stays = union.verdicts.earlier[near].tolist()
    shown = _shown(union, np.array(sorted({*near, *theirs, *stays}), "i8"), alive)
    text = _template().render(
        name=folder.rpartition("/")[2],
        release=release,
        near=[Pair(shown[lost], shown[kept]) for lost, kept in zip(near, stays, strict=True)],
        total_near=total_near,
        theirs=[_theirs(union, number, shown[number]) for number in theirs],
        total_theirs=total_theirs,
    )
    store.write(f"{folder}/{FOLDER}/{release}.html", text.encode("utf-8", "replace"))


@cache
def _template() -> Template:
    made = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    return made.from_string(
        files(__package__).joinpath("hits.html.jinja").read_text(encoding="utf-8")
    )


def _hits(union: Union, rows: slice) -> int:
    codes = union.verdicts.codes[rows]
    return int(np.isin(codes, (Verdict.NEAR_DUPLICATE, Verdict.CONTAMINATED)).sum())


def _numbers(union: Union, rows: slice, verdict: Verdict) -> tuple[list[int], int]:
    """Numbers of the first records with a verdict, and how many there are."""
    found = np.flatnonzero(union.verdicts.codes[rows] == verdict) + rows.start
    return found[:MOST].tolist(), len(found)


def _theirs(union: Union, number: int, lost: Shown) -> Pair:
    made = []
    for benchmark, against in zip(union.seen.benchmarks, union.seen.against, strict=True):
        hit = against.hits.get(number)
        if hit:
            data = benchmark.known.thumbnails.get(hit.item, b"")
            made.append((f"{against.name}: {_text(hit.id)}", _small_foreign(data)))
    return Pair(lost, None, union.seen.met(number), tuple(made))


def _shown(union: Union, numbers: Array, alive: Alive) -> dict[int, Shown]:
    """Some records, as they are shown."""
    made: dict[int, Shown] = {}
    for batch in union.work:
        own = numbers[slice(*np.searchsorted(numbers, (batch.first, batch.first + batch.records)))]
        if not len(own):
            continue
        ids = read_digest(union.store, batch, ["id"])["id"].take(pa.array(own - batch.first))
        found = {} if batch.corpus in union.elsewhere else dict(_seen(batch, own, alive))
        for number, record_id in zip(own.tolist(), ids.to_pylist(), strict=True):
            text, pictures = found.get(number, (_GONE, _NO_PICTURES))
            label = union.labels[batch.corpus]
            made[number] = Shown(_text(record_id), label, _text(text), pictures)
    return made


def _seen(batch: Batch, numbers: Array, alive: Alive) -> Iterator[tuple[int, Look]]:
    """What records of a batch show; nothing of files that are not there any more as they were."""
    first = batch.first
    for shard in batch.shards:
        end = first + shard.file.records
        rows = numbers[(numbers >= first) & (numbers < end)] - first
        if len(rows) and _lies(shard):
            yield from ((first + row, look) for row, look in _rows(shard, rows, alive))
        first = end


def _lies(shard: Shard) -> bool:
    """Whether a file is there, and as long as it was."""
    try:
        return shard.corpus.store.size(shard.path) == shard.file.bytes
    except FileNotFoundError:
        return False


def _rows(shard: Shard, rows: Array, alive: Alive) -> Iterator[tuple[int, Look]]:
    for first, table in tables(shard, alive, _COLUMNS, rows):
        for row in rows[(rows >= first) & (rows < first + table.num_rows)].tolist():
            found = table.slice(row - first, 1).to_pylist()[0]
            pictures = (
                _small(found["source_image"]["bytes"]),
                _small(found["edited_image"]["bytes"]),
            )
            yield row, (found["instruction"], pictures)


def _small(data: bytes) -> str:
    try:
        return b64encode(encode_jpeg(fit(decode(data), _SIDE), _QUALITY)).decode()
    except SourceError:
        return ""


def _small_foreign(data: bytes) -> str:
    """A picture that a file of hashes holds, encoded by us."""
    try:
        image = decode_source(data, _LIMITS).image
    except SourceError:
        return ""
    return b64encode(encode_jpeg(fit(image, _SIDE), _QUALITY)).decode()


def _text(text: str) -> str:
    return one_line(text)[:_TEXT_CHARACTERS]
