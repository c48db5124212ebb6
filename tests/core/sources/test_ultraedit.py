"""UltraEdit as it is published: two parts with two schemas, thousands of splits, and its masks."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from editcorpus.demo.ultraedit import write_ultraedit
from editcorpus.errors import ConfigError
from editcorpus.inputs import Inputs
from editcorpus.planning import Selection, check_columns, plan
from editcorpus.records import Reason, Triplet
from editcorpus.rows import Place, Role
from editcorpus.sources.ultraedit import RECIPES, to_triplet
from editcorpus.steps.classify import CATEGORIES
from flows.parameters import Recipe
from flows.settling import settled

FREE, REGION = RECIPES["free"], RECIPES["region"]
ROW = dict.fromkeys(FREE.plan_columns) | {"edit_prompt": "add a cat"}


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_ultraedit(tmp_path_factory.mktemp("ultraedit"))


def triplets(recipe: str, where: Path) -> list[Triplet]:
    source = RECIPES[recipe]
    shards = plan(source, Inputs.find(str(where), {}, source.kind), Selection())
    return [one for shard in shards for one in shard.triplets]


def test_each_recipe_finds_its_own_files_beside_those_of_the_other(published: Path) -> None:
    free = Inputs.find(str(published), {}, FREE.kind).files
    region = Inputs.find(str(published), {}, REGION.kind).files
    assert (len(free), len(region)) == (2, 1)
    assert not set(free) & set(region)


def test_columns_of_type_null_are_read_as_what_they_are_elsewhere(published: Path) -> None:
    path = Inputs.find(str(published), {}, FREE.kind).files[0]
    schema = pq.read_schema(path)
    assert pa.types.is_null(schema.field("edit_object").type)
    assert pa.types.is_null(schema.field("mask_image").type)
    assert [one.instruction for one in triplets("free", published)][:2] == [
        "Add a blue hat",
        "Make it a winter day with snow",
    ]


def test_a_region_build_over_free_form_files_says_that_they_have_no_masks(published: Path) -> None:
    path = Inputs.find(str(published), {}, FREE.kind).files[0]
    with pytest.raises(ConfigError, match=r"it needs mask_image \(image\)"):
        check_columns(REGION, Inputs.find(path, {}, REGION.kind), path)


@pytest.mark.parametrize(
    ("file", "key"),
    [
        ("data/FreeForm_7-00001-of-00002.parquet", "FreeForm_7/FreeForm_7-00001-of-00002/3"),
        ("hf://datasets/a/b@c/data/FreeForm_7-00000-of-00002.parquet", None),
        ("default/FreeForm_7/0000.parquet", "FreeForm_7/0000/3"),
        ("default/FreeForm_8/0000.parquet", "FreeForm_8/0000/3"),
        ("data/RegionBase-00092-of-00093.parquet", "RegionBase/RegionBase-00092-of-00093/3"),
        ("mine/rows.parquet", "free/rows/3"),
    ],
)
def test_an_id_is_made_of_split_file_and_row_wherever_the_split_is_named(
    file: str, key: str | None
) -> None:
    made = to_triplet({**ROW, "idx": 0}, Place(file, 0, 3), 0)
    assert made.id == f"ultraedit/{key or 'FreeForm_7/FreeForm_7-00000-of-00002/3'}"


def test_thousands_of_splits_have_no_id_in_common() -> None:
    files = [f"data/FreeForm_{k}-0000{j}-of-00002.parquet" for k in range(2000) for j in range(2)]
    assert len({to_triplet(ROW, Place(file, 0, 0), 0).id for file in files}) == 4000


@pytest.mark.parametrize(
    ("word", "masked"),
    [("sofa", True), (None, True), ("", True), ("NONE", False), (" none", False)],
)
def test_none_in_place_of_an_object_means_the_whole_picture(word: str | None, masked: bool) -> None:
    row, place = {**ROW, "edit_object": word}, Place("RegionBase-0.parquet", 0, 0)
    made = to_triplet(row, place, 0, recipe="region")
    assert made.paths == ("" if masked else '{"mask": ""}')
    assert to_triplet(row, place, 0).paths == ""


def test_a_mask_that_a_row_has_no_use_for_is_not_given_out(published: Path) -> None:
    inputs = Inputs.find(str(published), {}, REGION.kind)
    roles: tuple[Role, ...] = ("source", "mask")
    shelf = REGION.reader.shelf(REGION, inputs, None)
    found = {one.row: data for one, data in shelf.read(triplets("region", published), roles)}
    assert [row for row, data in found.items() if data["mask"] is None] == [3, 5]
    assert all(data["source"] for data in found.values())


@pytest.mark.parametrize("recipe", RECIPES)
def test_pictures_are_scaled_bicubic_both_ways_and_kinds_are_asked_for(recipe: str) -> None:
    usual = settled(Recipe(run="r", input="x"), RECIPES[recipe])
    assert (usual.pad.resample, usual.filter.restore.resample) == ("bicubic", "bicubic")
    assert usual.rewrite.share == 0
    assert RECIPES[recipe].classes
    judge = usual.filter.judge
    assert sorted([*judge.local_tasks, *judge.whole_tasks]) == sorted(CATEGORIES)


def test_planning_reads_no_picture_and_degenerate_prompts_are_rejected(published: Path) -> None:
    assert not any("image" in name and "clip" not in name for name in FREE.plan_columns)
    shards = plan(FREE, Inputs.find(str(published), {}, FREE.kind), Selection())
    reasons = [one.reason for shard in shards for one in shard.rejected]
    assert reasons == [Reason.DEGENERATE_INSTRUCTION]


def test_a_build_without_a_limit_takes_every_row_and_tells_its_kind(
    published: Path, build_rows: Callable[..., Any]
) -> None:
    every = build_rows(FREE, published, "base")
    tasks = Counter(one.task for one in every.kept.values())
    assert len(every.kept) == 5
    assert set(tasks) <= set(CATEGORIES)
    assert all(one.family or one.task == "others" for one in every.kept.values())


def test_a_limit_takes_as_many_of_each_kind(
    published: Path, build_rows: Callable[..., Any]
) -> None:
    some = build_rows(FREE, published, "base", selection={"limit": len(CATEGORIES)})
    tasks = Counter(one.task for one in some.kept.values())
    assert set(tasks.values()) == {1}
    assert "add" in tasks


def test_a_pair_is_made_of_the_caption_and_its_instruction(
    build_rows: Callable[..., Any], published: Path
) -> None:
    built = build_rows(FREE.as_pair(), published, "pair", selection={"limit": 9})
    made = built.kept.values()
    assert {one.variant for one in made} == {"pair"}
    assert all((one.edited_width, one.edited_height) == (one.width, one.height) for one in made)
    assert all(min(one.width, one.height) == 1024 for one in made)
