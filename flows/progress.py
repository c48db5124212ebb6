"""What a person in front of a terminal sees: one line that moves, and the funnel at the end.

Where nobody watches, as in a log file, it is one plain line a minute instead.
"""

import sys
import threading
import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar
from rich.table import Table

from editcorpus.records import SENTENCES
from editcorpus.stages.awaiting import batch_lines
from editcorpus.stages.plan import Plan
from editcorpus.stages.workshop import Workshop
from editcorpus.steps import align, rewrite
from editcorpus.tariffs import PUBLISHED
from flows.outcome import Outcome
from flows.running import Ended

_LIVE_S, _PLAIN_S = 0.5, 60.0
_FIRST_CALLS = 8
"""Finished calls from which on a time left is worth showing."""
_WIDE = 100
"""Columns of a terminal in which a sentence fits beside every reason."""


@dataclass(slots=True)
class Pace:
    """How far a build is, by finished shards and by finished calls.

    What an earlier process finished goes by in no time, so that speed is measured only from the
    first call on that this process got an answer to.

    Attributes:
        shards: In all; none are known before the plan is whole.
        begun: Of those that were begun on before that.
        calls_each: Calls that a shard takes if none of its triplets is rejected.
        ended: Numbers of the shards that went through their stages, once or again.
    """

    shards: int = 0
    calls_each: float = 0.0
    ended: set[int] = field(default_factory=set)
    begun: int = 0
    _before: tuple[float, int, int] | None = None

    @property
    def told(self) -> str:
        """How many shards have ended of how many."""
        more = "+" if self.begun and not self.shards else ""
        return f"{len(self.ended)}/{self.shards or self.begun}{more} shards"

    def left_s(self, now: float, calls: int) -> float | None:
        """Seconds left, or None where too little is known.

        Args:
            now: Seconds of a clock that only goes forward.
            calls: Calls that this process got an answer to.
        """
        if self._before is None:
            if calls and self.shards:
                self._before = (now, len(self.ended), calls if self.begun else 0)
            return None
        began, skipped, before = self._before
        shards = self.shards - skipped
        if len(self.ended) == self.shards:
            return None  # what is unanswered is asked once more: nobody knows how long that takes
        by_shards = (len(self.ended) - skipped) / shards
        expected = self.calls_each * shards
        fresh = calls - before
        by_calls = fresh / expected if expected and fresh >= _FIRST_CALLS else 0.0
        done = min(max(by_shards, by_calls), 1.0)
        return (now - began) * (1 / done - 1) if done else None


class Progress:
    """Shards, calls in flight, dollars and time left; use it as a context manager.

    Args:
        live: Whether a person watches: a moving line, else a plain line a minute.
    """

    def __init__(self, *, live: bool = True) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[shards]}"),
            TextColumn("{task.fields[calls]}"),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
        )
        self._live = live
        self._pace = Pace()
        self._task: TaskID = self._bar.add_task(
            "opening", total=1, calls="", shards=self._pace.told
        )
        self._shop: Workshop | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep, daemon=True)

    def __enter__(self) -> Self:
        if self._live:
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
        if self._live:
            self._bar.stop()

    def opened(self, shop: Workshop) -> None:
        """Watch this run's engine and ledger."""
        self._shop = shop

    def begun(self, shards: int) -> None:
        """Some work is known."""
        self._pace.begun = shards
        told = self._pace.told
        self._bar.update(self._task, total=shards, shards=told, description="building, planning")

    def planned(self, plan: Plan) -> None:
        """The work is known."""
        if self._shop is not None:
            share = self._shop.config(rewrite.NAME, rewrite.Config).share
            each = 1 + share + len(align.ASPECTS)
            self._pace.calls_each = plan.entered * each / max(plan.shards, 1)
        self._pace.shards = plan.shards
        told = self._pace.told
        self._bar.update(self._task, total=plan.shards, shards=told, description="building")

    def shard_ended(self, number: int) -> None:
        """A shard has gone through its stages, perhaps for the second time."""
        self._pace.ended.add(number)
        done, told = len(self._pace.ended), self._pace.told
        self._bar.update(self._task, completed=done, shards=told)

    def ended(self, _outcome: Outcome) -> None:
        """The build is over."""
        self._bar.update(self._task, description="ended")

    def _keep(self) -> None:
        while not self._over.wait(_LIVE_S if self._live else _PLAIN_S):
            shop = self._shop
            if shop is None:
                continue
            text = self._text(shop)
            if self._live:
                self._bar.update(self._task, calls=text)
            else:
                self._console.print(f"{self._pace.told}  {text}", soft_wrap=True)

    def _text(self, shop: Workshop) -> str:
        ledger = shop.ledger
        left = self._pace.left_s(time.monotonic(), ledger.calls["settled"])
        in_flight = shop.engine.standing().in_flight
        batches = "".join(f"  {line}" for line in batch_lines(shop.batches, shop.clocks.now()))
        return f"{in_flight} calls in flight  ${ledger.spent:.4f}{batches or time_left(left)}"


def time_left(seconds: float | None) -> str:
    """The time left for the end of a line; empty where it is not known."""
    if seconds is None:
        return ""
    minutes = seconds / 60
    if minutes < 1.5:
        return "  about a minute left" if minutes > 0.5 else "  less than a minute left"
    return (
        f"  about {minutes:.0f} min left" if minutes < 90 else f"  about {minutes / 60:.1f} h left"
    )


def report(ended: Ended) -> None:
    """Print the funnel and the cost, or why there is none."""
    console = Console(file=sys.stderr, highlight=False)
    outcome = ended.outcome
    if outcome is None:
        console.print(f"editcorpus: {ended.message}", markup=False)
        return
    console.print(funnel_table(outcome, sentences=console.width >= _WIDE))
    console.print(cost(outcome), markup=False)
    if outcome.corpus:
        console.print(f"Corpus: {outcome.corpus}", markup=False, soft_wrap=True)
    if outcome.gallery:
        console.print(f"Gallery: {outcome.gallery}", markup=False, soft_wrap=True)
    if ended.interrupted or outcome.stopped:
        console.print(f"editcorpus: {outcome.stopped or ended.message}", markup=False)


def cost(outcome: Outcome) -> str:
    """What a run cost, or would have cost where the sandbox answered, in sentences."""
    calls, usd = outcome.calls, f"${outcome.cost_usd:.4f}"
    parts = [
        f"{calls['cached']} answers from the store",
        f"{calls['possibly_billed']} possibly billed",
    ]
    told = "Nothing was paid for. "
    if calls["paid"]:
        told = ""
        kind = "answered by the sandbox" if outcome.emulated else "paid for"
        parts.insert(0, f"{calls['paid']} calls {kind}")
    elif outcome.cost_usd or outcome.standing.kept:
        told = "Nothing was paid for: all was done before. "
    told += ", ".join(parts)
    if outcome.repairs:
        told += f". {outcome.repairs}"
    if outcome.emulated:
        return (
            f"{told}. The run would have cost {usd} at the list prices of {PUBLISHED.as_of}; "
            "nothing was really paid."
        )
    return f"{told}; {usd} booked for this run."


def funnel_table(outcome: Outcome, *, sentences: bool) -> Table:
    """Entered, kept, rejected by reason, failed by reason; where there is room, what it means."""
    members, why = outcome.as_json(), {str(key): text for key, text in SENTENCES.items()}
    table = Table(title=f"Run {outcome.run}", title_justify="left")
    table.add_column("", no_wrap=True)
    table.add_column("triplets", justify="right", no_wrap=True)
    if sentences:
        table.add_column("")
    rows = [("entered", members["entered"], ""), ("kept", members["kept"], "")]
    rows += [
        (f"{kind}: {reason}", count, why[reason])
        for kind in ("rejected", "failed")
        for reason, count in members[kind].items()
    ]
    for name, count, sentence in rows:
        table.add_row(name, str(count), *([sentence] if sentences else []))
    return table
