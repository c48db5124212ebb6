"""Hand a run's partitions to processes of this machine, each on an allowance of the budget."""

import json
import os
import signal
import subprocess
import sys
import uuid
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

from editcorpus.errors import BudgetExceeded, EditcorpusError, RunStopped
from editcorpus.ledger import read_totals
from editcorpus.partitions import Allowance, Allowances, Partition
from editcorpus.stages.workshop import Workshop
from flows.parameters import Recipe
from flows.surroundings import api_url

_PATIENCE_S = 30.0
"""How long processes are waited for that were asked to end; they wait 25 s for calls in flight."""
_LOOK_S = 1.0
"""How often it is looked whether the run must stop, while no process says anything, in seconds."""
_MOST_DEATHS = 3
"""How often a partition is handed out again whose process died, before the run stops."""


@dataclass(slots=True, eq=False)
class _Hand:
    """A process at work on a partition.

    Attributes:
        has_all: Whether it was given all the money that there is.
    """

    part: Partition
    allowance: Allowance
    process: "subprocess.Popen[str]"
    has_all: bool = False
    end: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Order:
    """What is handed out, and to how many.

    Attributes:
        source: Name of the dataset.
        recipe: What is built, with the saved blocks that each process opens for itself.
        owner: Name of this process, which owns the run.
        hands: Processes at once.
    """

    source: str
    recipe: Recipe
    owner: str
    hands: int


class Handing:
    """Hands out partitions until all are done.

    Args:
        shop: The run.
        order: What is handed out, and to how many.
        shard_ended: Is told the number of each shard that has gone through its stages.
    """

    def __init__(self, shop: Workshop, order: Order, shard_ended: Callable[[int], None]) -> None:
        self._shop = shop
        self._order = order
        self._shard_ended = shard_ended
        self._allowances = Allowances(shop.ledger)
        self._said: SimpleQueue[tuple[_Hand, dict[str, Any]]] = SimpleQueue()
        self._hands: set[_Hand] = set()
        self._waiting: deque[Partition] = deque()
        self._lean = False
        self._deaths: dict[int, int] = {}

    def out(self, parts: Sequence[Partition]) -> None:
        """Hand out partitions, and return when all are done.

        Raises:
            RunStopped: The run must not go on; all processes have ended.
            EditcorpusError: All have ended, and one could not do its part.
        """
        self._waiting.extend(parts)
        try:
            while self._waiting or self._hands:
                self._hire()
                with suppress(Empty):
                    self._hear(*self._said.get(timeout=_LOOK_S))
                self._prove_going()
        except BaseException:
            self._dismiss()
            raise

    def _prove_going(self) -> None:
        """Stop where this process was told to: its lease is lost, or the Prefect server is gone."""
        if self._shop.engine.stopped is not None:
            raise self._shop.engine.stopped

    def _hire(self) -> None:
        """Give work to as many processes as there may be: to one, once money is short."""
        most = 1 if self._lean else self._order.hands
        while self._waiting and len(self._hands) < most:
            free = min(most - len(self._hands), len(self._waiting))
            try:
                allowance = self._allowances.deal(uuid.uuid4().hex, free)
            except BudgetExceeded:
                if not self._hands:
                    raise
                return  # what the others leave may do
            self._start(self._waiting.popleft(), allowance)

    def _start(self, part: Partition, allowance: Allowance) -> None:
        share = {
            "source": self._order.source,
            "number": part.number,
            "first": part.first,
            "stop": part.stop,
            "process": allowance.name,
            "parent": self._order.owner,
            "usd": None if allowance.usd is None else str(allowance.usd),
            "hands": self._order.hands,
        }
        recipe = self._order.recipe.model_dump(mode="json")
        process = subprocess.Popen(
            [sys.executable, "-m", "flows.partition"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=_environment(os.environ),
        )
        hand = _Hand(part, allowance, process, self._lean)
        self._hands.add(hand)
        assert process.stdin is not None  # noqa: S101
        with suppress(BrokenPipeError):  # it stays open: a process whose parent dies sees it close
            process.stdin.write(json.dumps({"recipe": recipe, "share": share}) + "\n")
            process.stdin.flush()
        Thread(target=self._listen, args=(hand,), daemon=True).start()

    def _listen(self, hand: _Hand) -> None:
        """Pass on what a process says until it has ended; in a thread of its own."""
        assert hand.process.stdout is not None and hand.process.stdin is not None  # noqa: S101
        with hand.process.stdout as lines:
            for line in lines:
                with suppress(ValueError):
                    self._said.put((hand, json.loads(line)))
        hand.process.wait()
        with suppress(BrokenPipeError):
            hand.process.stdin.close()
        self._said.put((hand, {"gone": True}))

    def _hear(self, hand: _Hand, said: Mapping[str, Any]) -> None:
        if "shard" in said:
            self._shard_ended(int(said["shard"]))
        elif "end" in said:
            hand.end = dict(said["end"])
        elif "gone" in said:
            self._take_back(hand)
            self._judge(hand)

    def _take_back(self, hand: _Hand) -> None:
        self._hands.discard(hand)
        spent = read_totals(self._shop.store, self._shop.run, hand.allowance.name)
        self._allowances.take_back(hand.allowance, spent, int(hand.end.get("cached", 0)))

    def _judge(self, hand: _Hand) -> None:
        """Decide what follows from the end of a process."""
        how, sentence = hand.end.get("how", ""), str(hand.end.get("sentence", ""))
        number = hand.part.number
        if how == "done":
            return
        if how == "short":
            if hand.has_all:
                raise BudgetExceeded(sentence)
            self._lean = True
            self._waiting.append(hand.part)
        elif how:
            raise RunStopped(f"Partition {number}: {sentence}")
        else:
            self._deaths[number] = self._deaths.get(number, 0) + 1
            if self._deaths[number] >= _MOST_DEATHS:
                code = hand.process.returncode
                raise EditcorpusError(
                    f"The process of partition {number} died {_MOST_DEATHS} times, at last with "
                    f"exit code {code}; start the run again to go on."
                )
            self._waiting.append(hand.part)

    def _dismiss(self) -> None:
        """Ask all processes to end, take what they have still done, and leave none behind."""
        for hand in self._hands:
            hand.process.send_signal(signal.SIGTERM)
        for hand in list(self._hands):
            try:
                hand.process.wait(_PATIENCE_S)
            except subprocess.TimeoutExpired:
                hand.process.kill()
                hand.process.wait()
            with suppress(EditcorpusError):
                self._take_back(hand)


def _environment(given: Mapping[str, str]) -> dict[str, str]:
    """The environment of a process that talks to the same Prefect server."""
    url = api_url()
    return {**given, "PREFECT_API_URL": url} if url else dict(given)
