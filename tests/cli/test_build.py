"""A small build as a person runs it: what comes out, what stops it, and what a second run pays."""

import os
import shutil
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import pyarrow.parquet as pq
import pytest

from editcorpus.sandbox.personas import POOLING_MODELS

pytestmark = pytest.mark.prefect
Words = Callable[..., tuple[object, ...]]
SLOW = {"time_scale": 1.0, "latency_s": 0.4}


def check_sum(told: dict[str, Any]) -> None:
    rejected, failed = sum(told["rejected"].values()), sum(told["failed"].values())
    assert told["entered"] == told["kept"] + rejected + failed == 8


def paid_twice(sandbox: Any) -> list[str]:
    """Requests that were billed more than once."""
    billed = Counter(call["key"] for call in sandbox.admin("journal?billed=true")["calls"])
    return [key for key, count in billed.items() if count > 1]


@pytest.fixture(scope="module")
def finished(
    tmp_path_factory: pytest.TempPathFactory, few: Path, bare: Any, one_sandbox: Any
) -> tuple[Any, Path]:
    """A build that went well in a process with a Prefect server of its own; not to be changed."""
    folder = tmp_path_factory.mktemp("finished")
    words = ("build", "omniedit", "--input", few, "--store", "store", "--run", "few")
    ended = type(bare)(folder, bare.env).run(*words, "--shard-size", 3, "--json")
    return ended, folder


@pytest.fixture
def copied(finished: tuple[Any, Path], shell: Any) -> Path:
    """The store of that build, in the shell's folder."""
    shutil.copytree(finished[1] / "store", shell.folder / "store")
    return Path(shell.folder / "store")


def test_prints_one_object_that_adds_up(finished: tuple[Any, Path]) -> None:
    ended, folder = finished
    assert ended.code == 0, ended.err
    told = ended.json
    assert list(told) == [
        *("run", "entered", "kept", "rejected", "failed", "calls", "cost_usd", "corpus", "seconds")
    ]
    check_sum(told)
    assert told["run"] == "few"
    assert told["rejected"]["image_unreadable"] == told["rejected"]["image_too_large"] == 1
    assert told["kept"] >= 3
    assert set(told["calls"]) == {"paid", "cached", "possibly_billed"}
    assert told["calls"]["paid"] >= 6
    assert float(told["cost_usd"]) > 0.1
    assert Path(told["corpus"]) == folder / "store" / "corpora" / "few"


def test_says_where_the_corpus_lies_and_what_it_cost(finished: tuple[Any, Path]) -> None:
    said = " ".join(finished[0].err.split())
    assert "entered" in said
    assert "image_too_large" in said
    assert f"would have cost ${float(finished[0].json['cost_usd']):.4f}" in said
    assert "nothing was really paid" in said
    assert f"Corpus: {finished[0].json['corpus']}" in said
    assert "Traceback" not in said


def test_a_trainer_loads_the_corpus_without_a_word_of_configuration(
    finished: tuple[Any, Path], tmp_path: Path
) -> None:
    told = finished[0].json
    loaded = datasets.load_dataset(told["corpus"], split="train", cache_dir=str(tmp_path))
    assert len(loaded) == told["kept"]
    for row in loaded:
        assert row["source_image"].size == row["edited_image"].size == (row["width"], row["height"])
        assert row["dataset_source"] == "omniedit"
        assert row["instruction"]


def test_the_same_again_pays_nothing_and_changes_no_byte(
    finished: tuple[Any, Path], shell: Any, build: Words, sandbox: Any, files_below: Any
) -> None:
    store = finished[1] / "store"
    before = files_below(store)
    again = shell.run(*build("--store", store))
    assert again.code == 0, again.err
    assert (again.json["calls"]["paid"], again.json["kept"]) == (0, finished[0].json["kept"])
    assert sandbox.admin("summary")["billed"] == 0
    assert files_below(store) == before


def test_another_threshold_under_another_name_pays_for_no_picture(
    copied: Path, shell: Any, build: Words, sandbox: Any
) -> None:
    """And whoever it refuses comes back without any, with all that its record had."""
    least = sorted(row["score_done"] for row in rows(copied, "few"))[1]
    sets = "--set", "filter.judge.unchanged_share=0.01", "--set", f"publish.min_done={least}"
    other = shell.run(*build(*sets, run="stricter"))
    assert other.code == 0, other.err
    check_sum(other.json)
    assert other.json["calls"]["cached"] >= 6
    assert [
        call
        for call in sandbox.admin("journal?billed=true")["calls"]
        if call["persona"] == "openai"
    ] == []
    assert float(other.json["cost_usd"]) == 0
    assert other.json["rejected"]["not_done"] == 1

    words = ("refilter", "stricter", "--store", "store", "--set", "publish.min_done=0.5")
    back = shell.run(*words, "--yes", "--json")
    assert back.code == 0, back.err
    assert back.json["won"] == {"not_done": 1}
    before = {row["id"]: row for row in rows(copied, "few")}
    found = rows(copied, "stricter-refiltered")
    assert len(found) == other.json["kept"] + 1
    assert found == [before[row["id"]] for row in found]


def rows(store: Path, name: str) -> list[dict[str, Any]]:
    files = sorted((store / "corpora" / name / "data").iterdir())
    return [row for file in files for row in pq.read_table(file).to_pylist()]


def test_a_second_scorer_adds_its_columns_and_is_paid_for_once(
    copied: Path, shell: Any, build: Words, sandbox: Any
) -> None:
    scorer = shell.having(EMBEDDINGS_BASE_URL=sandbox.pooling_url)
    models = dict(zip(("model", "clip_model", "dino_model"), POOLING_MODELS, strict=True))
    words = build(*(f"--set=embed.{name}={model}" for name, model in models.items()), run="scored")
    first = scorer.run(*words)
    assert first.code == 0, first.err
    check_sum(first.json)
    billed = sandbox.admin("journal?billed=true")["calls"]
    assert {call["endpoint"] for call in billed} == {"/pooling/v1/embeddings"}
    assert Counter(call["model"] for call in billed).keys() == set(POOLING_MODELS)
    assert first.json["calls"]["paid"] == len(billed)
    assert float(first.json["cost_usd"]) == float(sandbox.admin("summary")["usd"])
    rows = pq.read_table(f"{first.json['corpus']}/data").to_pylist()
    assert len(rows) == first.json["kept"]
    for row in rows:
        assert None not in (row["embed_match"], row["clip_sim_image"], row["dino_sim"], row["ssim"])
        assert row["clip_sim_dir"] is None, "OmniEdit has no captions"
        assert row["embed_model"] == ",".join(POOLING_MODELS)
    again = scorer.run(*words)
    assert (again.code, again.json["calls"]["paid"]) == (0, 0), again.err
    assert len(sandbox.admin("journal?billed=true")["calls"]) == len(billed)
    assert scorer.run("audit", "--store", copied, "--run", "scored").code == 0


def test_a_budget_stops_it_and_a_higher_one_goes_on(shell: Any, build: Words, sandbox: Any) -> None:
    stopped = shell.run(*build("--budget-usd", 0.15, "--in-flight", 2))
    assert stopped.code == 3, stopped.err
    check_sum(stopped.json)
    assert stopped.json["failed"]["not_reached"] >= 1
    assert "budget of $0.15" in " ".join(stopped.err.split())
    assert 0 < float(sandbox.admin("summary")["usd"]) <= float(stopped.json["cost_usd"]) <= 0.15
    assert not (shell.folder / "store" / "corpora" / "few" / "manifest.json").exists()
    whole = shell.run(*build("--budget-usd", 5))
    assert whole.code == 0, whole.err
    check_sum(whole.json)
    assert whole.json["failed"] == {}
    assert paid_twice(sandbox) == []
    assert whole.json["cost_usd"].rstrip("0") == sandbox.admin("summary")["usd"].rstrip("0")


def test_what_is_unanswered_is_asked_again_by_the_next_run(
    shell: Any, build: Words, sandbox: Any
) -> None:
    sandbox.admin("config", {"faults": {"server_error": 0.5}})
    some = shell.run(*build("--call-attempts", 1, "--set", "effort.max_failed_share=1"))
    assert some.code == 2, some.err
    check_sum(some.json)
    failed = some.json["failed"]["unavailable"]
    assert 1 <= failed <= 6
    billed = sandbox.admin("summary")["billed"]
    assert shell.run("audit", "--store", "store", "--run", "few").code == 0
    sandbox.admin("config", {"faults": {}})
    rest = shell.run(*build("--call-attempts", 1))
    assert rest.code == 0, rest.err
    check_sum(rest.json)
    assert rest.json["failed"] == {}
    assert sandbox.admin("summary")["billed"] == billed + rest.json["calls"]["paid"]
    assert paid_twice(sandbox) == []


def test_a_revoked_key_stops_it_and_what_was_paid_stays(
    shell: Any, build: Words, sandbox: Any, wait_until: Any, take_ended: Any
) -> None:
    sandbox.admin("config", SLOW)
    process = shell.start(*build("--in-flight", 1))
    wait_until(process, lambda: sandbox.admin("summary")["billed"] >= 2)
    sandbox.admin("config", {"keys_revoked": True})
    stopped = take_ended(process)
    assert stopped.code == 3, stopped.err
    check_sum(stopped.json)
    assert stopped.json["failed"]["not_reached"] >= 1
    assert "Incorrect API key" in stopped.err or "key" in stopped.err.splitlines()[-1]
    assert "planted" not in stopped.out + stopped.err
    sandbox.admin("config", {"keys_revoked": False, "time_scale": 0.001, "latency_s": None})
    whole = shell.run(*build())
    assert whole.code == 0, whole.err
    paid = [each.json["calls"]["paid"] for each in (stopped, whole)]
    assert min(paid) >= 2
    assert sum(paid) == sandbox.admin("summary")["billed"]
    assert paid_twice(sandbox) == []


def test_an_interrupt_takes_what_is_in_flight_and_ends(
    shell: Any, build: Words, sandbox: Any, wait_until: Any, take_ended: Any
) -> None:
    sandbox.admin("config", SLOW)
    process = shell.start(*build("--in-flight", 2))
    wait_until(process, lambda: sandbox.admin("summary")["billed"] >= 2)
    os.kill(process.pid, signal.SIGINT)
    ended = take_ended(process)
    assert ended.code == 3, ended.err
    check_sum(ended.json)
    assert ended.json["failed"]["not_reached"] >= 1
    assert ended.json["calls"]["possibly_billed"] == 0
    assert "Traceback" not in ended.err
    assert not (shell.folder / "store" / "runs" / "few" / "lock.json").exists()
    sandbox.admin("config", {"time_scale": 0.001, "latency_s": None})
    whole = shell.run(*build())
    assert whole.code == 0, whole.err
    assert paid_twice(sandbox) == []


def test_audit_finds_nothing_in_a_whole_corpus(finished: tuple[Any, Path], bare: Any) -> None:
    proved = bare.run("audit", "--store", finished[1] / "store", "--run", "few")
    assert proved.code == 0, proved.out
    assert "0 problems" in proved.out


def test_audit_names_what_is_damaged(copied: Path, shell: Any) -> None:
    file = next((copied / "corpora" / "few" / "data").iterdir())
    file.write_bytes(file.read_bytes()[:-100])
    proved = shell.run("audit", "--store", "store", "--run", "few")
    assert proved.code == 2
    assert file.name in proved.out
    assert "Traceback" not in proved.err


def test_a_build_mends_a_corpus_file_that_is_gone(
    copied: Path, shell: Any, build: Words, sandbox: Any, files_below: Any
) -> None:
    corpus = copied / "corpora" / "few"
    before = files_below(corpus / "data")
    next((corpus / "data").iterdir()).unlink()
    again = shell.run(*build())
    assert again.code == 0, again.err
    assert again.json["calls"]["paid"] == 0
    assert files_below(corpus / "data") == before


def test_gallery_writes_a_page_for_kept_and_rejected(copied: Path, shell: Any) -> None:
    shown = shell.run("gallery", "--store", "store", "--run", "few")
    assert shown.code == 0, shown.err
    page = Path(shown.out.strip())
    assert page.is_file()
    assert "image_too_large" in page.read_text("utf-8")


def test_estimate_prices_three_presets_and_pays_nothing(
    shell: Any, few: Path, sandbox: Any
) -> None:
    said = shell.having(OPENAI_API_KEY=None).run("estimate", "omniedit", "--input", few, "--json")
    assert said.code == 0, said.err
    presets = said.json["presets"]
    assert list(presets) == ["standard", "paper", "modern"]
    for each in presets.values():
        assert 0 < float(each["low"]) <= float(each["expected"]) <= float(each["worst"])
        assert each["hours"] >= 0
    assert presets["modern"]["padded_share"] == 0
    assert sandbox.admin("summary")["calls"] == 0
