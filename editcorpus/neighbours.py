"""Whose source a result fits: answers that were swapped between requests.

A result that has nothing in common with its own source may be an edit that changed everything, or the
edit of another picture. It is the second if it fits one of the other sources of its shard well, and its own
far worse. Candidates are found by small signatures of local contrast, computed once and only when the first
result of a shard is suspected; the best ones are then laid on the result by `registration.register`, so
that a likeness of layout, as pages and charts have it, rejects nobody. An edit that redrew all of the other
picture, too, fits nobody and cannot be told. Error rates: `make bench-vision`, and docs/vision.md.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from threading import Lock

import numpy as np
from numpy.typing import NDArray
from PIL import Image

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
        ncc: Correlation of local contrast with its source after the fit, -1 to 1.
        own_ncc: Likewise with the result's own source.
    """

    id: str
    ncc: float
    own_ncc: float


class Neighbours:
    """The sources of a shard; may be used by several threads.

    Args:
        sources: All of them; none is looked at before the first result is suspected.
    """

    def __init__(self, sources: Sequence[Neighbour]) -> None:
        self._sources = sources
        self._lock = Lock()
        self._known: NDArray[np.float32] | None = None

    def whose(self, key: str, answer: Image.Image) -> Misfit | None:
        """The other source that a result fits, and its own does not.

        Turns of the conversation that the triplet belongs to are left out, as the source of the next
        turn may be this very result; so are sources that went to the model on a canvas of another size.

        Args:
            key: Id of the triplet; one of `sources`.
            answer: The result as it came, of any mode.
        """
        grey = answer.convert("L")
        own = next(source for source in self._sources if source.id == key)
        for other in self._alike(own, grey):
            found = _laid(other, grey)
            if found.accepted and found.ncc >= FITS:
                own_ncc = _laid(own, grey).ncc
                if found.ncc >= own_ncc + BETTER:
                    return Misfit(other.id, found.ncc, own_ncc)
        return None

    def _alike(self, own: Neighbour, grey: Image.Image) -> list[Neighbour]:
        """The sources whose signatures are most like the result's, the best first."""
        known = self._signatures()
        seen: dict[tuple[int, ...], NDArray[np.float32]] = {}
        likes: list[tuple[float, int]] = []
        for place, source in self._others(own):
            box = way_back(source.geometry, (2 * SIGNATURE_SIDE, 2 * SIGNATURE_SIDE))
            key = tuple(round(edge) for edge in box)
            if key not in seen:
                seen[key] = signature(grey, way_back(source.geometry, grey.size))
            like = float(known[place] @ seen[key])
            if like >= SUSPECTED:
                likes.append((-like, place))
        return [self._sources[place] for _, place in sorted(likes)[:CLOSEST]]

    def _others(self, own: Neighbour) -> Iterator[tuple[int, Neighbour]]:
        conversation = own.id.partition(_TURN)[0]
        for place, source in enumerate(self._sources):
            if source.id.partition(_TURN)[0] != conversation and _same_canvas(source, own):
                yield place, source

    def _signatures(self) -> NDArray[np.float32]:
        with self._lock:
            if self._known is None:
                looks = [signature(source.look(SIGNATURE_SIDE)) for source in self._sources]
                self._known = np.stack(looks)
            return self._known


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
