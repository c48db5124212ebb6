"""Task families: one vocabulary for what every source calls otherwise.

The 23 families are the tasks of ScaleEdit-12M (the names of its folders, `gzchen4ai/ScaleEdit-12M` at
e757eaf). Each native task of each source has its row in `NATIVE`; a row is empty where the source's
own columns do not tell what kind of edit it is. Families map on to the types by which two benchmarks
report: GEdit-Bench (11 types, Step1X-Edit, arXiv 2504.17761) and ImgEdit-Bench (9 types, arXiv
2505.20275). The tables from sources and to benchmarks are this project's own reading.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Protocol


class Family(StrEnum):
    """What kind of edit it is."""

    STYLE_TRANSFER = "style_transfer"
    TONE_ADJUSTMENT = "tone_adjustment"
    VIEWPOINT_TRANSFORMATION = "viewpoint_transformation"
    BACKGROUND_REPLACEMENT = "background_replacement"
    OBJECT_ADDITION = "object_addition"
    OBJECT_REMOVAL = "object_removal"
    OBJECT_REPLACEMENT = "object_replacement"
    ACTION_EDITING = "action_editing"
    PART_EXTRACTION = "part_extraction"
    COLOR_CHANGE = "color_change"
    MATERIAL_CHANGE = "material_change"
    VISUAL_BEAUTIFICATION = "visual_beautification"
    COUNT_CHANGE = "count_change"
    SIZE_CHANGE = "size_change"
    MOVIE_POSTER_TEXT = "movie_poster_text_editing"
    GUI_TEXT = "gui_interface_text_editing"
    OBJECT_SURFACE_TEXT = "object_surface_text_editing"
    BUILDING_SURFACE_TEXT = "building_surface_text_editing"
    PERCEPTUAL_REASONING = "perceptual_reasoning"
    SYMBOLIC_REASONING = "symbolic_reasoning"
    SOCIAL_REASONING = "social_reasoning"
    SCIENTIFIC_REASONING = "scientific_reasoning"
    COMPOSITIONAL = "compositional_editing"


class InstructionType(StrEnum):
    """Where the text of an instruction is from (GPT-IMAGE-EDIT-1.5M, `instruction_type`)."""

    ORIGINAL = "original"
    REWRITE = "rewrite"
    COMPLEX = "complex"


SECTIONS: dict[Family, str] = {
    family: f"{chapter}.{place}"
    for chapter, (first, count) in enumerate(
        ((0, 4), (4, 5), (9, 5), (14, 4), (18, 4), (22, 1)), start=1
    )
    for place, family in enumerate(list(Family)[first : first + count], start=1)
}
"""ScaleEdit's number of each family, such as `2.1`; its folders are `<number>_<family>`."""

_F = Family

_OMNIEDIT: dict[str, Family | None] = {
    "addition": _F.OBJECT_ADDITION,
    "removal": _F.OBJECT_REMOVAL,
    "swap": _F.OBJECT_REPLACEMENT,
    "attribute_modification": _F.COLOR_CHANGE,
    "env": _F.TONE_ADJUSTMENT,
    "style": _F.STYLE_TRANSFER,
}
_HQEDIT: dict[str, Family | None] = dict.fromkeys(("edit", "generate", "inverse"))
_ULTRAEDIT: dict[str, Family | None] = {
    "add": _F.OBJECT_ADDITION,
    "change_color": _F.COLOR_CHANGE,
    "change_global": _F.TONE_ADJUSTMENT,
    "change_local": _F.MATERIAL_CHANGE,
    "others": None,
    "replace": _F.OBJECT_REPLACEMENT,
    "transform_global": _F.BACKGROUND_REPLACEMENT,
    "transform_local": _F.OBJECT_REPLACEMENT,
    "turn": _F.OBJECT_REPLACEMENT,
}
_COMPLEX: dict[str, Family | None] = {"complex-edit": _F.COMPOSITIONAL}

NATIVE: dict[str, dict[str, Family | None]] = {
    "omniedit": _OMNIEDIT,
    "hqedit": _HQEDIT,
    "ultraedit": _ULTRAEDIT,
    "seed-data-edit": {
        "add": _F.OBJECT_ADDITION,
        "remove": _F.OBJECT_REMOVAL,
        "openimages": None,
        "unsplash": None,
        "real_editing": None,
        "multi_turn_editing": None,
    },
    "scaleedit": {family.value: family for family in Family},
    "complex-edit": _COMPLEX,
    "gpt-image-edit": {
        **_OMNIEDIT,
        **_HQEDIT,
        **_ULTRAEDIT,
        **_COMPLEX,
        "object_swap": _F.OBJECT_REPLACEMENT,
        "background_swap": _F.BACKGROUND_REPLACEMENT,
    },
}
"""Native task to family, by source; None where the task does not tell the kind of edit.

HQ-Edit has no task column (its own paper counts seven kinds of edit), and SEED-Data-Edit names parts;
both need a classifier. OmniEdit's `env` is weather, season and time of day; UltraEdit's categories are
those of the nine folders of GPT-IMAGE-EDIT-1.5M.
"""

SUBTASKS: dict[str, dict[str, Family]] = {
    "omniedit": {
        "obj_add": _F.OBJECT_ADDITION,
        "obj_remove": _F.OBJECT_REMOVAL,
        "obj_swap": _F.OBJECT_REPLACEMENT,
        "background_swap": _F.BACKGROUND_REPLACEMENT,
        "attr_mod_color": _F.COLOR_CHANGE,
        "attr_mod_material": _F.MATERIAL_CHANGE,
        "attr_mod_texture": _F.MATERIAL_CHANGE,
        "attr_mod_facial": _F.ACTION_EDITING,
        "attr_mod_size": _F.SIZE_CHANGE,
        "env": _F.TONE_ADJUSTMENT,
        "style": _F.STYLE_TRANSFER,
    },
    "gpt-image-edit": {family.value: family for family in Family},
}
"""Beginnings of finer tasks, by source, that say more than the task does; the longest that fits counts.

OmniEdit's sub-task stands in its id alone: `task_attr_mod_color_11699`, `task_obj_swap_joint_mask_276754`.
An export of ours in the layout of GPT-IMAGE-EDIT-1.5M names the family of each record.
"""

GEDIT: dict[Family, str] = {
    _F.STYLE_TRANSFER: "style_change",
    _F.TONE_ADJUSTMENT: "tone_transfer",
    _F.VIEWPOINT_TRANSFORMATION: "motion_change",
    _F.BACKGROUND_REPLACEMENT: "background_change",
    _F.OBJECT_ADDITION: "subject-add",
    _F.OBJECT_REMOVAL: "subject-remove",
    _F.OBJECT_REPLACEMENT: "subject-replace",
    _F.ACTION_EDITING: "motion_change",
    _F.PART_EXTRACTION: "subject-remove",
    _F.COLOR_CHANGE: "color_alter",
    _F.MATERIAL_CHANGE: "material_alter",
    _F.VISUAL_BEAUTIFICATION: "ps_human",
    _F.COUNT_CHANGE: "subject-add",
    _F.SIZE_CHANGE: "subject-replace",
    _F.MOVIE_POSTER_TEXT: "text_change",
    _F.GUI_TEXT: "text_change",
    _F.OBJECT_SURFACE_TEXT: "text_change",
    _F.BUILDING_SURFACE_TEXT: "text_change",
    _F.PERCEPTUAL_REASONING: "subject-replace",
    _F.SYMBOLIC_REASONING: "subject-replace",
    _F.SOCIAL_REASONING: "subject-replace",
    _F.SCIENTIFIC_REASONING: "subject-replace",
    _F.COMPOSITIONAL: "subject-replace",
}
"""Type of GEdit-Bench by family; the nearest one where `NO_GEDIT_TYPE` says that there is none."""

NO_GEDIT_TYPE = frozenset(
    {
        _F.VIEWPOINT_TRANSFORMATION,
        _F.PART_EXTRACTION,
        _F.COUNT_CHANGE,
        _F.SIZE_CHANGE,
        _F.PERCEPTUAL_REASONING,
        _F.SYMBOLIC_REASONING,
        _F.SOCIAL_REASONING,
        _F.SCIENTIFIC_REASONING,
        _F.COMPOSITIONAL,
    }
)
"""Families that GEdit-Bench does not ask for: leave them out of an average by its types."""

IMGEDIT: dict[Family, str] = {
    _F.STYLE_TRANSFER: "style",
    _F.TONE_ADJUSTMENT: "adjust",
    _F.VIEWPOINT_TRANSFORMATION: "adjust",
    _F.BACKGROUND_REPLACEMENT: "background",
    _F.OBJECT_ADDITION: "add",
    _F.OBJECT_REMOVAL: "remove",
    _F.OBJECT_REPLACEMENT: "replace",
    _F.ACTION_EDITING: "action",
    _F.PART_EXTRACTION: "extract",
    _F.COLOR_CHANGE: "adjust",
    _F.MATERIAL_CHANGE: "adjust",
    _F.VISUAL_BEAUTIFICATION: "adjust",
    _F.COUNT_CHANGE: "add",
    _F.SIZE_CHANGE: "adjust",
    _F.MOVIE_POSTER_TEXT: "replace",
    _F.GUI_TEXT: "replace",
    _F.OBJECT_SURFACE_TEXT: "replace",
    _F.BUILDING_SURFACE_TEXT: "replace",
    _F.PERCEPTUAL_REASONING: "hybrid",
    _F.SYMBOLIC_REASONING: "hybrid",
    _F.SOCIAL_REASONING: "hybrid",
    _F.SCIENTIFIC_REASONING: "hybrid",
    _F.COMPOSITIONAL: "hybrid",
}
"""Type of ImgEdit-Bench by family; the nearest one where `NO_IMGEDIT_TYPE` says that there is none."""

NO_IMGEDIT_TYPE = frozenset(
    {
        _F.VIEWPOINT_TRANSFORMATION,
        _F.COUNT_CHANGE,
        _F.MOVIE_POSTER_TEXT,
        _F.GUI_TEXT,
        _F.OBJECT_SURFACE_TEXT,
        _F.BUILDING_SURFACE_TEXT,
        _F.PERCEPTUAL_REASONING,
        _F.SYMBOLIC_REASONING,
        _F.SOCIAL_REASONING,
        _F.SCIENTIFIC_REASONING,
    }
)
"""Families that ImgEdit-Bench does not ask for: leave them out of an average by its types."""


def family_of(
    source: str, task: str, subtask: str = "", instruction_type: str = InstructionType.ORIGINAL
) -> Family | None:
    """The family of a record; None where its source does not tell.

    A complex instruction is compositional whatever task it was made of, and a task that is named
    after a family is that family in any source, so that a person's own data may say it.

    Args:
        source: `dataset_source` of the record.
        task: The source's own name of the task.
        subtask: The finer task where the source has one.
        instruction_type: One of `InstructionType`.
    """
    if instruction_type == InstructionType.COMPLEX:
        return Family.COMPOSITIONAL
    finer = _longest(SUBTASKS.get(source, {}), subtask)
    if finer is not None:
        return finer
    known = NATIVE.get(source, {})
    return known[task] if task in known else _named(task)


class _Told(Protocol):
    """What says of a triplet which family it is of: the first three arguments of `family_of`."""

    @property
    def dataset_source(self) -> str: ...
    @property
    def task(self) -> str: ...
    @property
    def subtask(self) -> str: ...


def name_of_family(triplet: _Told, instruction_type: str = InstructionType.ORIGINAL) -> str:
    """The name of a triplet's family, as `family_of` tells it; empty where its source does not tell.

    Args:
        triplet: A triplet, or a record of one.
        instruction_type: One of `InstructionType`.
    """
    return family_of(triplet.dataset_source, triplet.task, triplet.subtask, instruction_type) or ""


def _longest(table: Mapping[str, Family], text: str) -> Family | None:
    fitting = [name for name in table if text == name or text.startswith(f"{name}_")]
    return table[max(fitting, key=len)] if fitting else None


def _named(task: str) -> Family | None:
    return Family(task) if task in set(Family) else None
