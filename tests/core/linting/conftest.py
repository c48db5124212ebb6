"""Published corpora with faults that are known, in several layouts."""

import io
import json
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw

from editcorpus.demo.scenes import Scene
from editcorpus.linting.lint import Looked, Settings, look
from editcorpus.linting.page import write_report
from editcorpus.linting.report import Report
from editcorpus.linting.summed import Example, summed
from editcorpus.similar.hashfile import Item, Known, known
from editcorpus.similar.views import hash_views
from editcorpus.storage import Store

SIZE = (336, 272)
PHOTOS = ("astronaut", "cat", "coffee", "raccoon", "rocket", "dandelion")
SCRIPT = "<script>document.title='taken'</script><img src=x onerror=\"document.title='taken'\">"
WORDS = (
    "Add a red ball",
    "Put a kite in",
    "Draw a moon",
    "Paint a lamp",
    "Give it a star",
    "Hang a bell",
)
SAID = "Raise the left arm of the person in the picture"


def scene(number: int, size: tuple[int, int] = SIZE) -> Image.Image:
    """A part of a photograph; no two of the first twelve are near each other."""
    photo = PHOTOS[number % len(PHOTOS)]
    return Scene(photo, size, (0.1, 0.2) if number < len(PHOTOS) else (0.9, 0.8), 1.8).shown()


def edited(image: Image.Image, number: int = 0) -> Image.Image:
    """A local edit: something round that was not there."""
    made = image.copy()
    x, y = image.width * (2 + number % 5) // 9, image.height * (3 + number % 4) // 9
    box = (x, y, x + image.width // 5, y + image.height // 4)
    ImageDraw.Draw(made).ellipse(box, fill=(220, 40 + 20 * (number % 9), 60), outline=(20, 20, 30))
    return made


def shifted(image: Image.Image, by: int) -> Image.Image:
    """The content some px to the right and down, its edge going on."""
    made = image.resize((image.width, image.height))
    made.paste(image, (by, by))
    return made


def padded(image: Image.Image, px: int) -> Image.Image:
    """A white bar over the left side."""
    made = image.copy()
    made.paste((255, 255, 255), (0, 0, px, image.height))
    return made


def png(image: Image.Image) -> bytes:
    return _encoded(image, "PNG", compress_level=1)


def jpeg(image: Image.Image, quality: int = 90) -> bytes:
    return _encoded(image, "JPEG", quality=quality)


def _encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def bomb(side: int = 40_000) -> bytes:
    """A PNG of some bytes that declares 1.6 billion px."""
    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(b"")), (b"IEND", b""))
    made = b"\x89PNG\r\n\x1a\n"
    for name, data in chunks:
        made += struct.pack(">I", len(data)) + name + data
        made += struct.pack(">I", zlib.crc32(name + data))
    return made


@dataclass
class Row:
    """A row that is written: pictures as bytes, or as what a row says in their place."""

    id: str
    instruction: str
    source: bytes | str
    edited: bytes | str
    more: Mapping[str, str] = field(default_factory=dict)


def clean_rows(count: int = 8) -> list[Row]:
    """Rows with nothing wrong."""
    return [
        Row(
            f"clean-{number}",
            f"{WORDS[number % 6]}, number {number}.",
            jpeg(scene(number), 95),
            png(edited(scene(number), number)),
            {"task": "object_addition", "license": "CC0-1.0"},
        )
        for number in range(count)
    ]


def faulty_rows() -> list[Row]:
    """One row for each fault; ids say which."""
    first, second = clean_rows(2)
    a, b, c = scene(8), scene(9), scene(10)
    bench = scene(11)
    whole = jpeg(scene(8), 95)
    task = {"task": "object_addition"}
    return [
        Row("padding", "Light a torch in it.", jpeg(a), png(padded(edited(a), 14)), task),
        Row("echo", "Do some magic with it.", jpeg(b), jpeg(b)),
        Row("blank", "Clear the sky above.", jpeg(c), png(Image.new("RGB", SIZE, (9, 9, 90)))),
        Row("no-edit", "Fix the small scratch.", jpeg(scene(7), 95), jpeg(scene(7), 85)),
        Row("shifted", "Let the sun go down.", png(a), png(shifted(edited(a, 3), 4)), task),
        Row("exact", first.instruction, first.source, first.edited),
        Row("near", second.instruction, jpeg(scene(1), 60), jpeg(edited(scene(1), 1), 60)),
        Row("bench", "Paint a blue fish here.", jpeg(bench), png(edited(bench, 5))),
        Row("missing", "Mend the broken cup.", jpeg(b), ""),
        Row("broken", "Warm the evening light.", whole[: len(whole) // 3], png(edited(a))),
        Row("bomb", "Wake the tired guard.", bomb(), png(edited(a))),
        Row("unrelated", "Write a letter on it.", png(b), png(scene(4)), task),
        Row("wordless", "", png(b), png(edited(b))),
        Row('"><b>bold', SCRIPT, png(edited(c, 1)), png(edited(c, 2)), {"license": SCRIPT}),
    ]


FAULTS = {
    "padding": "residual_padding",
    "echo": "echo",
    "blank": "blank",
    "no-edit": "no_edit",
    "shifted": "displaced",
    "exact": "exact_duplicate",
    "near": "near_duplicate",
    "bench": "contaminated",
    "missing": "picture_missing",
    "broken": "picture_broken",
    "bomb": "size_bomb",
    "unrelated": "everything_changed",
    "wordless": "row_unusable",
}
"""The check that finds each of the faulty rows, by its id."""


def write_folder(folder: Path, rows: list[Row], names: Mapping[str, str]) -> Path:
    """Write pictures in folders and a file of lines whose columns have names of somebody's own."""
    lines = []
    for number, row in enumerate(rows):
        line: dict[str, Any] = {"id": row.id, "instruction": row.instruction, **row.more}
        for role, data in (("source_image", row.source), ("edited_image", row.edited)):
            line[role] = data
            if isinstance(data, bytes):
                line[role] = f"{role}/{number:03d}.bin"
                (folder / role).mkdir(parents=True, exist_ok=True)
                (folder / line[role]).write_bytes(data)
        lines.append(json.dumps({names.get(key, key): value for key, value in line.items()}))
    (folder / "rows.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    return folder


def benchmark() -> Known:
    """A benchmark with one picture."""
    names, views = hash_views(scene(11, (480, 388)).convert("L"), crops=True)
    return known("Bench-1", [Item("item/7", tuple(names), views, SAID)])


class Planted:
    """What tests make corpora of."""

    faults, size, script = FAULTS, SIZE, SCRIPT
    clean_rows, faulty_rows = staticmethod(clean_rows), staticmethod(faulty_rows)
    scene, edited = staticmethod(scene), staticmethod(edited)
    png, jpeg, bomb = staticmethod(png), staticmethod(jpeg), staticmethod(bomb)
    write_folder, benchmark = staticmethod(write_folder), staticmethod(benchmark)
    row = Row


@pytest.fixture(scope="session")
def planted() -> type[Planted]:
    return Planted


@dataclass(frozen=True)
class Linted:
    """A corpus that was looked at, and its page in a folder."""

    folder: Path
    looked: Looked
    report: Report
    examples: tuple[Example, ...]


@pytest.fixture(scope="session")
def linted(tmp_path_factory: pytest.TempPathFactory) -> Linted:
    """The corpus with one row for each fault beside eight clean ones."""
    folder = tmp_path_factory.mktemp("linted")
    rows = [*clean_rows(), *faulty_rows()]
    names = {"instruction": "prompt", "source_image": "input_image", "edited_image": "output_image"}
    where = write_folder(folder / "corpus", rows, names)
    looked = look(str(where), {}, Settings(), [benchmark()])
    report, examples = summed(looked)
    write_report(Store.on_disk(folder), "report", report, examples)
    return Linted(folder / "report", looked, report, examples)
