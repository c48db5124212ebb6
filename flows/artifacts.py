"""What people see of a build while it runs and after it: artifacts and events of the flow run.

One thread, apart from the work, reads what has become of each shard that went through, brings the
artifacts up to date, and sends events. Each artifact is made once a flow run and changed in place, so that
its key shows a line over the runs, one point a run.
"""

import contextvars
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from uuid import UUID

from prefect.artifacts import create_markdown_artifact, create_progress_artifact
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import ArtifactUpdate

from editcorpus.errors import EditcorpusError
from editcorpus.lookups.calls import read_calls
from editcorpus.lookups.failures import Group, grouped
from editcorpus.lookups.verdicts import Gone
from editcorpus.permits import read_permits
from editcorpus.runs import read_identity
from editcorpus.stages.awaiting import batch_lines
from editcorpus.stages.opening import SANDBOX
from editcorpus.stages.plan import Plan
from editcorpus.stages.rollup import finished
from editcorpus.stages.workshop import Workshop
from flows.again import ARTIFACT, Again
from flows.channel import Channel, related
from flows.events import Herald
from flows.given_up import described, failures, so_far
from flows.metering import Meter, Silent
from flows.outcome import Outcome
from flows.shown import Moment, funnel, funnel_so_far, gallery, progress
from flows.tally import Tally, report_on

_log = logging.getLogger(__name__)
_EVERY_S = 5.0
_PAGES_S = 15.0
"""How often the pages of funnel and failures may change."""
_PATIENCE_S = 5.0
"""How long shards are still read once the run is over: a run that was cancelled has 30 s in all."""
_MOST_CALLS = 200_000
"""Calls of a run that are read once more for the dollars of its failures: some seconds."""


@dataclass(slots=True)
class _Pane:
    """An artifact of this flow run: made when there is something to show, then changed in place."""

    create: Callable[..., Any]
    key: str
    _id: UUID | None = None
    _shown: tuple[object, str] | None = None

    @property
    def made(self) -> bool:
        """Whether there is one."""
        return self._id is not None

    def show(self, channel: Channel, data: float | str, description: str) -> None:
        if self._shown == (data, description):
            return
        if self._id is None:
            made = channel.ask(lambda: self.create(data, key=self.key, description=description))
            self._id = made if isinstance(made, UUID) else None
        else:
            update = ArtifactUpdate(data=data, description=description)
            channel.ask(lambda: _update(self._id, update))
        self._shown = None if channel.away else (data, description)


def _update(artifact: UUID | None, update: ArtifactUpdate) -> None:
    assert artifact is not None  # noqa: S101
    with get_client(sync_client=True) as client:
        client.update_artifact(artifact, update)


class Watch:
    """Keeps artifacts of a flow run up to date, and sends its events; use it as a context manager.

    It is a convenience: a Prefect server that does not answer costs artifacts, never the build.

    Args:
        shop: Whose engine and ledger are watched.
        again: How its triplets are done again.
        warn_share: Share of the budget, 0 to 1, at which people are to be warned.
        meter: Is told how the run stands.
    """

    def __init__(
        self, shop: Workshop, again: Again, warn_share: float = 0.8, meter: Meter | None = None
    ) -> None:
        self._shop, self._meter = shop, meter or Silent()
        self._again = again
        self._herald = Herald(shop.run, warn_percent=round(100 * warn_share))
        self._channel = Channel()
        self._done = threading.Event()
        self._thread: threading.Thread | None = None
        self._plan: Plan | None = None
        self._begun = 0
        self._through: deque[int] = deque()
        self._ended: set[int] = set()
        self._tally = Tally()
        self._since, self._spent = shop.clocks.now(), shop.ledger.spent
        self._configs: dict[str, Any] = {}
        self._progress = _Pane(create_progress_artifact, "editcorpus-progress")
        self._funnel = _Pane(create_markdown_artifact, "editcorpus-funnel")
        self._failures = _Pane(create_markdown_artifact, ARTIFACT)
        self._pages_at = float("-inf")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()

    def opened(self, shop: Workshop) -> None:
        """The run is open."""

    def begun(self, shards: int) -> None:
        """Some work is known."""
        self._begun = shards
        self._start()

    def planned(self, plan: Plan) -> None:
        """All work is known."""
        self._plan = plan
        self._start()

    def shard_ended(self, number: int) -> None:
        """One more shard has gone through its stages."""
        self._through.append(number)

    def ended(self, outcome: Outcome) -> None:
        """Show the funnel, the cost, and the failures."""
        self._start()
        self._stop()
        self._read(time.monotonic() + _PATIENCE_S)
        ledger = self._shop.ledger
        self._herald.ended(outcome, ledger.reserved, ledger.budget_usd)
        self._show_progress(self._moment(time.monotonic()))
        if self._channel.away:
            return  # each would only try in vain for some seconds more
        self._channel.post(self._herald.take())
        self._funnel.show(self._channel, funnel(outcome), outcome.sentence())
        self._show_lost(outcome)
        if outcome.gallery:
            pane = _Pane(create_markdown_artifact, "editcorpus-gallery")
            pane.show(self._channel, gallery(outcome.gallery), outcome.gallery)

    def _show_lost(self, outcome: Outcome) -> None:
        if outcome.failed or outcome.standing.rejected:
            groups, priced = _groups(self._shop, outcome)
            page = failures(outcome, groups, self._again, priced=priced)
            self._failures.show(self._channel, page, described(groups))
        elif self._failures.made:
            self._failures.show(self._channel, "All were kept.", "All were kept.")

    def _start(self) -> None:
        """Begin to watch, in the context of the flow run: its name stands on what is made and logged."""
        if self._thread is None:
            context = contextvars.copy_context()
            self._thread = threading.Thread(target=context.run, args=(self._keep,), daemon=True)
            self._thread.start()

    def _stop(self) -> None:
        self._done.set()
        if self._thread is not None and self._thread.is_alive():
            self._thread.join()

    def _keep(self) -> None:
        self._begin()
        while not self._done.wait(_EVERY_S):
            self._read(time.monotonic() + _EVERY_S)
            self._look()

    def _begin(self) -> None:
        """See what an earlier start has done, and tell that this one begins."""
        shop = self._shop
        self._tally.begin(time.monotonic())
        self._herald.related = self._channel.ask(related) or []
        with suppress(EditcorpusError, OSError):
            self._configs = read_identity(shop.store, shop.run)
            self._know_before()
        plan, budget = self._plan, shop.ledger.budget_usd
        entered, shards = (plan.entered, plan.shards) if plan else (0, 0)
        emulated = SANDBOX in shop.providers.values()
        self._herald.started(entered, shards, budget, emulated=emulated)
        self._look()

    def _know_before(self) -> None:
        """Take finished shards from their roll-ups; of a redrive, all that it does not touch stay unread."""
        shop, plan = self._shop, self._plan
        if plan is None:
            return
        if shop.redriving.only:
            self._tally.skipped = {*range(plan.shards)}.difference(shop.redriving.shards)
            return
        known = finished(shop, plan)
        for _, standing in known:
            self._tally.before.add(standing)
        self._tally.skipped = {number for shards, _ in known for number in shards}

    def _read(self, until: float) -> None:
        """Read the shards that went through, for a while; what is left is read the next time."""
        shop = self._shop
        while self._through and time.monotonic() < until:
            number = self._through.popleft()
            self._ended.add(number)
            if number in self._tally.skipped:
                continue
            try:
                report = report_on(shop.store, shop.run, number, self._configs, self._since)
            except (EditcorpusError, OSError) as error:
                _log.debug("Nobody can say what became of shard %05d: %s", number, error)
                continue
            self._herald.shard(report, self._tally.add(report, time.monotonic()))

    def _look(self) -> None:
        """Send what there is to tell, and bring the artifacts up to date."""
        now = time.monotonic()
        moment = self._moment(now)
        self._herald.money(moment.spent, moment.reserved, moment.budget)
        self._herald.share(self._tally.window(now))
        self._herald.endpoints(moment.away)
        line = self._show_progress(moment)
        if self._channel.away:
            return  # what there is to tell waits until somebody answers
        self._channel.post(self._herald.take())
        if now - self._pages_at >= _PAGES_S:
            self._pages_at = now
            page = funnel_so_far(self._shop.run, moment, self._tally, line)
            self._funnel.show(self._channel, page, line)
            if groups := self._tally.groups():
                self._failures.show(self._channel, so_far(groups), described(groups))

    def _show_progress(self, moment: Moment) -> str:
        line = progress(moment, self._tally, len(self._ended))
        self._meter.stands(moment, self._tally, len(self._ended))
        share = 100 * len(self._ended) / moment.shards if moment.shards else 0.0
        self._progress.show(self._channel, share, line)
        return line

    def _moment(self, now: float) -> Moment:
        shop, plan = self._shop, self._plan
        standing, ledger = shop.engine.standing(), shop.ledger
        return Moment(
            shards=plan.shards if plan else 0,
            begun=self._begun,
            entered=plan.entered if plan else 0,
            in_flight=standing.in_flight,
            waiting=standing.waiting,
            refused=standing.refused,
            partitions=self._partitions(),
            spent=max(ledger.spent, self._spent + self._tally.usd),
            reserved=ledger.reserved,
            budget=ledger.budget_usd,
            a_minute=self._tally.a_minute(now),
            batches=[*batch_lines(shop.batches, shop.clocks.now())],
            away=standing.away,
        )

    def _partitions(self) -> int:
        """How many partitions others have in work, as far as the store tells."""
        with suppress(EditcorpusError, OSError):
            return len(read_permits(self._shop.store, self._shop.run))
        return 0


def _groups(shop: Workshop, outcome: Outcome) -> tuple[list[Group], bool]:
    """Who was given up in groups, and whether their dollars are known."""
    gone: list[Gone] = [*outcome.standing.failed, *outcome.standing.rejected]
    if sum(outcome.calls.values()) > _MOST_CALLS:
        return grouped(gone), False
    try:
        return grouped(gone, read_calls(shop.store, shop.run)), True
    except (EditcorpusError, OSError) as error:
        _log.warning("Nobody can say what the rejected and failed cost: %s", error)
        return grouped(gone), False
