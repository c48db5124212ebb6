"""The demo's input is what it says it is."""

import csv
import io
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import datasets
import pyarrow.parquet as pq
import pytest
from PIL import Image, ImageOps, ImageStat

from editcorpus.demo.rows import demo_rows, published_schema, write_demo_input
from editcorpus.errors import RowsDamaged
from editcorpus.inputs import Inputs
from editcorpus.planning import Selection, plan
from editcorpus.readers.parquet import PARQUET
from editcorpus.records import Reason, Triplet
from editcorpus.sources.omniedit import SOURCE

pytestmark = pytest.mark.long

PHOTOS = files("editcorpus.demo").joinpath("photos")
FREE = {"CC0-1.0", "public domain"}


def read_pictures(column: str, triplets: Sequence[Triplet], inputs: Inputs):
    source = replace(SOURCE, columns={column: "image"}, pictures={"source": column})
    for one, found in PARQUET.shelf(source, inputs, None).read(triplets, ("source",)):
        yield one, found if isinstance(found, RowsDamaged) else found["source"]


@pytest.fixture(scope="module")
def pictures(demo_input: Path) -> dict[str, bytes | None]:
    inputs = Inputs.find(str(demo_input))
    triplets = [one for shard in plan(SOURCE, inputs, Selection()) for one in shard.triplets]
    found = read_pictures("src_img", triplets, inputs)
    return {one.id.removeprefix("omniedit/"): data for one, data in found}


def described(form: str) -> list[str]:
    return [row["id"] for row in demo_rows() if row.get("form", "jpeg") == form]


def test_every_photograph_is_free_and_its_origin_is_on_record():
    rows = list(csv.DictReader(io.StringIO(PHOTOS.joinpath("ORIGINS.csv").read_text("utf-8"))))
    kept = {
        one.name: len(one.read_bytes()) for one in PHOTOS.iterdir() if one.name.endswith(".jpg")
    }
    assert {row["file"] for row in rows} == set(kept)
    assert {row["licence"] for row in rows} <= FREE
    assert all(row["author"] and row["origin"] and row["taken_from"] for row in rows)
    assert sum(kept.values()) < 3_000_000


def test_both_files_have_the_published_columns(demo_input: Path):
    paths = sorted(demo_input.glob("*.parquet"))
    assert [path.name for path in paths] == [
        "demo-00000-of-00002.parquet",
        "demo-00001-of-00002.parquet",
    ]
    for path in paths:
        assert pq.read_schema(path).equals(published_schema())
        assert pq.read_schema(path).metadata == published_schema().metadata
        assert pq.ParquetFile(path).metadata.num_rows == 24


def test_the_same_seed_gives_the_same_bytes(demo_input: Path, tmp_path: Path):
    again = write_demo_input(tmp_path)
    for path in demo_input.glob("*.parquet"):
        assert (again / path.name).read_bytes() == path.read_bytes()


def test_every_task_and_many_sub_tasks_are_there_sorted(demo_input: Path):
    shards = list(plan(SOURCE, Inputs.find(str(demo_input)), Selection()))
    triplets = [one for shard in shards for one in shard.triplets]
    tasks = [one.task for one in triplets]
    assert set(tasks) == {"addition", "attribute_modification", "env", "removal", "style", "swap"}
    assert tasks == sorted(tasks)
    assert len({one.subtask for one in triplets}) >= 8
    assert len(triplets) + sum(len(shard.rejected) for shard in shards) == 48


def test_the_rows_without_usable_text_are_found_by_planning(demo_input: Path):
    shards = plan(SOURCE, Inputs.find(str(demo_input)), Selection())
    reasons = Counter(one.reason for shard in shards for one in shard.rejected)
    assert reasons == {
        Reason.EMPTY_INSTRUCTION: 1,
        Reason.DEGENERATE_INSTRUCTION: 1,
        Reason.DUPLICATE_ID: 1,
    }


def test_good_pictures_decode_upright_at_the_size_on_record(pictures):
    bad = {*described("truncated"), *described("bomb"), *described("missing")}
    sizes = {row["id"]: tuple(row["size"]) for row in reversed(demo_rows())}
    for name, data in pictures.items():
        if name not in bad:
            with Image.open(io.BytesIO(data or b"")) as image:
                assert ImageOps.exif_transpose(image).size == sizes[name], name


def test_the_kinds_of_files_are_what_they_say(pictures):
    def opened(form: str) -> Image.Image:
        return Image.open(io.BytesIO(pictures[described(form)[0]] or b""))

    assert (opened("png").format, opened("png").mode) == ("PNG", "RGB")
    assert opened("webp").format == "WEBP"
    assert (opened("grey").format, opened("grey").mode) == ("JPEG", "L")
    assert (opened("cmyk").format, opened("cmyk").mode) == ("JPEG", "CMYK")
    assert (opened("palette").format, opened("palette").mode) == ("PNG", "P")
    assert opened("alpha").getchannel("A").getextrema() == (0, 255)
    assert opened("exif").getexif()[0x0112] == 6
    assert opened("exif").size == (1280, 720)


def test_the_bad_pictures_are_bad_in_their_own_ways(pictures):
    (cut,), (bomb,), (missing,), (blank,) = map(
        described, ("truncated", "bomb", "missing", "blank")
    )
    with pytest.raises(OSError, match="truncated"):
        Image.open(io.BytesIO(pictures[cut] or b"")).load()
    with pytest.raises(Image.DecompressionBombError, match="1600000000 pixels"):
        Image.open(io.BytesIO(pictures[bomb] or b""))
    assert len(pictures[bomb] or b"") < 100
    assert pictures[missing] is None
    flat = Image.open(io.BytesIO(pictures[blank] or b""))
    assert max(ImageStat.Stat(flat).stddev) == 0


def test_one_good_instruction_is_a_script_tag():
    assert sum("<script>" in row["prompts"][0] for row in demo_rows()) == 1


def test_hugging_face_datasets_opens_it_with_decoded_images(demo_input: Path, tmp_path: Path):
    loaded = datasets.load_dataset(
        "parquet",
        data_files=[str(path) for path in sorted(demo_input.glob("*.parquet"))],
        split="train",
        cache_dir=str(tmp_path),
    )
    assert isinstance(loaded.features["src_img"], datasets.Image)
    bad = {*described("truncated"), *described("bomb")}
    for index, row in enumerate(demo_rows()):
        if row["id"] not in bad:
            image = loaded[index]["src_img"]
            assert (image is None) == (row.get("form") == "missing")
            assert image is None or sorted(image.size) == sorted(row["size"])


def test_one_row_asks_for_what_the_sandbox_refuses_however_it_is_put():
    prompts = [row["prompts"] for row in demo_rows() if "[[emulate" in str(row["prompts"])]
    assert prompts == [
        ["Add a cartoon villain from a film beside the cat. [[emulate moderation_input]]"]
    ]


@pytest.mark.s3
@pytest.mark.parametrize("limit", [0, 12])
def test_a_bucket_is_planned_as_a_folder_is(
    limit: int,
    demo_input: Path,
    tmp_path: Path,
    serve_s3: Callable[..., AbstractContextManager[str]],
) -> None:
    here = shutil.copytree(demo_input, tmp_path / "data" / "in")
    selection = Selection(limit=limit, shard_size=5)
    with serve_s3(tmp_path / "data", "s3cr3t-of-test") as url:
        options = {"endpoint_url": url, "key": "access", "secret": "s3cr3t-of-test"}
        there = Inputs.find("s3://in/", options)
        assert there.far
        shards = [
            list(plan(SOURCE, inputs, selection)) for inputs in (Inputs.find(str(here)), there)
        ]
    local, far = ([[one.id for one in shard.triplets] for shard in found] for found in shards)
    assert far == local
    assert [one.rejected for one in shards[0]] == [one.rejected for one in shards[1]]
