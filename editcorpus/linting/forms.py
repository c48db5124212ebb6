"""The layouts that are read, and which of them lies in a folder: told by the names of files and columns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from editcorpus.linting.own import columns_source, turns_source
from editcorpus.rows import Source
from editcorpus.sources import (
    gpt_image_edit,
    hqedit,
    omniedit,
    scaleedit,
    seed_data_edit,
    ultraedit,
)
from editcorpus.sources.folder import Config


@dataclass(frozen=True, slots=True)
class Form:
    """A layout.

    Attributes:
        name: As the command line takes it.
        told: What it is recognised by, for people.
        source: Reads it.
        marks: Columns that tell it from others, beside those that are read.
        guessed: Whether nobody has to name it; of the others, only what somebody names is tried.
    """

    name: str
    told: str
    source: Source
    marks: tuple[str, ...] = ()
    guessed: bool = True


_PAIRS = Config(
    id="id", instruction="caption", source_image="control_path", edited_image="image_path"
)
_WEB = Config(id="id", source_image="source", edited_image="edited")
_TABLES = r"\.parquet$"

_FORMS = (
    Form(
        "corpus",
        "parquet files with the columns of a corpus of this project",
        columns_source(Config(), _TABLES),
        ("id", "dataset_source", "license", "response"),
    ),
    Form(
        "omniedit",
        "parquet files with omni_edit_id, edited_prompt_list, src_img and edited_img",
        omniedit.SOURCE,
        ("edited_img",),
    ),
    Form(
        "scaleedit",
        "parquet files with edit_task, edit_instruction, source_image and edited_image",
        scaleedit.SOURCE,
        ("edited_image",),
    ),
    Form(
        "hqedit",
        "parquet files with edit, inverse_edit, input_image and output_image",
        hqedit.RECIPES["edit"],
        ("inverse_edit", "output_image"),
    ),
    Form(
        "ultraedit-free",
        "parquet files called FreeForm_... with edit_prompt and source_image",
        ultraedit.RECIPES["free"],
        ("edited_image",),
    ),
    Form(
        "ultraedit-region",
        "parquet files called RegionBase... with edit_prompt and mask_image",
        ultraedit.RECIPES["region"],
        ("edited_image",),
    ),
    Form(
        "kontext",
        "pairs.jsonl with caption, control_path and image_path",
        columns_source(_PAIRS, r"(^|/)pairs\.jsonl$"),
    ),
    Form(
        "multi-turn",
        "sequences.jsonl with source_image, instruction_1 and edit_image_1",
        turns_source(),
    ),
    *(
        Form(
            "seed-data-edit" if recipe == "multi-turn" else f"seed-data-edit-{recipe}",
            "JSON lines in SEED-Data-Edit's folders of annotations",
            source,
        )
        for recipe, source in seed_data_edit.RECIPES.items()
    ),
    Form(
        "webdataset",
        "tar files whose records are a .json, a .source picture and an .edited picture",
        columns_source(_WEB, r"\.tar$"),
    ),
    Form(
        "gpt-image-edit",
        "gpt-edit/<source>/<task>/metadata/*.json, or archives .tar.gz or .tar.gz.part000 of it",
        gpt_image_edit.SOURCE,
    ),
)
FORMS: Mapping[str, Form] = {form.name: form for form in _FORMS}
"""Layouts with fixed names, in the order in which they are tried."""
FOLDER = "folder"
"""The layout of everything else: rows in tables, lines or tar files, with columns of any name."""

KNOWN: Mapping[str, Sequence[str]] = {
    "instruction": (
        *("instruction", "edit_instruction", "edited_prompt_list", "edit_prompt", "prompt"),
        *("editing_instruction", "instructions", "edit", "caption", "text", "txt"),
    ),
    "source_image": (
        *("source_image", "src_img", "source_img", "original_image", "input_image", "input_img"),
        *("source", "src", "original", "input", "before", "control_path", "image", "image_file"),
        *("file_name",),
    ),
    "edited_image": (
        *("edited_image", "edited_img", "target_image", "target_img", "output_image", "output_img"),
        *("edited", "target", "output", "after", "edit_image", "image_path", "result"),
    ),
    "id": ("id", "key", "__key__", "img_id", "uid", "image_id", "omni_edit_id"),
    "license": ("license", "licence"),
    "task": ("task", "edit_type", "edit_task", "task_type", "category"),
}
"""How columns are called in data sets of this kind, the usual names first."""


def guessed(texts: Sequence[str], pictures: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """What the columns of a file hold, by their names, and what is not among them.

    Args:
        texts: Names of columns that hold texts; paths of pictures may be among them.
        pictures: Names of columns that hold pictures.
    """
    found: dict[str, str] = {}
    for what, names in KNOWN.items():
        seen = [*pictures, *texts] if what.endswith("_image") else texts
        by_name = {name.casefold(): name for name in reversed(seen)}
        taken = set(found.values())
        fitting = (by_name[name] for name in names if name in by_name)
        found[what] = next((name for name in fitting if name not in taken), "")
    missing = [one for one in ("instruction", "source_image", "edited_image") if not found[one]]
    return found, missing
