"""What people see of a build while it runs and after it: artifacts of the flow run.

A figure goes into an artifact's description, since the run page shows descriptions, not contents.
"""

import threading
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import UUID

from prefect.artifacts import (
    create_markdown_artifact,
    create_progress_artifact,
    update_progress_artifact,
)

from editcorpus.layouts.markdown import inline
from editcorpus.records import SENTENCES
from editcorpus.stages.plan import Plan
from editcorpus.stages.workshop import Workshop
from flows.outcome import Outcome

_EVERY_S = 5.0
_EXAMPLES = 3


class Watch:
    """Keeps the progress artifact of a flow run up to date; use it as a context manager.

    Args:
        shop: Whose engine and ledger are watched.
    """

    def __init__(self, shop: Workshop) -> None:
        self._shop = shop
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._keep, daemon=True)
        self._artifact: UUID | None = None
        self._shards = 1
        self._ended: set[int] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._done.set()
        if self._thread.is_alive():
            self._thread.join()

    def opened(self, shop: Workshop) -> None:
        """The run is open."""

    def planned(self, plan: Plan) -> None:
        """The work is known: show its progress from now on."""
        self._shards = plan.shards
        made = create_progress_artifact(
            0.0,
            key="editcorpus-progress",
            description=f"{plan.entered} triplets in {plan.shards} shards.",
        )
        self._artifact = made if isinstance(made, UUID) else None
        self._thread.start()

    def shard_ended(self, number: int) -> None:
        """One more shard has gone through its stages."""
        self._ended.add(number)

    def ended(self, outcome: Outcome) -> None:
        """Show the funnel, the cost, and the failures."""
        self._update()
        create_markdown_artifact(
            funnel(outcome), key="editcorpus-funnel", description=outcome.sentence()
        )
        if outcome.standing.failed:
            create_markdown_artifact(
                failures(outcome),
                key="editcorpus-failures",
                description=f"{outcome.failed} failed: run again to redo them.",
            )

    def _keep(self) -> None:
        while not self._done.wait(_EVERY_S):
            self._update()

    def _update(self) -> None:
        if self._artifact is None:
            return
        standing, ledger = self._shop.engine.standing(), self._shop.ledger
        budget = f" of ${ledger.budget_usd}" if ledger.budget_usd is not None else ""
        update_progress_artifact(
            self._artifact,
            100 * len(self._ended) / self._shards,
            description=(
                f"{len(self._ended)} of {self._shards} shards; {standing.in_flight} calls in "
                f"flight, {standing.waiting} waiting, {standing.refused} refused; "
                f"${ledger.spent:.4f}{budget} booked, ${ledger.reserved:.4f} reserved."
            ),
        )


def funnel(outcome: Outcome) -> str:
    """The funnel and the cost as Markdown."""
    standing, calls = outcome.standing, outcome.as_json()
    rows = [("entered", standing.entered, ""), ("kept", standing.kept, "")]
    rows += [(f"rejected: {name}", n, _why(name)) for name, n in calls["rejected"].items()]
    rows += [(f"failed: {name}", n, _why(name)) for name, n in calls["failed"].items()]
    paid = outcome.calls
    lines = [
        f"# {outcome.run}",
        outcome.stopped,
        "| | triplets | |",
        "|---|---:|---|",
        *(f"| {inline(name)} | {count} | {inline(why)} |" for name, count, why in rows),
        "",
        (
            f"${outcome.cost_usd:.4f} booked: {paid['paid']} calls paid, {paid['cached']} served "
            f"from the store, {paid['possibly_billed']} possibly billed."
        ),
        "",
        f"Corpus: `{outcome.corpus}`" if outcome.corpus else "No corpus yet.",
        "",
        f"Gallery: {_link(outcome.gallery)}" if outcome.gallery else "",
    ]
    return "\n".join(lines)


def failures(outcome: Outcome) -> str:
    """Who failed, by step and reason, with examples, as Markdown."""
    groups: dict[tuple[str, str], list[str]] = {}
    for item in outcome.standing.failed:
        groups.setdefault((item.step, str(item.reason)), []).append(f"{item.id}: {item.detail}")
    lines = [
        "Run the same again: what was answered comes from the store, and only these are asked."
    ]
    for (step, reason), examples in sorted(groups.items()):
        lines += ["", f"## {len(examples)} at {step}: {reason}", "", _why(reason), ""]
        lines += [f"- {inline(example)}" for example in examples[:_EXAMPLES]]
    return "\n".join(lines)


def _link(place: str) -> str:
    """A place as a link where a browser can follow one, else as it is."""
    url = Path(place).as_uri() if "://" not in place else place
    return f"[{url}]({url})" if url.startswith(("http", "file")) else f"`{url}`"


def _why(reason: str) -> str:
    return {str(key): sentence for key, sentence in SENTENCES.items()}[reason]
