"""The deployments on a real server: what it takes and refuses, dry runs, and two runs of one name."""

import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import yaml
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.flow_engine import run_flow
from prefect.flows import load_flow_from_entrypoint

from editcorpus.errors import Interrupted
from editcorpus_flows.refusals import refusal
from flows.dry import ARTIFACT
from flows.listening import LISTENERS

pytestmark = pytest.mark.prefect
ROOT = Path(__file__).parents[2]
PREFECT = str(Path(sys.executable).with_name("prefect"))
REFUSED: dict[str, dict[str, Any]] = {
    "a name that is none": {"run": "A b"},
    "a variant that is none": {"variant": "x"},
    "a preset that is none": {"preset": "x"},
    "a budget of nothing": {"effort": {"budget_usd": 0}},
    "a budget in words": {"effort": {"budget_usd": "much"}},
    "a budget beyond all": {"effort": {"budget_usd": 1e9}},
    "an unknown member": {"zzz": 1},
    "an unknown member of a group": {"effort": {"zzz": 1}},
    "a quality that is none": {"regenerate": {"quality": "hd"}},
    "a model that is a number": {"regenerate": {"model": 5}},
    "a switch in words": {"effort": {"dry_run": "perhaps"}},
}


@dataclass(frozen=True)
class Deployments:
    """All deployments of the file, driven by the API; this process takes the place of a worker."""

    api_of: Callable[..., Any]
    declared: dict[str, dict[str, Any]]

    @property
    def sources(self) -> list[str]:
        return [name for name in self.declared if f"{name}-partition" in self.declared]

    def flow(self, name: str) -> str:
        return "partition" if name.endswith("-partition") else name

    def found(self, name: str) -> dict[str, Any]:
        client = self.api_of(None).client
        answer = client.get(f"/deployments/name/{self.flow(name)}/{name}")
        return dict(answer.raise_for_status().json())

    def ask(self, name: str, parameters: dict[str, Any], state: str = "SCHEDULED") -> Any:
        """Ask for a flow run as the form does; no worker fetches it."""
        asked = {"parameters": parameters, "state": {"type": state}}
        url = f"/deployments/{self.found(name)['id']}/create_flow_run"
        return self.api_of(None).client.post(url, json=asked)

    def start(self, name: str, recipe: dict[str, Any], **more: Any) -> str:
        made = self.ask(name, {"recipe": recipe, **more}).raise_for_status().json()
        return str(made["id"])

    def execute(self, run: str, flow: Any) -> State[Any]:
        """What the process of a flow run does."""
        with get_client(sync_client=True) as client:
            found = client.read_flow_run(UUID(run))
        state = run_flow(flow, flow_run=found, return_type="state")
        assert isinstance(state, State)
        return state


@pytest.fixture(scope="module")
def deployments(prefect_api: str, api_of: Callable[..., Any]) -> Deployments:
    env = {**os.environ, "PREFECT_API_URL": prefect_api}
    file = "deployments/prefect.yaml"
    for words in (
        ["work-pool", "create", "local", "--type", "process", "--overwrite"],
        ["--no-prompt", "deploy", "--all", "--prefect-file", file],
    ):
        subprocess.run([PREFECT, *words], cwd=ROOT, env=env, check=True, capture_output=True)
    whole = yaml.safe_load((ROOT / file).read_text("utf-8"))
    return Deployments(api_of, {one["name"]: one for one in whole["deployments"]})


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], Any]:
    """What the process of a flow run finds under the entrypoint of its deployment."""

    def opened(entrypoint: str, run: str) -> Any:
        monkeypatch.setenv("PREFECT__FLOW_RUN_ID", run)
        return load_flow_from_entrypoint(entrypoint, use_placeholder_flow=False)

    return opened


@pytest.fixture
def recipe(
    few: Path,
    save_blocks: Callable[..., dict[str, str]],
    store_members: Callable[[], dict[str, Any]],
) -> dict[str, Any]:
    return {
        "run": "twice",
        "input": str(few),
        "selection": {"shard_size": 3},
        "endpoints": save_blocks("deployed", store_members()),
        "effort": {"retry_delay_s": 0, "budget_usd": 50},
    }


def test_all_are_deployed_as_the_file_has_them(deployments: Deployments) -> None:
    for name, one in deployments.declared.items():
        found = deployments.found(name)
        assert found["entrypoint"] == one["entrypoint"]
        assert (found["tags"], found["pull_steps"]) == (one["tags"], [])
        assert found["work_queue_name"] == one["work_pool"]["work_queue_name"]
        assert found["global_concurrency_limit"] is None
        assert [each["active"] for each in found["schedules"]] == [
            each["active"] for each in one.get("schedules", [])
        ]
        assert found["enforce_parameter_schema"]


def test_each_source_takes_its_own_parameters_and_refuses_others_at_once(
    deployments: Deployments,
) -> None:
    for name in deployments.sources:
        own = deployments.declared[name]["parameters"]
        assert deployments.ask(name, own).status_code == 201, name
        for wrong, members in REFUSED.items():
            sent = {**own, "recipe": {**own["recipe"], **members}}
            answer = deployments.ask(name, sent)
            assert answer.status_code == 409, (name, wrong, answer.text)
            assert "Validation failed for field 'recipe" in answer.json()["detail"]


def test_settings_of_other_sources_are_refused_at_once(deployments: Deployments) -> None:
    least = {"run": "r", "input": "x"}
    strange: dict[str, dict[str, Any]] = {
        "omniedit": {"recipe": "edit"},
        "hqedit": {"folder": {"instruction": "prompt"}},
        "scaleedit": {"compose": {"level": 2}},
        "folder": {"preset": "omniedit100k-gpt"},
        "seed-data-edit": {"recipe": "generate"},
    }
    for name, member in strange.items():
        answer = deployments.ask(name, {"recipe": {**least, **member}})
        assert answer.status_code == 409, name
    own: dict[str, dict[str, Any]] = {
        "hqedit": {"recipe": "inverse", "variant": "base"},
        "folder": {"folder": {"instruction": "prompt"}},
        "omniedit": {"rewrite": {"model": "mine"}, "effort": {"budget_usd": 3}},
    }
    for name, member in own.items():
        answer = deployments.ask(name, {"recipe": {**least, **member}})
        assert answer.status_code == 201, answer.text


@pytest.mark.parametrize(
    ("members", "sentence"),
    [
        ({"zzz": 1, "yyy": 2}, "omniedit has no parameter yyy, zzz: it has recipe."),
        (
            {"recipe": {"run": "r", "input": "x", "regenerate": {"quality": "low"}}},
            "The preset standard decides regenerate.quality: choose the preset custom to set it.",
        ),
    ],
)
def test_what_the_server_cannot_see_ends_in_one_sentence(
    deployments: Deployments,
    door: Callable[[str, str], Any],
    members: dict[str, Any],
    sentence: str,
) -> None:
    sent = {"recipe": {"run": "r", "input": "x"}, **members}
    run = str(deployments.ask("omniedit", sent).raise_for_status().json()["id"])
    state = deployments.execute(run, door("editcorpus_flows.omniedit", run))
    assert (state.type.value, state.name, state.message) == ("FAILED", "Could not start", sentence)


def test_flows_of_another_project_end_in_one_sentence(deployments: Deployments) -> None:
    run = deployments.start("omniedit", {"run": "r", "input": "x"})
    state = deployments.execute(run, refusal("omniedit", run, "Python finds another."))
    assert (state.name, state.message) == ("Could not start", "Python finds another.")


def test_a_dry_run_pays_nothing_and_says_what_it_would_cost(
    deployments: Deployments,
    door: Callable[[str, str], Any],
    recipe: dict[str, Any],
    sandbox: Any,
    tmp_path: Path,
) -> None:
    effort = {**recipe["effort"], "dry_run": True, "budget_usd": 0.01}
    run = deployments.start("omniedit", {**recipe, "effort": effort})
    state = deployments.execute(run, door("editcorpus_flows.omniedit", run))
    assert state.type.value == "COMPLETED", state.message
    assert state.name is not None
    assert state.name.startswith("Completed (dry run: $0.")
    told = state.message or ""
    assert told.startswith("Nothing was paid. 8 rows, of which 8 were looked at and 6 are fit")
    assert told.endswith("The budget of $0.0100 would stop it before its end.")
    assert sandbox.admin("summary")["billed"] == 0
    shown = deployments.api_of(UUID(run)).artifacts()[ARTIFACT]
    assert shown["description"] == told
    assert "| regenerate | `gpt-image-2.5-sunburst` | high | 1024x1024 |" in shown["data"]

    again = {**recipe, "effort": {**effort, "redrive": ["any"]}}
    run = deployments.start("omniedit", again)
    state = deployments.execute(run, door("editcorpus_flows.omniedit", run))
    assert (state.name, (state.message or "")[:15]) == ("Could not start", "effort.redrive ")


@dataclass
class Meanwhile:
    """A listener of a build that does something as soon as the build has its run, and then stops it."""

    act: Callable[[], State[Any]]
    state: State[Any] | None = None

    def opened(self, shop: object) -> None:
        with ThreadPoolExecutor(
            1
        ) as other:  # a thread knows nothing of the flow run that goes on here
            self.state = other.submit(self.act).result()
        raise Interrupted("That is enough.")


def test_a_second_flow_run_of_the_same_name_says_who_has_it_and_since_when(
    deployments: Deployments,
    door: Callable[[str, str], Any],
    recipe: dict[str, Any],
    sandbox: Any,
) -> None:
    first, second = (deployments.start("omniedit", recipe) for _ in range(2))
    flow = door("editcorpus_flows.omniedit", second)
    meanwhile = Meanwhile(lambda: deployments.execute(second, flow))
    token = LISTENERS.set((meanwhile,))  # type: ignore[arg-type]
    try:
        state = deployments.execute(first, flow)
    finally:
        LISTENERS.reset(token)
    assert (state.message or "").startswith("That is enough.")
    assert meanwhile.state is not None
    assert (meanwhile.state.type.value, meanwhile.state.name) == ("FAILED", "Could not start")
    told = meanwhile.state.message or ""
    assert told.startswith("The run 'twice' is owned by process ")
    assert f"(flow run omniedit-twice, {first}, since 20" in told
    assert told.endswith("wait until it ends, or 90 s after it died.")
