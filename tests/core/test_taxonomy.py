"""One vocabulary of tasks for all sources."""

import pytest

from editcorpus.taxonomy import (
    GEDIT,
    IMGEDIT,
    NATIVE,
    NO_GEDIT_TYPE,
    NO_IMGEDIT_TYPE,
    SECTIONS,
    SUBTASKS,
    Family,
    InstructionType,
    family_of,
)

SOURCES = {
    "omniedit": {"addition", "removal", "swap", "attribute_modification", "env", "style"},
    "hqedit": {"edit", "generate", "inverse"},
    "ultraedit": {
        *("add", "change_color", "change_global", "change_local", "others"),
        *("replace", "transform_global", "transform_local", "turn"),
    },
    "complex-edit": {"complex-edit"},
}
GEDIT_TYPES = {
    *("background_change", "color_alter", "material_alter", "motion_change", "ps_human"),
    *("style_change", "subject-add", "subject-remove", "subject-replace"),
    *("text_change", "tone_transfer"),
}
IMGEDIT_TYPES = {
    *("add", "adjust", "extract", "replace", "remove", "background", "style", "hybrid", "action"),
}


def test_there_are_23_families_in_six_chapters() -> None:
    assert len(Family) == len(set(SECTIONS.values())) == 23
    assert list(SECTIONS) == list(Family)
    assert SECTIONS[Family.STYLE_TRANSFER] == "1.1"
    assert SECTIONS[Family.OBJECT_ADDITION] == "2.1"
    assert SECTIONS[Family.SIZE_CHANGE] == "3.5"
    assert SECTIONS[Family.BUILDING_SURFACE_TEXT] == "4.4"
    assert SECTIONS[Family.SCIENTIFIC_REASONING] == "5.4"
    assert SECTIONS[Family.COMPOSITIONAL] == "6.1"


def test_every_published_source_has_its_table() -> None:
    assert set(NATIVE) == {*SOURCES, "seed-data-edit", "scaleedit", "gpt-image-edit"}


@pytest.mark.parametrize("source", SOURCES)
def test_a_table_holds_the_tasks_of_its_source_and_no_others(source: str) -> None:
    assert set(NATIVE[source]) == SOURCES[source]


def test_scaleedit_has_its_own_names() -> None:
    assert NATIVE["scaleedit"] == {family.value: family for family in Family}


def test_the_united_corpus_has_the_tasks_of_all_that_it_was_made_of() -> None:
    parts = set().union(*SOURCES.values())
    assert set(NATIVE["gpt-image-edit"]) == parts | {"object_swap", "background_swap"}


@pytest.mark.parametrize(
    ("table", "types", "strangers"),
    [(GEDIT, GEDIT_TYPES, NO_GEDIT_TYPE), (IMGEDIT, IMGEDIT_TYPES, NO_IMGEDIT_TYPE)],
    ids=["gedit", "imgedit"],
)
def test_every_family_has_a_type_and_every_type_a_family_of_its_own(
    table: dict[Family, str], types: set[str], strangers: frozenset[Family]
) -> None:
    assert set(table) == set(Family)
    assert set(table.values()) == types
    assert {kind for family, kind in table.items() if family not in strangers} == types


@pytest.mark.parametrize(
    ("source", "task", "subtask", "family"),
    [
        ("omniedit", "addition", "obj_add", Family.OBJECT_ADDITION),
        ("omniedit", "swap", "obj_swap_joint_mask", Family.OBJECT_REPLACEMENT),
        ("omniedit", "swap", "background_swap", Family.BACKGROUND_REPLACEMENT),
        ("omniedit", "attribute_modification", "attr_mod_facial", Family.ACTION_EDITING),
        ("omniedit", "attribute_modification", "attr_mod_wealth", Family.COLOR_CHANGE),
        ("omniedit", "env", "env_weather", Family.TONE_ADJUSTMENT),
        ("omniedit", "env", "environment", Family.TONE_ADJUSTMENT),
        ("omniedit", "", "obj_remove", Family.OBJECT_REMOVAL),
        ("omniedit", "", "", None),
        ("hqedit", "generate", "", None),
        ("ultraedit", "others", "", None),
        ("scaleedit", "size_change", "", Family.SIZE_CHANGE),
        ("folder", "object_removal", "", Family.OBJECT_REMOVAL),
        ("folder", "my own task", "obj_add", None),
    ],
)
def test_a_record_has_the_family_of_its_finest_task(
    source: str, task: str, subtask: str, family: Family | None
) -> None:
    assert family_of(source, task, subtask) is family


@pytest.mark.parametrize("source", [*NATIVE, "folder"])
def test_a_complex_instruction_is_compositional_in_every_source(source: str) -> None:
    found = family_of(source, "removal", "obj_remove", InstructionType.COMPLEX)
    assert found is Family.COMPOSITIONAL


def test_every_native_task_is_what_its_table_says() -> None:
    for source, tasks in NATIVE.items():
        for task, family in tasks.items():
            assert family_of(source, task) is family
    for source, beginnings in SUBTASKS.items():
        for subtask, family in beginnings.items():
            assert family_of(source, "", subtask) is family
