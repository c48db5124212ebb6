"""Complex-Edit over OmniEdit: `TIGER-Lab/OmniEdit-Filtered-1.2M` with composed instructions, MIT licence.

Source: GPT-IMAGE-EDIT-1.5M, appendix A.3: for about half of OmniEdit's pictures an instruction of several
edits is composed by the method of Complex-Edit (`steps/compose.py`), at level C3, and carried out. Only
that instruction counts, and any detectable error of the padding discards a result. The files are those
of OmniEdit as `sources/omniedit.py` describes them; its own instruction stands as `instruction_original`, and
its task as the finer one, by which a sample is stratified.

The base variant is OmniEdit's published pair with its own instruction: a composed one has no other.
"""

import re
from typing import Any

from editcorpus.readers.parquet import PARQUET
from editcorpus.records import Rejected, Triplet
from editcorpus.rows import Place, Row, Source, choose_instruction, identify

NAME = "complex-edit"
LICENSE = "MIT"
TASK = "complex-edit"
"""As its folder in GPT-IMAGE-EDIT-1.5M is called."""
DEFAULTS: dict[str, dict[str, Any]] = {
    # Appendix A.3: any detectable padding error discards. An instruction of several edits may change all
    # of the picture; one that moves its frame would be paid for and then refused as displaced.
    "filter": {"judge": {"residual_padding": 0.0, "whole_tasks": (TASK,)}},
    "compose": {"frame": "keep"},
    "rewrite": {"share": 0.0},
}
"""Settings that differ from those of other sources."""

_TASK = re.compile(r"[a-z][a-z0-9_-]{0,63}")


def to_triplet(row: Row, place: Place, seed: int) -> Triplet | Rejected:
    """A row as a triplet with the source's own instruction; a task of unknown form is left empty."""
    name = identify(NAME, row["omni_edit_id"], place)
    if isinstance(name, Rejected):
        return name
    chosen = choose_instruction(row["edited_prompt_list"], seed, name)
    if isinstance(chosen, Rejected):
        return chosen
    index, instruction = chosen
    finer = row["task"] or ""
    return Triplet(
        id=name,
        dataset_source=NAME,
        task=TASK,
        subtask=finer if _TASK.fullmatch(finer) else "",
        instruction=instruction,
        instruction_index=index,
        license=LICENSE,
        file=place.file,
        row_group=place.row_group,
        row=place.row,
    )


SOURCE = Source(
    name=NAME,
    license=LICENSE,
    columns={
        "omni_edit_id": "text",
        "task": "text",
        "edited_prompt_list": "texts",
        "src_img": "image",
        "edited_img": "image?",
    },
    task_column="task",
    pictures={"source": "src_img", "edited": "edited_img"},
    triplet=to_triplet,
    reader=PARQUET,
    composes=True,
    defaults=DEFAULTS,
)

RECIPES = {"": SOURCE}
