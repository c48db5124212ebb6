"""Preview pictures: a few pairs of a corpus, small, for its card and the page that the Hub makes of it.

They are drawn evenly over the corpus, so the same files give the same previews, and each is one JPEG
with the source on the left and the edited picture on the right. Only the row groups of the records that
are shown are read.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import pyarrow.parquet as pq
from PIL import Image

from editcorpus.errors import RecordError
from editcorpus.images import decode, encode_jpeg, fit
from editcorpus.layouts.parquet import ShardFile
from editcorpus.renewing import renew
from editcorpus.storage import Store
from editcorpus.tables import damaged

FOLDER = "previews"
SHEET = f"{FOLDER}/sheet.jpg"
"""Where a run's picture sheet lies (`sheet.py`), relative to the corpus; it is no preview."""
SPREADS = f"{FOLDER}/spreads.svg"
"""Where it is drawn how its figures are spread (`spreads.py`); likewise."""
BESIDE = (SHEET, SPREADS)
VERSION = 1
"""Raised when the same records would be shown otherwise."""
COUNT = 6
"""Pairs that a card shows."""

_LONGEST = 384
"""Longer side of each picture in pixels: two of them fill the Hub's column of text."""
_QUALITY = 85
_GAP = 8
_READ_ROWS = 4
_COLUMNS = ("task", "instruction", "instruction_original", "source_image", "edited_image")


class Preview(NamedTuple):
    """A pair that is shown.

    Attributes:
        instruction_original: The source's own text on rewrites, else empty.
        picture: Path of the JPEG, relative to the corpus.
    """

    task: str
    instruction: str
    instruction_original: str
    picture: str


def write_previews(store: Store, folder: str, files: Sequence[ShardFile]) -> tuple[Preview, ...]:
    """Write the previews of a corpus; those that are the same already are not written again.

    Args:
        store: Where the corpus lies.
        folder: Where in the store.
        files: Its files of records; paths are those in the store.

    Raises:
        ShardError: A file is damaged.
    """
    made, wanted = [], set()
    for number, row in _rows(store, files):
        picture = f"{FOLDER}/{number:08d}.jpg"
        with suppress(RecordError):  # the audit says of a picture that it is broken
            renew(
                store, f"{folder}/{picture}", _drawn(*(row[name]["bytes"] for name in _COLUMNS[3:]))
            )
            task, instruction, original = (str(row[name] or "") for name in _COLUMNS[:3])
            made.append(Preview(task, instruction, original, picture))
            wanted.add(f"{folder}/{picture}")
    for path in store.list(f"{folder}/{FOLDER}"):
        if path not in wanted and path.removeprefix(f"{folder}/") not in BESIDE:
            store.remove(path)
    return tuple(made)


def noted(previews: Sequence[Preview], key: str) -> bytes:
    """A note of what is shown, and of what it was made; `read_noted` gives it back."""
    return json.dumps({"key": key, "previews": previews}, ensure_ascii=False).encode() + b"\n"


def read_noted(data: bytes, key: str) -> tuple[Preview, ...] | None:
    """The previews that were made of this; None where the note is of something else, or damaged."""
    try:
        told = json.loads(data)
        return tuple(Preview(*texts) for texts in told["previews"]) if told["key"] == key else None
    except (ValueError, TypeError, LookupError, RecursionError):
        return None


def _drawn(source: bytes, edited: bytes) -> bytes:
    left, right = (fit(decode(data), _LONGEST) for data in (source, edited))
    size = left.width + _GAP + right.width, max(left.height, right.height)
    sheet = Image.new("RGB", size, (255, 255, 255))
    sheet.paste(left, (0, 0))
    sheet.paste(right, (left.width + _GAP, 0))
    return encode_jpeg(sheet, _QUALITY)


def _rows(store: Store, files: Sequence[ShardFile]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Number in the corpus and columns of each record that is shown."""
    total = sum(file.records for file in files)
    wanted = sorted({place * total // COUNT for place in range(COUNT)} if total else ())
    first = 0
    for file in sorted(files, key=lambda one: one.path):
        here = [number - first for number in wanted if first <= number < first + file.records]
        yield from ((first + row, found) for row, found in _read(store, file.path, here))
        first += file.records


def _read(store: Store, path: str, rows: Sequence[int]) -> Iterator[tuple[int, dict[str, Any]]]:
    if not rows:
        return
    with damaged(store.url(path)), store.open(path) as file, pq.ParquetFile(file) as parquet:
        start = 0
        for group in range(parquet.num_row_groups):
            end = start + parquet.metadata.row_group(group).num_rows
            here = {row for row in rows if start <= row < end}
            if here:
                yield from _picked(parquet, group, start, here)
            start = end


def _picked(
    parquet: pq.ParquetFile, group: int, start: int, rows: set[int]
) -> Iterator[tuple[int, dict[str, Any]]]:
    batches = parquet.iter_batches(
        _READ_ROWS, row_groups=[group], columns=list(_COLUMNS), use_threads=False
    )
    for batch in batches:
        for place in range(batch.num_rows):
            if start + place in rows:
                yield start + place, batch.slice(place, 1).to_pylist()[0]
        start += batch.num_rows
        if start > max(rows):
            return
