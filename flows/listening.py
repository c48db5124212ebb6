"""Who else in this process follows a build: the command line, for progress and the outcome."""

from contextvars import ContextVar
from typing import Protocol

from editcorpus.stages.plan import Plan
from editcorpus.stages.workshop import Workshop
from flows.outcome import Outcome


class Listener(Protocol):
    """Is told what happens in a build."""

    def opened(self, shop: Workshop) -> None:
        """The run is open; its engine and ledger may be watched."""

    def begun(self, shards: int) -> None:
        """Work has begun on the first so many shards; the rest is still being planned."""

    def planned(self, plan: Plan) -> None:
        """The work is known."""

    def shard_ended(self, number: int) -> None:
        """One more shard has gone through its stages."""

    def ended(self, outcome: Outcome) -> None:
        """The build is over."""


LISTENERS: ContextVar[tuple[Listener, ...]] = ContextVar("editcorpus-listeners", default=())
