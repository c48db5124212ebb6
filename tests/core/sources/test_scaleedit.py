"""Rows of ScaleEdit-12M with the defects of its release."""

from typing import Any

import pyarrow as pa
import pytest

from editcorpus.demo.scaleedit import SCHEMA
from editcorpus.errors import ConfigError
from editcorpus.readers.columns import check_schema
from editcorpus.records import Reason, Rejected, Triplet
from editcorpus.rows import Place
from editcorpus.sources.scaleedit import JUDGED, LEAST, SOURCE, below, to_triplet
from editcorpus.stages.order import steps_of
from editcorpus.taxonomy import Family, family_of
from flows.parameters import Recipe
from flows.settling import settled

PLACE = Place(
    "s3://data/4.2_gui_interface_text_editing/gui_interface_text_editing_0002.parquet", 0, 5
)
ROW: dict[str, Any] = {
    "id": 17,
    "edit_task": "gui_interface_text_editing",
    "edit_instruction": "Change the title of the window to “Settings”.",
    "instruction_following_score": 3,
    "editing_consistency_score": 2,
    "generation_quality_score": 3,
    "source_image_url": None,
}
CARD = pa.schema(list(SCHEMA)[:12])


def made(**changed: Any) -> Triplet | Rejected:
    return to_triplet({**ROW, **changed}, PLACE, 0)


def test_an_id_is_of_its_task_since_it_is_unique_there_alone() -> None:
    assert made().id == "scaleedit/gui_interface_text_editing/17"
    assert made(edit_task="color_change").id == "scaleedit/color_change/17"


@pytest.mark.parametrize(
    ("told", "task"),
    [
        ("4.2_gui_interface_text_editing", "gui_interface_text_editing"),
        (None, "gui_interface_text_editing"),  # as its file is called
        ("../../etc", "gui_interface_text_editing"),
        ("2.1_object_addition", "object_addition"),
    ],
)
def test_a_task_comes_from_the_column_or_else_from_the_file(told: str | None, task: str) -> None:
    assert getattr(made(edit_task=told), "task") == task  # noqa: B009


def test_every_task_of_the_release_is_a_family_of_its_own_name() -> None:
    for family in Family:
        found = made(edit_task=family.value)
        assert isinstance(found, Triplet)
        assert family_of("scaleedit", found.task) is family


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"id": None}, Reason.MALFORMED_ID),
        ({"edit_instruction": "!" * 512}, Reason.DEGENERATE_INSTRUCTION),
        ({"edit_instruction": None}, Reason.EMPTY_INSTRUCTION),
        ({"source_image_url": "https://images.example/1.jpg"}, Reason.IMAGE_IS_LINK),
    ],
)
def test_a_row_that_cannot_be_used_is_rejected_by_its_text_alone(
    change: dict[str, Any], reason: Reason
) -> None:
    found = made(**change)
    assert isinstance(found, Rejected)
    assert found.reason is reason


@pytest.mark.parametrize("text", ['"Add a hat."', "“Add a hat.”", "'Add a hat.'"])
def test_quotation_marks_around_an_instruction_are_stripped(text: str) -> None:
    assert getattr(made(edit_instruction=text), "instruction") == "Add a hat."  # noqa: B009


@pytest.mark.parametrize(
    ("scores", "told"),
    [
        ((3, 3, 3), ""),
        ((3, 2, 2), ""),
        ((2, 3, 3), "instruction_following_score is 2, not 3 or more."),
        (
            (3, 1, 1),
            "editing_consistency_score is 1, not 2 or more; generation_quality_score is 1, not 2 or more.",
        ),
    ],
)
def test_the_publisher_s_rule_is_three_two_two(scores: tuple[int, ...], told: str) -> None:
    assert below(dict(zip(LEAST, scores, strict=True))) == told
    assert below({}) == ""


def test_rows_without_scores_have_no_facts() -> None:
    assert getattr(made(**dict.fromkeys(LEAST)), "facts") == ""  # noqa: B009


def test_columns_may_be_the_fifteen_of_the_release_or_the_twelve_of_the_card() -> None:
    check_schema(SOURCE, SCHEMA, "a.parquet")
    check_schema(SOURCE, CARD, "a.parquet")
    with pytest.raises(ConfigError, match=r"it needs edit_instruction \(text\)"):
        check_schema(
            SOURCE, pa.schema([one for one in CARD if one.name != "edit_instruction"]), "a"
        )


def test_pictures_are_copied_in_one_pass_by_every_variant() -> None:
    for variant in ("output", "base", "rewrite"):
        assert steps_of(SOURCE, variant)[0] == "fetch"  # type: ignore[arg-type]


def test_the_filter_knows_its_tasks() -> None:
    judge = settled(Recipe(run="r", input="x"), SOURCE).filter.judge
    listed = [
        *judge.local_tasks,
        *judge.whole_tasks,
        *judge.white_ground_tasks,
        *judge.moving_tasks,
    ]
    assert len(listed) == len(set(listed)) == sum(map(len, JUDGED.values()))
    assert set(listed) <= {family.value for family in Family}
