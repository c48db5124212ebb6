"""A benchmark's pictures as a file of hashes: made from where they lie, and read again.

What comes from outside is bounded and checked; a picture that does not decode is left out and told.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from typing import Any

import numpy as np

from editcorpus.errors import ConfigError, ShardError, SourceError
from editcorpus.images import Limits, decode_source, encode_jpeg, fit
from editcorpus.inputs import PARQUET_FILES, Inputs
from editcorpus.readers.json_array import text_of
from editcorpus.similar.bars import Array
from editcorpus.similar.hashfile import MOST_ROWS, Item, Known, known, read_known
from editcorpus.similar.views import hash_views, read_grey
from editcorpus.union.against import Benchmark
from editcorpus.union.benchmark_index import Columns
from editcorpus.union.benchmark_rows import BenchmarkRow, benchmark_rows

_LIMITS = Limits(min_side=16)
_MOST_FILE = 2**30
_ID_CHARACTERS = 200
_THUMBNAIL = 128
_KEPT = 4
"""Pictures whose hashes are kept for the next row: several items may be of the same."""

_Hashed = tuple[Sequence[str], Array, bytes]
"""Names of views, their hashes, and a small JPEG."""


@dataclass(slots=True)
class Gathered:
    """What came of hashing a benchmark.

    Attributes:
        pictures: How many were hashed.
        worded: Of how many items the instruction is known.
        broken: A sentence for each that was left out.
    """

    pictures: int = 0
    worded: int = 0
    broken: list[str] = field(default_factory=list)


def hash_benchmark(
    name: str,
    inputs: Inputs,
    columns: Columns,
    told: Callable[[int], None],
    *,
    thumbnails: bool = False,
) -> tuple[Known, Gathered]:
    """Hash the pictures of a benchmark.

    Args:
        name: Of the benchmark.
        inputs: Its files, as `benchmark_rows.find_benchmark` finds them.
        columns: Which columns hold what.
        told: Hears now and then how many pictures are hashed.
        thumbnails: Whether small pictures are kept, too.

    Raises:
        ConfigError: No picture is there, a column that is named is not, or they are too many.
        ShardError: A file is damaged.
        StorageError: A file cannot be read.
    """
    gathered, taken = Gathered(), dict[str, int]()
    items: list[Item] = []
    views = 0
    hashed = lru_cache(_KEPT)(partial(_hashed, thumbnails=thumbnails))
    for row in benchmark_rows(inputs, columns):
        made = _items(row, gathered, hashed)
        items += [_renamed(item, taken) for item in made]
        views += sum(len(item.views) for item in made)
        if views > MOST_ROWS:
            raise ConfigError(
                f"The benchmark has more than {MOST_ROWS:,} views of pictures; hash a part of it at a time."
            )
        told(gathered.pictures)
    return known(name, items), gathered


def read_benchmark(where: str, options: Mapping[str, Any]) -> Benchmark:
    """The hashes of a benchmark, from a file that may come from anybody.

    Args:
        where: A path or URL.
        options: For URLs, as `Inputs.find` takes them.

    Raises:
        ConfigError: There is no such file, there are several, or its hashes are of another version.
        ShardError: It is damaged, or no file of hashes.
    """
    inputs = Inputs.find(where, options, PARQUET_FILES)
    if len(inputs.files) != 1:
        raise ConfigError(f"{where!r:.200} is no file of hashes; name one, not a folder.")
    (url,) = inputs.files
    with inputs.explained(url), inputs.open(url) as file:
        digest, size = hashlib.sha256(), 0
        while data := file.read(2**20):
            digest.update(data)
            size += len(data)
            if size > _MOST_FILE:
                raise ShardError(f"{url} is larger than a file of hashes can be.")
        return Benchmark(read_known(file, url), digest.hexdigest())


def once_each(benchmarks: Iterable[Benchmark]) -> tuple[Benchmark, ...]:
    """Benchmarks, the same file named twice counting once.

    Raises:
        ConfigError: Two files are of the same name.
    """
    made: dict[str, Benchmark] = {}
    for one in benchmarks:
        name = one.known.benchmark
        if made.setdefault(name, one).sha256 != one.sha256:
            raise ConfigError(f"Two files of hashes are of the benchmark {name!r:.100}; name one.")
    return tuple(made[name] for name in sorted(made))


def _hashed(data: bytes, *, thumbnails: bool) -> _Hashed:
    """The hashes of a picture.

    Raises:
        SourceError: It does not decode.
    """
    names, views = hash_views(read_grey(data, _LIMITS), crops=True)
    small = b""
    if thumbnails:
        small = encode_jpeg(fit(decode_source(data, _LIMITS).image, _THUMBNAIL), 70)
    return names, views, small


def _items(row: BenchmarkRow, gathered: Gathered, hashed: Callable[[bytes], _Hashed]) -> list[Item]:
    """A row's pictures, once for each of its instructions; none where no picture decodes."""
    names: list[str] = []
    hashes = []
    thumbnail = b""
    gathered.broken += [f"{row.id:.100}: {sentence}" for sentence in row.broken]
    for column, data in row.pictures:
        try:
            found, views, small = hashed(data)
        except SourceError as error:
            gathered.broken.append(f"{row.id:.100}: {error}")
            continue
        names += [f"{column}:{view}" if column else view for view in found]
        hashes.append(views)
        thumbnail = thumbnail or small
        gathered.pictures += 1
    if not names:
        return []
    gathered.worded += len(row.instructions)
    name, views = (text_of(row.id) or "")[:_ID_CHARACTERS], np.concatenate(hashes)
    return [Item(name, tuple(names), views, text, thumbnail) for text in row.instructions or ("",)]


def _renamed(item: Item, taken: dict[str, int]) -> Item:
    """The item under an id that no other has."""
    name = item.id
    while name in taken:
        taken[item.id] += 1
        name = f"{item.id}~{taken[item.id]}"
    taken[name] = 1
    return replace(item, id=name)
