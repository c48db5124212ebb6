"""A seeded sample of a corpus, and its pictures as they come."""

from collections.abc import Iterator
from dataclasses import dataclass

from editcorpus.errors import ConfigError, ShardError, StorageError
from editcorpus.linting.recognise import Recognised
from editcorpus.planning import Selection, plan
from editcorpus.records import Rejected, Triplet
from editcorpus.rows import Found, Role
from editcorpus.selection import count_rows
from editcorpus.storage import Store

ROLES: tuple[Role, ...] = ("source", "edited")
Place = tuple[str, int, int, str]
"""Where a triplet lies: file, row, turn and paths."""
_AT_ONCE = 256
"""Triplets that a shelf is asked for together."""
_PER_GROUP = 8
"""Rows that a row group gives before another one is drawn from: more are read faster, and resemble each
other more."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Rows that were drawn.

    Attributes:
        rows: How many the corpus has.
        drawn: How many were drawn; a row may hold several triplets.
        triplets: What they ask for.
        rejected: Those that say no triplet, and why.
    """

    rows: int
    drawn: int
    triplets: tuple[Triplet, ...]
    rejected: tuple[Rejected, ...]

    @property
    def whole(self) -> bool:
        """Whether nothing was left out."""
        return self.drawn >= self.rows


def draw(found: Recognised, limit: int, seed: int) -> Sample:
    """Draw rows; the same seed draws the same.

    Args:
        found: The corpus.
        limit: Rows at most; 0 takes all.
        seed: Decides which, and which paraphrase is taken of several.

    Raises:
        ConfigError: A file is not in the layout, cannot be read, or all that is drawn is damaged.
    """
    try:
        rows = count_rows(found.source, found.inputs)
    except (ShardError, StorageError) as error:
        raise ConfigError(str(error)) from error
    if not rows:
        raise ConfigError(
            f"{', '.join(found.inputs.given)} has no rows in the layout {found.name}."
        )
    drawn = min(limit or rows, rows)
    selection = Selection(
        limit=0 if drawn == rows else drawn,
        seed=seed,
        stratify=False,
        rows_per_group=_PER_GROUP,
    )
    shards = list(plan(found.source, found.inputs, selection))
    return Sample(
        rows,
        drawn,
        tuple(one for shard in shards for one in shard.triplets),
        tuple(one for shard in shards for one in shard.rejected),
    )


def pictures(
    found: Recognised, triplets: tuple[Triplet, ...], store: Store | None
) -> Iterator[tuple[Triplet, Found]]:
    """Source and edited image of triplets, in an order that suits the files.

    Args:
        found: The corpus.
        triplets: From its sample.
        store: Keeps lists of what lies in archives.

    Raises:
        StorageError: A file cannot be read now.
        ShardError: A file is not what it was when the sample was drawn.
    """
    shelf = found.source.reader.shelf(found.source, found.inputs, store)
    try:
        for first in range(0, len(triplets), _AT_ONCE):
            yield from shelf.read(triplets[first : first + _AT_ONCE], ROLES)
    finally:
        shelf.close()


def place_of(triplet: Triplet) -> Place:
    """Where a triplet lies; turns of a conversation share their row."""
    return triplet.file, triplet.row, triplet.turn, triplet.paths
