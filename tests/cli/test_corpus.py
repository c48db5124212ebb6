"""`editcorpus corpus` as a person meets it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from datasets import load_dataset
from PIL import Image
from plain_corpus import plain_pictures, plain_record, write_plain_corpus

import editcorpus.demo
from editcorpus.images import encode_png
from editcorpus.ledger import image_path
from editcorpus.records import Published
from editcorpus.storage import Store
from flows.cli import main

PHOTOS = sorted((Path(editcorpus.demo.__file__).parent / "photos").glob("*.jpg"))
Told = tuple[int, str, str]


def record(number: int, **changes: Any) -> Published:
    return plain_record(number, **plain_pictures(number) | changes)


def write_run(store: Store, name: str, rows: list[Published]) -> None:
    for row in rows:
        store.write(image_path(row.response), b"{}\npicture")
    write_plain_corpus(store, name, rows)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A store with the runs `a` and `b`, which share five triplets; the shell stands beside it."""
    monkeypatch.chdir(tmp_path)
    made = Store.on_disk(tmp_path / "store")
    write_run(made, "a", [record(n) for n in range(20)])
    hq = [record(n, dataset_source="hqedit", license="CC-BY-NC-4.0") for n in range(20, 30)]
    write_run(made, "b", [record(n) for n in range(15, 20)] + hq)
    return made


@pytest.fixture
def ask(store: Store, capsys: pytest.CaptureFixture[str]) -> Callable[..., Told]:
    """Runs a command in this process: its exit code, and what it said."""

    def asked(*words: object) -> Told:
        code = main([*map(str, words)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return asked


def test_the_last_line_tells_what_was_united(ask: Callable[..., Told], tmp_path: Path) -> None:
    code, out, err = ask("corpus", "--runs", "a", "b", "--name", "all", "--json")
    assert (code, err) == (0, "")
    told = json.loads(out)
    assert list(told) == [
        *("name", "version", "runs", "added", "entered", "kept", "rejected", "splits"),
        *("bytes", "path", "seconds"),
    ]
    assert (told["version"], told["runs"], told["added"]) == ("1.0.0", ["a", "b"], ["a", "b"])
    assert (told["entered"], told["kept"]) == (35, 30)
    assert told["rejected"] == {"duplicate_triplet": 5}
    assert sum(told["splits"].values()) == 30
    assert told["path"] == str(tmp_path / "store/corpora/all")
    code, out, _ = ask("corpus", "--runs", "a", "--name", "all")
    assert code == 0
    assert "none of them new" in out


def test_licences_and_limits_are_words_of_the_command(ask: Callable[..., Told]) -> None:
    words = ("corpus", "--runs", "a", "b", "--name", "free", "--license", "commercial")
    code, out, _ = ask(*words, "--most", "omniedit=12", "--json")
    assert code == 0
    told = json.loads(out)
    assert told["kept"] == 12
    assert told["rejected"] == {"duplicate_triplet": 5, "licence_left_out": 10, "over_quota": 8}
    shown = ask(*words, "--most", "omniedit=12")[1]
    assert "left out: 10 licence_left_out" in shown


def test_a_folder_comes_in_beside_runs(ask: Callable[..., Told], tmp_path: Path) -> None:
    write_run(Store.on_disk(tmp_path / "theirs"), "c", [record(90)])
    words = ("--runs", "a", "theirs/corpora/c", "./store/corpora/b", "--name", "all", "--json")
    told = json.loads(ask("corpus", *words)[1])
    assert (told["runs"], told["kept"]) == (["a", "c", "b"], 31)
    again = json.loads(ask("corpus", "--runs", "b", "--name", "all", "--json")[1])
    assert again["added"] == []


def test_a_united_corpus_is_audited_exported_and_loaded_with_its_splits(
    ask: Callable[..., Told], tmp_path: Path
) -> None:
    shares = ("--validation-share", 0.25, "--test-share", 0.25)
    told = json.loads(ask("corpus", "--runs", "a", "b", "--name", "all", *shares, "--json")[1])
    _, out, _ = ask("audit", "--run", "all")
    problems = [line for line in out.splitlines() if line.startswith("problem: ")]
    assert [one for one in problems if "ledger" not in one] == []
    assert ask("export", "--corpus", "all", "--layout", "parquet", "--to", "out")[0] == 0
    for folder in ("store/corpora/all", "out"):
        found = load_dataset(str(tmp_path / folder), cache_dir=str(tmp_path / "cache" / folder))
        assert {name: len(rows) for name, rows in found.items()} == told["splits"]
    assert ask("export", "--corpus", "all", "--layout", "webdataset", "--to", "tars")[0] == 0


def photo(place: Path, number: int, side: int) -> bytes:
    """A photograph of the demo, also as a file."""
    with Image.open(PHOTOS[number]) as opened:
        image = opened.convert("RGB").resize((side, side))
    place.mkdir(exist_ok=True)
    image.save(place / f"{number}.png")
    return encode_png(image)


def test_a_benchmark_is_hashed_and_its_pictures_are_left_out(
    ask: Callable[..., Told], store: Store, tmp_path: Path
) -> None:
    photo(tmp_path / "bench", 0, 300)
    planted = record(50, source_image=photo(tmp_path / "ours", 0, 240))
    other = record(51, source_image=photo(tmp_path / "ours", 1, 240))
    same = {"instruction": other.instruction, "edited_image": other.edited_image}
    twin = record(52, source_image=photo(tmp_path / "ours", 1, 200), **same)
    write_run(store, "c", [planted, other, twin])
    words = ("hashes", "--from", "bench", "--name", "gedit", "--to", "gedit.parquet")
    code, out, err = ask(*words, "--thumbnails", "--json")
    assert (code, err) == (0, "")
    told = json.loads(out)
    assert (told["items"], told["pictures"], told["left_out"]) == (1, 1, 0)
    assert told["hashes"] > 10
    assert f"{told['hashes']} hashes of 1 pictures" in ask(*words)[1]
    held = ("corpus", "--runs", "a", "c", "--name", "held", "--against", "gedit.parquet")
    code, out, _ = ask(*held, "--against", "gedit.parquet", "--json")
    assert code == 0
    assert json.loads(out)["rejected"] == {"contaminated": 1, "near_duplicate": 1}
    page = store.read("corpora/held/hits/1.0.0.html").decode()
    assert page.count("data:image/jpeg;base64,") >= 4
    code, _, err = ask("corpus", "--runs", "b", "--name", "held")
    assert code == 1
    assert "is held against gedit" in err
    kept = ask("corpus", "--runs", "c", "--name", "all", "--keep-near-duplicates", "--json")[1]
    assert json.loads(kept)["rejected"] == {}
    assert ask("corpus", "--runs", "c", "--name", "x", "--against", "none.parquet")[0] == 1
    assert "is no name" in ask("hashes", "--from", "bench", "--name", "<b>", "--to", "x")[2]
    assert "is a folder" in ask("hashes", "--from", "bench", "--name", "b", "--to", "bench")[2]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--runs", "a", "--name", "a"), "is the name of a run"),
        (("--runs", "nobody", "--name", "all"), "holds no finished corpus"),
        (("--runs", "a", "--name", "All"), "is no name of a corpus"),
        (("--runs", "a", "--name", "all", "--most", "omniedit"), "--most takes SOURCE=N"),
        (("--runs", "a", "--name", "all", "--test-share", "2"), "test_share"),
        (("--runs", "a", "--name", "all", "--license", "<b>"), "is no licence"),
        (("--runs", "a", "--name", "all", "--version", "next"), "is no version"),
        (("--name", "all"), "--runs"),
    ],
)
def test_what_cannot_be_is_one_sentence(
    ask: Callable[..., Told], words: tuple[str, ...], sentence: str
) -> None:
    code, out, err = ask("corpus", *words, "--json")
    assert code == 1
    assert sentence in err
    assert err.count("\n") == 1
    assert json.loads(out)["kept"] == 0


def test_a_run_that_has_failed_triplets_is_told(
    ask: Callable[..., Told], store: Store, tmp_path: Path
) -> None:
    told = json.loads(store.read("corpora/a/manifest.json"))
    told |= {"entered": 21, "failed": {"unavailable": 1}}
    file = next(one for one in told["files"] if one["path"] == "failed.parquet")
    file["records"] = 1
    store.write("corpora/a/manifest.json", json.dumps(told).encode())
    code, _, err = ask("corpus", "--runs", "a", "--name", "all", "--json")
    assert code == 0
    assert "1 triplets of the run a failed" in err
