"""A source of one's own, added as CONTRIBUTING.md says: one file, three rows, nothing else touched."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from editcorpus.demo.folder import write_folder
from editcorpus.demo.scenes import Scene, jpeg, recoloured

pytestmark = pytest.mark.prefect
CONTRIBUTING = Path(__file__).parents[2] / "CONTRIBUTING.md"
WISHES = ("Paint the bird blue.", "", "'Put it on a branch.'")
LENIENT = [
    word
    for name in ("min_done", "min_preserved", "min_clean")
    for word in ("--set", f"publish.{name}=0")
]
Shown = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def birds(tmp_path: Path) -> Path:
    """The file that CONTRIBUTING.md shows, in a folder of its own, and three rows beside it."""
    text = CONTRIBUTING.read_text("utf-8")
    shown = re.search(r"## Add a source.*?```python\n(.*?)```", text, re.DOTALL)
    assert shown is not None
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "birds.py").write_text(shown[1], "utf-8")
    photos = [Scene(name, (320, 240)).shown() for name in ("raccoon", "cat", "coffee")]
    rows = [
        {
            "key": number,
            "wish": wish,
            "photo": jpeg(photo)["bytes"],
            "photo_after": jpeg(recoloured(photo))["bytes"],
        }
        for number, (wish, photo) in enumerate(zip(WISHES, photos, strict=True))
    ]
    pq.write_table(pa.Table.from_pylist(rows), folder / "rows.parquet")
    return folder


@pytest.fixture
def records() -> Shown:
    """The facts of a corpus, by what a build printed."""

    def found(told: dict[str, Any], *columns: str) -> list[dict[str, Any]]:
        rows = pq.read_table(Path(told["corpus"]) / "data", columns=["id", *columns]).to_pylist()
        return sorted(rows, key=lambda row: str(row["id"]))

    return found


def test_is_built_from_by_its_path_and_by_several_processes(
    birds: Path, shell: Any, sandbox: Any, records: Shown
) -> None:
    words = (
        "build",
        birds / "birds.py",
        "--input",
        birds,
        "--retry-delay-s",
        0,
        "--json",
        *LENIENT,
    )
    first = shell.run(*words, "--shard-size", 1, "--processes", 2)
    assert first.code == 0, first.err
    assert first.json["run"] == "birds"
    assert first.json["rejected"] == {"empty_instruction": 1}
    assert records(first.json, "license", "variant") == [
        {"id": f"birds/{number}", "license": "CC-BY-4.0", "variant": "output"} for number in (0, 2)
    ]
    again = shell.run(*words, "--shard-size", 1)
    assert (again.code, again.json["calls"]["paid"]) == (0, 0)
    assert records(again.json, "response") == records(first.json, "response")


def test_gives_the_published_pairs_as_the_base_variant(
    birds: Path, shell: Any, sandbox: Any, records: Shown
) -> None:
    ended = shell.run(
        *("build", birds / "birds.py", "--input", birds / "rows.parquet", "--variant", "base"),
        *("--json", *LENIENT),
    )
    assert ended.code == 0, ended.err
    assert ended.json["run"] == "birds-base"
    assert records(ended.json, "variant", "model") == [
        {"id": f"birds/{number}", "variant": "base", "model": ""} for number in (0, 2)
    ]
    assert not [
        call
        for call in sandbox.admin("journal?billed=true")["calls"]
        if "images" in call["endpoint"]
    ]


def test_rows_of_ones_own_need_no_file_where_columns_merely_have_other_names(
    tmp_path: Path, shell: Any, sandbox: Any, records: Shown
) -> None:
    where = write_folder(tmp_path / "mine")
    text = (where / "rows.jsonl").read_text("utf-8")
    (where / "rows.jsonl").write_text(text.replace('"instruction"', '"prompt"'), "utf-8")
    words = ("build", "folder", "--input", where, "--json", "--limit", 8, *LENIENT)
    refused = shell.run(*words)
    assert refused.code == 1
    assert "prompt" in refused.json["error"]
    assert "--set folder.instruction=NAME" in refused.json["error"]
    named = ("--set", "folder.instruction=prompt", "--set", "folder.default_license=CC0-1.0")
    ended = shell.run(*words, *named)
    assert ended.code == 0, ended.err
    assert ended.json["entered"] == 8
    assert {"row_unreadable", "path_outside"} <= ended.json["rejected"].keys()
    assert {row["license"] for row in records(ended.json, "license")} == {"CC0-1.0"}
    other = shell.run(*words, *named, "--set", "folder.task=kind")
    assert other.code == 1
    assert "folder.task" in other.json["error"]


@pytest.mark.parametrize(
    ("source", "more", "told"),
    [
        ("nothing", (), "'nothing' is no source"),
        ("empty.py", (), "empty.py defines no RECIPES"),
        ("folder", ("--set", "folder.prompt=x"), "folder.prompt is no parameter"),
    ],
)
def test_what_is_no_source_is_told_in_one_sentence(
    source: str, more: tuple[str, ...], told: str, bare: Any, tmp_path: Path
) -> None:
    (tmp_path / "empty.py").write_text("RECIPES = {}\n", "utf-8")
    shell = type(bare)(tmp_path, bare.env)
    ended = shell.run("build", source, "--input", "rows.parquet", "--json", *more)
    assert ended.code == 1
    assert told in ended.json["error"]
    assert ended.err.count("\n") == 1
    assert json.loads(ended.out)["kept"] == 0
