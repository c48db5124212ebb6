"""Blocks that are edited on the server, as a person does in the UI, count from the next run on."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from blocks.budget import Budget
from blocks.model_endpoint import ModelEndpoint
from editcorpus.errors import ConfigError
from flows.omniedit import omniedit
from flows.parameters import Recipe
from flows.surroundings import budgeted, saved_block

pytestmark = pytest.mark.prefect
ROWS = ("task_obj_add_42250", "task_attr_mod_color_11750")


@pytest.fixture(scope="module")
def edit(prefect_api: str, client_of: Callable[[str], httpx.Client]) -> Any:
    """Changes members of a saved block, as the UI does it when somebody presses Save."""
    with client_of(prefect_api) as client:

        def edited(slug: str, name: str, **members: Any) -> None:
            path = f"/block_types/slug/{slug}/block_documents/name/{name}"
            found = client.get(path).raise_for_status().json()
            data = {**found["data"], **members}  # with secrets as ********, which keeps them
            patch = client.patch(f"/block_documents/{found['id']}", json={"data": data})
            patch.raise_for_status()

        yield edited


def recipe(**effort: Any) -> Recipe:
    members = {"run": "r", "input": "x", "endpoints": {"budget": "team"}, "effort": effort}
    return Recipe.model_validate(members)


@pytest.mark.parametrize(
    ("own", "saved", "counts"),
    [
        ({}, {"budget_usd": 5}, ("5", None)),
        ({"budget_usd": 3}, {"budget_usd": 5}, ("3", None)),
        ({"budget_usd": 9}, {"budget_usd": 5, "store_budget_usd": 7}, ("5", "7")),
        ({"budget_usd": 9, "store_budget_usd": 6.5}, {"store_budget_usd": 7}, ("9", "6.5")),
        ({"budget_usd": 9}, {}, ("9", None)),
    ],
)
def test_of_a_saved_budget_and_a_run_s_own_the_smaller_one_counts(
    prefect_api: str, own: dict[str, Any], saved: dict[str, Any], counts: tuple[str | None, ...]
) -> None:
    Budget(**saved, warn_share=0.5).save("team", overwrite=True)
    effort = budgeted(recipe(**own)).effort
    found = (effort.budget_usd, effort.store_budget_usd)
    assert found == tuple(None if one is None else Decimal(one) for one in counts)
    assert effort.warn_share == 0.5
    assert budgeted(Recipe(run="r", input="x")).effort.budget_usd is None


def test_a_value_that_the_server_took_and_the_block_cannot_have_is_named(
    prefect_api: str, edit: Any
) -> None:
    ModelEndpoint(in_flight=7).save("bounds", overwrite=True)
    edit("model-endpoint", "bounds", in_flight=-5)
    with pytest.raises(
        ConfigError, match=r"block model-endpoint/bounds cannot be used: in_flight: .*-5"
    ):
        saved_block(ModelEndpoint, "bounds")


def test_an_edit_counts_from_the_next_run_on_and_keeps_the_secret(
    save_blocks: Callable[..., dict[str, str]],
    store_members: Callable[[], dict[str, Any]],
    write_rows: Callable[..., Path],
    sandbox: Any,
    edit: Any,
    tmp_path: Path,
) -> None:
    """A budget that is too small stops the run; the same run goes on once somebody has raised it."""
    blocks = save_blocks("edited", store_members())
    Budget(budget_usd=0.01).save("edited", overwrite=True)
    made = Recipe.model_validate(
        {
            "run": "edited",
            "input": str(write_rows(tmp_path / "rows.parquet", ROWS, 2)),
            "endpoints": {**blocks, "budget": "edited"},
            "effort": {"gallery": 0, "retry_delay_s": 0, "budget_usd": 50},
        }
    )
    state = omniedit(made, return_state=True)
    assert state.name is not None and state.name.startswith("Stopped"), state
    assert "0.01" in str(state.message)
    assert sandbox.admin("summary")["billed"] == 0

    edit("budget", "edited", budget_usd=20)
    edit("model-endpoint", blocks["images"], in_flight=3)
    state = omniedit(made, return_state=True)
    assert state.name == "Completed", state
    assert sandbox.admin("summary")["billed"] >= 2, "the key was kept"
    loaded: Any = ModelEndpoint.load(blocks["images"])
    assert loaded.in_flight == 3
