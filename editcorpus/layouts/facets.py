"""Languages, sizes and ratios of a corpus, counted from the small columns of its files.

What is known of a file by its hash is not read again.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from editcorpus.layouts.counting import by_file, columns_of, with_note
from editcorpus.layouts.parquet import ShardFile
from editcorpus.layouts.unify import present, unified
from editcorpus.storage import Store

GEOGRAPHY = "geography"
"""Member of a source's own facts that says where a picture was taken, where a source says it."""
_COLUMNS = frozenset({"instruction", "language", "script", "width", "height", "source_facts"})
_SIZES = ((0.1, "below 0.1 MP"), (0.5, "0.1 to 0.5 MP"), (1.0, "0.5 to 1 MP"), (2.0, "1 to 2 MP"))
_LARGEST = "2 MP and more"
_RATIOS = ((1, 1), (5, 4), (4, 3), (3, 2), (16, 9), (2, 1), (3, 1))
_LONGEST = 100
"""Characters of the name of a place."""


@dataclass(frozen=True, slots=True)
class Facets:
    """How many records have what in common; each count is over all records but `places`.

    Attributes:
        languages: By language and script of the instruction, such as `en Latn`.
        sizes: By pixels of the source image.
        ratios: By the nearest usual ratio of its sides, width first.
        places: By what a source says of where the picture was taken; of no other record is it known.
    """

    languages: Counter[str] = field(default_factory=Counter)
    sizes: Counter[str] = field(default_factory=Counter)
    ratios: Counter[str] = field(default_factory=Counter)
    places: Counter[str] = field(default_factory=Counter)

    def add(self, other: "Facets") -> None:
        """Count those of another file too."""
        for name in self.__slots__:
            getattr(self, name).update(getattr(other, name))


Known = dict[str, Facets]
"""Facets of files by their SHA-256."""


def facets(store: Store, files: Sequence[ShardFile], note: str) -> Facets:
    """The facets of a corpus.

    Args:
        store: Where the corpus lies.
        files: Its files with records; paths are those in the store.
        note: Path in the store of a note of what was counted, by which no file is read twice.

    Raises:
        ShardError: A file is missing or damaged.
    """
    count = partial(by_file, store, files, read=_read)
    return summed(with_note(store, note, decode, encode, count))


def summed(known: Known) -> Facets:
    """The facets of a whole corpus."""
    made = Facets()
    for one in known.values():
        made.add(one)
    return made


def encode(known: Known) -> bytes:
    """The facets as JSON; `decode` gives them back."""
    made = {
        digest: {name: dict(getattr(one, name)) for name in Facets.__slots__}
        for digest, one in known.items()
    }
    return json.dumps(made, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def decode(data: bytes) -> Known:
    """The facets that `encode` wrote; none where the bytes are damaged, since all can be read anew."""
    try:
        told = json.loads(data)
        return {
            str(digest): Facets(*(Counter(members[name]) for name in Facets.__slots__))
            for digest, members in told.items()
        }
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        return {}


def languages_of(counts: Mapping[str, int]) -> list[str]:
    """The languages that instructions are known to be in, sorted (see `Facets.languages`)."""
    return sorted({name.partition(" ")[0] for name, count in counts.items() if count} - {"und"})


def ranked(counts: Mapping[str, int], order: Iterable[str] = ()) -> list[tuple[str, int]]:
    """Counts as rows of a table: in an order, or the largest first."""
    places = {name: place for place, name in enumerate(order)}
    return sorted(
        counts.items(), key=lambda one: (places.get(one[0], len(places)), -one[1], one[0])
    )


SIZES = (*(name for _, name in _SIZES), _LARGEST)
"""The names of sizes, the smallest first."""
RATIOS = (
    *(f"{high}:{low}" for high, low in reversed(_RATIOS[1:])),
    *(f"{low}:{high}" for high, low in _RATIOS),
)
"""The names of ratios, the widest first."""


def _read(store: Store, path: str) -> Facets:
    found = columns_of(store, path, lambda schema: present(schema, _COLUMNS))
    table = unified(found, _COLUMNS)
    written = pc.binary_join_element_wise(table["language"], table["script"], " ")
    width, height = (table[name].to_numpy().astype(float) for name in ("width", "height"))
    return Facets(
        Counter(written.to_pylist()),
        _named(np.searchsorted([most for most, _ in _SIZES], width * height / 1e6, "right"), SIZES),
        _named(_nearest(width, height), RATIOS),
        _places(table["source_facts"]),
    )


def _named(numbers: np.ndarray, names: Sequence[str]) -> Counter[str]:
    counts = np.bincount(numbers.astype(int), minlength=len(names)).tolist()
    return Counter({name: count for name, count in zip(names, counts, strict=True) if count})


def _nearest(width: np.ndarray, height: np.ndarray) -> np.ndarray:
    """Number of the ratio in `RATIOS` that differs least, by its logarithm."""
    sides = ((int(side) for side in name.split(":")) for name in RATIOS)
    wanted = [wide / high for wide, high in sides]
    apart = np.abs(np.log(width / np.maximum(height, 1))[:, None] - np.log(wanted)[None, :])
    found: np.ndarray = apart.argmin(axis=1)
    return found


def _places(facts: pa.ChunkedArray) -> Counter[str]:
    told = facts.filter(pc.match_substring(facts, f'"{GEOGRAPHY}"')).to_pylist()
    return Counter(filter(None, map(_place, told)))


def _place(facts: str) -> str:
    """What a source's facts say of where a picture was taken; empty where they do not."""
    try:
        place = json.loads(facts).get(GEOGRAPHY)
    except (ValueError, AttributeError, RecursionError):  # facts of a corpus made elsewhere
        return ""
    return " ".join(place[:_LONGEST].split()) if isinstance(place, str) else ""
