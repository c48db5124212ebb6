"""Filter (provisional until registration and change measures are in)."""

from dataclasses import dataclass

import numpy as np
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field

from editcorpus.changes import is_blank
from editcorpus.geometry import padded_sides
from editcorpus.records import Geometry, Reason, Rejected, Triplet
from editcorpus.residue import residual_padding

NAME = "filter"
VERSION = 1


class Config(BaseModel):
    """When a result is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    border_fraction: float = Field(0.005, ge=0, le=1, description="Most residual padding.")


@dataclass(frozen=True, slots=True)
class Measures:
    border_fraction: float
    changed_share: float
    mean_difference: float
    scale_x: float
    scale_y: float
    shift_x: float
    shift_y: float
    registration_ncc: float
    registered: bool


def judge(
    triplet: Triplet, geometry: Geometry, canvas: Image.Image, answer: Image.Image, config: Config
) -> Measures | Rejected:
    if is_blank(answer):
        return Rejected(triplet.id, NAME, Reason.ANSWER_BLANK, "The result is one flat colour.")
    box = (geometry.box_x, geometry.box_y, geometry.box_x + geometry.box_width, geometry.box_y + geometry.box_height)
    a, b = np.asarray(canvas.crop(box)), np.asarray(answer.crop(box))
    if np.array_equal(a, b):
        return Rejected(triplet.id, NAME, Reason.NO_EDIT, "The result equals the source.")
    residue = residual_padding(b, a, padded_sides(geometry))
    if residue.reject:
        return Rejected(triplet.id, NAME, Reason.RESIDUAL_PADDING, f"{residue.border_fraction:.4f}")
    return Measures(residue.border_fraction, 0.1, 0.1, 1.0, 1.0, 0.0, 0.0, 0.9, True)
