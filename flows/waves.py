"""Batch mode as the flow carries it out: a wave of questions for each step that asks in batches.

Before such a step is done in the ordinary way, all shards are taken up to it and what it lacks is put
into batches, a flow run apart for each partition, so that the UI can draw it. Then the thread of the
flow run itself sleeps and looks now and then: no task and no worker thread waits with it.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from prefect import flow
from prefect.task_runners import ThreadPoolTaskRunner

from editcorpus.stages.awaiting import Awaiting, under_way
from editcorpus.stages.batching import batched, rounds
from editcorpus.stages.workshop import Workshop
from flows.through import Window, through

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Wave:
    """One round of a step's questions.

    Attributes:
        step: The step's name.
        number: Of the round, from 1.
    """

    step: str
    number: int

    def name(self, run: str, part: str) -> str:
        """Of its flow run."""
        return "-".join(filter(None, (run, self.step, "in-bulk", str(self.number), part)))


class Waves:
    """Asks what the batched steps of a run lack.

    Args:
        shop: The run.
        window: How many shards are worked on at once.
        look_s: Longest pause between two looks at the batches, in seconds.
    """

    def __init__(self, shop: Workshop, window: Window, look_s: float) -> None:
        self._shop = shop
        self._window = window
        self._batches = Awaiting(shop, look_s)
        self._done = dict.fromkeys(shop.modes, 0)

    def adopt(self, *, alone: bool) -> None:
        """Take over batches that an earlier process of the run left, and wait for them.

        A run that asks online takes those that have ended, and does not wait for the others: the
        engine leaves to them what they hold.

        Args:
            alone: Whether this process alone asks; others would not know what the batches hold.

        Raises:
            RunStopped: The run must not go on.
        """
        if not self._batches.adopt():
            return
        _log.info("An earlier start left batches: %s", under_way(self._shop.batches))
        if self._shop.modes or not alone:
            self._batches.wait()
        elif self._batches.look():
            told = under_way(self._shop.batches)
            _log.warning("This start asks online, and does not wait for batches: %s", told)

    def over(self, parts: Sequence[Sequence[int]]) -> None:
        """Ask what shards lack, step by step, and return when the batches have ended.

        Args:
            parts: Numbers of the shards, by partitions.

        Raises:
            RunStopped: The run must not go on.
        """
        for stage in batched(self._shop):
            left: Sequence[Sequence[int]] = parts
            while any(left) and self._done[stage.name] < rounds(self._shop, stage):
                left = self._round(stage.name, left)

    def again(self, shards: Sequence[int]) -> None:
        """Ask what is still open of shards, where only batches may be asked."""
        for stage in batched(self._shop):
            if self._shop.modes[stage.name] == "auto":
                self._done[stage.name] = rounds(self._shop, stage)
        self.over([shards])

    def _round(self, step: str, parts: Sequence[Sequence[int]]) -> list[list[int]]:
        """One round; gives the shards that have waited for it, in their partitions."""
        wave = Wave(step, self._done[step] + 1)
        left = [
            self._asked(wave, str(number) if len(parts) > 1 else "", shards)
            for number, shards in enumerate(parts)
        ]
        if any(left):
            bulk = self._shop.engine.bulk
            self._done[step] += not bulk.is_short  # who had no room has not had his turn
            bulk.flush()
            self._batches.wait()
        return left

    def _asked(self, wave: Wave, part: str, shards: Sequence[int]) -> list[int]:
        """Ask about the shards of a partition, in a flow run apart; gives those that wait."""
        if not shards:
            return []
        found: list[int] = []

        def ask() -> None:
            start = partial(self._window.up_to, wave.step)
            found.extend(through(shards, self._window.width, start, lambda _: None))

        runner: Any = ThreadPoolTaskRunner(max_workers=64)
        name = wave.name(self._shop.run, part)
        flow(name="ask in bulk", flow_run_name=name, task_runner=runner)(ask)()
        return sorted(found)
