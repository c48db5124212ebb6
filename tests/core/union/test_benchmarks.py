"""A benchmark becomes a file of hashes, from wherever its pictures lie, and is read as what it is."""

import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hub_data import HubServer
from PIL import Image

import editcorpus.demo
from editcorpus.errors import ConfigError, ShardError
from editcorpus.similar.hashfile import Known, write_known
from editcorpus.similar.minhash import signatures
from editcorpus.union.benchmark_index import Columns
from editcorpus.union.benchmark_rows import find_benchmark
from editcorpus.union.benchmarks import (
    Gathered,
    hash_benchmark,
    once_each,
    read_benchmark,
)

PHOTOS = sorted((Path(editcorpus.demo.__file__).parent / "photos").glob("*.jpg"))
PICTURE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def small(number: int, kind: str = "JPEG") -> bytes:
    buffer = io.BytesIO()
    with Image.open(PHOTOS[number]) as photo:
        photo.convert("RGB").resize((240, 180)).save(buffer, kind)
    return buffer.getvalue()


def hashed(where: Any, columns: Columns | None = None, **more: Any) -> tuple[Known, Gathered]:
    inputs = find_benchmark(str(where), more.pop("options", {}))
    return hash_benchmark("bench", inputs, columns or Columns(), lambda _: None, **more)


def shown(data: bytes) -> dict[str, Any]:
    return {"bytes": data, "path": "x"}


def table(rows: list[dict[str, Any]], schema: pa.Schema) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, schema), buffer, row_group_size=2)
    return buffer.getvalue()


def gedit() -> bytes:
    schema = pa.schema(
        [
            ("key", pa.string()),
            ("instruction", pa.string()),
            ("input_image", PICTURE),
            ("input_image_raw", PICTURE),
            ("more", pa.list_(PICTURE)),
        ]
    )
    rows = [
        {
            "key": f"k{n % 2}",
            "instruction": f"Paint it {n}",
            "input_image": shown(small(n)),
            "input_image_raw": shown(small(n, "PNG")),
            "more": [shown(small(3)), shown(b"broken")] if n == 1 else [],
        }
        for n in range(3)
    ]
    return table(rows, schema)


def test_all_columns_of_pictures_are_views_of_their_row(tmp_path: Path) -> None:
    (tmp_path / "train.parquet").write_bytes(gedit())
    made, gathered = hashed(tmp_path)
    assert made.ids == ("k0", "k1", "k0~2")
    assert gathered.pictures == 7
    assert [one.partition(":")[0] for one in gathered.broken] == ["k1"]
    assert made.views[0] == "input_image:whole"
    assert {one.partition(":")[0] for one in made.views} == {
        *("input_image", "input_image_raw", "more")
    }
    assert (made.instructions == signatures([f"Paint it {n}" for n in range(3)])).all()


def test_columns_may_be_named(tmp_path: Path) -> None:
    (tmp_path / "train.parquet").write_bytes(gedit())
    made, _ = hashed(tmp_path, Columns(("input_image_raw",), "key", "instruction"))
    assert made.ids == ("Paint it 0", "Paint it 1", "Paint it 2")
    assert "whole" in made.views
    for columns in (Columns(("nothing",)), Columns(id="nothing"), Columns(instruction="nothing")):
        with pytest.raises(ConfigError, match="has no column"):
            hashed(tmp_path, columns)


def test_a_folder_of_pictures_is_a_benchmark_with_or_without_words(tmp_path: Path) -> None:
    folder = tmp_path / "bench" / "images"
    folder.mkdir(parents=True)
    for n, name in enumerate(("a.jpg", "b.PNG", "deep/c.webp")):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(
            small(n, name.rpartition(".")[2].upper().replace("JPG", "JPEG"))
        )
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    lines = [{"file_name": "images/a.jpg", "prompt": "Add a hat"}, {"file_name": 7}, {}]
    text = "\n".join(map(json.dumps, lines))
    (folder.parent / "metadata.jsonl").write_text(text)
    made, gathered = hashed(folder.parent, thumbnails=True)
    assert made.ids == ("a.jpg", "b.PNG", "deep/c.webp")
    assert (made.instructions == signatures(["Add a hat", "", ""])).all()
    assert len(gathered.broken) == 1
    assert [one[:3] for one in made.thumbnails.values()] == [b"\xff\xd8\xff"] * 3
    (folder.parent / "metadata.jsonl").write_text("[1]\n")
    with pytest.raises(ShardError, match=r"metadata\.jsonl is damaged in line 1"):
        hashed(folder.parent)


def test_nothing_to_hash_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is found at"):
        hashed(tmp_path)
    (tmp_path / "x.jpg").write_bytes(b"none")
    with pytest.raises(ConfigError, match="has no pictures"):
        hashed(tmp_path)
    schema = pa.schema([("text", pa.string())])
    (tmp_path / "x.parquet").write_bytes(table([{"text": "a"}], schema))
    with pytest.raises(ConfigError, match="has no column of pictures"):
        hashed(tmp_path)


def test_a_benchmark_on_the_hub_is_read_where_it_lies(hub: HubServer, tmp_path: Path) -> None:
    hub.dataset("stepfun-ai/GEdit-Bench").commit({"data/train-0.parquet": gedit()})
    (tmp_path / "train.parquet").write_bytes(gedit())
    there, _ = hashed(
        "hf://datasets/stepfun-ai/GEdit-Bench", options={"hub": {"endpoint": hub.url}}
    )
    here, _ = hashed(tmp_path)
    assert there.ids == here.ids
    assert (there.pictures == here.pictures).all()


def test_a_file_of_hashes_is_known_by_its_content(tmp_path: Path) -> None:
    (tmp_path / "train.parquet").write_bytes(gedit())
    made, _ = hashed(tmp_path)
    for name in ("a.parquet", "b.parquet"):
        write_known(made, tmp_path / name)
    one, other = (read_benchmark(str(tmp_path / name), {}) for name in ("a.parquet", "b.parquet"))
    assert one.sha256 == other.sha256
    assert once_each([one, other]) == (one,)
    again = type(one)(one.known, "0" * 64)
    with pytest.raises(ConfigError, match="Two files of hashes are of the benchmark 'bench'"):
        once_each([one, again])
    with pytest.raises(ConfigError, match="name one, not a folder"):
        read_benchmark(str(tmp_path), {})
    with pytest.raises(ConfigError, match="is found at"):
        read_benchmark(str(tmp_path / "nothing.parquet"), {})
    with pytest.raises(ShardError, match="is no file of hashes"):
        read_benchmark(str(tmp_path / "train.parquet"), {})
