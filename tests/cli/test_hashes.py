"""`editcorpus hashes` as a person meets it: a benchmark that is JSON beside folders of pictures."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from plain_corpus import plain_pictures, plain_record, write_plain_corpus

import editcorpus.demo
from editcorpus.images import encode_png
from editcorpus.storage import Store
from flows.cli import main

Told = tuple[int, str, str]
SIZE = (480, 360)
SAID = "Let the raccoon wear a small striped scarf."


def photo(name: str) -> Image.Image:
    with Image.open(Path(editcorpus.demo.__file__).parent / "photos" / f"{name}.jpg") as opened:
        return opened.convert("RGB").resize(SIZE)


def cropped(name: str) -> bytes:
    """A photograph cut off at two sides: only perhaps near to what it was."""
    return encode_png(photo(name).crop((SIZE[0] * 12 // 100, SIZE[1] * 8 // 100, *SIZE)))


@pytest.fixture
def ask(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Told]:
    """Runs a command in this process, beside a benchmark in the shape of KRIS-Bench and a run."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "KRIS_Bench" / "color_change"
    folder.mkdir(parents=True)
    rows = {}
    for key, name, said in (("1", "raccoon", SAID), ("2", "coffee", "Paint the cup blue.")):
        photo(name).save(folder / f"{key}.jpg")
        rows[key] = {"ori_img": f"{key}.jpg", "gt_img": "", "ins_en": said, "explain_en": ""}
    (folder / "annotation.json").write_text(json.dumps(rows))
    records = [
        record(1, source_image=cropped("raccoon"), instruction=SAID.upper()),
        record(2, source_image=cropped("coffee"), instruction="Take the spoon off the saucer."),
        record(3, instruction=SAID),
    ]
    write_plain_corpus(Store.on_disk(tmp_path / "store"), "a", records)

    def asked(*words: object) -> Told:
        code = main([*map(str, words)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return asked


def record(number: int, **changes: Any) -> Any:
    return plain_record(number, **plain_pictures(number) | changes)


def rejected(ask: Callable[..., Told], name: str) -> dict[str, int]:
    words = ("--runs", "a", "--name", name, "--against", f"{name}.parquet", "--json")
    code, out, err = ask("corpus", *words)
    assert (code, err) == (0, "")
    made: dict[str, int] = json.loads(out)["rejected"]
    return made


def test_a_record_is_left_out_for_a_likeness_and_its_instruction(
    ask: Callable[..., Told], tmp_path: Path
) -> None:
    words = ("hashes", "--from", "KRIS_Bench", "--name", "kris", "--to", "kris.parquet")
    code, out, err = ask(*words, "--json")
    assert (code, err) == (0, "")
    told = json.loads(out)
    assert (told["items"], told["with_instruction"], told["pictures"]) == (2, 2, 2)
    assert "2 items, 2 of them with an instruction" in ask(*words)[1]
    assert rejected(ask, "kris") == {"contaminated": 1}
    shown = ask("corpus", "--runs", "a", "--name", "kris", "--against", "kris.parquet")[1]
    assert "contaminated" in shown
    card = (tmp_path / "store/corpora/kris/README.md").read_text()
    assert "| `kris` | 2 | 0 | 1 | 1 |" in card


def test_without_its_index_only_the_pictures_of_a_benchmark_are_known(
    ask: Callable[..., Told], tmp_path: Path
) -> None:
    (tmp_path / "KRIS_Bench/color_change/annotation.json").unlink()
    words = ("hashes", "--from", "KRIS_Bench", "--name", "bare", "--to", "bare.parquet")
    assert "2 items, 0 of them with an instruction" in ask(*words)[1]
    assert rejected(ask, "bare") == {}


def test_index_and_pictures_may_be_named_apart(ask: Callable[..., Told], tmp_path: Path) -> None:
    (tmp_path / "basic.json").write_text(json.dumps({"7": {"id": "1.jpg", "prompt": SAID}}))
    (tmp_path / "KRIS_Bench/color_change/annotation.json").unlink()
    words = ("--from", "basic.json", "KRIS_Bench", "--name", "apart", "--to", "apart.parquet")
    told = json.loads(ask("hashes", *words, "--json")[1])
    assert (told["items"], told["with_instruction"]) == (2, 1)
    assert rejected(ask, "apart") == {"contaminated": 1}


def test_what_cannot_be_left_unread_is_one_sentence(
    ask: Callable[..., Told], tmp_path: Path
) -> None:
    index = tmp_path / "KRIS_Bench/color_change/annotation.json"
    index.write_text(json.dumps({"1": {"ori_img": "none.jpg", "ins_en": SAID}}))
    code, _, err = ask("hashes", "--from", "KRIS_Bench", "--name", "k", "--to", "k.parquet")
    assert code == 1
    assert "names pictures and none of them is there: 'none.jpg'" in err
    assert err.count("\n") == 1
    assert not (tmp_path / "k.parquet").exists()
