"""Pad: lay the source image on the nearest canvas that the image model takes.

Sources: GPT-IMAGE-EDIT-1.5M, section 3.1 and appendix A.2 (nearest of 1:1, 3:2 and 2:3, padded with
white); which canvas is nearest, and where the source lies on it, is defined in `geometry.py`.
"""

from dataclasses import dataclass
from typing import Literal

from PIL import Image
from pydantic import BaseModel, ConfigDict, Field

from editcorpus import images
from editcorpus.changes import is_blank
from editcorpus.errors import SourceError
from editcorpus.geometry import fixed_canvas, free_canvas, padded_share
from editcorpus.records import Geometry, Reason, Rejected, Triplet

NAME = "pad"
VERSION = 1
WHITE = (255, 255, 255)
"""Colour of the padding (GPT-IMAGE-EDIT-1.5M, section 3.1)."""
_LONGEST_RATIO = 3
"""Long side over short side, up to which a canvas may have any size (image API, `size`)."""


class Config(BaseModel):
    """Which source images are taken, and what they are laid on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    canvas: Literal["fixed", "free", "own"] = Field(
        "fixed",
        description="fixed: 1024x1024, 1536x1024 or 1024x1536, padded; free: the nearest size that "
        "gpt-image-2 and later take, without padding; own: the source's size, where nothing is sent.",
    )
    resample: Literal["lanczos", "bicubic"] = Field(
        "lanczos", description="Filter by which a source is brought to the size of its canvas."
    )
    max_padded_share: float = Field(
        0.5,
        ge=0,
        lt=1,
        description="Largest share of the canvas that may be padding, 0 to less than 1.",
    )
    max_pixels: int = Field(
        images.MAX_PIXELS,
        ge=1,
        le=images.MOST_PIXELS,
        description=f"Most pixels that a source image may declare, 1 to {images.MOST_PIXELS:,}.",
    )
    min_side: int = Field(
        64, ge=1, le=4096, description="Least pixels of either side of a source image, 1 to 4,096."
    )
    png_level: int = Field(
        1, ge=0, le=9, description="zlib level of canvases, which are PNG, 0 to 9."
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
class Padded:
    """The columns that this step adds.

    Attributes:
        source_width: In pixels, upright, as is `source_height`.
        source_format: As found in the bytes, such as `jpeg`.
        source_mode: Pillow's name of the mode before conversion.
        orientation: EXIF orientation, 1 to 8; 1 is upright.
        alpha_flattened: Whether transparent pixels were put on white.
        padded_share: Share of the canvas that is padding, 0 to 1.
        canvas: PNG, RGB.
        canvas_hash: Hash of the canvas' pixels.
        source_png: The source as PNG where its own bytes cannot be published as they are.
        source_view: What judges see: JPEG.
        source_view_hash: Hash of its pixels before encoding.
    """

    id: str
    source_width: int
    source_height: int
    source_format: str
    source_mode: str
    orientation: int
    alpha_flattened: bool
    canvas_width: int
    canvas_height: int
    box_x: int
    box_y: int
    box_width: int
    box_height: int
    padded_share: float
    canvas: bytes
    canvas_hash: str
    source_png: bytes | None
    source_view: bytes
    source_view_hash: str

    @property
    def geometry(self) -> Geometry:
        """Where the source lies on its canvas."""
        return Geometry(
            self.source_width,
            self.source_height,
            self.canvas_width,
            self.canvas_height,
            self.box_x,
            self.box_y,
            self.box_width,
            self.box_height,
        )


def pad(triplet: Triplet, data: bytes | None, config: Config) -> Padded | Rejected:
    """Lay a source image on its canvas, or say why it cannot be used.

    Args:
        triplet: Gives the id.
        data: The source image as published, encoded in whatever format.
        config: Limits, canvas and encodings.
    """
    limits = images.Limits(config.max_pixels, config.min_side)
    try:
        source = images.decode_source(data, limits)
    except SourceError as error:
        return Rejected(triplet.id, NAME, error.reason, error.detail)
    if is_blank(source.image):
        return Rejected(triplet.id, NAME, Reason.IMAGE_BLANK, "The picture is one flat colour.")
    geometry = canvas_geometry(source.image.size, config)
    share = float(padded_share(geometry))
    if share > config.max_padded_share:
        detail = (
            f"{share:.1%} of the canvas would be padding, more than {config.max_padded_share:.1%}."
        )
        return Rejected(triplet.id, NAME, Reason.TOO_MUCH_PADDING, detail)
    return _padded(triplet.id, source, geometry, config)


def canvas_geometry(size: tuple[int, int], config: Config) -> Geometry:
    """Where an upright source of that width and height, in pixels, lies on its canvas."""
    if config.canvas == "own":
        return Geometry(*size, *size, 0, 0, *size)
    if config.canvas == "free" and max(size) <= _LONGEST_RATIO * min(size):
        return free_canvas(*size)
    return fixed_canvas(*size)


def _padded(key: str, source: images.Source, geometry: Geometry, config: Config) -> Padded:
    canvas = lay(source.image, geometry, config.resample)
    view = images.fit(source.image, config.view_longest)
    return Padded(
        id=key,
        source_width=geometry.source_width,
        source_height=geometry.source_height,
        source_format=source.format,
        source_mode=source.mode,
        orientation=source.orientation,
        alpha_flattened=source.flattened,
        canvas_width=geometry.canvas_width,
        canvas_height=geometry.canvas_height,
        box_x=geometry.box_x,
        box_y=geometry.box_y,
        box_width=geometry.box_width,
        box_height=geometry.box_height,
        padded_share=float(padded_share(geometry)),
        canvas=images.encode_png(canvas, config.png_level),
        canvas_hash=images.pixel_hash(canvas),
        source_png=None if source.as_published else images.encode_png(source.image),
        source_view=images.encode_jpeg(view, config.view_quality),
        source_view_hash=images.pixel_hash(view),
    )


def lay(source: Image.Image, geometry: Geometry, resample: str = "lanczos") -> Image.Image:
    """The canvas: the source, resampled to its box, on white."""
    box = (geometry.box_width, geometry.box_height)
    content = source if source.size == box else source.resize(box, images.FILTERS[resample])
    if box == (geometry.canvas_width, geometry.canvas_height):
        return content
    canvas = Image.new("RGB", (geometry.canvas_width, geometry.canvas_height), WHITE)
    canvas.paste(content, (geometry.box_x, geometry.box_y))
    return canvas
