"""Waiting for batches: looking at them now and then, and telling people what becomes of them."""

import logging
from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from typing import TYPE_CHECKING

from editcorpus.endpoints.facts import scrub
from editcorpus.errors import Interrupted
from editcorpus.stages.workshop import Workshop

if TYPE_CHECKING:
    from editcorpus.endpoints.bulk import BatchFacts

_log = logging.getLogger(__name__)
_FIRST_SHARE, _GROWTH = 1 / 12, 1.5
"""The first look comes so much sooner than the later ones, and each pause is so much longer than the
last: 5 s, 7.5 s, ... up to 60 s, so that a small batch is not waited for and a long one costs nothing."""
_SLICE_S = 1.0
"""How often it is looked whether the run must stop, in seconds."""
_NAMED = 3
"""Batches that a sentence names."""


class Awaiting:
    """Looks at the batches of a run; in the thread that calls, and in no other.

    Args:
        shop: The run; its `batches` are kept up to date.
        longest_s: Longest pause between two looks, in seconds.
    """

    def __init__(self, shop: Workshop, longest_s: float) -> None:
        self._shop = shop
        self._longest_s = longest_s
        self._told: dict[str, str] = {}

    def adopt(self) -> bool:
        """Take over what earlier processes of the run left; says whether anything is under way."""
        self._seen(self._shop.engine.bulk.adopt())
        return bool(self._shop.batches)

    def look(self) -> bool:
        """Take what has ended; says whether anything is still under way."""
        self._seen(self._shop.engine.bulk.look())
        return bool(self._shop.batches)

    def wait(self) -> None:
        """Return once no batch is under way.

        Raises:
            Interrupted: Somebody asked the run to stop.
            RunStopped: The run must not go on.
        """
        pause_s = self._longest_s * _FIRST_SHARE
        while self.look():
            self._pause(pause_s)
            pause_s = min(self._longest_s, pause_s * _GROWTH)

    def _pause(self, left_s: float) -> None:
        shop = self._shop
        while left_s > 0:
            if shop.stopping.wait(min(left_s, _SLICE_S)):
                raise Interrupted("The run was interrupted.")
            if shop.engine.stopped is not None:
                raise shop.engine.stopped
            left_s -= _SLICE_S

    def _seen(self, batches: tuple["BatchFacts", ...]) -> None:
        """Note how the batches stand, and tell each change in a line."""
        self._shop.batches = batches
        for one in batches:
            if self._told.get(one.name) != one.status:
                self._told[one.name] = one.status
                _log.info("%s: %s; %s", _title(one), scrub(one.status), _size(one))
        for name in self._told.keys() - {one.name for one in batches}:
            del self._told[name]
            _log.info("batch %s has ended", name)


def under_way(batches: Sequence["BatchFacts"]) -> str:
    """What is under way and what becomes of it, for the end of a run's last sentence; else empty."""
    if not batches:
        return ""
    names = [scrub(one.batch_id) or one.name for one in batches[:_NAMED]]
    more = f" and {len(batches) - _NAMED} more" if len(batches) > _NAMED else ""
    count = "1 batch is" if len(batches) == 1 else f"{len(batches)} batches are"
    return (
        f"{count} under way ({', '.join(names)}{more}; {sum(one.lines for one in batches):,} "
        "requests): the API goes on with it, and the same command takes the answers."
    )


def batch_lines(batches: Sequence["BatchFacts"], now: str) -> Iterator[str]:
    """How the batches of each step stand, a line for each.

    Args:
        batches: As they were last looked at.
        now: ISO 8601, UTC.
    """
    by_step = sorted(batches, key=lambda one: one.step)
    for step, group in groupby(by_step, key=lambda one: one.step):
        found = list(group)
        done = sum(one.done + one.failed for one in found)
        lines = sum(one.lines for one in found)
        states = ", ".join(dict.fromkeys(scrub(one.status) for one in found))
        usd = sum((one.usd for one in found), Decimal(0))
        since = min(one.created for one in found)
        count = "1 batch" if len(found) == 1 else f"{len(found)} batches"
        yield (
            f"{step}: {done:,}/{lines:,} lines of {count} ({states}), ${usd:.2f} reserved"
            f"{_waited(since, now)}"
        )


def _title(one: "BatchFacts") -> str:
    known = f" ({scrub(one.batch_id)})" if one.batch_id else ""
    return f"batch {one.name}{known} of {one.step}"


def _size(one: "BatchFacts") -> str:
    return f"{one.lines:,} lines of {scrub(one.model)}, ${one.usd:.4f} reserved"


def _waited(since: str, now: str) -> str:
    """For how long; empty where a moment is none."""
    try:
        seconds = (datetime.fromisoformat(now) - datetime.fromisoformat(since)).total_seconds()
    except (ValueError, TypeError):
        return ""
    minutes = max(0, round(seconds / 60))
    return f", for {minutes} min" if minutes < 90 else f", for {minutes / 60:.1f} h"
