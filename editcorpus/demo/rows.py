"""Write the demo's input: two parquet files in the layout that OmniEdit publishes.

`rows.jsonl` says of each of the 48 rows which photograph it shows, which part of it, at which size,
as what kind of file, and what is asked for. Forty are fit to be sent; eight are not, each in its
own way: no word of instruction, 512 exclamation marks, an id that was given before, a JPEG cut
short, a PNG of 70 bytes that declares 40,000 x 40,000 pixels, one flat colour, a panorama of 4:1,
and no bytes at all. A ninth holds the words at which the sandbox's safety system refuses a request.
As in the published files, rows are sorted by task.

The photographs are free of copyright (`photos/ORIGINS.csv`); a part of a small one is enlarged to
the size that is asked for.
"""

import io
import json
import struct
import zlib
from collections.abc import Callable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image, ImageDraw, ImageEnhance, ImageOps

from editcorpus.sampling import fraction

FILES = 2
GROUP_ROWS = 8
_EXIF_ORIENTATION = 0x0112
_BOMB_SIDE = 40_000

_IMAGE = pa.struct({"bytes": pa.binary(), "path": pa.string()})
_COLUMNS: dict[str, tuple[pa.DataType, dict[str, Any]]] = {
    "omni_edit_id": (pa.string(), {"dtype": "string", "_type": "Value"}),
    "task": (pa.string(), {"dtype": "string", "_type": "Value"}),
    "src_img": (_IMAGE, {"_type": "Image"}),
    "edited_img": (_IMAGE, {"_type": "Image"}),
    "edited_prompt_list": (
        pa.list_(pa.string()),
        {"feature": {"dtype": "string", "_type": "Value"}, "_type": "Sequence"},
    ),
    "width": (pa.int64(), {"dtype": "int64", "_type": "Value"}),
    "height": (pa.int64(), {"dtype": "int64", "_type": "Value"}),
    "sc_score_1": (pa.int64(), {"dtype": "int64", "_type": "Value"}),
    "sc_score_2": (pa.int64(), {"dtype": "int64", "_type": "Value"}),
    "sc_reasoning": (pa.string(), {"dtype": "string", "_type": "Value"}),
    "pq_score": (pa.int64(), {"dtype": "int64", "_type": "Value"}),
    "pq_reasoning": (pa.string(), {"dtype": "string", "_type": "Value"}),
    "o_score": (pa.float64(), {"dtype": "float64", "_type": "Value"}),
}


def write_demo_input(folder: Path, seed: int = 0) -> Path:
    """Write the 48 rows as two parquet files of about 22 MB together; equal seeds, equal bytes.

    Args:
        folder: Is made where it is missing; files of the same names are replaced.
        seed: Decides the made-up scores, nothing else.

    Returns:
        The folder, which is what `Inputs.find` takes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    described = demo_rows()
    part = len(described) // FILES
    for number in range(FILES):
        rows = described[number * part : (number + 1) * part]
        path = folder / f"demo-{number:05d}-of-{FILES:05d}.parquet"
        with pq.ParquetWriter(path, published_schema(), compression="snappy") as writer:
            for start in range(0, part, GROUP_ROWS):
                group = [_row(one, seed) for one in rows[start : start + GROUP_ROWS]]
                writer.write_table(pa.Table.from_pylist(group, published_schema()))
    return folder


def demo_rows() -> list[dict[str, Any]]:
    """What `rows.jsonl` says of each row."""
    text = files("editcorpus.demo").joinpath("rows.jsonl").read_text("utf-8")
    return [json.loads(line) for line in text.splitlines()]


def published_schema() -> pa.Schema:
    """The columns of OmniEdit's dataset card, with the feature types that `datasets` looks for."""
    features = {"info": {"features": {name: kind for name, (_, kind) in _COLUMNS.items()}}}
    return pa.schema(
        [pa.field(name, kind) for name, (kind, _) in _COLUMNS.items()],
        metadata={"huggingface": json.dumps(features)},
    )


def _row(described: Mapping[str, Any], seed: int) -> dict[str, Any]:
    shown = _part(described)
    data = _FORMS[described.get("form", "jpeg")](shown)
    pictures = data, _jpeg(_edited(shown), 80)
    return published_row(described, pictures, tuple(described["size"]), seed)


def published_row(
    described: Mapping[str, Any],
    pictures: tuple[bytes | None, bytes],
    size: tuple[int, int],
    seed: int = 0,
) -> dict[str, Any]:
    """A row as OmniEdit publishes it, with made-up scores.

    Args:
        described: Its `id`, `task` and `prompts`.
        pictures: Source and edited image, encoded; the first may be missing.
        size: Width and height that it claims, in pixels.
        seed: Decides the scores.
    """
    name, (source, edited) = described["id"], pictures
    sc, pq_score = (7 + int(4 * fraction(seed, what, name)) for what in ("sc", "pq"))
    return {
        "omni_edit_id": name,
        "task": described["task"],
        "src_img": source and {"bytes": source, "path": f"{name}_src{_suffix(source)}"},
        "edited_img": {"bytes": edited, "path": f"{name}_edit.jpg"},
        "edited_prompt_list": described["prompts"],
        "width": size[0],
        "height": size[1],
        "sc_score_1": sc,
        "sc_score_2": min(10, sc + 1),
        "sc_reasoning": "The edit follows the instruction and keeps the rest.",
        "pq_score": pq_score,
        "pq_reasoning": "The picture looks natural.",
        "o_score": (sc * pq_score) ** 0.5,
    }


def _part(described: Mapping[str, Any]) -> Image.Image:
    """The described part of a photograph, RGB, at the described size in pixels."""
    photo = _photo(described["photo"])
    width, height = described["size"]
    scale = min(photo.width / width, photo.height / height) / described.get("zoom", 1.0)
    box_width, box_height = width * scale, height * scale
    left = (photo.width - box_width) * described["at"][0]
    top = (photo.height - box_height) * described["at"][1]
    box = (left, top, left + box_width, top + box_height)
    shown = photo.resize((width, height), Image.Resampling.LANCZOS, box)
    return ImageOps.mirror(shown) if described.get("mirror") else shown


def _photo(name: str) -> Image.Image:
    data = files("editcorpus.demo").joinpath("photos", f"{name}.jpg").read_bytes()
    return Image.open(io.BytesIO(data)).convert("RGB")


def _edited(shown: Image.Image) -> Image.Image:
    """What the published set holds as its own edit; nothing in this project looks at it."""
    return ImageEnhance.Color(ImageOps.autocontrast(shown, cutoff=1)).enhance(1.4)


def _jpeg(image: Image.Image, quality: int = 92, **options: Any) -> bytes:
    return _encoded(image, "JPEG", quality=quality, **options)


def _png(image: Image.Image) -> bytes:
    return _encoded(image, "PNG", compress_level=1)


def _encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    sink = io.BytesIO()
    image.save(sink, kind, **options)
    return sink.getvalue()


def _turned(image: Image.Image) -> bytes:
    """Stored lying on its side, with the EXIF tag that says "turn right by a quarter"."""
    exif = Image.Exif()
    exif[_EXIF_ORIENTATION] = 6
    return _jpeg(image.transpose(Image.Transpose.ROTATE_90), exif=exif.tobytes())


def _see_through(image: Image.Image) -> bytes:
    alpha = Image.new("L", image.size, 0)
    inset = min(image.size) // 20
    box = (inset, inset, image.width - inset, image.height - inset)
    ImageDraw.Draw(alpha).rounded_rectangle(box, radius=3 * inset, fill=255)
    shown = image.copy()
    shown.putalpha(alpha)
    return _png(shown)


def _cut_short(image: Image.Image) -> bytes:
    data = _jpeg(image)
    return data[: len(data) // 3]


def _bomb(_: Image.Image) -> bytes:
    """A PNG whose header promises 1.6 billion pixels, 4.8 GB of memory, and that has no data."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", _BOMB_SIDE, _BOMB_SIDE, 8, 2, 0, 0, 0)
    parts = (chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(b"\0")), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def _suffix(data: bytes) -> str:
    return {b"\x89PNG": ".png", b"RIFF": ".webp"}.get(data[:4], ".jpg")


_FORMS: dict[str, Callable[[Image.Image], bytes | None]] = {
    "jpeg": _jpeg,
    "png": _png,
    "webp": lambda image: _encoded(image, "WEBP", quality=90, method=2),
    "grey": lambda image: _jpeg(image.convert("L")),
    "cmyk": lambda image: _jpeg(image.convert("CMYK")),
    "palette": lambda image: _png(image.quantize(128)),
    "exif": _turned,
    "alpha": _see_through,
    "blank": lambda image: _png(Image.new("RGB", image.size, (40, 44, 52))),
    "truncated": _cut_short,
    "bomb": _bomb,
    "missing": lambda _: None,
}
