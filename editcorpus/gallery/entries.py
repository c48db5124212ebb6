"""One triplet as the gallery shows it."""

import math
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from decimal import Decimal
from typing import Any, Literal

from editcorpus.records import Geometry, Reason

Verdict = Literal["kept", "rejected", "failed"]
SCORES = ("score", "score_done", "score_preserved", "score_clean")
_MEASURES = (
    *("changed_share", "border_fraction", "residual_padding", "lost_share"),
    *("shift_x", "shift_y", "scale_x", "scale_y"),
)
_TEXTS = (
    *("id", "verdict", "step", "detail", "task", "subtask", "family", "instruction"),
    *("instruction_original", "instruction_type", "registration", "residual_sides"),
    *("doubts", "language", "model", "license"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class GalleryEntry:
    """What is known of one triplet; what is not known stays None or empty and is not shown.

    Attributes:
        step: Where a rejected or failed triplet was given up.
        family: The task in the vocabulary of `taxonomy.py`.
        instruction_original: The source's text where the instruction was rewritten.
        score: Geometric mean of the three parts, 0 to 1; the parts likewise.
        changed_share: Share of the picture that changed visibly, 0 to 1.
        border_fraction: Share of the outermost ring that has the colour of the padding, 0 to 1.
        residual_padding: Share of it that belongs to bars of padding, 0 to 1.
        residual_sides: What lies at which side, such as `left bar`.
        shift_x: Shift of the content in the answer, as a share of the width; `shift_y` of the height.
        scale_x: Zoom of the content in the answer along x; 1 is none.
        registered: Whether shift and zoom could be measured with confidence.
        registration: How the edited image lies on its source, in one word.
        lost_share: Share of the source that was cut off both pictures, 0 to 1.
        doubts: What makes it worth a look, names between spaces.
        language: Of the instruction, as BCP 47 has it.
        cost_usd: Booked dollars of all calls for this triplet.
        model: The image model.
        source: A view of the source as JPEG, PNG or WebP; about 1024 px suffice.
        edited: A view of the edited image, of the same shape.
        mask: What changed, as `change_overlay` draws it.
    """

    id: str
    verdict: Verdict
    step: str = ""
    reason: Reason | None = None
    detail: str = ""
    task: str = ""
    subtask: str = ""
    family: str = ""
    instruction: str = ""
    instruction_original: str = ""
    instruction_type: str = ""
    score: float | None = None
    score_done: float | None = None
    score_preserved: float | None = None
    score_clean: float | None = None
    changed_share: float | None = None
    border_fraction: float | None = None
    residual_padding: float | None = None
    residual_sides: str = ""
    shift_x: float | None = None
    shift_y: float | None = None
    scale_x: float | None = None
    scale_y: float | None = None
    registered: bool | None = None
    registration: str = ""
    lost_share: float | None = None
    doubts: str = ""
    language: str = ""
    geometry: Geometry | None = None
    cost_usd: Decimal | None = None
    model: str = ""
    license: str = ""
    source: bytes | None = None
    edited: bytes | None = None
    mask: bytes | None = None


def to_row(entry: GalleryEntry, pictures: Mapping[str, str]) -> dict[str, Any]:
    """The entry as JSON takes it, less what is unknown; `pictures` are columns of it."""
    made: dict[str, Any] = {name: getattr(entry, name) for name in _TEXTS}
    made |= {name: _finite(getattr(entry, name)) for name in (*SCORES, *_MEASURES)}
    made["registered"] = entry.registered
    if entry.reason is not None:
        made["reason"] = entry.reason.value
    if entry.geometry is not None:
        made["geometry"] = list(astuple(entry.geometry))
    if entry.cost_usd is not None:
        made["cost_usd"] = format(entry.cost_usd, "f")
    known = {name: value for name, value in made.items() if value is not None and value != ""}
    return known | dict(pictures)


def _finite(value: float | None) -> float | None:
    return round(value, 5) if value is not None and math.isfinite(value) else None
