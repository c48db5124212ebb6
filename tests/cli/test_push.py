"""`editcorpus push` as a person meets it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hub_writes import TOKEN, HubWrites

from editcorpus.layouts.manifest import CorpusManifest, commit_manifest
from editcorpus.layouts.parquet import write_outcomes
from editcorpus.storage import Store
from flows.cli import main

Told = tuple[int, str, str]
FIELDS = ["repo", "revision", "commit", "url", "sent", "there", "removed", "dry_run", "seconds"]
pytestmark = pytest.mark.filterwarnings(  # `huggingface_hub` sends files so
    "ignore:Use 'content=:DeprecationWarning"
)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hub_writes: HubWrites) -> Store:
    """A store with the corpus of a run `none`, which kept nothing; the shell stands beside it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_ENDPOINT", hub_writes.url)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    made, folder = Store.on_disk(tmp_path / "store"), "corpora/none"
    files = tuple(
        write_outcomes(made, f"{folder}/{name}.parquet", ()) for name in ("rejects", "failed")
    )
    made.write(f"{folder}/README.md", b"# none\n")
    commit_manifest(made, folder, CorpusManifest("none", 0, 0, {}, {}, files))
    return made


@pytest.fixture
def ask(store: Store, capsys: pytest.CaptureFixture[str]) -> Callable[..., Told]:
    """Runs the command in this process: its exit code, and what it said."""

    def asked(*words: str) -> Told:
        code = main(["push", "--repo", "team/none", *words])
        said = capsys.readouterr()
        return code, said.out, said.err

    return asked


def test_a_dry_run_names_what_would_be_sent_and_sends_nothing(
    ask: Callable[..., Told], hub_writes: HubWrites
) -> None:
    code, out, err = ask("--corpus", "none", "--dry-run")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert [line.split()[0] for line in lines[:4]] == [
        *("failed.parquet", "rejects.parquet", "README.md", "manifest.json")
    ]
    assert lines[4].startswith("4 files of ")
    assert lines[4].endswith(" bytes would be sent, 0 files of 0 bytes there already")
    assert hub_writes.repos == {}


def test_the_last_line_tells_what_was_sent_and_what_was_there(
    ask: Callable[..., Told], hub_writes: HubWrites
) -> None:
    words = ("--corpus", "store/corpora/none", "--private", "--revision", "v1", "--json")
    code, out, err = ask(*words)
    told = json.loads(out)
    assert (code, err, list(told)) == (0, "", FIELDS)
    assert (told["sent"]["files"], told["there"]["files"]) == (4, 0)
    assert told["url"] == f"{hub_writes.url}/datasets/team/none/tree/v1"
    assert hub_writes.repos["team/none"].private
    again = json.loads(ask(*words)[1])
    assert (again["sent"]["files"], again["there"]) == (0, told["sent"])
    assert again["commit"] == told["commit"]


def test_an_export_is_made_in_the_store_and_pushed(
    ask: Callable[..., Told], store: Store, hub_writes: HubWrites
) -> None:
    code, out, _ = ask("--corpus", "none", "--layout", "kontext")
    assert (code, out.splitlines()[0].endswith("0 files of 0 bytes there already")) == (0, True)
    assert store.exists("exports/none-kontext/export.json")
    assert "export.json" in hub_writes.files("team/none")


@pytest.mark.parametrize("words", [("--layout", "kontext"), ()])
def test_a_folder_beside_the_shell_is_pushed(
    ask: Callable[..., Told], tmp_path: Path, words: tuple[str, ...]
) -> None:
    (tmp_path / "store/corpora/none").rename(tmp_path / "mine")
    assert ask("--corpus", "mine", *words)[0] == 0
    assert (tmp_path / "mine-kontext").is_dir() is bool(words)


def test_a_push_without_a_token_is_one_sentence(
    ask: Callable[..., Told], monkeypatch: pytest.MonkeyPatch, hub_writes: HubWrites
) -> None:
    monkeypatch.delenv("HF_TOKEN")
    code, out, err = ask("--corpus", "none", "--json")
    assert code == 1
    assert err == (
        "editcorpus: HF_TOKEN is not set; a push needs a token of the Hub with the right to write.\n"
    )
    assert list(json.loads(out)) == [*FIELDS, "error"]
    assert hub_writes.calls == []


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("--corpus", "lost"), 1, "holds no finished corpus"),
        (("--corpus", "none", "--repo", "none"), 1, "'none' is no name of a repository"),
        (("--corpus", "s3://me:secret@host/x"), 1, "holds a password"),
        (("--corpus", "none", "--layout", "zip"), 1, "'gpt-image-edit', 'webdataset'"),
    ],
)
def test_what_cannot_be_is_one_sentence(
    ask: Callable[..., Told], words: tuple[str, ...], code: int, sentence: str
) -> None:
    ended, _, err = ask(*words)
    assert ended == code
    assert sentence in err
    assert len(err.splitlines()) == 1


def test_a_full_hub_stops_it_and_no_token_is_told(
    ask: Callable[..., Told], hub_writes: HubWrites
) -> None:
    hub_writes.refuse["/commit/"] = (403, f"Storage limit reached for {TOKEN}")
    code, out, err = ask("--corpus", "none")
    assert (code, out) == (3, "")
    assert err == (
        "editcorpus: The Hub takes no more for team/none: Storage limit reached for ***.\n"
    )
