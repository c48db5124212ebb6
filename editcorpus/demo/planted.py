"""Write the input in which everything that can be wrong is planted at a known rate.

Rows in OmniEdit's layout, parts of the photographs that do not overlap much; some are copies of others under
other ids, some show pictures of a benchmark. `planted.jsonl` says which. What else is planted is the
sandbox's matter: `requests/` holds the canvas and the instruction of each row, shard by shard, so that it can
exchange answers, and `benchmark/` the pictures that belong to nobody's corpus.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from editcorpus.demo.rows import published_row, published_schema
from editcorpus.demo.scenes import Scene, jpeg, recoloured
from editcorpus.steps import pad

SHARD_ROWS = 27
BENCHMARK = 8
"""Pictures of the benchmark; the input shows the first of them."""
LIST, REQUESTS, PICTURES = "planted.jsonl", "requests", "benchmark"
"""What lies beside the rows: the list of what was planted, and two folders of pictures."""

_PHOTOS = ("astronaut", "coffee", "dandelion", "photographer", "raccoon", "rocket", "cat")
_SIDES = ((640, 448), (480, 640), (576, 576), (640, 384))
_PARTS = tuple(
    (zoom, (x / max(1, zoom - 1), y / max(1, zoom - 1)))
    for zoom in (1, 2, 3)
    for y in range(zoom)
    for x in range(zoom)
)
"""The whole of a photograph, its quarters and its ninths: how near, and where."""
_COLOURS = ("red", "green", "blue", "yellow", "purple", "orange", "teal")
_PLACES = ("left", "right", "top", "bottom")
_ASKED = (
    ("addition", "obj_add", "Add a {colour} ball on the {place}."),
    ("swap", "obj_swap_joint_mask", "Replace what lies on the {place} with a {colour} box."),
    ("attribute_modification", "attr_mod_color", "Make the {place} part {colour}."),
    ("env", "env_weather", "Let a {colour} light fall on the scene from the {place}."),
    ("addition", "obj_add", "Put a {colour} star on the {place}."),
    (
        "env",
        "env_background",
        "Replace the background with a {colour} wall, as seen from the {place}.",
    ),
    ("removal", "obj_remove", "Remove the {colour} thing on the {place}."),
    ("style", "style", "Turn it into a poster in {colour}, lit from the {place}."),
)


class Counts(NamedTuple):
    """How many rows there are of their own, of exact and of near copies, and of a benchmark's pictures."""

    plain: int = 86
    exact: int = 6
    near: int = 10
    known: int = 6


COUNTS = Counts()


@dataclass(frozen=True, slots=True)
class _Row:
    """One row: its picture and what is asked for; what it is a copy of, and which kind of copy."""

    number: int
    image: Image.Image
    asked: tuple[str, str, str]
    quality: int = 92
    kind: str = ""
    of: str = ""

    @property
    def name(self) -> str:
        return f"task_{self.asked[1]}_{700_000 + self.number}"

    @property
    def id(self) -> str:
        return f"omniedit/{self.name}"


def write_planted(folder: Path, counts: Counts = COUNTS) -> Path:
    """Write rows, list and pictures; always the same bytes.

    Args:
        folder: Is made where it is missing; files of the same names are replaced.
        counts: How many rows there are of each kind; of their own at least as many as twice all copies.

    Returns:
        The folder, which is what `Inputs.find` takes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    known = [_mixture(number) for number in range(BENCHMARK)]
    (folder / PICTURES).mkdir(exist_ok=True)
    for number, picture in enumerate(known):
        picture.save(folder / PICTURES / f"{number}.png")
    rows = _mixed(known, counts)
    listed = [{"id": row.id, "kind": row.kind, "of": row.of} for row in rows if row.kind]
    (folder / LIST).write_text("".join(f"{json.dumps(one)}\n" for one in listed), "utf-8")
    with pq.ParquetWriter(folder / "rows.parquet", published_schema()) as writer:
        for start in range(0, len(rows), SHARD_ROWS):
            group = rows[start : start + SHARD_ROWS]
            _write_requests(folder / REQUESTS / f"{start // SHARD_ROWS:03d}", group)
            told = [_published(row) for row in group]
            writer.write_table(pa.Table.from_pylist(told, published_schema()))
    return folder


def _mixed(known: Sequence[Image.Image], counts: Counts) -> list[_Row]:
    """All rows; copies lie behind what they are copies of."""
    plain = list(_plain(counts.plain))
    made = [*plain]
    for row in _spread(plain, 3, counts.exact):
        made.append(_Row(len(made), row.image, row.asked, kind="exact copy", of=row.id))
    for row in _spread(plain, 2, counts.near):
        size = (round(row.image.width * 0.9), round(row.image.height * 0.9))
        made.append(_Row(len(made), row.image.resize(size), row.asked, 70, "near copy", row.id))
    for picture in known[: counts.known]:
        asked = _asked(len(made))
        size = (round(picture.width * 0.95), round(picture.height * 0.95))
        made.append(_Row(len(made), picture.resize(size), asked, 80, "benchmark source"))
    return made


def _spread(rows: Sequence[_Row], first: int, count: int) -> Sequence[_Row]:
    """So many rows; of those from an odd and from an even one none is the same."""
    return rows[first :: 2 * (len(rows) // (2 * count))][:count]


def _plain(count: int) -> Iterator[_Row]:
    parts = ((photo, zoom, at) for zoom, at in _PARTS for photo in _PHOTOS)
    for number, (photo, zoom, at) in enumerate(islice(parts, count)):
        scene = Scene(photo, _SIDES[number % len(_SIDES)], at, zoom)
        yield _Row(number, scene.shown(), _asked(number))


def _asked(number: int) -> tuple[str, str, str]:
    """Task, sub-task and instruction; no two of 224 rows have the same."""
    task, subtask, words = _ASKED[number % len(_ASKED)]
    round_ = number // len(_ASKED)
    colour, place = _COLOURS[round_ % len(_COLOURS)], _PLACES[round_ % len(_PLACES)]
    return task, subtask, words.format(colour=colour, place=place)


def _mixture(number: int) -> Image.Image:
    """A picture that is part of no photograph: two of them laid over each other."""
    photos = islice(cycle(_PHOTOS), number, number + 3, 2)
    one, other = (
        Scene(photo, (600, 440), (0.3, 0.6), 1.5 + number / 6).shown() for photo in photos
    )
    return Image.blend(one, other.transpose(Image.Transpose.ROTATE_180), 0.5)


def _write_requests(folder: Path, rows: Sequence[_Row]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for row in rows:
        canvas = pad.lay(row.image, pad.canvas_geometry(row.image.size, pad.Config()))
        canvas.save(folder / f"{row.number:04d}.jpg", quality=88)
        (folder / f"{row.number:04d}.txt").write_text(row.asked[2], "utf-8")


def _published(row: _Row) -> dict[str, Any]:
    described = {"id": row.name, "task": row.asked[0], "prompts": [row.asked[2]]}
    edited = jpeg(recoloured(row.image), 60)["bytes"]
    pictures = jpeg(row.image, row.quality)["bytes"], edited
    return published_row(described, pictures, row.image.size)
