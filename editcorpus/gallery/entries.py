"""One triplet as the gallery shows it."""

import math
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any, Literal

from editcorpus.records import SENTENCES, Geometry, Reason

Verdict = Literal["kept", "rejected", "failed"]
_PARTS = ("score", "score_done", "score_preserved", "score_clean")
_MEASURES = ("changed_share", "border_fraction", "shift_x", "shift_y", "scale_x", "scale_y")
_TEXTS = (
    "id",
    "verdict",
    "step",
    "detail",
    "task",
    "subtask",
    "instruction",
    "instruction_original",
    "instruction_type",
    "model",
    "license",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class GalleryEntry:
    """What is known of one triplet; what is not known stays None or empty and is not shown.

    Attributes:
        step: Where a rejected or failed triplet was given up.
        instruction_original: The source's text where the instruction was rewritten.
        score: Geometric mean of the three parts, 0 to 1; the parts likewise.
        changed_share: Share of the picture that changed visibly, 0 to 1.
        border_fraction: Share of the outermost ring that is residual padding, 0 to 1.
        shift_x: Shift of the edited content, as a share of the width; `shift_y` of the height.
        scale_x: Zoom of the edited content along x; 1 is none.
        cost_usd: Booked dollars of all calls for this triplet.
        model: The image model.
        source: A view of the source as JPEG, PNG or WebP; about 1024 px suffice.
        edited: A view of the edited image, of the same shape.
        mask: What changed, as `change_mask` draws it.
    """

    id: str
    verdict: Verdict
    step: str = ""
    reason: Reason | None = None
    detail: str = ""
    task: str = ""
    subtask: str = ""
    instruction: str = ""
    instruction_original: str = ""
    instruction_type: str = ""
    score: float | None = None
    score_done: float | None = None
    score_preserved: float | None = None
    score_clean: float | None = None
    changed_share: float | None = None
    border_fraction: float | None = None
    shift_x: float | None = None
    shift_y: float | None = None
    scale_x: float | None = None
    scale_y: float | None = None
    geometry: Geometry | None = None
    cost_usd: Decimal | None = None
    model: str = ""
    license: str = ""
    source: bytes | None = None
    edited: bytes | None = None
    mask: bytes | None = None


def to_json(entry: GalleryEntry, pictures: dict[str, str]) -> dict[str, Any]:
    """The entry as JSON takes it, less what is unknown; pictures by the path that the page loads."""
    made: dict[str, Any] = {name: getattr(entry, name) for name in _TEXTS}
    made |= {name: _finite(getattr(entry, name)) for name in (*_PARTS, *_MEASURES)}
    made["pictures"] = pictures
    if entry.reason is not None:
        made |= {"reason": entry.reason.value, "sentence": SENTENCES[entry.reason]}
    if entry.geometry is not None:
        made["geometry"] = asdict(entry.geometry)
    if entry.cost_usd is not None:
        made["cost_usd"] = format(entry.cost_usd, "f")
    return {name: value for name, value in made.items() if value not in (None, "")}


def _finite(value: float | None) -> float | None:
    return round(value, 5) if value is not None and math.isfinite(value) else None
