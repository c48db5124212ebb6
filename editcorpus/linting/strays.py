"""Edited images that belong to another row: answers that were swapped when a corpus was made.

A pair with little in common is either an edit that changed everything, or the edit of another picture.
It is the second if it fits the source of another row as `neighbours.py` says, which the filter of a build
asks too. Rows are held against each other 500 at a time, as they are read; of each a small grey source is
kept until then, and its edited image if that is suspected.

An edited image that is another row's source as it is, is none: so corpora say an edit and its inverse, and
the next turn of a conversation.
"""

import io
from concurrent.futures import Executor
from typing import NamedTuple

import numpy as np
from PIL import Image

from editcorpus.changes import VISIBLE
from editcorpus.images import encode_jpeg
from editcorpus.linting.checks import Check
from editcorpus.linting.drawn import Place, place_of
from editcorpus.linting.edit import LIMITS
from editcorpus.linting.finding import Finding
from editcorpus.linting.pair import Measured
from editcorpus.neighbours import Neighbour, Neighbours
from editcorpus.records import Geometry, Triplet
from editcorpus.registration import JUDGED_SIDE, shrunk

WINDOW = 500
"""Rows that are held against each other: 25 kB each, and 100 kB more while they are, 60 MB in all."""
_MOST_OPEN = 200
"""Suspects that wait for a source in rows to come."""
_QUALITY = 88
_SUSPECT = {Check.RESIDUAL_PADDING, Check.DISPLACED, Check.EVERYTHING_CHANGED}
"""What an edit of another picture may be found for, too."""
_NEVER = {Check.BLANK, Check.ECHO}
_SIDE = 1024
_WHOLE = Geometry(_SIDE, _SIDE, _SIDE, _SIDE, 0, 0, _SIDE, _SIDE)
"""A published pair has no canvas: each source lies all over the edited image, whatever the shape of both."""


class Small(NamedTuple):
    """A pair as grey JPEGs with a long side of 384 px; no edited image where it is not suspected."""

    source: bytes
    edited: bytes = b""


class Stray(NamedTuple):
    """What was found, and the triplet whose source the edited image fits."""

    finding: Finding
    partner: Triplet


class _Row(NamedTuple):
    key: str
    triplet: Triplet
    small: Small


def small(source: Image.Image, edited: Image.Image, measured: Measured) -> Small:
    """What is kept of a pair until it is held against others."""
    return Small(reduced(source), reduced(edited) if _suspected(measured) else b"")


def reduced(image: Image.Image) -> bytes:
    """A picture of any mode as it is kept."""
    return encode_jpeg(shrunk(image.convert("L"), JUDGED_SIDE), _QUALITY)


def _suspected(measured: Measured) -> bool:
    """Whether an edited image may be that of another row, as `steps.filter` suspects a result."""
    found = {one.check for one in measured.findings}
    if found & _NEVER:
        return False
    return bool(
        found & _SUSPECT
        or not measured.registered
        or (measured.changed or 0.0) > LIMITS.max_changed_share
    )


class Strays:
    """Gathers pairs as they are read, and finds those whose edited image is that of another row.

    Args:
        pool: Its threads compare.
        window: Rows that are held against each other.
    """

    def __init__(self, pool: Executor, window: int = WINDOW) -> None:
        self.found: dict[Place, Stray] = {}
        self._pool = pool
        self._window = window
        self._rows: list[_Row] = []
        self._open: list[_Row] = []
        self._count = 0

    def add(self, triplet: Triplet, pair: Small) -> None:
        """Take a pair of the sample, or the source of a row that is not in it."""
        self._count += 1
        # turns of a conversation, which share a row, are not held against each other
        key = f"{triplet.file}:{triplet.row}".replace("#", "%") + f"#{self._count}"
        self._rows.append(_Row(key, triplet, pair))
        if len(self._rows) >= self._window:
            self.close()

    @property
    def waiting(self) -> bool:
        """Whether there is an edited image whose source was not found so far."""
        return bool(self._open)

    def close(self) -> None:
        """Hold what was gathered against each other."""
        rows, self._rows = self._rows, []
        asked = [*self._open, *(row for row in rows if row.small.edited)]
        known = {row.key: row for row in (*self._open, *rows)}
        self._open = []
        if not asked or len(known) < 2:
            self._open = asked[-_MOST_OPEN:]
            return
        neighbours = Neighbours([_neighbour(row) for row in known.values()])
        for row, stray in zip(
            asked, self._pool.map(lambda row: _whose(row, neighbours, known), asked), strict=True
        ):
            if stray is None:
                self._open = [*self._open, row][-_MOST_OPEN:]
            else:
                self.found[place_of(row.triplet)] = stray


def _neighbour(row: _Row) -> Neighbour:
    return Neighbour(row.key, _WHOLE, lambda _side: _grey(row.small.source))


def _grey(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data)) as image:
        return image.convert("L")


def _whose(row: _Row, neighbours: Neighbours, known: dict[str, _Row]) -> Stray | None:
    edited = _grey(row.small.edited)
    found = neighbours.whose(row.key, edited)
    if found is None or _is_it(edited, _grey(known[found.id].small.source)):
        return None
    partner = known[found.id].triplet
    told = (
        f"It fits the source image of {partner.id}: correlation {found.ncc:.2f}, and "
        f"{found.own_ncc:.2f} with its own."
    )
    return Stray(Finding(Check.WRONG_PICTURE, told), partner)


def _is_it(edited: Image.Image, source: Image.Image) -> bool:
    """Whether an edited image is another row's source as it is, but for encoding."""
    shown = edited.resize(source.size, Image.Resampling.BILINEAR)
    apart = np.abs(np.asarray(shown, np.int16) - np.asarray(source, np.int16))
    return bool(
        (apart > VISIBLE).mean() < LIMITS.unchanged_share
        and apart.mean() / 255 < LIMITS.unchanged_difference
    )
