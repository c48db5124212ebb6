"""What a person in front of a terminal sees: one line that moves, and the funnel at the end."""

import sys
import threading
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar
from rich.table import Table

from editcorpus.records import SENTENCES
from editcorpus.stages.plan import Plan
from editcorpus.stages.workshop import Workshop
from flows.outcome import Outcome
from flows.running import Ended


class Progress:
    """A moving line: shards, calls in flight, dollars and time left; use it as a context manager."""

    def __init__(self) -> None:
        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed:.0f}/{task.total:.0f} shards"),
            TextColumn("{task.fields[calls]}"),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._task: TaskID = self._bar.add_task("opening", total=1, calls="")
        self._shop: Workshop | None = None
        self._began = time.monotonic()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep, daemon=True)

    def __enter__(self) -> Self:
        self._bar.start()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()
        self._bar.stop()

    def opened(self, shop: Workshop) -> None:
        """Watch this run's engine and ledger."""
        self._shop = shop

    def planned(self, plan: Plan) -> None:
        """The work is known."""
        self._began = time.monotonic()
        self._bar.update(self._task, total=plan.shards, description="building")

    def shard_ended(self, _number: int) -> None:
        """One more shard has gone through its stages."""
        self._bar.advance(self._task)

    def ended(self, _outcome: Outcome) -> None:
        """The build is over."""
        self._bar.update(self._task, description="ended")

    def _keep(self) -> None:
        while not self._over.wait(0.5):
            shop = self._shop
            if shop is not None:
                standing = shop.engine.standing()
                text = f"{standing.in_flight} calls in flight  ${shop.ledger.spent:.4f}"
                self._bar.update(self._task, calls=f"{text}{self._left()}")

    def _left(self) -> str:
        task = self._bar.tasks[0]
        if not task.completed or not task.total:
            return ""
        seconds = (time.monotonic() - self._began) * (task.total / task.completed - 1)
        return f"  about {seconds / 60:.0f} min left" if seconds > 90 else ""


def report(ended: Ended) -> None:
    """Print the funnel and the cost, or why there is none."""
    console = Console(file=sys.stderr, highlight=False)
    outcome = ended.outcome
    if outcome is None:
        console.print(f"editcorpus: {ended.message}", markup=False)
        return
    console.print(funnel_table(outcome))
    calls = outcome.calls
    console.print(
        f"{calls['paid']} calls paid for, {calls['cached']} answers from the store, "
        f"{calls['possibly_billed']} possibly billed; ${outcome.cost_usd:.4f} booked for this run.",
        markup=False,
    )
    if outcome.corpus:
        console.print(f"Corpus: {outcome.corpus}", markup=False, soft_wrap=True)
    if outcome.gallery:
        console.print(f"Gallery: {outcome.gallery}", markup=False, soft_wrap=True)
    if ended.interrupted or outcome.stopped:
        console.print(f"editcorpus: {outcome.stopped or ended.message}", markup=False)


def funnel_table(outcome: Outcome) -> Table:
    """Entered, kept, rejected by reason, failed by reason."""
    members, why = outcome.as_json(), {str(key): text for key, text in SENTENCES.items()}
    table = Table(title=f"Run {outcome.run}", title_justify="left")
    table.add_column("")
    table.add_column("triplets", justify="right")
    table.add_column("")
    table.add_row("entered", str(members["entered"]), "")
    table.add_row("kept", str(members["kept"]), "")
    for kind in ("rejected", "failed"):
        for reason, count in members[kind].items():
            table.add_row(f"{kind}: {reason}", str(count), why[reason])
    return table
