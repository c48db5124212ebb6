"""`editcorpus export` as a person meets it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from plain_corpus import plain_pictures, plain_record, write_plain_corpus

from editcorpus.layouts.kontext import read_kontext
from editcorpus.storage import Store
from flows.cli import main

Told = tuple[int, str, str]
RECORDS = [plain_record(number, **plain_pictures(number)) for number in range(3)]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A store with the corpus of a run `few`; the shell stands beside it."""
    monkeypatch.chdir(tmp_path)
    made = Store.on_disk(tmp_path / "store")
    write_plain_corpus(made, "few", RECORDS)
    return made


@pytest.fixture
def ask(store: Store, capsys: pytest.CaptureFixture[str]) -> Callable[..., Told]:
    """Runs the command in this process: its exit code, and what it said."""

    def asked(*words: object) -> Told:
        code = main(["export", *map(str, words)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return asked


def test_the_last_line_tells_what_was_written(ask: Callable[..., Told], tmp_path: Path) -> None:
    words = ("--corpus", "few", "--layout", "kontext", "--to", "out/pairs", "--json")
    code, out, err = ask(*words)
    assert (code, err) == (0, "")
    told = json.loads(out)
    files = [file for file in (tmp_path / "out/pairs").rglob("*") if file.is_file()]
    assert list(told) == ["layout", "records", "files", "bytes", "path", "seconds"]
    assert (told["layout"], told["records"]) == ("kontext", 3)
    assert told["files"] == len(files) == 13
    assert told["bytes"] == sum(file.stat().st_size for file in files)
    assert told["path"] == str(tmp_path / "out/pairs")
    assert list(read_kontext(Store.on_disk(tmp_path / "out"), "pairs")) == RECORDS
    again = json.loads(ask(*words)[1])
    assert again | {"seconds": 0} == told | {"seconds": 0}


@pytest.mark.parametrize(
    "named", ["few", "store/corpora/few", "./store/corpora/few/", "store/../store/corpora/few"]
)
def test_a_corpus_is_a_run_or_a_folder(ask: Callable[..., Told], named: str) -> None:
    code, out, _ = ask("--corpus", named, "--layout", "webdataset", "--to", "out")
    assert code == 0
    assert out.startswith("3 records as webdataset in 4 files of ")


def test_a_folder_beside_the_shell_is_found_by_its_name(
    ask: Callable[..., Told], tmp_path: Path
) -> None:
    (tmp_path / "store/corpora/few").rename(tmp_path / "mine")
    assert ask("--corpus", "mine", "--layout", "parquet", "--to", "out")[0] == 0


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--corpus", "none", "--to", "out"), "holds no finished corpus."),
        (("--corpus", "store/none", "--to", "out"), "store/none holds no finished corpus."),
        (("--corpus", "few", "--to", "/"), "'/' is no folder; name one inside of it."),
        (("--corpus", "few", "--to", "s3://bucket"), "'s3://bucket' is no folder"),
        (("--corpus", "few", "--to", "s3://me:secret@host/x"), "holds a password"),
        (("--corpus", "s3://me:secret@host/x", "--to", "out"), "holds a password"),
        (("--corpus", "few", "--to", "store"), "store is not empty; choose another folder."),
        (("--corpus", "few", "--to", "store/corpora/few"), "is not empty"),
        (("--corpus", "few", "--to", "out/.x.tmp"), "is not a path inside the store."),
        (("--corpus", ".."), "the following arguments are required: --to"),
    ],
)
def test_what_cannot_be_is_one_sentence_and_writes_nothing(
    ask: Callable[..., Told], tmp_path: Path, words: tuple[str, ...], sentence: str
) -> None:
    before = sorted(tmp_path.rglob("*"))
    code, out, err = ask("--layout", "kontext", *words, "--json")
    assert code == 1
    assert sentence in err
    assert "secret" not in err + out
    assert len(err.splitlines()) == 1
    told = json.loads(out)
    assert sentence in told.pop("error")
    assert set(told) == {"layout", "records", "files", "bytes", "path", "seconds"}
    assert sorted(tmp_path.rglob("*")) == before


def test_an_unknown_layout_names_those_that_there_are(ask: Callable[..., Told]) -> None:
    code, _, err = ask("--corpus", "few", "--layout", "zip", "--to", "out")
    assert code == 1
    assert "'gpt-image-edit', 'webdataset', 'kontext'" in err


def test_a_place_that_cannot_be_written_stops_it(ask: Callable[..., Told], tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    code, _, err = ask("--corpus", "few", "--layout", "kontext", "--to", "file/out")
    assert code == 3
    assert "Run the same again to go on." in err
    assert len(err.splitlines()) == 1
