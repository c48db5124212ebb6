"""Complex-Edit as a flow, in batches: three rounds of questions, and then the edits."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from editcorpus.demo.complex_edit import write_complex_edit
from flows.complex_edit import complex_edit
from flows.outcome import Outcome
from flows.parameters import Recipe

pytestmark = pytest.mark.prefect


def test_every_question_is_asked_in_a_batch_after_the_one_that_it_follows_from(
    save_blocks: Callable[..., Any],
    store_members: Callable[[], Any],
    api_of: Callable[..., Any],
    sandbox: Any,
    tmp_path: Path,
) -> None:
    blocks = save_blocks("complex", store_members())
    modes = {"compose": "batch", "regenerate": "batch"}
    effort = {"retry_delay_s": 0, "gallery": 0, "modes": modes, "batch_look_s": 0.5}
    where = write_complex_edit(tmp_path / "input")
    members = {"run": "complex", "input": str(where), "endpoints": blocks, "effort": effort}
    lenient = {"min_done": 0.0, "min_preserved": 0.0, "min_clean": 0.0}
    recipe = Recipe.model_validate({**members, "publish": lenient})
    state = complex_edit(recipe, return_state=True)
    outcome = state.result()
    assert isinstance(outcome, Outcome)
    assert (outcome.standing.entered, outcome.standing.kept) == (6, 5)
    billed = sandbox.admin("journal?billed=true")["calls"]
    paid = [call for call in billed if Decimal(call["usd"])]
    assert {call["tariff"] for call in paid} == {"batch"}
    assert len(paid) == 5 * (5 + 1)
    assert outcome.cost_usd == sum((Decimal(call["usd"]) for call in billed), Decimal(0))
    parent = {"flow_runs": {"parent_flow_run_id": {"any_": [str(state.state_details.flow_run_id)]}}}
    names = {
        one["name"] for one in api_of(state.state_details.flow_run_id).ask("flow_runs", **parent)
    }
    assert {f"complex-compose-in-bulk-{number}" for number in (1, 2, 3)} <= names
