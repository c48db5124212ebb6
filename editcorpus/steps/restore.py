"""Restore: bring a result from its canvas back to the size of the source.

Source: GPT-IMAGE-EDIT-1.5M, appendix A.2: crop the padding off exactly, then resize to the original
dimensions. Crop and resize are one resampling here; where there is nothing to resample, the bytes of
the API pass through unchanged.
"""

from dataclasses import dataclass
from typing import Literal

from PIL import Image
from pydantic import BaseModel, ConfigDict, Field

from editcorpus import images
from editcorpus.geometry import way_back
from editcorpus.records import Geometry

NAME = "restore"
VERSION = 1


class Config(BaseModel):
    """How results are resampled and encoded."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    resample: Literal["lanczos", "bicubic"] = Field(
        "lanczos", description="Filter of the one resampling back to the source's size."
    )
    png_level: int = Field(
        1, ge=0, le=9, description="zlib level of edited images, which are PNG, 0 to 9."
    )
    view_longest: int = Field(
        1024,
        ge=64,
        le=4096,
        description="Long side of the pictures that judges see, 64 to 4,096 pixels.",
    )
    view_quality: int = Field(
        90, ge=1, le=100, description="JPEG quality of the pictures that judges see, 1 to 100."
    )


@dataclass(frozen=True, slots=True)
class Restored:
    """An edited image of the source's size, encoded, and how judges see it."""

    edited: bytes
    edited_format: str
    edited_width: int
    edited_height: int
    passed_through: bool
    edited_view: bytes
    edited_view_hash: str


def restore(
    geometry: Geometry, answer: Image.Image, answer_bytes: bytes, config: Config
) -> Restored:
    """Bring a result back.

    Args:
        geometry: Where the source lies on its canvas.
        answer: The result's pixels: RGB, of the canvas' size, or another one with its proportions.
        answer_bytes: The same as the API gave it.
        config: Filter and encodings.
    """
    size = (geometry.source_width, geometry.source_height)
    box = way_back(geometry, answer.size)
    identity = answer.size == size and box == (0, 0, *size)
    if identity and images.is_plain(answer_bytes):
        edited, encoded, name = answer, answer_bytes, images.sniff(answer_bytes)
    else:
        edited = images.cut(answer, box, size, images.FILTERS[config.resample])
        encoded, name = images.encode_png(edited, config.png_level), "png"
    return _restored(edited, encoded, name, config, passed_through=encoded is answer_bytes)


def untouched(published: Image.Image, data: bytes, config: Config) -> Restored:
    """A published edited image as it is, of whatever size; as PNG where its bytes do not serve.

    Args:
        published: Its pixels: RGB, upright.
        data: The same as published.
        config: Encodings.
    """
    plain = images.is_plain(data)
    encoded = data if plain else images.encode_png(published, config.png_level)
    return _restored(published, encoded, images.sniff(encoded), config, passed_through=plain)


def _restored(
    edited: Image.Image, encoded: bytes, name: str, config: Config, *, passed_through: bool
) -> Restored:
    view = images.fit(edited, config.view_longest)
    return Restored(
        edited=encoded,
        edited_format=name,
        edited_width=edited.width,
        edited_height=edited.height,
        passed_through=passed_through,
        edited_view=images.encode_jpeg(view, config.view_quality),
        edited_view_hash=images.pixel_hash(view),
    )
