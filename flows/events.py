"""Events of a run, for automations and for whoever listens; docs/events.md tells of them.

They are about the resource `editcorpus.run.<name>`. Labels of the resource repeat what an automation may
want to match, since the server matches labels and no payloads. No event holds a secret: what people are
told of an endpoint was cleaned where it came in, and inputs are not named.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType

from prefect.events.schemas.events import Event

from flows.outcome import Outcome
from flows.payloads import (
    KINDS,
    BudgetThreshold,
    EndpointDown,
    EndpointUp,
    FailureShare,
    RunFinished,
    RunStarted,
    RunStopped,
    ShardFinished,
    Told,
)
from flows.tally import WINDOW_S, Report, Share

PERCENTS = (50, 95, 100)
"""Of the budget: events are sent when so much of it is booked, and at the share that a recipe warns at."""
STEPS = (5, 10, 20, 30, 50, 80)
"""Percent of those that ended lately that were given up: an event is sent when a step is passed."""
LEAST = 50
"""Triplets that have to end within the window before a share says anything."""
_MOST = 1_000
"""Events that wait for a server; older ones are dropped."""
_NAMES = {kind: name for name, kind in KINDS.items()}


class Herald:
    """Makes a run's events of what becomes of it; for one thread. Nothing is sent here.

    Args:
        run: Name of the run.
        warn_percent: Percent of the budget at which people are to be warned.

    Attributes:
        related: Who has to do with it: flow run, deployment and tags, as an event names them.
    """

    def __init__(self, run: str, warn_percent: int = 80) -> None:
        self.related: Sequence[Mapping[str, str]] = ()
        self._run = run
        self._warn = warn_percent
        self._events: deque[Event] = deque(maxlen=_MOST)
        self._percent = 0
        self._steps = (0, 0)
        self._away: frozenset[str] = frozenset()

    def take(self) -> list[Event]:
        """What is to be sent."""
        made = list(self._events)
        self._events.clear()
        return made

    def started(self, entered: int, shards: int, budget: Decimal | None, *, emulated: bool) -> None:
        """The work is known."""
        self._tell(
            RunStarted(
                run=self._run,
                entered=entered,
                shards=shards,
                budget_usd=budget,
                emulated=emulated,
            )
        )

    def shard(self, report: Report, times: int) -> None:
        """A shard went through its stages, for the first or the second time."""
        self._tell(
            ShardFinished(
                run=self._run,
                shard=report.shard,
                times=times,
                entered=report.entered,
                kept=report.kept,
                rejected=report.of("rejected"),
                failed=report.of("failed"),
                usd=report.usd,
            )
        )

    def money(self, spent: Decimal, reserved: Decimal, budget: Decimal | None) -> None:
        """So much is booked now: of the thresholds that were passed since, the highest is told."""
        if budget is None:
            return
        passed = [one for one in sorted({*PERCENTS, self._warn}) if 100 * spent >= one * budget]
        if passed and passed[-1] > self._percent:
            self._threshold(passed[-1], spent, reserved, budget)

    def _threshold(self, percent: int, spent: Decimal, reserved: Decimal, budget: Decimal) -> None:
        self._percent = percent
        told = BudgetThreshold(
            run=self._run,
            percent=percent,
            spent_usd=spent,
            reserved_usd=reserved,
            budget_usd=budget,
        )
        warns = "true" if percent >= self._warn else "false"
        self._tell(told, {"percent": str(percent), "warns": warns})

    def share(self, lately: Share) -> None:
        """So many were given up lately; told once a step is passed, again only after it was left."""
        failed, gone = lately.percent("failed"), lately.percent("failed", "rejected")
        steps = (_step(failed), _step(gone)) if lately.ended >= LEAST else (0, 0)
        risen = steps[0] > self._steps[0] or steps[1] > self._steps[1]
        self._steps = steps
        if risen:
            told = FailureShare(
                run=self._run,
                failed_percent=round(failed, 1),
                gone_percent=round(gone, 1),
                ended=lately.ended,
                minutes=WINDOW_S / 60,
            )
            labels = {"failed-percent": str(steps[0]), "gone-percent": str(steps[1])}
            self._tell(told, labels)

    def endpoints(self, away: frozenset[str]) -> None:
        """These cannot be reached now."""
        for name in sorted(away - self._away):
            self._tell(EndpointDown(run=self._run, endpoint=name), {"endpoint": name})
        for name in sorted(self._away - away):
            self._tell(EndpointUp(run=self._run, endpoint=name), {"endpoint": name})
        self._away = away

    def ended(self, outcome: Outcome, reserved: Decimal, budget: Decimal | None) -> None:
        """The run is over."""
        self.money(outcome.cost_usd, reserved, budget)
        counts = {
            "run": self._run,
            "entered": outcome.standing.entered,
            "kept": outcome.standing.kept,
            "rejected": len(outcome.standing.rejected),
            "failed": outcome.failed,
            "spent_usd": outcome.cost_usd,
            "emulated": outcome.emulated,
        }
        if not outcome.stopped:
            self._tell(RunFinished.model_validate({**counts, "corpus": outcome.corpus}))
            return
        if outcome.kind == "budget" and budget is not None and self._percent < max(PERCENTS):
            self._threshold(max(PERCENTS), outcome.cost_usd, reserved, budget)
        why = {"kind": outcome.kind, "sentence": outcome.stopped}
        self._tell(RunStopped.model_validate({**counts, **why}), {"stop": outcome.kind})

    def _tell(self, payload: Told, labels: Mapping[str, str] = MappingProxyType({})) -> None:
        resource = {
            "prefect.resource.id": f"editcorpus.run.{self._run}",
            "prefect.resource.name": f"run {self._run}",
            **{f"editcorpus.{name}": value for name, value in labels.items()},
        }
        made = {
            "event": _NAMES[type(payload)],
            "resource": resource,
            "related": [dict(one) for one in self.related],
            "payload": payload.model_dump(mode="json"),
        }
        self._events.append(Event.model_validate(made))


def _step(percent: float) -> int:
    return max((step for step in STEPS if percent > step), default=0)
