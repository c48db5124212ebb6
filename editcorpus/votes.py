"""The px that vote on a fit, and the fit that they agree on.

A robust Gauss-Newton fit with Tukey weights, of zoom and shift per axis. Only places of structure vote, and
of these no more than are needed: each step reads the edited picture at their places alone.
"""

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from editcorpus.planes import FARTHEST, Fit, Mask, Pair, Plane, inside, level, sampled

ITERATIONS = 12
CONVERGED = 0.01
"""Movement of a corner in px of a level below which the fit has settled."""
TUKEY, MAD = 4.685, 1.4826
"""Tukey's constant for 95% efficiency; median absolute deviation to standard deviation."""
STRUCTURE = 0.1
"""Squared steps between neighbours from which on a px votes, in parts of their mean over the picture."""
LEAST_VOTES, MOST_VOTES = 200, 40_000
"""Px of like neighbourhoods below which all px of structure vote; and how many are asked at most."""


class Votes(NamedTuple):
    """The px that vote.

    Attributes:
        shape: Of the plane, (h, w).
        rows: Of each px, (n,).
        columns: Likewise.
        values: Local contrast there, (n,).
        steps: How each answers to each parameter of a fit, (4, n).
    """

    shape: tuple[int, ...]
    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    values: Plane
    steps: NDArray[np.float64]


class Structure(NamedTuple):
    """The px of structure of a plane of local contrast.

    Attributes:
        plane: (h, w).
        rows: Of each px, (n,).
        columns: Likewise.
    """

    plane: Plane
    rows: NDArray[np.intp]
    columns: NDArray[np.intp]

    @classmethod
    def of(cls, plane: Plane) -> Self:
        """By central differences."""
        top, left = (part.start for part in inside(plane.shape))
        across = plane[top:-top, left + 1 : 1 - left] - plane[top:-top, left - 1 : -1 - left]
        along = plane[top + 1 : 1 - top, left:-left] - plane[top - 1 : -1 - top, left:-left]
        across *= across
        along *= along
        across += along
        rows, columns = np.nonzero(across > STRUCTURE * across.mean(dtype=np.float64))
        return cls(plane, rows + top, columns + left)

    def votes(self, same: Mask | None = None) -> Votes:
        """Those that may vote.

        Args:
            same: Where the pictures look alike, of any size; else all of it may vote.
        """
        rows, columns, (height, width) = self.rows, self.columns, self.plane.shape
        if same is not None:
            row, column = (
                np.arange(side) * of // side
                for side, of in zip((height, width), same.shape, strict=True)
            )
            like = np.flatnonzero(same[row[rows], column[columns]])
            if len(like) >= LEAST_VOTES:
                rows, columns = rows[like], columns[like]
        stride = max(1, -(-len(rows) // MOST_VOTES))
        rows, columns = rows[::stride], columns[::stride]
        flat, places = self.plane.ravel(), rows * width + columns
        x, y = ((np.arange(side) + 0.5) / side - 0.5 for side in (width, height))
        step_x = (flat[places + 1] - flat[places - 1]) * (width / 2)
        step_y = (flat[places + width] - flat[places - width]) * (height / 2)
        steps = np.stack((step_x * x[columns], step_x, step_y * y[rows], step_y))
        return Votes(self.plane.shape, rows, columns, flat[places], steps)


class Levels:
    """Both pictures at whatever level is asked for, and the structure of the source; each is made once."""

    def __init__(self, source: Plane, edited: Plane) -> None:
        self._whole = source, edited
        self._made: dict[int, Pair] = {}
        self._structures: dict[int, Structure] = {}
        self.finest = max(source.shape)
        """The level at which they are as they are."""

    def at(self, side: int) -> Pair:
        """As `planes.level` gives it."""
        if side not in self._made:
            self._made[side] = level(*self._whole, side)
        return self._made[side]

    def structure(self, side: int) -> Structure:
        """Of the source at a level."""
        if side not in self._structures:
            self._structures[side] = Structure.of(self.at(side).source)
        return self._structures[side]

    def turned(self) -> Self:
        """The same with source and result exchanged."""
        made = type(self)(*self._whole[::-1])
        made._made = {side: Pair(pair.edited, pair.source) for side, pair in self._made.items()}
        return made


def refined(edited: Plane, votes: Votes, fit: Fit) -> Fit:
    """The fit that the votes agree on, from one that is good to a px or so."""
    for _ in range(ITERATIONS):
        moved, fit = step(edited, votes, fit)
        if moved < CONVERGED:
            break
    return fit


def step(edited: Plane, votes: Votes, fit: Fit) -> tuple[float, Fit]:
    """One robust Gauss-Newton step: by how many px a corner moved, and the new fit."""
    if not len(votes.values):
        return 0.0, fit
    miss = (votes.values - sampled(edited, votes.rows, votes.columns, fit)).astype(np.float64)
    sigma = MAD * float(np.median(np.abs(miss[::3]))) + 1e-3
    weight = np.square(np.maximum(1 - np.square(miss / (TUKEY * sigma)), 0))
    weighted = votes.steps * weight
    hessian = np.einsum("in,jn->ij", weighted, votes.steps)
    hessian[np.diag_indices(4)] *= 1 + 1e-6
    try:
        delta = np.linalg.solve(hessian, np.einsum("in,n->i", weighted, miss))
    except np.linalg.LinAlgError:
        return 0.0, fit
    height, width = votes.shape
    moved = max(
        width * (abs(delta[0]) / 2 + abs(delta[1])), height * (abs(delta[2]) / 2 + abs(delta[3]))
    )
    new = np.clip(np.asarray(fit) + delta, -FARTHEST * 2, FARTHEST * 2)
    return float(moved), Fit(*(float(part) for part in new))
