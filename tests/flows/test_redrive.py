"""A redrive without the command line: a parameter of the flow, from the form of its deployment."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.flow_engine import run_flow

from editcorpus.ledger import read_history
from editcorpus.records import Reason
from editcorpus.stages.redriving import read_redrives
from editcorpus.storage import Store
from flows.omniedit import omniedit

pytestmark = pytest.mark.prefect
LINK = re.compile(r"\(/v2/deployments/deployment/([0-9a-f-]+)/run\?parameters=([^)]+)\)")


@dataclass(frozen=True)
class Deployed:
    """A deployment, driven by the API as the UI drives it; this process takes the place of a worker."""

    id: UUID
    api_of: Callable[..., Any]

    def ask(self, parameters: dict[str, Any]) -> Any:
        client = self.api_of(None).client
        return client.post(
            f"/deployments/{self.id}/create_flow_run", json={"parameters": parameters}
        )

    def run(self, parameters: dict[str, Any]) -> tuple[State[Any], Any]:
        """Start a flow run and wait for its end: the state, and the API for it."""
        made = self.ask(parameters).raise_for_status().json()
        return self._executed(made["id"])

    def retried(self, run: str) -> tuple[State[Any], Any]:
        """Press Retry on the page of a flow run."""
        state = {"type": "SCHEDULED", "name": "AwaitingRetry"}
        client = self.api_of(None).client
        client.post(f"/flow_runs/{run}/set_state", json={"state": state}).raise_for_status()
        return self._executed(run)

    def _executed(self, run: str) -> tuple[State[Any], Any]:
        with get_client(sync_client=True) as client:
            found = client.read_flow_run(UUID(run))
        parameters = omniedit.validate_parameters(found.parameters)
        state = run_flow(omniedit, flow_run=found, parameters=parameters, return_type="state")
        assert isinstance(state, State)
        return state, self.api_of(UUID(run))


@pytest.fixture
def deployed(prefect_api: str, api_of: Callable[..., Any]) -> Deployed:
    made = omniedit.to_deployment("redriven").apply()
    assert isinstance(made, UUID)
    return Deployed(made, api_of)


def edits(sandbox: Any) -> int:
    calls = sandbox.admin("journal")["calls"]
    return sum(call["endpoint"].endswith("/images/edits") for call in calls)


def test_who_was_refused_is_done_again_from_the_form_once_however_often_it_is_retried(
    few: Path,
    tmp_path: Path,
    save_blocks: Callable[..., dict[str, str]],
    sandbox: Any,
    deployed: Deployed,
) -> None:
    store = Store.on_disk(tmp_path / "store")
    recipe = {
        "run": "formed",
        "input": str(few),
        "selection": {"shard_size": 3},
        "endpoints": save_blocks("formed", {"root": store.root}),
        "effort": {"retry_delay_s": 0, "gallery": 0},
    }
    sandbox.admin("config", {"faults": {"moderation_input": 0.4}})
    state, api = deployed.run({"recipe": recipe})
    sandbox.admin("config", {"faults": {}})
    assert state.name == "Completed", state
    refused = state.result().as_json()["rejected"]["moderation_input"]
    assert "Artifact editcorpus-failures tells more." in (state.message or "")

    failures = api.artifacts()["editcorpus-failures"]
    assert f"{refused} moderation_input" in failures["description"]
    shell = f"editcorpus redrive --store-block {recipe['endpoints']['store']} --images-block "
    assert f"`{shell}" in failures["data"]
    assert "only those that failed" not in failures["data"], "nobody failed"
    links = [(id_, json.loads(unquote(filled))) for id_, filled in LINK.findall(failures["data"])]
    asked = next(
        filled
        for _, filled in links
        if filled["recipe"]["effort"].get("redrive") == ["moderation_input"]
    )
    assert {id_ for id_, _ in links} == {str(deployed.id)}

    before = edits(sandbox)
    state, api = deployed.run(asked)
    assert state.name == "Completed", state
    told = state.result().as_json()
    assert "moderation_input" not in told["rejected"]
    assert told["kept"] + sum(told["rejected"].values()) == told["entered"] == 8
    assert edits(sandbox) - before == refused
    (recorded,) = read_redrives(store, "formed")
    assert (recorded.by, recorded.done) == (api.run, True)
    books = read_history(store, "formed").spent
    assert books == Decimal(sandbox.admin("summary")["usd"])

    seen = sandbox.admin("summary")["calls"]
    state, again = deployed.retried(api.run)
    assert (state.name, again.run) == ("Completed", api.run)
    assert state.result().as_json()["kept"] == told["kept"]
    assert sandbox.admin("summary")["calls"] == seen
    assert len(read_redrives(store, "formed")) == 1

    state, _ = deployed.run(asked)  # somebody wishes the same again: nobody is left
    assert (state.name, state.type) == ("Could not start", "FAILED")
    assert "has given up nobody for these reasons" in (state.message or "")
    assert sandbox.admin("summary")["calls"] == seen


def test_the_api_refuses_a_reason_that_is_none(deployed: Deployed) -> None:
    recipe = {"run": "formed", "input": "x", "effort": {"redrive": ["bad_luck"]}}
    answer = deployed.ask({"recipe": recipe})
    assert answer.status_code == 409
    assert "bad_luck" in answer.json()["detail"]


def test_the_form_offers_every_reason_and_any() -> None:
    effort = omniedit.parameters.model_dump()["definitions"]["Effort"]["properties"]
    offered = effort["redrive"]["items"]["enum"]
    assert offered == ["any", *(reason.value for reason in Reason)]
