"""UltraEdit: `BleachNick/UltraEdit` and `UltraEdit_Region_Based_100k` on Hugging Face, CC-BY-4.0.

Two recipes. `free`: about 4 million rows in thousands of splits, `data/FreeForm_k-0000j-of-00002.parquet`
with 1,000 rows each; `mask_image` and `edit_object` are columns of type null. `region`: 108,179 rows with
masks in `data/RegionBase-000NN-of-00093.parquet`. Files are found by their names, never through splits.
A row's `idx` is not known to be unique, and stands among its facts; ids are made of split, file and row.

White of a mask is where the edit goes; masks were saved as JPEG, so that grey is told at 128, and a mask
that is white everywhere means the whole picture (`masks.py`), as does the word NONE for the object that
is edited. Which of the nine kinds of GPT-IMAGE-EDIT-1.5M an edit is no column says: a model is asked.
Pictures have 512 x 512 pixels; appendix A.1 of that paper brings them to 1024 x 1024 and back, bicubic
both ways. Instructions stay as they are (section 3.2 rewrites those of OmniEdit alone).

Figures: the dataset cards; the generator, `HaozheZhao/UltraEdit` at 1af5f04.
"""

import re
from collections.abc import Mapping
from functools import partial
from typing import Any

from editcorpus.readers.parquet import PARQUET
from editcorpus.records import Rejected, Triplet
from editcorpus.rows import Place, Role, Row, Source, choose_instruction, placed_id, told_facts

NAME = "ultraedit"
LICENSE = "CC-BY-4.0"

_FACTS = {
    "idx": "idx",
    "source_caption": "input_description",
    "target_caption": "output_description",
    "edit_object": "edit_object",
    "clip_sim_source": "clip_sim_source",
    "clip_sim_target": "clip_sim_target",
    "clip_sim_dir": "clip_sim_dir",
    "clip_sim_image": "clip_sim_image",
    "dinov2_sim": "dinov2_sim",
    "ssim": "ssim",
}
"""What a column is called among the facts."""
_TEXTS = {"source_caption", "target_caption", "edit_object"}
_SPLIT = re.compile(r"(FreeForm_[A-Za-z0-9]+|RegionBase)[^/]*(?:/[^/]*)?$")
_WHOLE = "none"
"""In place of an object: the whole picture is edited (the generator's `edit_object`)."""
_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "pad": {"resample": "bicubic"},
    "filter": {
        "restore": {"resample": "bicubic"},
        "judge": {
            "local_tasks": [
                "add",
                "change_color",
                "change_local",
                "replace",
                "transform_local",
                "turn",
            ],
            "whole_tasks": ["change_global", "transform_global", "others"],
        },
    },
    "rewrite": {"share": 0.0},
    "publish": {"whole_picture_tasks": ["change_global", "transform_global"]},
}
"""Other than elsewhere: the filter of appendix A.1, and what the kinds of edit are called here."""
_NO_MASK = '{"mask": ""}'
"""Where the mask of such a row lies: nowhere, whatever its column holds."""


def to_triplet(row: Row, place: Place, seed: int, *, recipe: str = "free") -> Triplet | Rejected:
    """A row as a triplet; its task is told later, by a model."""
    split = _SPLIT.search(place.file)
    name = placed_id(NAME, place, split[1] if split else recipe)
    chosen = choose_instruction([row["edit_prompt"]], seed, name)
    if isinstance(chosen, Rejected):
        return chosen
    index, instruction = chosen
    whole = (row["edit_object"] or "").strip().casefold() == _WHOLE
    return Triplet(
        id=name,
        dataset_source=NAME,
        task="",
        subtask="",
        instruction=instruction,
        instruction_index=index,
        license=LICENSE,
        file=place.file,
        row_group=place.row_group,
        row=place.row,
        caption=row["source_caption"] or "",
        facts=told_facts(row, _FACTS),
        paths=_NO_MASK if whole and recipe == "region" else "",
    )


def _source(recipe: str, files: str, pictures: dict[Role, str]) -> Source:
    facts = {column: "text?" if column in _TEXTS else "number?" for column in _FACTS}
    used = {name: "image?" if role == "edited" else "image" for role, name in pictures.items()}
    return Source(
        name=NAME,
        license=LICENSE,
        columns={"edit_prompt": "text", **facts, **used},
        task_column="",
        pictures=pictures,
        triplet=partial(to_triplet, recipe=recipe),
        reader=PARQUET,
        recipe=recipe,
        files=files,
        captioned="mask" not in pictures,  # a mask is of the published picture
        classes=True,
        defaults=_DEFAULTS,
    )


_PAIR: dict[Role, str] = {"source": "source_image", "edited": "edited_image"}
RECIPES = {
    "free": _source("free", "FreeForm", _PAIR),
    "region": _source("region", "RegionBase", {**_PAIR, "mask": "mask_image"}),
}
