"""View: the published source image as a model sees it that is to describe it.

A pair whose source image is made anew needs a caption. Where rows have none, one is written after the
published picture (`steps/caption.py`); what cannot be used is refused here, before anything is paid.
"""

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field

from editcorpus import images
from editcorpus.changes import is_blank
from editcorpus.errors import SourceError
from editcorpus.masks import read_mask
from editcorpus.records import Reason, Rejected, Triplet

NAME = "view"
VERSION = 1


class Config(BaseModel):
    """Which pictures are taken, and how they are shown; the settings of `pad` decide."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_pixels: int = Field(
        images.MAX_PIXELS,
        ge=1,
        le=images.MOST_PIXELS,
        description=f"Most pixels that a picture may declare, 1 to {images.MOST_PIXELS:,}.",
    )
    min_side: int = Field(
        64, ge=1, le=4096, description="Least pixels of either side of a picture, 1 to 4,096."
    )
    longest: int = Field(
        1024, ge=64, le=4096, description="Long side of what is shown, 64 to 4,096 pixels."
    )
    quality: int = Field(90, ge=1, le=100, description="JPEG quality of what is shown, 1 to 100.")


@dataclass(frozen=True, slots=True)
class Viewed:
    """The columns that this step adds.

    Attributes:
        view: The published source image, upright, RGB: JPEG. None where it is not to be described.
        view_hash: Hash of its pixels before encoding; empty where there is none.
    """

    id: str
    view: bytes | None
    view_hash: str


def view(
    triplet: Triplet, data: bytes | None, mask: bytes | None, config: Config
) -> Viewed | Rejected:
    """What is shown of a source image, or why no other picture can stand in its place.

    Args:
        triplet: Gives the id. A later turn of a conversation is not shown: its source image is what
            the turn before it has become.
        data: The source image as published, encoded in whatever format.
        mask: Where it may be edited, likewise; None where the row does not say. Unless it allows all
            of the picture, the row is refused: what is where it is white lies elsewhere in a new one.
        config: Limits and size.
    """
    if triplet.previous:
        return Viewed(triplet.id, None, "")
    try:
        source = images.decode_source(data, images.Limits(config.max_pixels, config.min_side)).image
        masked = read_mask(mask, source.size) is not None
    except SourceError as error:
        return Rejected(triplet.id, NAME, error.reason, error.detail)
    if masked:
        detail = "The mask is of the published picture, and fits no new one."
        return Rejected(triplet.id, NAME, Reason.MASK_UNUSABLE, detail)
    if is_blank(source):
        return Rejected(triplet.id, NAME, Reason.IMAGE_BLANK, "The picture is one flat colour.")
    shown = images.fit(source, config.longest)
    return Viewed(triplet.id, images.encode_jpeg(shown, config.quality), images.pixel_hash(shown))
