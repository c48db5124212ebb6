"""Hand a run's partitions out, each on an allowance of the budget, until all are done.

Who takes them is a crew: processes of this machine (`processes.py`), or flow runs of a deployment that
workers fetch (`workers.py`). What a partition cost is read from its journal once nobody works on it any
more; what its crew says of it decides only what is handed out next.
"""

import logging
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

from editcorpus.errors import BudgetExceeded, EditcorpusError, RunStopped
from editcorpus.partitions import Partition
from editcorpus.permits import Permit
from editcorpus.stages.permitting import Permits
from editcorpus.stages.workshop import Workshop

_log = logging.getLogger("editcorpus.handing")
_LOOK_S = 1.0
"""How often it is looked whether the run must stop, while nobody says anything, in seconds."""
_MOST_DEATHS = 3
"""How often a partition is handed out that comes to no end, before the run stops."""

Said = tuple[str, Mapping[str, Any]]
"""A permit's name, and a word on it: `shard`, the number of one that is through; `end`, the members of
an `End`; `gone`, nobody works on it any more: how that came, for people."""


class Crew(Protocol):
    """Those who take partitions.

    Attributes:
        outlives: Whether they go on with their work when the process is gone that handed it out.
    """

    outlives: bool

    def start(self, permit: Permit, *, again: bool = False) -> None:
        """Have somebody work under a permit; `again`, unless somebody does already."""

    def hear(self, timeout_s: float) -> Iterable[Said]:
        """What they say; waits for a word at most so long."""

    def dismiss(self) -> Iterable[Said]:
        """Ask all to end, wait for a while until they have, and pass on what they still say."""


@dataclass(slots=True, eq=False)
class _Hand:
    """Somebody at work on a partition.

    Attributes:
        has_all: Whether it was given all the money that there is.
        end: How it ended, as it said itself.
        gone: How it came that it is there no more; empty while it is.
    """

    permit: Permit
    has_all: bool = False
    end: dict[str, Any] = field(default_factory=dict)
    gone: str = ""


class Handing:
    """Hands out partitions until all are done.

    Args:
        shop: The run.
        permits: What is out of its money.
        crew: Who takes the partitions.
        hands: How many at once.
        shard_ended: Is told the number of each shard that has gone through its stages.
    """

    def __init__(
        self,
        shop: Workshop,
        permits: Permits,
        crew: Crew,
        hands: int,
        shard_ended: Callable[[int], None],
    ) -> None:
        self._shop = shop
        self._permits = permits
        self._crew = crew
        self._most = hands
        self._shard_ended = shard_ended
        self._hands: dict[str, _Hand] = {}
        self._waiting: deque[Partition] = deque()
        self._lean = False
        self._deaths: dict[int, int] = {}

    def out(self, parts: Sequence[Partition]) -> None:
        """Hand out partitions, and return when all are done.

        Raises:
            RunStopped: The run must not go on; all have ended.
            EditcorpusError: All have ended, and one could not do its part.
        """
        try:
            self._waiting.extend(self._taken_over(parts))
            while self._waiting or self._hands:
                self._hire()
                for name, said in self._crew.hear(_LOOK_S):
                    self._hear(name, said)
                for hand in [hand for hand in self._hands.values() if hand.gone]:
                    self._let_go(hand)
                self._prove_going()
        except BaseException:
            self._dismiss()
            raise

    def _taken_over(self, parts: Sequence[Partition]) -> list[Partition]:
        """Take over what an earlier owner of the run handed out; gives the partitions that are left."""
        wanted = {part.shards: part for part in parts}
        strays = []
        for permit in self._permits.out():
            known = self._crew.outlives and permit.shards in wanted and not permit.revoked
            bounded = permit.usd is not None or self._shop.ledger.budget_usd is None
            if known and bounded:
                del wanted[permit.shards]
                self._hands[permit.name] = _Hand(permit)
                self._crew.start(permit, again=True)
                _log.info("Partition %d goes on as it was handed out before.", permit.number)
            else:
                strays.append(permit)
        self._permits.settle(strays)
        return list(wanted.values())

    def _prove_going(self) -> None:
        """Stop where this process was told to: its lease is lost, or the Prefect server is gone."""
        if self._shop.engine.stopped is not None:
            raise self._shop.engine.stopped

    def _hire(self) -> None:
        """Give work to as many as there may be: to one, once money is short."""
        most = 1 if self._lean else self._most
        while self._waiting and len(self._hands) < most:
            part, free = self._waiting[0], min(most - len(self._hands), len(self._waiting))
            name = f"{part.number:05d}-{self._deaths.get(part.number, 0)}-{uuid.uuid4().hex}"
            try:
                permit = self._permits.give(name, part, free, self._most)
            except BudgetExceeded:
                if not self._hands:
                    raise
                return  # what the others leave may do
            self._waiting.popleft()
            self._hands[name] = _Hand(permit, self._lean)
            self._crew.start(permit)

    def _hear(self, name: str, said: Mapping[str, Any]) -> None:
        hand = self._hands[name]
        if "shard" in said:
            self._shard_ended(int(said["shard"]))
        hand.end = dict(said.get("end", hand.end))
        hand.gone = str(said.get("gone", hand.gone))

    def _let_go(self, hand: _Hand) -> None:
        """Settle the account of a partition, once nobody can spend anything on it any more."""
        hand.permit = self._permits.revoke(hand.permit)
        if not self._permits.is_taken(hand.permit):
            self._permits.close(hand.permit)
            del self._hands[hand.permit.name]
            self._judge(hand)

    def _judge(self, hand: _Hand) -> None:
        """Decide what follows from the end of the work on a partition."""
        how, sentence = hand.end.get("how", "void"), str(hand.end.get("sentence", hand.gone))
        number = hand.permit.number
        if how == "done":
            return
        if how == "short":
            if hand.has_all:
                raise BudgetExceeded(sentence)
            self._lean = True
        elif how == "void":
            self._deaths[number] = self._deaths.get(number, 0) + 1
            if self._deaths[number] >= _MOST_DEATHS:
                raise EditcorpusError(
                    f"Partition {number} came to no end {_MOST_DEATHS} times, at last: {sentence} "
                    "Start the run again to go on."
                )
        else:
            raise RunStopped(f"Partition {number}: {sentence}", kind=str(hand.end.get("kind", "")))
        self._waiting.append(Partition(number, hand.permit.first, hand.permit.stop))

    def _dismiss(self) -> None:
        """Ask all to end, and book what they have still done; whoever stays is on record."""
        for hand in self._hands.values():
            with suppress(EditcorpusError):
                hand.permit = self._permits.revoke(hand.permit)
        for name, said in self._crew.dismiss():
            self._hear(name, said)
        for hand in self._hands.values():
            with suppress(EditcorpusError):
                if self._permits.is_taken(hand.permit):
                    self._permits.book(hand.permit)
                else:
                    self._permits.close(hand.permit)
