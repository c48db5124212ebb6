"""OmniEdit: `TIGER-Lab/OmniEdit-Filtered-1.2M` on Hugging Face, MIT licence.

1,202,797 training rows and 700 for development, about 2.4 MB each, in `data/*.parquet`; pictures as
structs of `bytes` and `path`, in some repacks as plain bytes. There are six tasks; the finer one
stands only in the id, as in `task_attr_mod_color_11699`. Figures: the dataset card at 82455c6.
"""

import re

from editcorpus.readers.parquet import PARQUET
from editcorpus.records import Rejected, Triplet
from editcorpus.rows import Place, Row, Source, choose_instruction, identify

NAME = "omniedit"
LICENSE = "MIT"

_NATIVE_ID = re.compile(r"task_([a-z][a-z_]{0,63})_\d+")
_TASK = re.compile(r"[a-z][a-z0-9_-]{0,63}")


def to_triplet(row: Row, place: Place, seed: int) -> Triplet | Rejected:
    """A row as a triplet; a task or sub-task of unknown form is left empty."""
    name = identify(NAME, row["omni_edit_id"], place)
    if isinstance(name, Rejected):
        return name
    chosen = choose_instruction(row["edited_prompt_list"], seed, name)
    if isinstance(chosen, Rejected):
        return chosen
    index, instruction = chosen
    task, finer = row["task"] or "", _NATIVE_ID.fullmatch(row["omni_edit_id"])
    return Triplet(
        id=name,
        dataset_source=NAME,
        task=task if _TASK.fullmatch(task) else "",
        subtask=finer[1] if finer else "",
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
)

RECIPES = {"": SOURCE}
