"""Which records of a union are near each other, addition by addition.

Found once for an addition, among its records and between them and all before, and kept under
`unions/pairs` by the hash of all files that were looked at. So an addition searches for its own records
alone, and what was found of earlier ones stays what it was.

Two *sources* are near by their hashes (`similar.search.NEAR`), or plain and equal to the pixel. Two
*triplets* are near if their sources are, however many steps apart, the words of their instructions are
the same, and the edited images are near, too: edits of one picture in different words are none.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import pyarrow as pa

from editcorpus.errors import ShardError
from editcorpus.similar import hashes, minhash
from editcorpus.similar.clusters import group
from editcorpus.similar.hashes import WORDS, is_plain
from editcorpus.similar.search import NEAR, added, between
from editcorpus.storage import Store
from editcorpus.tables import table_writer
from editcorpus.union import looks
from editcorpus.union.batches import Batch
from editcorpus.union.digests import read_looks
from editcorpus.union.entries import Array
from editcorpus.union.reading import Alive, opened

VERSION = 1
"""Raised when the same records would have other pairs."""
FOLDER = "unions/pairs"
MOST_APART = 64
"""Of triplets with near sources and the same words, each is held against so many before it."""

_BLOCK = 1 << 16
_KINDS = ("same", "sources", "triplets")
_SCHEMA = pa.schema([("kind", pa.uint8()), ("one", pa.uint32()), ("other", pa.uint32())])
_TOLD = b"editcorpus.told"


Both = tuple[Array, Array]
"""Numbers of both of each of some pairs."""
_NOBODY: Both = (np.empty(0, "u4"), np.empty(0, "u4"))


@dataclass(frozen=True, slots=True)
class Told:
    """What is said of a search.

    Attributes:
        plain: Pictures with too little in them to be told from others, of sources.
        broken: Pictures that do not decode, of sources and edited images.
        buckets: Keys that too many share; hashes are not compared by these.
    """

    plain: int = 0
    broken: int = 0
    buckets: int = 0


@dataclass(frozen=True, slots=True)
class Nearness:
    """What an addition brought.

    Attributes:
        same: Numbers of both of each pair of records whose source images are equal by their hashes: the
            first that has one, which stands for all, and a later one.
        sources: Likewise of source images that are near, between those that stand for all.
        triplets: Likewise of triplets that are near, between all.
        told: For people.
    """

    same: Both
    sources: Both
    triplets: Both
    told: Told


def nearness(
    store: Store, work: Sequence[Batch], additions: Sequence[slice], alive: Alive
) -> list[Nearness]:
    """What each addition brought, looked up or found.

    Args:
        store: Where digests lie.
        work: All batches, one addition after the other.
        additions: Which records came together.
        alive: See `reading.Alive`.

    Raises:
        ShardError: A file is damaged.
    """
    made: list[Nearness] = []
    for rows in additions:
        if rows.start == rows.stop:
            made.append(Nearness(_NOBODY, _NOBODY, _NOBODY, Told()))
            continue
        known = [batch for batch in work if batch.first < rows.stop]
        path = _path(known, rows)
        if not store.exists(path):
            _write(store, path, _found(store, known, rows, made, alive))
        made.append(_read(store, path))
    return made


def _path(work: Sequence[Batch], rows: slice) -> str:
    told = [VERSION, looks.VERSION, hashes.VERSION, minhash.VERSION, rows.start]
    told += [batch.key for batch in work]
    return f"{FOLDER}/{hashlib.sha256(json.dumps(told).encode()).hexdigest()}.parquet"


def _found(
    store: Store, work: Sequence[Batch], rows: slice, before: Sequence[Nearness], alive: Alive
) -> Nearness:
    same, sources, told = _near_sources(store, work, rows)
    alive()
    pairs = [pair for one in before for pair in (one.same, one.sources)]
    triplets = _near_triplets(store, work, rows, group(rows.stop, [*pairs, same, sources]))
    return Nearness(same, sources, triplets, told)


def _near_sources(store: Store, work: Sequence[Batch], rows: slice) -> tuple[Both, Both, Told]:
    owners, views, start = _views(store, work, rows)
    found = added(views, start)
    del views
    pairs = found.pairs
    one, other = owners[pairs.one], owners[pairs.other]
    equal = (pairs.signs == 0) & (pairs.agreement == 1) & ~pairs.mirrored
    pixels = np.concatenate([_column(store, batch, "source_pixels") for batch in work])
    twins = _equal(pixels, rows)
    same = (
        np.concatenate([left, right])
        for left, right in zip((one[equal], other[equal]), twins, strict=True)
    )
    new = [batch for batch in work if batch.first >= rows.start]
    broken = sum(int(_column(store, batch, "broken").sum()) for batch in new)
    told = Told(int(np.count_nonzero(pixels[rows])), broken, found.degenerate.buckets)
    return _once(*same), _ordered(one[~equal], other[~equal]), told


def _views(store: Store, work: Sequence[Batch], rows: slice) -> tuple[Array, Array, int]:
    """Owners and hashes of all source images that are not plain, and from which on they are new."""
    owners = [np.empty(0, "u4")]
    views = [np.empty((0, WORDS), "<u8")]
    start = 0
    for batch in work:
        names = ["source_whole", "source_content"]
        table = read_looks(store, batch, names)
        for found in (looks.numbers(table[name], WORDS) for name in names):
            there = np.flatnonzero(~is_plain(found))
            owners.append((there + batch.first).astype("u4"))
            views.append(found[there])
            start += len(there) if batch.first < rows.start else 0
    return np.concatenate(owners), np.concatenate(views), start


def _column(store: Store, batch: Batch, name: str) -> Array:
    made: Array = read_looks(store, batch, [name])[name].to_numpy()
    return made


def _equal(keys: Array, rows: slice) -> Both:
    """The first record of each key but 0, with each later one of it that is new."""
    there = np.flatnonzero(keys).astype("u4")
    _, first, inverse = np.unique(keys[there], return_index=True, return_inverse=True)
    one = there[first[inverse]]
    new = (one != there) & (there >= rows.start)
    return one[new], there[new]


def _ordered(one: Array, other: Array) -> Both:
    """Each pair of two once, the lower number first."""
    return _once(np.minimum(one, other), np.maximum(one, other))


def _once(one: Array, other: Array) -> Both:
    """Each pair of two once."""
    keys = one.astype("u8") << np.uint64(32) | other
    keys = np.unique(keys[one != other])
    return (keys >> np.uint64(32)).astype("u4"), keys.astype("u4")


def _near_triplets(store: Store, work: Sequence[Batch], rows: slice, groups: Array) -> Both:
    """Pairs that agree in the group of the source and in words, and whose edited images are near."""
    words = np.concatenate([_column(store, batch, "words") for batch in work])
    order = np.lexsort((np.arange(len(words)), groups, words)).astype("u4")
    order = order[words[order] != 0]
    one, other = _candidates(order, words, groups, rows)
    asked = np.unique(np.concatenate([one, other]))
    if not len(asked):
        return one, other
    seen = _Edited(store, work, asked)
    near = seen.near(np.searchsorted(asked, one), np.searchsorted(asked, other))
    return _ordered(one[near], other[near])


def _candidates(order: Array, words: Array, groups: Array, rows: slice) -> Both:
    """Pairs with the same words and group, at most `MOST_APART` apart, one of them new."""
    left, right = [np.empty(0, "u4")], [np.empty(0, "u4")]
    for apart in range(1, MOST_APART + 1):
        one, other = order[:-apart], order[apart:]
        same = (words[one] == words[other]) & (groups[one] == groups[other])
        if not same.any():
            break
        same &= np.maximum(one, other) >= rows.start
        left.append(one[same])
        right.append(other[same])
    return np.concatenate(left), np.concatenate(right)


class _Edited:
    """How the edited images of some records look."""

    def __init__(self, store: Store, work: Sequence[Batch], asked: Array) -> None:
        parts = list(self._parts(store, work, asked))
        self._views = [np.concatenate([part[place] for part in parts]) for place in (0, 1)]
        self._pixels = np.concatenate([part[2] for part in parts])

    def _parts(
        self, store: Store, work: Sequence[Batch], asked: Array
    ) -> Iterator[tuple[Array, Array, Array]]:
        for batch in work:
            own = asked[slice(*np.searchsorted(asked, (batch.first, batch.first + batch.records)))]
            if len(own):
                names = [f"edited_{part}" for part in ("whole", "content", "pixels")]
                table = read_looks(store, batch, names).take(pa.array(own - batch.first))
                views = (looks.numbers(table[name], WORDS) for name in names[:2])
                yield *views, table[names[2]].to_numpy()

    def near(self, one: Array, other: Array) -> Array:
        """Which pairs of them are near in any view, or plain and equal to the pixel."""
        found: Array = (self._pixels[one] == self._pixels[other]) & (self._pixels[one] != 0)
        for at in range(0, len(one), _BLOCK):
            part = slice(at, at + _BLOCK)
            rows = np.arange(len(one[part]), dtype="u4")
            for left in self._views:
                for right in self._views:
                    pair = left[one[part]], right[other[part]]
                    found[at + between(*pair, (rows, rows), NEAR).one] = True
        return found


def _write(store: Store, path: str, made: Nearness) -> None:
    told = {_TOLD: json.dumps(asdict(made.told)).encode()}
    schema = _SCHEMA.with_metadata(told)
    parts = [getattr(made, kind) for kind in _KINDS]
    columns = [
        np.repeat(np.arange(len(parts)), [len(one) for one, _ in parts]),
        *(np.concatenate([part[at] for part in parts]) for at in (0, 1)),
    ]
    arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
    with store.upload(path) as file, table_writer(schema, file) as writer:
        writer.write_table(pa.Table.from_arrays(arrays, schema=schema))


def _read(store: Store, path: str) -> Nearness:
    with opened(store, path) as parquet:
        table = parquet.read(use_threads=False)
    try:
        told = Told(**json.loads(table.schema.metadata[_TOLD]))
        kinds, one, other = (table[name].to_numpy() for name in _SCHEMA.names)
    except (KeyError, TypeError, ValueError) as error:
        raise ShardError(
            f"{store.url(path)} is damaged; remove it, and run the same again."
        ) from error
    same, sources, triplets = (
        (one[kinds == number], other[kinds == number]) for number in range(len(_KINDS))
    )
    return Nearness(same, sources, triplets, told)
