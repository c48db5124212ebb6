"""HQ-Edit as it is published: no ids, pairs of two sizes, structs or bytes, three recipes of each row."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from editcorpus import images
from editcorpus.demo.hqedit import write_hqedit
from editcorpus.demo.scenes import cut_short
from editcorpus.errors import ConfigError
from editcorpus.inputs import Inputs
from editcorpus.planning import Selection, check_columns, plan
from editcorpus.records import Triplet
from editcorpus.rows import Found, Place, Role
from editcorpus.sources.hqedit import RECIPES, to_triplet
from flows.parameters import Recipe
from flows.settling import settled
from flows.starting import recipe_name

ROLES: tuple[Role, ...] = ("source", "edited")
Rewrite = Callable[..., Path]


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_hqedit(tmp_path_factory.mktemp("hqedit"))


@pytest.fixture
def rewritten(published: Path, tmp_path: Path) -> Rewrite:
    """Writes the rows once more, each changed, without some columns; the types are guessed."""

    def made(change: Callable[[dict[str, Any]], dict[str, Any]], *without: str) -> Path:
        rows = pq.read_table(next(published.rglob("*.parquet"))).to_pylist()
        table = pa.Table.from_pylist([change(row) for row in rows]).drop_columns(list(without))
        pq.write_table(table, tmp_path / "train-00000-of-00001.parquet", row_group_size=4)
        return tmp_path

    return made


def pictures(where: Path, recipe: str) -> Iterator[tuple[Triplet, Found]]:
    source, inputs = RECIPES[recipe], Inputs.find(str(where))
    for shard in plan(source, inputs, Selection()):
        yield from source.reader.shelf(source, inputs, None).read(shard.triplets, ROLES)


def whole(row: dict[str, Any]) -> dict[str, Any]:
    return row


def test_a_row_is_known_by_file_row_and_recipe() -> None:
    row = {"input": "A.", "edit": "Do it.", "inverse_edit": "Undo it.", "output": "B."}
    places = [Place(f"s3://b/data/train-{file}.parquet", 0, n) for file in "ab" for n in (7, 8)]
    made = [to_triplet(row, place, 0, recipe=one) for place in places for one in RECIPES]
    assert len({one.id for one in made}) == 12
    assert made[0].id == "hqedit/edit/train-a/7"


def test_pictures_are_read_whether_they_are_structs_or_bytes(
    published: Path, rewritten: Rewrite
) -> None:
    bare = rewritten(
        lambda row: {
            name: value["bytes"] if isinstance(value, dict) else value
            for name, value in row.items()
        }
    )
    found = list(pictures(bare, "edit"))
    assert found == [
        (Triplet(**{**_members(one), "file": found[0][0].file}), data)
        for one, data in pictures(published, "edit")
    ]
    assert all(data["source"] and data["edited"] for _, data in found)


def _members(one: Triplet) -> dict[str, Any]:
    return {name: getattr(one, name) for name in one.__slots__}


def test_inverse_takes_the_pair_the_other_way_round(published: Path) -> None:
    there = {one.row: data for one, data in pictures(published, "edit")}
    back = {one.row: data for one, data in pictures(published, "inverse")}
    for row, data in there.items():
        assert (back[row]["source"], back[row]["edited"]) == (data["edited"], data["source"])


@pytest.mark.parametrize("recipe", RECIPES)
def test_planning_reads_no_picture(recipe: str) -> None:
    assert not any("image" in name for name in RECIPES[recipe].plan_columns)


def test_generate_needs_no_picture_at_all(rewritten: Rewrite) -> None:
    where = rewritten(whole, "input_image", "output_image")
    inputs = Inputs.find(str(where))
    check_columns(RECIPES["generate"], inputs, inputs.files[0])
    with pytest.raises(ConfigError, match=r"it needs input_image \(image\); it has input"):
        check_columns(RECIPES["edit"], inputs, inputs.files[0])


def test_a_file_without_inverse_instructions_says_what_it_lacks(rewritten: Rewrite) -> None:
    inputs = Inputs.find(str(rewritten(whole, "inverse_edit")))
    with pytest.raises(ConfigError, match=r"it needs inverse_edit \(text\); it has input"):
        check_columns(RECIPES["inverse"], inputs, inputs.files[0])
    check_columns(RECIPES["edit"], inputs, inputs.files[0])


@pytest.mark.parametrize("recipe", RECIPES)
def test_no_instruction_is_rewritten_unless_somebody_says_so(recipe: str) -> None:
    source = RECIPES[recipe]
    usual = settled(Recipe(run="r", input="x"), source)
    assert (usual.rewrite.share, usual.variant) == (0, "pair" if recipe == "generate" else "output")
    assert usual.filter.judge.whole_tasks == (recipe,)
    asked = Recipe.model_validate({"run": "r", "input": "x", "rewrite": {"share": 0.25}})
    assert settled(asked, source).rewrite.share == 0.25


def test_the_subsets_of_the_paper_are_of_the_same_rows(published: Path) -> None:
    inputs, drawn = Inputs.find(str(published)), []
    for name in ("hqedit100k-base", "hqedit100k-output-regen", "hqedit100k-pair-regen"):
        asked = Recipe.model_validate({"run": "r", "input": "x", "preset": name})
        source = RECIPES[recipe_name(asked)]
        usual = settled(asked, source)
        assert usual.selection.limit == 100_000
        shards = plan(source, inputs, usual.selection.model_copy(update={"limit": 5}))
        ids = [one.id for shard in shards for one in (*shard.triplets, *shard.rejected)]
        drawn.append((usual.variant, sorted(int(one.rpartition("/")[2]) for one in ids)))
    assert [variant for variant, _ in drawn] == ["base", "output", "pair"]
    assert drawn[0][1] == drawn[1][1] == drawn[2][1]
    assert len(drawn[0][1]) == 5


def test_a_base_pair_keeps_both_pictures_as_they_are_in_both_their_sizes(
    published: Path, build_rows: Callable[..., Any]
) -> None:
    built = build_rows(RECIPES["edit"], published, "base")
    there = {one.id: data for one, data in pictures(published, "edit")}
    assert len(built.kept) == 6
    for key, record in built.kept.items():
        assert record.source_image == there[key]["source"]
        assert record.edited_image == there[key]["edited"]
        assert images.decode(record.source_image).size == (record.width, record.height)
        edited = images.decode(record.edited_image).size
        assert edited == (record.edited_width, record.edited_height)
        assert edited == (record.width - 7, record.height + 2)
        assert record.license == "CC-BY-NC-4.0"
        assert "input_description" in record.source_facts or key.endswith("/6")
    assert set(built.rejected.values()) == {"empty_instruction", "edited_unreadable"}


def test_a_picture_that_a_recipe_does_not_use_may_be_damaged(
    rewritten: Rewrite, build_rows: Callable[..., Any]
) -> None:
    where = rewritten(lambda row: {**row, "output_image": cut_short(row["output_image"])})
    built = build_rows(RECIPES["edit"], where)
    assert len(built.kept) == 7, built.rejected
    assert set(built.rejected.values()) == {"empty_instruction"}
