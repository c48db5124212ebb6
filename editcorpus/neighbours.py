"""Whose source a result fits: answers that were swapped between requests.

A result that has nothing in common with its own source may be an edit that changed everything, or the
edit of another picture. It is the second if it fits one of the other sources of its shard well, and its own
far worse. Candidates are found by small signatures of local contrast, computed once and only when the first
result of a shard is suspected; the best ones are then laid on the result by `registration.register`, so
that a likeness of layout, as pages and charts have it, rejects nobody. An edit that redrew all of the other
picture fits nobody so; its contours are compared with those of all sources instead (`contours.py`), and it is
another one's if they agree with that, and with its own no better than by chance. Error rates:
`make bench-vision`, and docs/vision.md.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from editcorpus.contours import SIDE, agreements, contours, shifts
from editcorpus.geometry import way_back
from editcorpus.planes import Plane, level
from editcorpus.records import Geometry
from editcorpus.registration import JUDGED_SIDE, Registration, register, shrunk

SIGNATURE_SIDE = 64
"""Sides in px of what signatures are made of, whatever the shape of the picture."""
SUSPECTED = 0.10
"""Correlation of signatures from which on a source is looked at closely. Between a source and a result
that was moved by 3% it is 0.22 and more in 99 of 100; between two pictures below 0.10 in as many."""
CLOSEST = 2
"""Sources that are looked at closely."""
FITS, BETTER = 0.35, 0.25
"""Correlation after the fit that makes a source the result's, and by how much its own has to be worse."""
REDRAWN, STRANGE = 0.25, 0.10
"""Agreement of contours that makes a source that of a redrawn result, and the most that its own may have."""
_TURN = "#"
"""What parts the number of a turn from the id of its conversation."""


@dataclass(frozen=True, slots=True)
class Neighbour:
    """One source of a shard.

    Attributes:
        id: Of its triplet.
        geometry: Where it lies on its canvas.
        look: Gives the source image, mode L, its long side so many px or more where it has as many.
    """

    id: str
    geometry: Geometry
    look: Callable[[int], Image.Image]


@dataclass(frozen=True, slots=True)
class Misfit:
    """The source that a result fits.

    Attributes:
        id: Of the other triplet.
        ncc: Correlation with its source, -1 to 1.
        own_ncc: Likewise with the result's own source.
        of: What correlates: `local contrast`, after the fit, or `contours`.
    """

    id: str
    ncc: float
    own_ncc: float
    of: str = "local contrast"


class _Known(NamedTuple):
    """What is known of all sources, one a row: their signatures, and their contours."""

    signatures: NDArray[np.float32]
    contours: NDArray[np.float32]


class _Boxed(NamedTuple):
    """A box of a result in px, and the places of the sources that would lie there."""

    box: tuple[float, float, float, float]
    places: list[int]


class Neighbours:
    """The sources of a shard; may be used by several threads.

    Args:
        sources: All of them; none is looked at before the first result is suspected.
    """

    def __init__(self, sources: Sequence[Neighbour]) -> None:
        self._sources = sources
        self._lock = Lock()
        self._made: _Known | None = None

    def whose(self, key: str, answer: Image.Image) -> Misfit | None:
        """The other source that a result fits, and its own does not.

        Turns of the conversation that the triplet belongs to are left out, as the source of the next
        turn may be this very result; so are sources that went to the model on a canvas of another size.

        Args:
            key: Id of the triplet; one of `sources`.
            answer: The result as it came, of any mode.
        """
        grey = answer.convert("L")
        place = next(place for place, source in enumerate(self._sources) if source.id == key)
        others = list(self._others(self._sources[place]))
        return self._fitting(place, others, grey) or self._redrawn(place, others, grey)

    def _fitting(self, own: int, others: Sequence[int], grey: Image.Image) -> Misfit | None:
        """The source on which the result lies, by local contrast."""
        for place in self._alike(others, grey):
            other = self._sources[place]
            found = _laid(other, grey)
            if found.accepted and found.ncc >= FITS:
                own_ncc = _laid(self._sources[own], grey).ncc
                if found.ncc >= own_ncc + BETTER:
                    return Misfit(other.id, found.ncc, own_ncc)
        return None

    def _redrawn(self, own: int, others: Sequence[int], grey: Image.Image) -> Misfit | None:
        """The source with whose contours those of the result agree."""
        found = dict(self._agreements([own, *others], grey))
        mine = found.pop(own)
        best = max(found, key=lambda place: found[place], default=own)
        if mine > STRANGE or best == own or found[best] < REDRAWN:
            return None
        return Misfit(self._sources[best].id, found[best], mine, "contours")

    def _alike(self, others: Sequence[int], grey: Image.Image) -> list[int]:
        """The sources whose signatures are most like the result's, the best first."""
        likes: list[tuple[float, int]] = []
        for box, places in self._boxes(others, grey.size):
            found = self._known().signatures[places] @ signature(grey, box)
            likes += [(-float(like), place) for like, place in zip(found, places, strict=True)]
        return [place for like, place in sorted(likes)[:CLOSEST] if -like >= SUSPECTED]

    def _agreements(self, places: Sequence[int], grey: Image.Image) -> Iterator[tuple[int, float]]:
        for box, same in self._boxes(places, grey.size):
            found = agreements(self._known().contours[same], shifts(contours(grey, box)))
            yield from zip(same, map(float, found), strict=True)

    def _boxes(self, places: Sequence[int], size: tuple[int, int]) -> Iterable[_Boxed]:
        """Sources by where they would lie in a result, to a px of a small one."""
        made: dict[tuple[int, ...], _Boxed] = {}
        for place in places:
            geometry = self._sources[place].geometry
            small = way_back(geometry, (2 * SIGNATURE_SIDE, 2 * SIGNATURE_SIDE))
            key = tuple(round(edge) for edge in small)
            made.setdefault(key, _Boxed(way_back(geometry, size), [])).places.append(place)
        return made.values()

    def _others(self, own: Neighbour) -> Iterator[int]:
        conversation = own.id.partition(_TURN)[0]
        for place, source in enumerate(self._sources):
            if source.id.partition(_TURN)[0] != conversation and _same_canvas(source, own):
                yield place

    def _known(self) -> _Known:
        with self._lock:
            if self._made is None:
                looks = [source.look(max(SIGNATURE_SIDE, SIDE)) for source in self._sources]
                self._made = _Known(
                    np.stack([signature(look) for look in looks]),
                    np.stack([contours(look).ravel() for look in looks]),
                )
            return self._made


def signature(
    picture: Image.Image, box: tuple[float, float, float, float] | None = None
) -> NDArray[np.float32]:
    """Local contrast of a picture, or of a box of it in px, as a vector of length 1; mode L."""
    size = (SIGNATURE_SIDE, SIGNATURE_SIDE)
    small = picture.resize(size, Image.Resampling.BILINEAR, box=box, reducing_gap=2.0)
    plane = np.asarray(small, np.float32)
    contrast = level(plane, plane, SIGNATURE_SIDE).source
    centred = (contrast - contrast.mean()).ravel()
    made: NDArray[np.float32] = centred / max(float(np.linalg.norm(centred)), 1e-6)
    return made


def _laid(source: Neighbour, grey: Image.Image) -> Registration:
    """The fit of a result, if it were the one of that source."""
    shown = shrunk(source.look(JUDGED_SIDE), JUDGED_SIDE)
    box = way_back(source.geometry, grey.size)
    cut = grey.resize(shown.size, Image.Resampling.BILINEAR, box=box, reducing_gap=2.0)
    return register(_plane(shown), _plane(cut))


def _plane(picture: Image.Image) -> Plane:
    return np.asarray(picture, np.float32)


def _same_canvas(one: Neighbour, other: Neighbour) -> bool:
    first, second = one.geometry, other.geometry
    return (first.canvas_width, first.canvas_height) == (
        second.canvas_width,
        second.canvas_height,
    )
