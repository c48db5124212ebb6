"""Rows of OmniEdit as its dataset card describes them."""

from collections.abc import Sequence
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from editcorpus.errors import RowsDamaged
from editcorpus.inputs import Inputs
from editcorpus.planning import Selection, plan
from editcorpus.readers.columns import check_schema
from editcorpus.readers.parquet import PARQUET
from editcorpus.records import Reason, Rejected, Triplet
from editcorpus.rows import Place
from editcorpus.sources.omniedit import SOURCE, to_triplet

PLACE = Place("s3://data/train-00007-of-04000.parquet", 2, 211)
IMAGE = pa.struct({"bytes": pa.binary(), "path": pa.string()})
ROWS = [
    {
        "omni_edit_id": "task_attr_mod_color_11699",
        "task": "attribute_modification",
        "edited_prompt_list": ["Make the car red.", "Change the colour of the car to red."],
    },
    {
        "omni_edit_id": "task_obj_swap_joint_mask_276754",
        "task": "swap",
        "edited_prompt_list": ["Replace the dog with a cat."],
    },
    {
        "omni_edit_id": "task_env_weather_112463",
        "task": "env",
        "edited_prompt_list": ["", " 'Let it snow.' "],
    },
]


def read_pictures(column: str, triplets: Sequence[Triplet], inputs: Inputs):
    source = replace(SOURCE, columns={column: "image"}, pictures={"source": column})
    for one, found in PARQUET.shelf(source, inputs, None).read(triplets, ("source",)):
        yield one, found if isinstance(found, RowsDamaged) else found["source"]


def test_a_row_becomes_a_triplet():
    assert to_triplet(ROWS[1], PLACE, 0) == Triplet(
        id="omniedit/task_obj_swap_joint_mask_276754",
        dataset_source="omniedit",
        task="swap",
        subtask="obj_swap_joint_mask",
        instruction="Replace the dog with a cat.",
        instruction_index=0,
        license="MIT",
        file=PLACE.file,
        row_group=2,
        row=211,
    )


def test_the_used_paraphrase_is_recorded():
    made = [to_triplet(ROWS[0], PLACE, seed) for seed in range(20)]
    assert all(
        ROWS[0]["edited_prompt_list"][one.instruction_index] == one.instruction for one in made
    )
    assert {one.instruction_index for one in made} == {0, 1}
    assert to_triplet(ROWS[2], PLACE, 0).instruction == "Let it snow."
    assert to_triplet(ROWS[2], PLACE, 0).instruction_index == 1


@pytest.mark.parametrize(
    ("native", "subtask"),
    [
        ("task_attr_mod_color_11699", "attr_mod_color"),
        ("task_attr_mod_facial_3", "attr_mod_facial"),
        ("task_env_weather_112463", "env_weather"),
        ("task_obj_add_40931", "obj_add"),
        ("task_obj_remove_380621", "obj_remove"),
        ("task_obj_swap_rand_mask_417469", "obj_swap_rand_mask"),
        ("task_11699", ""),
        ("obj_add_40931", ""),
        ("task_obj_add", ""),
        ("40931", ""),
    ],
)
def test_the_sub_task_comes_out_of_the_id(native, subtask):
    assert to_triplet({**ROWS[0], "omni_edit_id": native}, PLACE, 0).subtask == subtask


@pytest.mark.parametrize("task", [None, "../../etc", "a b", "<script>", "x" * 65])
def test_a_task_of_unknown_form_is_left_empty(task):
    assert to_triplet({**ROWS[0], "task": task}, PLACE, 0).task == ""


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"omni_edit_id": None}, Reason.MALFORMED_ID),
        ({"omni_edit_id": "../task_obj_add_1"}, Reason.MALFORMED_ID),
        ({"edited_prompt_list": None}, Reason.EMPTY_INSTRUCTION),
        ({"edited_prompt_list": [""]}, Reason.EMPTY_INSTRUCTION),
        ({"edited_prompt_list": ["!" * 512]}, Reason.DEGENERATE_INSTRUCTION),
    ],
)
def test_an_unusable_row_is_rejected(change, reason):
    rejected = to_triplet({**ROWS[0], **change}, PLACE, 0)
    assert isinstance(rejected, Rejected)
    assert rejected.reason is reason


@pytest.mark.parametrize("raw", [False, True])
def test_the_published_columns_are_read_whether_pictures_are_structs_or_bytes(tmp_path, raw):
    pictures = [{"bytes": b"%d" % n, "path": f"{n}.jpg"} for n in range(3)]
    table = pa.Table.from_pylist(ROWS).append_column(
        "src_img",
        pa.array([one["bytes"] for one in pictures]) if raw else pa.array(pictures, IMAGE),
    )
    pq.write_table(table, tmp_path / "train-00000-of-00001.parquet")
    check_schema(SOURCE, table.schema, "train")
    inputs = Inputs.find(str(tmp_path))
    (shard,) = plan(SOURCE, inputs, Selection())
    got = list(read_pictures("src_img", shard.triplets, inputs))
    assert [(one.id.split("_")[-1], data) for one, data in got] == [
        ("11699", b"0"),
        ("276754", b"1"),
        ("112463", b"2"),
    ]


def test_no_picture_is_among_the_planned_columns():
    assert SOURCE.plan_columns == ["omni_edit_id", "task", "edited_prompt_list"]
