"""What is wrong with one record of a corpus, in sentences that follow its id."""

import math
from collections.abc import Iterator
from typing import Any

from editcorpus.errors import RecordError
from editcorpus.frames import Standing
from editcorpus.images import Limits, decode_source
from editcorpus.layouts.schema import OPTIONAL, PICTURES
from editcorpus.steps.embed import MEASURES

SHARES = (
    "score",
    "score_done",
    "score_preserved",
    "score_clean",
    "border_fraction",
    "residual_padding",
    "lost_share",
    "changed_share",
    "padded_share",
)
"""Columns that hold probabilities and shares, 0 to 1."""

BASE = "base"
"""The variant whose pictures are as published: no model made them, and they may differ in size."""
_NEVER_EMPTY = ("dataset_source", "instruction", "instruction_type", "license", "model")
_MEASURES = (
    *("shift_x", "shift_y", "scale_x", "scale_y", "registration_ncc", "displacement_px"),
    *("psnr_outside", "ssim_outside", "psnr_outside_mask", "ssim_outside_mask"),
)
_SHARES_IF_KNOWN = ("outside_mask", "change_area", "tone_drift")
_STANDINGS = {"", *Standing}
_LIMITS = Limits(min_side=1)


def record_problems(row: dict[str, Any]) -> Iterator[str]:
    """What is wrong with a record as it was read, null included; nothing where all is well.

    Args:
        row: Every column of `Published`; pictures as bytes.
    """
    missing = [name for name, value in row.items() if value is None and name not in OPTIONAL]
    if missing:
        yield f"has null in {', '.join(missing)}."
        return
    yield from _texts(row)
    yield from _numbers(row)
    yield from _geometry(row)
    yield from _crop(row)
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
    for name in _SHARES_IF_KNOWN:
        if not 0 <= row[name] <= 1 and row[name] != -1:
            yield f"has {row[name]} in {name}, which is neither a share nor -1."
    for name in MEASURES:
        if row[name] is not None and not -1 <= row[name] <= 1:
            yield f"has {row[name]} in {name}, which is neither null nor within -1 to 1."
    yield from (f"has {row[name]} in {name}." for name in _MEASURES if not math.isfinite(row[name]))


def _geometry(row: dict[str, Any]) -> Iterator[str]:
    for side, start in (("width", "x"), ("height", "y")):
        canvas, box, offset = row[f"canvas_{side}"], row[f"box_{side}"], row[f"box_{start}"]
        if box < 1 or offset < 0 or offset + box > canvas:
            yield f"has a box of {side} {box} at {offset}, outside its canvas of {canvas}."
        edit, place = row[f"change_{side}"], row[f"change_{start}"]
        if edit < 0 or place < 0 or place + edit > row[side]:
            yield f"has an edit of {side} {edit} at {place}, outside its picture of {row[side]}."


def _crop(row: dict[str, Any]) -> Iterator[str]:
    """Whether what was cut off the source is told alike by all of its columns."""
    if row["registration"] not in _STANDINGS:
        yield f"has {row['registration']!r:.40} in registration, which is no verdict."
    cuts = [row[f"crop_{side}"] for side in ("left", "top", "right", "bottom")]
    whole = (row["width"] + cuts[0] + cuts[2]) * (row["height"] + cuts[1] + cuts[3])
    lost = 1 - row["width"] * row["height"] / max(1, whole)
    if min(cuts) < 0 or abs(lost - row["lost_share"]) > 1e-6:
        yield f"has {row['lost_share']} in lost_share, though {cuts} px were cut off its sides."


def _picture(name: str, data: bytes, size: tuple[int, int]) -> Iterator[str]:
    try:
        found = decode_source(data, _LIMITS).image.size
    except RecordError as error:
        yield f"has in {name} a picture that does not decode: {error.detail}"
        return
    if found != size:
        yield f"has in {name} {found[0]} x {found[1]} pixels, not {size[0]} x {size[1]}."
