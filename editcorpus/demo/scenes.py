"""Parts of the demo's photographs, and edits of them, for inputs of every source."""

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageOps

IMAGE = pa.struct({"bytes": pa.binary(), "path": pa.string()})
"""A picture as `datasets` writes it."""
_FEATURES: dict[pa.DataType, dict[str, Any]] = {
    IMAGE: {"_type": "Image"},
    pa.string(): {"dtype": "string", "_type": "Value"},
    pa.int64(): {"dtype": "int64", "_type": "Value"},
    pa.float64(): {"dtype": "float64", "_type": "Value"},
    pa.null(): {"dtype": "null", "_type": "Value"},
}


@dataclass(frozen=True, slots=True)
class Scene:
    """A part of a photograph.

    Attributes:
        photo: Name of the photograph.
        size: Width and height in pixels.
        at: Where the part lies, 0 to 1 from left and from top.
        zoom: How much nearer than the largest part that fits.
    """

    photo: str
    size: tuple[int, int]
    at: tuple[float, float] = (0.5, 0.5)
    zoom: float = 1.0

    def shown(self) -> Image.Image:
        """Its pixels, RGB."""
        data = files("editcorpus.demo").joinpath("photos", f"{self.photo}.jpg").read_bytes()
        photo, (width, height) = Image.open(io.BytesIO(data)).convert("RGB"), self.size
        scale = min(photo.width / width, photo.height / height) / self.zoom
        left = (photo.width - width * scale) * self.at[0]
        top = (photo.height - height * scale) * self.at[1]
        box = (left, top, left + width * scale, top + height * scale)
        return photo.resize(self.size, Image.Resampling.LANCZOS, box)


def region(size: tuple[int, int], box: tuple[float, float, float, float]) -> Image.Image:
    """A mask with a white ellipse on black, mode L; its box in shares of width and height."""
    mask = Image.new("L", size)
    width, height = size
    left, top, right, bottom = box
    shape = (left * width, top * height, right * width, bottom * height)
    ImageDraw.Draw(mask).ellipse(shape, fill=255)
    return mask


def recoloured(image: Image.Image, where: Image.Image | None = None) -> Image.Image:
    """An edit as a published set may hold it: other colours, in a part of the picture or in all of it."""
    other = ImageEnhance.Color(ImageOps.autocontrast(ImageOps.mirror(image), cutoff=1)).enhance(1.5)
    if where is None:
        return ImageEnhance.Color(ImageOps.autocontrast(image, cutoff=1)).enhance(1.5)
    return Image.composite(other, image, where.filter(ImageFilter.GaussianBlur(2)))


def png(image: Image.Image) -> dict[str, Any]:
    """A picture of a row, as PNG."""
    return _encoded(image, "PNG", compress_level=1)


def jpeg(image: Image.Image, quality: int = 92) -> dict[str, Any]:
    """A picture of a row, as JPEG."""
    return _encoded(image, "JPEG", quality=quality)


def cut_short(picture: Mapping[str, Any]) -> dict[str, Any]:
    """The same picture without its end."""
    data = picture["bytes"]
    return {**picture, "bytes": data[: len(data) // 3]}


def write_parquet(
    path: Path, schema: pa.Schema, rows: Sequence[Mapping[str, Any]], group: int
) -> None:
    """Write rows as `datasets` does: in row groups, with the kinds of its columns in the metadata."""
    features = {"info": {"features": {field.name: _FEATURES[field.type] for field in schema}}}
    told = schema.with_metadata({"huggingface": json.dumps(features)})
    path.parent.mkdir(parents=True, exist_ok=True)
    with pq.ParquetWriter(path, told, compression="snappy") as writer:
        for start in range(0, len(rows), group):
            writer.write_table(pa.Table.from_pylist(list(rows[start : start + group]), told))


def _encoded(image: Image.Image, kind: str, **options: Any) -> dict[str, Any]:
    sink = io.BytesIO()
    image.save(sink, kind, **options)
    return {"bytes": sink.getvalue(), "path": None}
