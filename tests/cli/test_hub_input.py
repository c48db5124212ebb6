"""A build from a dataset on the Hub: by range, at one commit, with a token that is seen nowhere."""

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hub_data import HubServer
from PIL import Image

from editcorpus.demo import rows as demo

pytestmark = pytest.mark.prefect
NAME = "TIGER-Lab/OmniEdit-Filtered-1.2M"
URL = f"hf://datasets/{NAME}/data"
TOKEN = "hf_planted51c0de"
PHOTOS = sorted((Path(demo.__file__).parent / "photos").glob("*.jpg"))[:4]


def picture(photo: Path) -> bytes:
    out = io.BytesIO()
    with Image.open(photo) as opened:
        opened.convert("RGB").resize((640, 480)).save(out, "PNG")
    return out.getvalue()


def table(pictures: list[bytes]) -> bytes:
    rows = [
        {
            "omni_edit_id": f"task_attr_mod_color_{number}",
            "task": "attribute_modification",
            "src_img": {"bytes": data, "path": ""},
            "edited_img": {"bytes": data, "path": ""},
            "edited_prompt_list": ["Turn it red."],
        }
        for number, data in enumerate(pictures)
    ]
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, demo.published_schema()), out, row_group_size=2)
    return out.getvalue()


@pytest.fixture(scope="module")
def pictures() -> list[bytes]:
    return [picture(photo) for photo in PHOTOS]


@pytest.fixture
def published(hub: HubServer, pictures: list[bytes]) -> Iterator[HubServer]:
    files = {"data/train-0.parquet": table(pictures), "README.md": b"# A card"}
    hub.dataset(NAME, gated=True, readers={TOKEN}).commit(files)
    hub.tokens.add(TOKEN)
    yield hub


@pytest.fixture
def hub_shell(shell: Any, published: HubServer) -> Any:
    """A shell that knows the Hub and a token for it."""
    return shell.having(HF_ENDPOINT=published.url, HF_TOKEN=TOKEN)


@pytest.fixture
def words() -> tuple[object, ...]:
    fixed = ("build", "omniedit", "--input", URL, "--store", "store", "--run", "hub")
    return (*fixed, "--shard-size", 2, "--retry-delay-s", 0, "--json")


def test_builds_by_range_and_goes_on_with_its_commit_when_the_dataset_moves(
    published: HubServer,
    pictures: list[bytes],
    words: tuple[object, ...],
    hub_shell: Any,
    sandbox: Any,
    files_below: Callable[[Path], dict[str, bytes]],
) -> None:
    shell = hub_shell
    sha = published.datasets[NAME].branches["main"]
    first = shell.run(*words)
    assert first.code in {0, 2}, first.err
    assert published.sent() <= 1.3 * sum(map(len, pictures)), "each is read once, and little else"
    assert all(one.range for one in published.asked if one.sent), "no file is read whole"

    plan = json.loads((shell.folder / "store/runs/hub/plan.json").read_bytes())
    assert list(plan["files"]) == [f"hf://datasets/{NAME}@{sha}/data/train-0.parquet"]
    billed = sandbox.admin("summary")["billed"]

    newer = published.datasets[NAME].commit({"data/new.parquet": table(pictures[:1])})
    again = shell.run(*words)
    assert again.code == first.code, again.err
    told = [line for line in again.err.splitlines() if "which it was planned over" in line]
    assert len(told) == 1
    assert newer[:12] in told[0]
    assert sha[:12] in told[0]
    assert again.json["entered"] == first.json["entered"] == len(pictures)
    assert sandbox.admin("summary")["billed"] == billed

    written = b"".join(files_below(shell.folder).values())
    for said in (first.out, first.err, again.out, again.err, repr(written)):
        assert TOKEN not in said
        assert "s1gned" not in said


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"HF_TOKEN": None}, "is gated: accept its terms on its page on the Hub, and set HF_TOKEN"),
        ({"HF_TOKEN": "hf_plantedwrong"}, "the Hub does not know the token: HF_TOKEN is wrong"),
        ({"HF_ENDPOINT": "dead"}, "no whole answer comes from 127.0.0.1:"),
    ],
)
def test_what_hinders_it_is_one_sentence_before_anything_is_paid(
    words: tuple[object, ...],
    hub_shell: Any,
    sandbox: Any,
    dead_url: str,
    change: dict[str, Any],
    sentence: str,
) -> None:
    given = {name: dead_url if value == "dead" else value for name, value in change.items()}
    found = hub_shell.having(**given).run(*words)
    assert found.code not in {0, 2}
    assert sentence in found.err
    assert len(found.err.strip().splitlines()) == 1
    assert "hf_planted" not in found.out + found.err
    assert sandbox.admin("summary")["billed"] == 0
