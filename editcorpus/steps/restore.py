"""Restore: bring a result from its canvas back to the size of the source.

Source: GPT-IMAGE-EDIT-1.5M, appendix A.2: crop the padding off exactly, then resize to the original
dimensions. Crop and resize, and what undoes a shift or zoom of the model, are one resampling here; where
there is nothing to resample, the bytes of the API pass through unchanged. What the model has moved out
of the frame is cut off the source as well, whose other px stay as they are.
"""

from dataclasses import dataclass
from typing import Literal

from PIL import Image
from pydantic import BaseModel, ConfigDict, Field

from editcorpus import images
from editcorpus.frames import Frame, cut, whole_frame
from editcorpus.geometry import canvas_box
from editcorpus.records import Geometry

NAME = "restore"
VERSION = 2


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
    geometry: Geometry, frame: Frame, answer: Image.Image, answer_bytes: bytes, config: Config
) -> Restored:
    """Bring a result back.

    Args:
        geometry: Where the source lies on its canvas.
        frame: What of the source is kept, and where that lies in the answer.
        answer: The result's pixels: RGB, of the canvas' size, or another one with its proportions.
        answer_bytes: The same as the API gave it.
        config: Filter and encodings.
    """
    identity = frame == whole_frame(geometry, answer.size) and frame.box == (0, 0, *answer.size)
    if identity and answer.size == frame.size and images.is_plain(answer_bytes):
        edited, encoded, name = answer, answer_bytes, images.sniff(answer_bytes)
    else:
        edited = cut(answer, frame.box, frame.size, images.FILTERS[config.resample])
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


@dataclass(frozen=True, slots=True)
class Cropped:
    """How judges see the source of a result that shows less than all of it.

    Attributes:
        cropped_view: JPEG; None where all of the source is kept, whose own view serves.
        cropped_view_hash: Hash of its pixels before encoding; empty likewise.
    """

    cropped_view: bytes | None = None
    cropped_view_hash: str = ""


def cropped(
    geometry: Geometry, frame: Frame, canvas: Image.Image, longest: int, quality: int
) -> Cropped:
    """The source as judges see it, where a frame keeps a part of it.

    Args:
        geometry: Where the source lies on its canvas.
        frame: What of the source is kept.
        canvas: What the model was shown, RGB.
        longest: Long side of the view in px, at most.
        quality: JPEG quality of the view, 1 to 100.
    """
    if frame.size == (geometry.source_width, geometry.source_height):
        return Cropped()
    size = images.fitted(frame.size, longest)
    view = cut(canvas, canvas_box(geometry, frame.kept), size)
    return Cropped(images.encode_jpeg(view, quality), images.pixel_hash(view))


def cropped_source(source: bytes, kept: tuple[int, int, int, int]) -> bytes:
    """A part of a source image as PNG, every px as it was.

    Args:
        source: Encoded, in whatever format, as it passed the pad step.
        kept: Left, top, right and bottom in px of the upright source.

    Raises:
        SourceError: The source does not decode.
    """
    return images.encode_png(images.decode(source).crop(kept))


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
