"""How alike a pair is by vectors that a model made of its pictures and texts, and by SSIM.

Sources: UltraEdit (arXiv 2407.05282) measures each pair by the cosines of CLIP ViT-L/14, of DINOv2 and by
SSIM, and keeps it above thresholds that its generator holds (`data_generation/data_generation.py` of
`HaozheZhao/UltraEdit` at 1af5f04); SSIM as scikit-image has it by default: windows of 7 x 7 pixels, sample
covariance, the mean over the windows that lie inside.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

Vector = NDArray[np.float32]
_Plane = NDArray[np.float64]
_WINDOW = 7
"""Side of a window, in pixels."""
_STEADY = (0.01**2, 0.03**2)
"""What keeps flat windows from dividing by nothing, for values of 0 to 1."""
_ALIKE = 1e-6
"""Two unit vectors nearer than this are one, and lead nowhere."""
_Least = Annotated[float | None, Field(ge=-1, le=1)]
_Most = Annotated[float | None, Field(ge=-1, le=1)]

PUBLISHED: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        "none": {},
        "ultraedit-free": {
            "clip_sim_image": 0.75,
            "clip_sim_dir": 0.22,
            "clip_sim_source": 0.2,
            "clip_sim_target": 0.2,
            "dino_sim": 0.4,
        },
        "ultraedit-region": {
            "clip_sim_image": 0.7,
            "clip_sim_dir": 0.22,
            "clip_sim_source": 0.2,
            "clip_sim_target": 0.2,
            "dino_sim": 0.4,
        },
        "ultraedit-defaults": {
            "clip_sim_image": 0.8,
            "clip_sim_dir": 0.2,
            "clip_sim_source": 0.2,
            "clip_sim_target": 0.2,
            "dino_sim": 0.3,
        },
    }
)
"""Least values that UltraEdit publishes: as its free-form and region parts were made, and the defaults of
its generator's arguments. The upper limits of 0.9 on DINO and SSIM among those are never checked there."""


class Limits(BaseModel):
    """What measures of likeness must reach; whatever is not set, or was not measured, lets pass."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    published: Literal["none", "ultraedit-free", "ultraedit-region", "ultraedit-defaults"] = Field(
        "none",
        description="Published thresholds that hold where none is set below: those that UltraEdit's "
        "free-form or region part was made with, or its generator's defaults.",
    )
    min_embed_match: _Least = Field(
        None, description="Least cosine of source with instruction and edited image, -1 to 1."
    )
    min_embed_image: _Least = Field(
        None, description="Least cosine of source and edited image, by the same model, -1 to 1."
    )
    min_embed_dir: _Least = Field(
        None, description="Least cosine of the pictures' and the captions' difference, -1 to 1."
    )
    min_clip_sim_source: _Least = Field(
        None, description="Least CLIP cosine of source image and its caption, -1 to 1."
    )
    min_clip_sim_target: _Least = Field(
        None, description="Least CLIP cosine of edited image and its caption, -1 to 1."
    )
    min_clip_sim_dir: _Least = Field(
        None, description="Least CLIP directional similarity, -1 to 1."
    )
    min_clip_sim_image: _Least = Field(
        None, description="Least CLIP cosine of source and edited image, -1 to 1."
    )
    min_dino_sim: _Least = Field(
        None, description="Least DINO cosine of source and edited image, -1 to 1."
    )
    max_dino_sim: _Most = Field(
        None, description="Most DINO cosine of source and edited image, -1 to 1."
    )
    max_ssim: _Most = Field(None, description="Most SSIM of source and edited image, -1 to 1.")

    @property
    def least(self) -> dict[str, float]:
        """The lower limits that hold, by the measure."""
        own = {
            name[4:]: getattr(self, name) for name in type(self).model_fields if name[:4] == "min_"
        }
        return {**PUBLISHED[self.published], **_set(own)}

    @property
    def most(self) -> dict[str, float]:
        """The upper limits that hold, by the measure."""
        return _set({"dino_sim": self.max_dino_sim, "ssim": self.max_ssim})


def missed(measured: Mapping[str, float | None], limits: Limits) -> str:
    """The first limit that a pair misses, as a sentence; empty where it misses none.

    Args:
        measured: Values by the name of the measure; None where nothing was measured.
        limits: What they must reach.
    """
    known = _set(measured)
    for name, least in limits.least.items():
        if name in known and not known[name] >= least:
            return f"{name} is {known[name]:.3f}, not {least:.3f} or more."
    for name, most in limits.most.items():
        if name in known and not known[name] <= most:
            return f"{name} is {known[name]:.3f}, not {most:.3f} or less."
    return ""


def _set(values: Mapping[str, float | None]) -> dict[str, float]:
    return {name: value for name, value in values.items() if value is not None}


def cosine(one: Vector, other: Vector) -> float:
    """The cosine of two vectors of length 1, -1 to 1.

    Raises:
        ValueError: They have different dimensions.
    """
    _check(one, other)
    return float(np.clip(np.dot(one, other), -1, 1))


def directional(pictures: tuple[Vector, Vector], texts: tuple[Vector, Vector]) -> float:
    """How well the change between two pictures goes the way from one text to another, -1 to 1.

    Args:
        pictures: Vectors of length 1 of the source and the edited image.
        texts: Likewise of their captions.

    Returns:
        The cosine of both differences; 0 where one of them is none.

    Raises:
        ValueError: They have different dimensions.
    """
    _check(*pictures, *texts)
    way, wish = pictures[1] - pictures[0], texts[1] - texts[0]
    lengths = float(np.linalg.norm(way)), float(np.linalg.norm(wish))
    if min(lengths) < _ALIKE:
        return 0.0
    return float(np.clip(np.dot(way, wish) / (lengths[0] * lengths[1]), -1, 1))


def _check(*vectors: Vector) -> None:
    shapes = {vector.shape for vector in vectors}
    if len(shapes) > 1:
        listed = " and ".join(str(shape[0]) for shape in sorted(shapes))
        raise ValueError(f"Vectors of one model have {listed} dimensions.")


def ssim(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> float | None:
    """Structural similarity, the mean of the three channels, -1 to 1.

    Args:
        first: RGB, uint8, shape (H, W, 3).
        second: Of the same shape.

    Returns:
        1 for equal pictures; None where a side is shorter than a window.

    Raises:
        ValueError: The shapes differ.
    """
    if first.shape != second.shape:
        raise ValueError(f"Pictures of {first.shape} and {second.shape} cannot be compared.")
    if min(first.shape[:2]) < _WINDOW:
        return None
    channels = (
        _channel(first[..., number] / 255.0, second[..., number] / 255.0) for number in range(3)
    )
    return min(1.0, sum(channels) / 3)


def _channel(first: _Plane, second: _Plane) -> float:
    count = _WINDOW**2
    spread = count / (count - 1)
    mean, other = _mean(first), _mean(second)
    own = spread * (_mean(first * first) - mean * mean)
    others = spread * (_mean(second * second) - other * other)
    both = spread * (_mean(first * second) - mean * other)
    light, contrast = _STEADY
    above = (2 * mean * other + light) * (2 * both + contrast)
    below = (mean * mean + other * other + light) * (own + others + contrast)
    return float((above / below).mean())


def _mean(plane: _Plane) -> _Plane:
    """The mean of each window that lies inside."""
    for axis in (0, 1):
        sums = np.cumsum(plane, axis=axis)
        ends = np.take(sums, range(_WINDOW - 1, sums.shape[axis]), axis=axis)
        starts = np.take(sums, range(sums.shape[axis] - _WINDOW), axis=axis)
        whole = np.zeros_like(np.take(sums, [0], axis=axis))
        plane = (ends - np.concatenate([whole, starts], axis=axis)) / _WINDOW
    return plane
