"""Partitions that this process works on itself, one after the other; the first ones before all is planned.

A plan over a million rows takes minutes. Where one process does all the work and asks online, it begins
on the first partition once that is planned, and so on with the next ones; a thread plans meanwhile.
Partitions are the same as of a run that was planned whole first (`partitions.full`).
"""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from prefect import flow
from prefect.futures import PrefectFuture
from prefect.task_runners import ThreadPoolTaskRunner

from editcorpus.errors import EditcorpusError, RunStopped
from editcorpus.leases import Owner
from editcorpus.partitions import Partition, full
from editcorpus.planning import Selection
from editcorpus.stages.partition import held
from editcorpus.stages.permitting import Permits
from editcorpus.stages.plan import Plan
from editcorpus.stages.rollup import roll_up
from editcorpus.stages.workshop import Workshop
from flows.listening import Listener
from flows.through import Window, interrupt, twice_if_needed
from flows.waves import Waves
from tasks.plan import plan

_KIND = "input"
"""Of a stop for an input that cannot be planned to its end."""


class Alone:
    """Takes partitions of a run through their stages in this process.

    Args:
        shop: The run.
        owner: This process.
        window: How many shards at once.
        waves: Asks in batches where the run does.
        ears: Who follows the build.

    Attributes:
        begun: How many partitions were begun on before the plan was whole: the first ones.
    """

    def __init__(
        self, shop: Workshop, owner: Owner, window: Window, waves: Waves, ears: Listener
    ) -> None:
        self.begun = 0
        self._shop = shop
        self._owner = owner
        self._window = window
        self._waves = waves
        self._ears = ears

    def take_over(self) -> None:
        """Take over what earlier processes of the run left.

        Raises:
            RunStopped: The run must not go on.
        """
        self._waves.adopt(alone=True)
        permits = Permits(self._shop, self._owner)
        permits.settle(permits.out())

    def while_planned(self, selection: Selection) -> Plan:
        """Plan a run, and work on its first partitions as soon as they are planned; gives the whole plan.

        A partition that turns out to be the only one is not begun on.

        Raises:
            EditcorpusError: The run must not go on; the plan, and all shards in progress, have ended.
        """
        planning = plan.submit(selection)
        planning.add_done_callback(self._stop_if_failed)
        try:
            while self._shop.growth.reached((part := self._next()).stop + 1):
                if not self.begun:
                    self.take_over()
                self.begun += 1
                self._ears.begun(part.stop)
                self.work(part, several=True)
            made: Plan = planning.result()
        except EditcorpusError:
            interrupt([planning])
            if self.begun:
                _raise_planners(planning)
            raise
        except BaseException:
            interrupt([planning])
            raise
        for number in range(self.begun):
            roll_up(self._shop, self._full(number).shards)
        return made

    def work(self, part: Partition, *, several: bool) -> None:
        """Take the shards of a partition through their stages.

        Args:
            part: The partition.
            several: Whether it is one of several: each of them is a flow run apart, which the UI
                can draw.

        Raises:
            EditcorpusError: A shard could not be done, or the run must not go on; all have ended.
        """
        shop = self._shop
        numbers = shop.redriving.among(part.shards)
        ended, again = self._ears.shard_ended, self._waves.again
        work = partial(twice_if_needed, numbers, self._window, ended, again)
        with held(shop, self._owner, numbers):
            _here(work, f"{shop.run}-partition-{part.number}" if several else "")
        roll_up(shop, part.shards)

    def _next(self) -> Partition:
        return self._full(self.begun)

    def _full(self, number: int) -> Partition:
        return full(number, unit=self._window.rounds)

    def _stop_if_failed(self, planning: PrefectFuture[Any]) -> None:
        """Let no further call go out once it is known that the run cannot come to an end."""
        error = planning.result(raise_on_failure=False)
        if isinstance(error, BaseException):
            stop = error if isinstance(error, RunStopped) else RunStopped(str(error), kind=_KIND)
            self._shop.engine.stop(stop)


def _raise_planners(planning: PrefectFuture[Any]) -> None:
    """Raise what went wrong with a plan by itself, if anything did and the plan has ended."""
    with suppress(TimeoutError):
        found = planning.result(timeout=0, raise_on_failure=False)
        if isinstance(found, EditcorpusError) and not isinstance(found, RunStopped):
            raise RunStopped(str(found), kind=_KIND) from found
        if isinstance(found, BaseException) and not isinstance(found, RunStopped):
            raise found


def _here(work: Callable[[], None], name: str) -> None:
    """Do a partition in this process; one of several as a flow run apart."""
    if not name:
        work()
        return

    def partition() -> None:  # Prefect makes no flow of a partial: it has no name
        work()

    runner: Any = ThreadPoolTaskRunner(max_workers=64)
    flow(name="partition", flow_run_name=name, task_runner=runner)(partition)()
