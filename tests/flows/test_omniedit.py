"""The flow on a real Prefect server: what a person sees there, read back by its API."""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from prefect.client.schemas.objects import State

from flows.omniedit import omniedit
from flows.parameters import Recipe

pytestmark = pytest.mark.prefect
UNLUCKY = "task_attr_mod_facial_2391"
ROWS = ("task_obj_add_42250", "task_attr_mod_color_11750", UNLUCKY, "task_obj_add_45556")
ENDS = ("editcorpus.run.finished", "editcorpus.run.stopped")
STAGES = ("pad", "regenerate", "filter", "rewrite", "align", "publish")


@dataclass(frozen=True)
class Built:
    """A flow run that ended: the state that the call gave, the API, and the blocks it used."""

    state: State[Any]
    api: Any
    blocks: dict[str, str]
    input: Path


def recipe(source: Path, blocks: dict[str, str], run: str = "flow-test", **effort: Any) -> Recipe:
    return Recipe.model_validate(
        {
            "run": run,
            "input": str(source),
            "selection": {"shard_size": 2},
            "endpoints": blocks,
            "effort": {"retry_delay_s": 0, "max_failed_share": 0.5, **effort},
        }
    )


@pytest.fixture(scope="module")
def built(
    tmp_path_factory: pytest.TempPathFactory,
    write_rows: Callable[..., Path],
    save_blocks: Callable[..., dict[str, str]],
    store_members: Callable[[], dict[str, Any]],
    api_of: Callable[..., Any],
) -> Built:
    """Two shards: all is well in the first; in the second one edit never gets an answer."""
    path = tmp_path_factory.mktemp("input") / "rows.parquet"
    bad_luck = {UNLUCKY: "[[emulate server_error]] Give the photographer a short beard."}
    write_rows(path, ROWS, 2, bad_luck)
    blocks = save_blocks("flow-test", store_members(), call_attempts=1)
    state = omniedit(recipe(path, blocks), return_state=True)
    api = api_of(state.state_details.flow_run_id)
    return Built(state, api.once(all_recorded), blocks, path)


def all_recorded(api: Any) -> bool:
    """Plan, finish, gallery; two shards; the stages of both; the second shard once more."""
    found = api.task_runs()
    ended = [run for run in found if run["state_type"] in {"COMPLETED", "FAILED"}]
    names = Counter(run["name"] for run in ended)
    return len(ended) == len(found) and names["00001-shard"] == 2 and names["00001-publish"] == 2


def states(built: Built, name: str) -> list[str]:
    found = [run for run in built.api.task_runs() if run["name"] == name]
    return [run["state_name"] for run in sorted(found, key=lambda run: run["start_time"])]


def test_the_run_is_named_after_its_recipe_and_says_how_many_failed(built: Built) -> None:
    run = built.api.flow_run()
    assert run["name"] == "omniedit-flow-test"
    assert (run["state_type"], run["state_name"]) == ("COMPLETED", "Completed (1 failed)")
    told = run["state"]["message"]
    assert re.match(r"4 entered: \d kept, \d rejected, 1 failed; \$0\.\d{4}\.", told)
    assert "Failed: 1 unavailable at regenerate (shards 00001)." in told
    assert told.endswith("Start the same command again: only those that failed are asked.")


def test_each_stage_of_each_shard_is_a_task_run_with_its_counts_as_state(built: Built) -> None:
    names = {run["name"] for run in built.api.task_runs()}
    assert {f"0000{shard}-{stage}" for shard in (0, 1) for stage in (*STAGES, "shard")} <= names
    assert states(built, "00000-pad") == ["2 kept"]
    assert states(built, "00000-regenerate") == ["2 kept"]
    assert states(built, "00001-pad") == ["1 kept, 1 rejected", "Done before"]
    assert re.match(r"\d kept", states(built, "00000-shard")[0])


def test_a_stage_with_an_unanswered_call_is_red_and_was_retried_once(built: Built) -> None:
    runs = [run for run in built.api.task_runs() if run["name"] == "00001-regenerate"]
    assert len(runs) == 2  # the shard is taken through its stages once more at the end
    for run in runs:
        assert (run["state_type"], run["state_name"]) == ("FAILED", "1 unanswered")
        assert run["run_count"] == 2
        told = run["state"]["message"]
        assert told.startswith("1 of 1 has no answer: 1 unavailable. The first: ")
        assert "the artifact editcorpus-failures of the flow run" in told
        assert re.search(
            r"`editcorpus redrive --store \S+ --run flow-test --reason unavailable`", told
        )


def test_its_siblings_stay_completed(built: Built) -> None:
    others = [run for run in built.api.task_runs() if run["name"] != "00001-regenerate"]
    assert {run["state_type"] for run in others} == {"COMPLETED"}
    assert {run["run_count"] for run in others} == {1}
    assert states(built, "00001-shard") == ["0 kept, 1 unanswered"] * 2
    shards = [run for run in others if run["name"] == "00001-shard"]
    assert all("1 unavailable at regenerate" in run["state"]["message"] for run in shards)


def test_artifacts_show_progress_funnel_and_failures(built: Built) -> None:
    shown = built.api.artifacts()
    progress = shown["editcorpus-progress"]
    assert progress["data"] == 100
    assert "2 of 2 shards" in progress["description"]
    funnel = shown["editcorpus-funnel"]
    assert "| entered | 4 |" in funnel["data"]
    assert "image" in funnel["data"]
    assert "booked" in funnel["data"]
    assert "4 entered" in funnel["description"]
    failures = shown["editcorpus-failures"]
    assert "1 at regenerate: unavailable" in failures["data"]
    assert UNLUCKY in unescape(failures["data"])
    assert "Again, only these: `editcorpus redrive --store " in failures["data"]
    assert "$0.0000 booked for them." in failures["data"]
    assert failures["description"].startswith("1 failed: 1 unavailable. ")


def events(api: Any, run: str) -> list[dict[str, Any]]:
    """What a run told the server, in that order."""
    wanted = {"any_resource": {"id": [f"editcorpus.run.{run}"]}, "order": "ASC"}

    def found() -> list[dict[str, Any]]:
        page = api.client.post("/events/filter", json={"filter": wanted, "limit": 50})
        return list(page.raise_for_status().json()["events"])

    api.once(lambda _: any(one["event"].startswith(ENDS) for one in found()))
    return found()


def test_the_run_tells_the_server_of_each_shard_and_of_its_end(built: Built) -> None:
    told = [one for one in events(built.api, "flow-test") if is_of(one, built.api.run)]
    assert [one["event"].removeprefix("editcorpus.") for one in told] == [
        "run.started",
        *["shard.finished"] * 3,
        "run.finished",
    ]
    started, *shards, finished = (one["payload"] for one in told)
    assert (started["entered"], started["shards"], started["emulated"]) == (4, 2, True)
    assert sorted((one["shard"], one["times"]) for one in shards) == [(0, 1), (1, 1), (1, 2)]
    assert shards[-1]["failed"] == {"unavailable": 1}
    assert sum(Decimal(one["usd"]) for one in shards[:2]) == Decimal(finished["spent_usd"]) > 0
    assert (finished["entered"], finished["failed"]) == (4, 1)


def is_of(event: dict[str, Any], run: str) -> bool:
    names = {one["prefect.resource.id"] for one in event["related"]}
    return f"prefect.flow-run.{run}" in names


def test_one_line_of_the_core_is_logged_per_shard_and_step(built: Built) -> None:
    def lines(api: Any) -> list[dict[str, Any]]:
        return [log for log in api.logs() if log["name"].startswith("editcorpus.")]

    def all_there(api: Any) -> bool:
        return sum("publish:" in log["message"] for log in lines(api)) >= 2

    found = lines(built.api.once(all_there))
    for stage in STAGES:
        own = [log for log in found if log["message"].startswith(f"shard 00000 {stage}:")]
        assert len(own) == 1, stage
        assert own[0]["level"] == 20
        assert own[0]["task_run_id"]
        assert re.search(r"\d kept, \d rejected, 0 failed, \$[\d.]+, [\d.]+ s$", own[0]["message"])


def test_no_answer_of_the_api_holds_a_key(built: Built, key: str) -> None:
    api = built.api
    pages = [api.flow_run(), api.task_runs(), api.logs(), list(api.artifacts().values())]
    pages += [api.client.get("/flow_run_states/", params={"flow_run_id": api.run}).json()]
    pages += [api.ask("block_documents", include_secrets=False)]
    assert built.blocks.items() <= api.flow_run()["parameters"]["recipe"]["endpoints"].items()
    assert key not in repr(pages)
    assert "********" in repr(pages[-1])


def test_above_the_allowed_share_it_is_failed_and_nothing_is_paid_again(
    built: Built, api_of: Callable[..., Any], one_sandbox: Any
) -> None:
    billed = one_sandbox.admin("summary")["billed"]
    state = omniedit(recipe(built.input, built.blocks, max_failed_share=0.1), return_state=True)
    run = api_of(state.state_details.flow_run_id).flow_run()
    assert (run["state_type"], run["state_name"]) == ("FAILED", "Failed (1 failed)")
    assert "more than effort.max_failed_share, 0.1, allows" in run["state"]["message"]
    assert one_sandbox.admin("summary")["billed"] == billed


def test_a_budget_ends_it_as_stopped(
    few: Path,
    save_blocks: Callable[..., dict[str, str]],
    store_members: Callable[[], dict[str, Any]],
    api_of: Callable[..., Any],
) -> None:
    blocks = save_blocks("poor", store_members(), in_flight=2)
    state = omniedit(recipe(few, blocks, run="poor", budget_usd=0.06), return_state=True)
    api = api_of(state.state_details.flow_run_id)
    run = api.flow_run()
    assert (run["state_type"], run["state_name"]) == ("FAILED", "Stopped: budget")
    assert run["state"]["message"].startswith("The budget of $0.06 would be passed")
    assert "not_reached" in unescape(api.artifacts()["editcorpus-failures"]["data"])
    assert "Traceback" not in repr(api.logs())
    stopped = events(api, "poor")[-1]
    assert (stopped["event"], stopped["payload"]["kind"]) == ("editcorpus.run.stopped", "budget")
    assert stopped["resource"]["editcorpus.stop"] == "budget"


def test_a_torn_file_is_could_not_start(
    few: Path,
    save_blocks: Callable[..., dict[str, str]],
    store_members: Callable[[], dict[str, Any]],
    api_of: Callable[..., Any],
    tmp_path: Path,
) -> None:
    (tmp_path / "a.parquet").write_bytes(few.read_bytes())
    (tmp_path / "b.parquet").write_bytes(few.read_bytes()[:-1000])
    blocks = save_blocks("torn", store_members())
    state = omniedit(recipe(tmp_path, blocks, run="torn"), return_state=True)
    run = api_of(state.state_details.flow_run_id).flow_run()
    assert (run["state_type"], run["state_name"]) == ("FAILED", "Could not start")
    assert "b.parquet" in run["state"]["message"]


def test_a_block_that_is_missing_or_holds_nonsense_is_could_not_start(
    built: Built, api_of: Callable[..., Any]
) -> None:
    missing = {**built.blocks, "images": "nobody"}
    state = omniedit(recipe(built.input, missing), return_state=True)
    assert state.name == "Could not start"
    assert "model-endpoint/nobody" in (state.message or "")

    client = api_of(None).client
    path = "/block_types/slug/model-endpoint/block_documents/name"
    document = client.get(f"{path}/{built.blocks['judge']}").json()["id"]
    client.patch(
        f"/block_documents/{document}", json={"data": {"in_flight": -5}}
    ).raise_for_status()
    state = omniedit(recipe(built.input, built.blocks), return_state=True)
    assert state.name == "Could not start"
    assert "in_flight" in (state.message or "")
    assert "-5" in (state.message or "")
