"""What is wrong with one record of a corpus, in sentences that follow its id."""

import math
from collections.abc import Iterator
from typing import Any

from editcorpus.errors import RecordError
from editcorpus.images import Limits, decode_source
from editcorpus.layouts.schema import PICTURES

SHARES = (
    "score",
    "score_done",
    "score_preserved",
    "score_clean",
    "border_fraction",
    "changed_share",
    "padded_share",
)
"""Columns that hold probabilities and shares, 0 to 1."""

BASE = "base"
"""The variant whose pictures are as published: no model made them, and they may differ in size."""
_NEVER_EMPTY = ("dataset_source", "instruction", "instruction_type", "license", "model")
_MEASURES = ("shift_x", "shift_y", "scale_x", "scale_y", "registration_ncc")
_LIMITS = Limits(min_side=1)


def record_problems(row: dict[str, Any]) -> Iterator[str]:
    """What is wrong with a record as it was read, null included; nothing where all is well.

    Args:
        row: Every column of `Published`; pictures as bytes.
    """
    missing = [name for name, value in row.items() if value is None]
    if missing:
        yield f"has null in {', '.join(missing)}."
        return
    yield from _texts(row)
    yield from _numbers(row)
    yield from _geometry(row)
    sizes = (row["width"], row["height"]), (row["edited_width"], row["edited_height"])
    for name, size in zip(PICTURES, sizes, strict=True):
        yield from _picture(name, row[name], size)
    if row["variant"] != BASE and sizes[0] != sizes[1]:
        yield f"has pictures of two sizes, though its variant is {row['variant']!r:.40}, not {BASE}."


def _texts(row: dict[str, Any]) -> Iterator[str]:
    needed = [name for name in _NEVER_EMPTY if name != "model" or row["variant"] != BASE]
    yield from (f"has no text in {name}." for name in needed if not row[name].strip())
    if row["instruction_type"] == "rewrite" and not row["instruction_original"]:
        yield "is a rewrite without instruction_original."


def _numbers(row: dict[str, Any]) -> Iterator[str]:
    for name in SHARES:
        if not 0 <= row[name] <= 1:
            yield f"has {row[name]} in {name}, which is not within 0 to 1."
    if not 0 <= row["outside_mask"] <= 1 and row["outside_mask"] != -1:
        yield f"has {row['outside_mask']} in outside_mask, which is neither a share nor -1."
    yield from (f"has {row[name]} in {name}." for name in _MEASURES if not math.isfinite(row[name]))


def _geometry(row: dict[str, Any]) -> Iterator[str]:
    for side, start in (("width", "x"), ("height", "y")):
        canvas, box, offset = row[f"canvas_{side}"], row[f"box_{side}"], row[f"box_{start}"]
        if box < 1 or offset < 0 or offset + box > canvas:
            yield f"has a box of {side} {box} at {offset}, outside its canvas of {canvas}."


def _picture(name: str, data: bytes, size: tuple[int, int]) -> Iterator[str]:
    try:
        found = decode_source(data, _LIMITS).image.size
    except RecordError as error:
        yield f"has in {name} a picture that does not decode: {error.detail}"
        return
    if found != size:
        yield f"has in {name} {found[0]} x {found[1]} pixels, not {size[0]} x {size[1]}."
