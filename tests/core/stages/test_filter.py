"""What the filter finds of the sandbox's defects, and what it says of results that are kept."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from pydantic import SecretStr

from editcorpus import images
from editcorpus.changemap import read_map
from editcorpus.demo import rows as demo
from editcorpus.endpoints.endpoint import endpoint_from
from editcorpus.geometry import fixed_canvas
from editcorpus.inputs import Inputs
from editcorpus.planning import Selection
from editcorpus.records import Reason, Rejected
from editcorpus.sandbox import SandboxConfig, running
from editcorpus.shards import Columns, need_manifest
from editcorpus.stages.filter import Config, Filtered
from editcorpus.stages.opening import Job, opened
from editcorpus.stages.order import STAGES
from editcorpus.stages.plan import make_plan
from editcorpus.stages.stage import run_stage
from editcorpus.steps import filter as filter_step
from editcorpus.steps.pad import lay

PHOTOS = sorted((Path(demo.__file__).parent / "photos").glob("*.jpg"))
SIZE = (360, 240)
WISHES = (
    ("addition", "Put a red balloon into the sky. [[emulate swapped]]"),
    ("addition", "Add a yellow star. [[emulate swapped]]"),
    ("addition", "Add a hat. [[emulate echo]]"),
    ("addition", "Add a dog. [[emulate blank]]"),
    ("addition", "Add a blue ball. [[emulate everything]]"),
    ("addition", "Add a green kite."),
    ("style", "Make the whole picture look like a poster."),
)
FIRST, SECOND, ECHO, BLANK, OTHER, CLEAN, STYLE = range(len(WISHES))


def photo(number: int) -> Image.Image:
    """One of SIZE."""
    with Image.open(PHOTOS[number]) as opened:
        return opened.convert("RGB").resize(SIZE, Image.Resampling.BICUBIC)


def name(number: int) -> str:
    return f"omniedit/task_obj_add_{number}"


def write_rows(folder: Path) -> Path:
    schema = pa.schema(
        [
            ("omni_edit_id", pa.string()),
            ("task", pa.string()),
            ("src_img", pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
            ("edited_prompt_list", pa.list_(pa.string())),
        ]
    )
    rows = [
        {
            "omni_edit_id": f"task_obj_add_{number}",
            "task": task,
            "src_img": {"bytes": images.encode_png(photo(number)), "path": "x"},
            "edited_prompt_list": [wish],
        }
        for number, (task, wish) in enumerate(WISHES)
    ]
    pq.write_table(pa.Table.from_pylist(rows, schema), folder / "a.parquet")
    return folder


def write_partners(folder: Path) -> Path:
    """The canvases of the two requests whose answers are exchanged."""
    group = folder / "00"
    group.mkdir(parents=True)
    for number in (FIRST, SECOND):
        lay(photo(number), fixed_canvas(*SIZE)).save(group / f"{number:04d}.png")
        (group / f"{number:04d}.txt").write_text(WISHES[number][1].partition(" [[")[0])
    return folder


Verdicts = tuple[dict[str, Filtered], dict[str, Rejected]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("filter")


@pytest.fixture(scope="module")
def url(folder: Path) -> Iterator[str]:
    partners = write_partners(folder / "partners")
    with running(SandboxConfig(time_scale=0.001, requests=partners)) as found:
        yield found.url


@pytest.fixture
def filtered(make_job: Callable[..., Job], folder: Path, url: str) -> Callable[..., Verdicts]:
    """All rows through the filter; the second run is served from the store."""

    def made(run: str, **members: Any) -> Verdicts:
        (folder / "input").mkdir(exist_ok=True)
        job = make_job(folder / "store", run, filter=Config(**members))
        told = {"base_url": url, "api_key": SecretStr("k"), "provider": "sandbox"}
        job = replace(
            job,
            inputs=Inputs.find(str(write_rows(folder / "input"))),
            endpoints={**job.endpoints, "regenerate": endpoint_from("images", told)},
        )
        with opened(job) as shop:
            make_plan(shop.store, shop.run, shop.source, shop.inputs, Selection())
            for stage in STAGES[: [one.name for one in STAGES].index(filter_step.NAME) + 1]:
                run_stage(shop, 0, stage)
            manifest = need_manifest(shop.store, shop.folder(0), filter_step.NAME)
            facts = Columns(shop.store, shop.folder(0)).facts(filter_step.NAME, Filtered)
        assert not manifest.failed
        refused = [item for item in manifest.rejected if isinstance(item, Rejected)]
        return {item.id: item for item in facts}, {item.id: item for item in refused}

    return made


def test_each_defect_of_the_sandbox_is_named_and_the_others_are_kept(
    filtered: Callable[..., Verdicts],
) -> None:
    kept, refused = filtered("r")
    assert {key: item.reason for key, item in refused.items()} == {
        name(FIRST): Reason.WRONG_PICTURE,
        name(SECOND): Reason.WRONG_PICTURE,
        name(ECHO): Reason.NO_EDIT,
        name(BLANK): Reason.ANSWER_BLANK,
        name(OTHER): Reason.EVERYTHING_CHANGED,
    }
    assert f"with the source of {name(SECOND)}, 0.0" in refused[name(FIRST)].detail
    assert f"with the source of {name(FIRST)}, 0.0" in refused[name(SECOND)].detail
    assert set(kept) == {name(CLEAN), name(STYLE)}


def test_what_is_kept_says_where_it_was_edited_and_what_it_left_alone(
    filtered: Callable[..., Verdicts],
) -> None:
    found = filtered("r")[0][name(CLEAN)]
    assert 0 < found.change_area < 0.5
    assert 0 <= found.change_x < found.change_x + found.change_width <= SIZE[0]
    assert 0 <= found.change_y < found.change_y + found.change_height <= SIZE[1]
    assert read_map(found.change_mask).shape == (128, 192)
    assert read_map(found.change_mask).mean() == pytest.approx(found.change_area, rel=0.25)
    assert found.psnr_outside > 30
    assert found.ssim_outside > 0.9
    assert found.tone_drift < 0.01
    assert (found.doubts, found.psnr_outside_mask, found.ssim_outside_mask) == ("", -1, -1)


def test_neighbours_need_not_be_asked(filtered: Callable[..., Verdicts]) -> None:
    _, refused = filtered("alone", neighbours=False)
    assert Reason.WRONG_PICTURE not in {item.reason for item in refused.values()}
    assert {name(FIRST), name(SECOND)} <= set(refused)
