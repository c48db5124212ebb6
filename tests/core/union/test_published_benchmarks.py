"""Benchmarks in the form in which they are published: picture and instruction go together."""

import io
import json
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hub_data import HubServer
from PIL import Image

import editcorpus.demo
from editcorpus.errors import ConfigError, ShardError
from editcorpus.similar.contamination import Hashed, Kind, contamination
from editcorpus.similar.hashfile import Known
from editcorpus.similar.minhash import signatures
from editcorpus.similar.views import hash_views
from editcorpus.union import benchmark_arrow, benchmark_files, benchmark_index
from editcorpus.union.benchmark_index import Columns
from editcorpus.union.benchmark_rows import find_benchmark
from editcorpus.union.benchmarks import Gathered, hash_benchmark

FOLDER = Path(editcorpus.demo.__file__).parent / "photos"
SIZE = (480, 360)
SAID = "Let the raccoon wear a small striped scarf"
PICTURE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def photo(name: str) -> Image.Image:
    with Image.open(FOLDER / f"{name}.jpg") as opened:
        return opened.convert("RGB").resize(SIZE)


def cropped(image: Image.Image) -> Image.Image:
    """Cut off two sides: so far from the picture that it is only perhaps near."""
    return image.crop((SIZE[0] * 12 // 100, SIZE[1] * 8 // 100, *SIZE))


def data(name: str, kind: str = "JPEG") -> bytes:
    buffer = io.BytesIO()
    photo(name).save(buffer, kind)
    return buffer.getvalue()


RACCOON, CAT, COFFEE = (data(name) for name in ("raccoon", "cat", "coffee"))


def written(folder: Path, files: Mapping[str, Any]) -> Path:
    """Files in a folder; what is no bytes as JSON."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return folder


def hashed(*where: Any, columns: Columns | None = None, **options: Any) -> tuple[Known, Gathered]:
    inputs = find_benchmark([*map(str, where)], options)
    return hash_benchmark("bench", inputs, columns or Columns(), lambda _: None)


def found(known: Known, instruction: str) -> dict[str, Kind]:
    """What a cropped raccoon with an instruction is a hit of: items, and why."""
    _, views = hash_views(cropped(photo("raccoon")).convert("L"))
    owners = np.zeros(len(views), "u4")
    hits = contamination(known, Hashed(views, owners, signatures([instruction]))).hits
    return {known.ids[hit.item]: hit.kind for hit in hits}


IMGEDIT = {
    "singleturn/singleturn.json": {
        "1082": {"id": "animal/000342021.jpg", "prompt": SAID, "edit_type": "adjust"},
        "673": {"id": "animal/000342021.jpg", "prompt": "Make it a sketch", "edit_type": "style"},
        "628": {"id": "daily object/000276684.jpg", "prompt": "Replace the cup", "edit_type": "x"},
    },
    "singleturn/judge_prompt.json": {"adjust": "You are a data rater", "style": "You rate"},
    "singleturn/animal/000342021.jpg": RACCOON,
    "singleturn/daily object/000276684.jpg": COFFEE,
    "multiturn/content_memory.json": {
        "1": {"id": "000066341.jpg", "turn1": "Only in green", "turn2": "Add fruit", "turn3": SAID}
    },
    "multiturn/000066341.jpg": CAT,
}


def imgedit(folder: Path) -> Path:
    """As in `Benchmark.tar`."""
    folder.mkdir(parents=True)
    with tarfile.open(folder / "Benchmark.tar", "w") as archive:
        for name, content in IMGEDIT.items():
            member = tarfile.TarInfo(f"Benchmark/{name}")
            text = content if isinstance(content, bytes) else json.dumps(content).encode()
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text))
    return folder / "Benchmark.tar"


def kris(folder: Path) -> Path:
    """A folder for each category, each with its annotation; frames are lists, answers pictures, too."""
    one = {"ori_img": "1.jpg", "gt_img": "", "ins_en": SAID, "explain_en": ""}
    frames = {
        "ori_img": ["1-2.jpg", "1-3.JPG"],
        "gt_img": "1-1.jpg",
        "ins_en": "Draw the first frame",
        "explain_en": "It is a cat",
    }
    return written(
        folder,
        {
            "color_change/annotation.json": {"1": one},
            "color_change/1.jpg": RACCOON,
            "temporal_prediction/annotation.json": {"1": frames},
            "temporal_prediction/1-1.jpg": COFFEE,
            "temporal_prediction/1-2.jpg": CAT,
            "temporal_prediction/1-3.JPG": data("rocket"),
        },
    )


def rise(folder: Path) -> Path:
    """A list beside an archive whose folder the paths do not name."""
    rows = [
        {
            "index": "temporal_reasoning_1",
            "category": "temporal_reasoning",
            "instruction": SAID,
            "image": "temporal_reasoning_images/1.png",
            "reference": "It wears one.",
            "subtask": "Life Progression",
        },
        {
            "index": "logical_reasoning_1",
            "category": "logical_reasoning",
            "instruction": "Solve the puzzle",
            "image": "logical_reasoning_images/1.png",
            "reference_img": "logical_reasoning_images/1_ref.png",
            "reasoning_img": True,
        },
    ]
    written(folder, {"datav2_total_w_subtask.json": rows})
    with zipfile.ZipFile(folder / "data.zip", "w") as archive:
        archive.writestr("data/temporal_reasoning_images/1.png", data("raccoon", "PNG"))
        archive.writestr("data/logical_reasoning_images/1.png", CAT)
        archive.writestr("data/logical_reasoning_images/1_ref.png", COFFEE)
    return folder


def complex_edit(folder: Path) -> Path:
    """Lines for each split, with eight compound instructions of a picture; here two."""
    edit = {
        "sequence": [{"name": "Add an Object", "instruction": "Add a scarf"}],
        "compound": [{"compound_instruction": "Add a scarf"}, {"compound_instruction": SAID}],
    }
    line = json.dumps({"file_name": "images/0000.png", "edit": edit}) + "\n"
    files = {
        "test/real/metadata.jsonl": line.encode(),
        "test/real/images/0000.png": data("raccoon", "PNG"),
        "test/syn/metadata.jsonl": line.replace("scarf", "hat").encode(),
        "test/syn/images/0000.png": CAT,
    }
    return written(folder, files)


def saved(folder: Path, rows: list[dict[str, Any]], schema: pa.Schema, **options: Any) -> Path:
    """A table as `datasets` saves it to disk."""
    buffer = io.BytesIO()
    with pa.ipc.new_stream(buffer, schema, options=pa.ipc.IpcWriteOptions(**options)) as stream:
        stream.write_table(pa.Table.from_pylist(rows, schema), max_chunksize=1)
    state = {"_data_files": [{"filename": "data-00000-of-00001.arrow"}], "_split": None}
    names = {"data-00000-of-00001.arrow": buffer.getvalue(), "state.json": state}
    return written(folder, names)


def shown(content: bytes) -> dict[str, Any]:
    return {"bytes": content, "path": "x.png"}


def gedit(folder: Path, **options: Any) -> Path:
    """Rows of one key in two languages, of a picture as it is and as it is given."""
    columns = [(name, pa.string()) for name in ("task_type", "key", "instruction")]
    pictures = [(name, PICTURE) for name in ("input_image", "input_image_raw")]
    schema = pa.schema([*columns, *pictures, ("Intersection_exist", pa.bool_())])
    rows = [
        {
            "task_type": "subject-add",
            "key": key,
            "instruction": text,
            "input_image": shown(picture),
            "input_image_raw": shown(picture),
            "Intersection_exist": True,
        }
        for key, text, picture in (
            ("4c309b59", SAID, RACCOON),
            ("4c309b59", "给浣熊戴围巾", RACCOON),
            ("00aa", "Remove the cat", CAT),
        )
    ]
    return saved(folder, rows, schema, **options)


def omnicontext(folder: Path) -> Path:
    """Rows of several pictures in a list."""
    texts = [(name, pa.string()) for name in ("key", "task_type", "instruction")]
    schema = pa.schema([*texts, ("input_images", pa.list_(PICTURE))])
    row = {"key": "0001", "task_type": "multi_object", "instruction": SAID}
    return saved(folder, [{**row, "input_images": [shown(CAT), shown(RACCOON)]}], schema)


PUBLISHED: dict[str, tuple[Callable[[Path], Path], dict[str, str], str]] = {
    "imgedit": (
        imgedit,
        {
            "multiturn/1": "Only in green",
            "multiturn/1~2": "Add fruit",
            "multiturn/1~3": SAID,
            "singleturn/1082": SAID,
            "singleturn/673": "Make it a sketch",
            "singleturn/628": "Replace the cup",
        },
        "singleturn/1082",
    ),
    "kris": (
        kris,
        {"color_change/1": SAID, "temporal_prediction/1": "Draw the first frame"},
        "color_change/1",
    ),
    "rise": (
        rise,
        {"temporal_reasoning_1": SAID, "logical_reasoning_1": "Solve the puzzle"},
        "temporal_reasoning_1",
    ),
    "complex-edit": (
        complex_edit,
        {
            "real/images/0000.png": "Add a scarf",
            "real/images/0000.png~2": SAID,
            "syn/images/0000.png": "Add a hat",
            "syn/images/0000.png~2": SAID.replace("scarf", "hat"),
        },
        "real/images/0000.png~2",
    ),
    "gedit": (
        gedit,
        {"4c309b59": SAID, "4c309b59~2": "给浣熊戴围巾", "00aa": "Remove the cat"},
        "4c309b59",
    ),
    "omnicontext": (omnicontext, {"0001": SAID}, "0001"),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_benchmark_as_it_is_published_is_found_by_picture_and_instruction(
    tmp_path: Path, name: str
) -> None:
    made, expected, item = PUBLISHED[name]
    known, gathered = hashed(made(tmp_path / "bench"))
    assert gathered.broken == []
    assert sorted(known.ids) == sorted(expected)
    said = signatures([expected[one] for one in known.ids])
    assert (known.instructions == said).all()
    assert gathered.worded == len(expected)
    assert found(known, SAID.lower() + "!") == {item: Kind.BOTH}
    assert found(known, "Take the mountain away from the bottom") == {}


def test_all_pictures_of_an_item_are_its_views(tmp_path: Path) -> None:
    known, _ = hashed(kris(tmp_path / "kris"))
    of = {known.ids[item]: set() for item in known.items}  # type: ignore[var-annotated]
    for item, view in zip(known.items, known.views, strict=True):
        of[known.ids[item]].add(view.partition(":")[0] if ":" in view[3:] else "")
    assert of["temporal_prediction/1"] == {"ori_img", "gt_img"}
    assert sum(view == "ori_img:whole" for view in known.views) == 2
    assert "whole" in known.views


def test_index_and_pictures_may_lie_apart_or_on_the_hub(hub: HubServer, tmp_path: Path) -> None:
    here = written(tmp_path / "index", {"basic.json": IMGEDIT["singleturn/singleturn.json"]})
    there = written(
        tmp_path / "pictures",
        {"original/animal/000342021.jpg": RACCOON, "original/daily object/000276684.jpg": COFFEE},
    )
    known, gathered = hashed(here / "basic.json", there)
    assert (sorted(known.ids), gathered.broken) == (["1082", "628", "673"], [])
    files = {path.name: path.read_bytes() for path in rise(tmp_path / "rise").iterdir()}
    hub.dataset("PhoenixZ/RISEBench").commit(files)
    far, _ = hashed("hf://datasets/PhoenixZ/RISEBench", hub={"endpoint": hub.url})
    near, _ = hashed(tmp_path / "rise")
    assert far.ids == near.ids
    assert (far.pictures == near.pictures).all()


def test_members_of_an_index_may_be_named(tmp_path: Path) -> None:
    row = {"name": "n1", "before": "a.jpg", "after": "b.jpg", "wish": SAID, "prompt": "You rate"}
    folder = written(tmp_path, {"rows.json": [row], "a.jpg": RACCOON, "b.jpg": CAT})
    named, _ = hashed(folder, columns=Columns(("before",), "wish", "name"))
    assert named.ids == ("n1", "b.jpg")
    assert found(named, SAID) == {"n1": Kind.BOTH}


def test_an_index_that_does_not_fit_says_why(tmp_path: Path) -> None:
    index = {"1": {"id": "animal/1.jpg", "prompt": SAID}}
    written(tmp_path / "a", {"i.json": index, "other.jpg": RACCOON})
    with pytest.raises(ConfigError, match=r"none of them is there: 'animal/1.jpg' is not there"):
        hashed(tmp_path / "a")
    written(tmp_path / "b", {"i.json": {"1": {"photo": "1.jpg", "wish": SAID}}, "1.jpg": RACCOON})
    with pytest.raises(ConfigError, match=r"its members are photo, wish\. Say which one by"):
        hashed(tmp_path / "b")
    known, _ = hashed(tmp_path / "b", columns=Columns(instruction="wish"))
    assert found(known, SAID) == {"1": Kind.BOTH}
    half = {"1": {"id": "1.jpg", "prompt": SAID}, "2": {"id": "gone.jpg", "prompt": SAID}}
    _, gathered = hashed(written(tmp_path / "c", {"i.json": half, "1.jpg": RACCOON}))
    assert gathered.broken == ["2: 'gone.jpg' is not there, or at several places."]


def test_no_path_leads_out_of_what_was_found(tmp_path: Path) -> None:
    written(tmp_path, {"secret.jpg": CAT, "bench/1.jpg": RACCOON})
    for path in ("../secret.jpg", str(tmp_path / "secret.jpg"), "./../bench/../secret.jpg"):
        rows = [{"image": "1.jpg", "prompt": SAID}, {"image": path, "prompt": "x"}]
        known, gathered = hashed(written(tmp_path / "bench", {"i.json": rows}))
        assert known.ids == ("1.jpg",)
        assert len(gathered.broken) == 1
    two = {f"{one}/1.jpg": RACCOON for one in "ab"}
    rows = [{"image": "1.jpg", "prompt": SAID}, {"image": "a/1.jpg", "prompt": SAID}]
    _, gathered = hashed(written(tmp_path / "twice", {"i.json": rows, **two}))
    assert gathered.broken == [": '1.jpg' is not there, or at several places."]


@pytest.mark.parametrize(
    "text",
    [b"[" * 100_000, b"{", b"\xff\xfe\x00", b'{"a": ' + b"9" * 10_000 + b"}"],
)
def test_damaged_json_is_one_sentence(tmp_path: Path, text: bytes) -> None:
    written(tmp_path, {"i.json": text, "1.jpg": RACCOON})
    with pytest.raises(ShardError, match=r"i\.json is damaged: it is no JSON"):
        hashed(tmp_path)


def test_values_of_any_kind_are_borne(tmp_path: Path) -> None:
    odd: list[Any] = [None, True, 1e999, [], [[]], {}, {"compound": {"compound": ["x"]}}, "\ud800"]
    rows = [
        {"image": "1.jpg", "prompt": SAID, "id": odd_one, "index": odd_one, "more": odd_one}
        for odd_one in odd
    ]
    rows += [{"image": one, "prompt": SAID} for one in (["1.jpg", odd, "1.jpg"], "\ud800.jpg", 7)]
    rows += [{"image": "1.jpg", "prompt": odd}, {"image": "1.jpg", "prompt": "y" * 100_000}]
    folder = written(tmp_path, {"i.json": [*rows, *odd], "1.jpg": RACCOON})
    written(folder, {"number.json": 7, "text.json": "7", "none.json": None, "empty.json": {}})
    known, gathered = hashed(folder)
    assert len(known.ids) == len(set(known.ids)) == 12
    assert gathered.broken == [": '?.jpg' is not there, or at several places."]


def test_an_index_has_a_most_length(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmark_index, "_MOST_INDEX", 100)
    with pytest.raises(ShardError, match="is larger than an index can be"):
        hashed(written(tmp_path, {"i.json": [{"image": "1.jpg"}] * 9, "1.jpg": RACCOON}))


def test_damaged_archives_are_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path / "a", {"x.zip": b"PK\x05\x06 no zip"})
    with pytest.raises(ShardError, match="is no whole zip file"):
        hashed(tmp_path / "a")
    whole = (rise(tmp_path / "b") / "data.zip").read_bytes()
    at = whole.index(b"data/temporal") + 60
    broken = whole[:at] + bytes(64) + whole[at + 64 :]
    written(tmp_path / "b", {"data.zip": broken})
    known, gathered = hashed(tmp_path / "b")
    assert known.ids == ("logical_reasoning_1",)
    assert "Bad CRC-32" in gathered.broken[0]
    monkeypatch.setattr(benchmark_files, "_MOST_AT_ONCE", 100)
    with pytest.raises(ShardError, match="its list of members is too long"):
        hashed(tmp_path / "b")
    cut = imgedit(tmp_path / "c")
    cut.write_bytes(cut.read_bytes()[:20_000])
    with pytest.raises(ShardError, match=r"Benchmark\.tar"):
        hashed(cut)


def test_damaged_streams_are_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ShardError, match="it is packed, or encoded by dictionaries"):
        hashed(gedit(tmp_path / "packed", compression="zstd"))
    folder = gedit(tmp_path / "bench")
    path = folder / "data-00000-of-00001.arrow"
    whole = path.read_bytes()
    for damaged in (b"", b"ARROW1\0\0", whole[: len(whole) // 2], b"\xff" * 4 + whole[:40]):
        path.write_bytes(damaged)
        with pytest.raises(ShardError, match="is not a whole Arrow stream"):
            hashed(folder)
    path.write_bytes(whole)
    monkeypatch.setattr(benchmark_arrow, "_MOST_MESSAGE", 2000)
    with pytest.raises(ShardError, match="a message announces more than 2,000 bytes"):
        hashed(folder)


def test_a_stream_with_any_byte_wrong_ends_no_process(tmp_path: Path) -> None:
    """The pictures of a row are no part of it: only what says where they are is turned over."""
    schema = pa.schema([("key", pa.string()), ("instruction", pa.string()), ("image", PICTURE)])
    rows = [{"key": "a", "instruction": SAID, "image": shown(b"none")}] * 3
    path = saved(tmp_path, rows, schema) / "data-00000-of-00001.arrow"
    whole = path.read_bytes()
    for at in range(0, len(whole), 7):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x5A]) + whole[at + 1 :])
        with pytest.raises((ShardError, ConfigError)):
            hashed(tmp_path)
