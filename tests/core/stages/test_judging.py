"""What the judge is asked of edits of several families."""

import io
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from editcorpus.demo import rows as demo
from editcorpus.shards import Columns
from editcorpus.stages.order import STAGES
from editcorpus.stages.stage import run_stage
from editcorpus.stages.workshop import Workshop
from editcorpus.steps import align

WISHES = {
    "task_style_0": ("style", "Make the whole picture look like a poster."),
    "task_env_1": ("env", "Let an orange sunset fall on the scene."),
    "task_obj_add_2": ("addition", "Put a red balloon into the sky."),
}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out, path = io.BytesIO(), tmp_path_factory.mktemp("families") / "a.parquet"
    with Image.open(Path(demo.__file__).parent / "photos" / "coffee.jpg") as photo:
        photo.convert("RGB").resize((320, 240)).save(out, "JPEG")
    image = {"bytes": out.getvalue(), "path": "x"}
    rows = [
        {"omni_edit_id": name, "task": task, "src_img": image, "edited_prompt_list": [wish]}
        for name, (task, wish) in WISHES.items()
    ]
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path.parent


def judged(shop: Workshop) -> dict[str, align.Aligned]:
    for stage in STAGES[:-1]:
        run_stage(shop, 0, stage)
    facts = Columns(shop.store, shop.folder(0)).facts(align.NAME, align.Aligned)
    return {item.id.removeprefix("omniedit/"): item for item in facts}


def test_by_other_questions_only_what_has_to_stay_in_whole_pictures_is_asked_anew(
    tmp_path: Path, open_run: Callable[..., AbstractContextManager[Any]]
) -> None:
    with open_run(tmp_path) as shop:
        newer = judged(shop)
    with open_run(tmp_path, run="older", align=align.Config(prompt="three-1")) as shop:
        older = judged(shop)
        assert shop.ledger.calls["settled"] == 2
    assert set(newer) == set(older) == set(WISHES)
    for name, item in newer.items():
        before = older[name]
        assert (item.judge_prompt, before.judge_prompt) == ("three-2", "three-1")
        assert (item.response_done, item.response_clean) == (
            before.response_done,
            before.response_clean,
        )
        same = item.response_preserved == before.response_preserved
        assert same == (name == "task_obj_add_2")
