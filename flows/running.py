"""Run a flow in this process, as the command line does."""

from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from prefect.exceptions import TerminationSignal

from blocks.corpus_store import CorpusStore
from blocks.model_endpoint import ModelEndpoint
from editcorpus.stages.plan import Plan
from editcorpus.stages.workshop import Workshop
from flows.connections import Connections
from flows.listening import LISTENERS, Listener
from flows.outcome import Outcome
from flows.parameters import Endpoints, Recipe


@dataclass(slots=True)
class Ended:
    """How a flow ended, as far as this process saw it.

    Attributes:
        outcome: The last that was heard of the run; None where it could not start.
        message: One sentence for people.
        name: Of the flow run's final state.
        interrupted: Whether somebody stopped it.
    """

    outcome: Outcome | None = None
    message: str = ""
    name: str = ""
    interrupted: bool = False

    @property
    def exit_code(self) -> int:
        """0 done, 1 could not start, 2 some failed, 3 stopped."""
        if self.outcome is None:
            return 3 if self.interrupted or self.name == "Stopped" else 1
        if self.interrupted or self.outcome.stopped:
            return 3
        return 2 if self.outcome.failed else 0

    def as_json(self, run: str) -> dict[str, Any]:
        """What `--json` prints, less the seconds."""
        if self.outcome is not None:
            return self.outcome.as_json()
        calls = {"paid": 0, "cached": 0, "possibly_billed": 0}
        counts: dict[str, Any] = {"entered": 0, "kept": 0, "rejected": {}, "failed": {}}
        return {"run": run, **counts, "calls": calls, "cost_usd": "0", "corpus": ""}


@dataclass(slots=True)
class _Last:
    """A listener that remembers the outcome."""

    outcome: Outcome | None = field(default=None)

    def opened(self, shop: Workshop) -> None:
        """Nothing to remember."""

    def planned(self, plan: Plan) -> None:
        """Nothing to remember."""

    def shard_ended(self, number: int) -> None:
        """Nothing to remember."""

    def ended(self, outcome: Outcome) -> None:
        """Remember the outcome."""
        self.outcome = outcome


def run_flow(
    source: str, recipe: Recipe, connections: Connections, listener: Listener | None
) -> Ended:
    """Save the connections as blocks of this run, run the flow, and tell how it ended."""
    names = _save(recipe.run, connections)
    flow = getattr(import_module(f"flows.{source}"), source)
    last = _Last()
    token = LISTENERS.set((last, *([listener] if listener else [])))
    try:
        state = flow(recipe.model_copy(update={"endpoints": names}), return_state=True)
    except (KeyboardInterrupt, TerminationSignal):
        message = "Interrupted; what is finished is kept. Run the same again to go on."
        return Ended(last.outcome, message, "Interrupted", interrupted=True)
    finally:
        LISTENERS.reset(token)
    return Ended(last.outcome, state.message or "", state.name or "")


def _save(run: str, connections: Connections) -> Endpoints:
    """Save store and endpoints under names of this run."""
    label = run.replace(".", "-")
    CorpusStore(**connections.store).save(f"{label}-store", overwrite=True)
    for role in ("images", "writer", "judge"):
        ModelEndpoint(**getattr(connections, role)).save(f"{label}-{role}", overwrite=True)
    return Endpoints(
        store=f"{label}-store",
        images=f"{label}-images",
        writer=f"{label}-writer",
        judge=f"{label}-judge",
    )
