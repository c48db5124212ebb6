"""Named blocks in place of the environment, and the blocks that a run saves for itself."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

pytestmark = pytest.mark.prefect
Words = Callable[..., tuple[object, ...]]


@pytest.fixture
def two_rows(tmp_path: Path, write_rows: Callable[..., Path]) -> Path:
    names = ("task_obj_add_42250", "task_attr_mod_color_11750")
    return write_rows(tmp_path / "two.parquet", names, 2)


@pytest.fixture
def saved(prefect_api: str, one_sandbox: Any, key: str, tmp_path: Path) -> dict[str, Any]:
    """Blocks that a person has saved, by name; the first bears a name that a run would choose."""
    from blocks.corpus_store import CorpusStore
    from blocks.model_endpoint import ModelEndpoint

    api = {"base_url": one_sandbox.url, "api_key": SecretStr(key), "provider": "sandbox"}
    vllm = {"base_url": one_sandbox.vllm_url, "provider": "sandbox", "tariff": "free"}
    made: dict[str, Any] = {
        "named-images": ModelEndpoint(**api, in_flight=7),
        "my-writer": ModelEndpoint(**api, in_flight=6),
        "my-judge": ModelEndpoint(**vllm, in_flight=5),
        "my-store": CorpusStore(root=str(tmp_path / "mine"), spool=str(tmp_path / "spool")),
    }
    for name, block in made.items():
        block.save(name, overwrite=True)
    return made


def test_a_build_needs_no_environment_where_every_block_is_named(
    shell: Any, two_rows: Path, saved: dict[str, Any], sandbox: Any, tmp_path: Path
) -> None:
    words = ("build", "omniedit", "--input", two_rows, "--run", "named", "--json")
    bare = shell.having(OPENAI_API_KEY=None, OPENAI_BASE_URL=None, QWEN_VL_BASE_URL=None)
    named = ("--images-block", "named-images", "--writer-block", "my-writer")
    rest = ("--judge-block", "my-judge", "--store-block", "my-store")
    ended = bare.run(*words, *named, *rest)
    assert ended.code == 0, ended.err
    assert ended.json["entered"] == 2
    assert Path(ended.json["corpus"]) == tmp_path / "mine" / "corpora" / "named"
    assert not (shell.folder / "store").exists()


def test_a_block_that_a_person_named_is_never_written(
    shell: Any, two_rows: Path, saved: dict[str, Any], sandbox: Any
) -> None:
    from blocks.model_endpoint import ModelEndpoint

    words = ("build", "omniedit", "--input", two_rows, "--run", "named", "--in-flight", 3)
    ended = shell.run(*words, "--writer-block", "named-images", "--json")
    assert ended.code == 0, ended.err
    kept: Any = ModelEndpoint.load("named-images")
    assert kept.in_flight == 7
    own: Any = ModelEndpoint.load("named-images-own")
    assert own.in_flight == 3


@pytest.mark.parametrize("role", ["images", "writer", "judge", "store"])
def test_a_block_that_is_not_there_is_one_sentence(
    role: str, shell: Any, build: Words, sandbox: Any
) -> None:
    ended = shell.run(*build(f"--{role}-block", "nobody"))
    assert ended.code == 1, ended.err
    sentence = ended.err.splitlines()[-1]
    assert sentence.startswith(f"editcorpus: --{role}-block: no ")
    assert "'nobody'" in sentence
    assert "Traceback" not in ended.err
    assert sandbox.admin("summary")["billed"] == 0


def test_a_name_that_no_block_can_have_is_a_usage_error(shell: Any, build: Words) -> None:
    ended = shell.run(*build("--images-block", "../flows"))
    assert ended.code == 1
    assert "'../flows'" in ended.err.splitlines()[-1]


def test_no_two_runs_share_a_block(
    prefect_api: str, one_sandbox: Any, key: str, tmp_path: Path
) -> None:
    from flows.connections import from_environment
    from flows.running import save_blocks

    environment = {
        "OPENAI_BASE_URL": one_sandbox.url,
        "OPENAI_API_KEY": key,
        "QWEN_VL_BASE_URL": one_sandbox.vllm_url,
    }
    runs = ("a.b", "a-b", "a--b", "a-0b", "a.-b", "a-.b")
    names = [
        save_blocks(run, from_environment(environment, str(tmp_path), {}), {}).images
        for run in runs
    ]
    assert len(set(names)) == len(runs)


def test_files_on_their_way_to_a_bucket_lie_in_the_cache_of_the_user(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from blocks.corpus_store import CorpusStore

    monkeypatch.setenv("HOME", str(tmp_path))
    block = CorpusStore(root=str(tmp_path / "store"))
    assert block.spool == "~/.cache/editcorpus/spool"
    assert block.store().spool == tmp_path / ".cache" / "editcorpus" / "spool"
