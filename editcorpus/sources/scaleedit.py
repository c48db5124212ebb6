"""ScaleEdit-12M: `gzchen4ai/ScaleEdit-12M` on Hugging Face.

11,845,023 rows in 251 files, one for at most 50,000 rows of one of 23 tasks; each file is one row group
of 31 to 32 GB, so that pictures are read in one pass (`Source.keeps`). Pictures are raw bytes. 702,078
rows hold an address in the place of the source image (`source_image_url`) and are rejected. A few hundred
instructions in a million are 512 exclamation marks, and nine in a thousand stand in quotation marks. An id
is unique within its task alone.

The card of e757eaf says MIT, 12 columns and 12.4 million rows; the release has 15 columns and says
CC-BY-NC-SA-4.0, which is the stricter of the two and stands on every record.

Its publisher kept pairs that its own judge scored 3 for following the instruction and at least 2 for
consistency and for quality, each of 1 to 3 (arXiv 2603.20644, verification): those scores are of the
published edited image, so that they decide over the base variant alone.
"""

import json
import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from editcorpus.readers.parquet import PARQUET
from editcorpus.records import Reason, Rejected, Triplet
from editcorpus.rows import PLAN, Place, Row, Source, choose_instruction, identify
from editcorpus.verdicts import (
    LOCAL_FAMILIES,
    MOVING_FAMILIES,
    WHITE_GROUND_FAMILIES,
    WHOLE_FAMILIES,
)

NAME = "scaleedit"
LICENSE = "CC-BY-NC-SA-4.0"
LEAST = {
    "instruction_following_score": 3,
    "editing_consistency_score": 2,
    "generation_quality_score": 2,
}
"""The publisher's retention rule: the least of each score, 1 to 3."""
JUDGED = {
    "local_tasks": LOCAL_FAMILIES,
    "whole_tasks": WHOLE_FAMILIES,
    "white_ground_tasks": WHITE_GROUND_FAMILIES,
    "moving_tasks": MOVING_FAMILIES,
}
"""What the filter asks of which task; of those that are in none of the lists it asks the least."""

_TASK = re.compile(r"(?:\d\.\d_)?([a-z][a-z0-9_]{0,63})")
_FILE = re.compile(r"(.+)_\d+")


def to_triplet(row: Row, place: Place, seed: int) -> Triplet | Rejected:
    """A row as a triplet; one whose picture is a link is rejected, whatever else it says."""
    task = _task(row["edit_task"], place)
    name = identify(f"{NAME}/{task}" if task else NAME, row["id"], place)
    if isinstance(name, Rejected):
        return name
    if row["source_image_url"]:
        detail = "The row holds the address of its source image, and no picture."
        return Rejected(name, PLAN, Reason.IMAGE_IS_LINK, detail)
    chosen = choose_instruction([row["edit_instruction"]], seed, name)
    if isinstance(chosen, Rejected):
        return chosen
    index, instruction = chosen
    scores = {key: row[key] for key in LEAST if row[key] is not None}
    return Triplet(
        id=name,
        dataset_source=NAME,
        task=task,
        subtask="",
        instruction=instruction,
        instruction_index=index,
        license=LICENSE,
        file=place.file,
        row_group=place.row_group,
        row=place.row,
        facts=json.dumps(scores, sort_keys=True) if scores else "",
    )


def below(facts: Mapping[str, Any]) -> str:
    """Why the publisher's own rule leaves a pair out; empty where it does not, or has no scores."""
    low = [
        f"{name} is {facts[name]}, not {least} or more"
        for name, least in LEAST.items()
        if facts.get(name, least) < least
    ]
    return f"{'; '.join(low)}." if low else ""


def _task(told: str | None, place: Place) -> str:
    """The task that a row names, or else its file, such as `object_addition_0017.parquet`."""
    file = _FILE.fullmatch(PurePosixPath(place.file).stem)
    found = (_TASK.fullmatch(text) for text in (told or "", file[1] if file else ""))
    return next((one[1] for one in found if one), "")


SOURCE = Source(
    name=NAME,
    license=LICENSE,
    columns={
        "id": "integer",
        "edit_task": "text",
        "edit_instruction": "text",
        "source_image": "image",
        "edited_image": "image?",
        **dict.fromkeys(LEAST, "integer?"),
        "source_image_url": "text?",
    },
    task_column="edit_task",
    pictures={"source": "source_image", "edited": "edited_image"},
    triplet=to_triplet,
    reader=PARQUET,
    keeps=True,
    below=below,
    defaults={"filter": {"judge": JUDGED}},
)

RECIPES = {"": SOURCE}
