"""What a stage is, and what every stage works with."""

import copy
import sys
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from threading import Event, RLock
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from pydantic import BaseModel

from editcorpus.ahead import ahead as in_turn
from editcorpus.errors import Interrupted
from editcorpus.inputs import Inputs
from editcorpus.rows import Shelf, Source
from editcorpus.shards import Columns, Manifest, Tally, Written, shard_folder
from editcorpus.stages.growth import Growth
from editcorpus.stages.mending import Mending
from editcorpus.stages.redriving import Redriving
from editcorpus.storage import Store
from editcorpus.turns import Turns

if TYPE_CHECKING:
    from editcorpus.endpoints.bulk import BatchFacts
    from editcorpus.endpoints.engine import Engine
    from editcorpus.endpoints.requests import Ask, Outcome

Way = Callable[[Sequence["Ask"]], Iterator["Outcome"]]
"""How requests get their outcomes: each gets exactly one, in any order (see `Engine.answers`)."""
Mode = Literal["online", "batch", "auto"]
"""Call by call; in batches alone; or in batches first, and what those leave open call by call."""
Variant = Literal["output", "base", "rewrite", "pair"]
"""How the pairs of a corpus are made (GPT-IMAGE-EDIT-1.5M, section 3, and its table 5): `output`, a new
edited image; `rewrite`, and each instruction rewritten after it; `pair`, both images new; `base`, both
as published."""
_Config = TypeVar("_Config", bound=BaseModel)
_In = TypeVar("_In")
_Out = TypeVar("_Out")


@dataclass(frozen=True, slots=True)
class Clocks:
    """Time, for records of what happened; nothing is decided by it.

    Attributes:
        now: ISO 8601, UTC.
        seconds: A monotonic clock.
    """

    now: Callable[[], str]
    seconds: Callable[[], float]


class Workshop:
    """The open ends of one run in one process: store, engine, source, configuration, threads.

    Args:
        run: Name of the run.
        store: Where everything lies.
        engine: Asks the model endpoints and keeps the books.
        source: The dataset that is read.
        inputs: Opens its files.
        configs: Each step's Config by the step's name.
        providers: The provider that each asking step asks, by the step's name.
        clocks: Time.
        stages: What a shard goes through, in order.
        variant: How its pairs are made.
        redriving: Who is to be done again; nobody unless it says so.
        modes: How the steps ask that do not ask online.
        codec_threads: Pictures that are decoded or encoded at once.

    Attributes:
        passing: Held by whoever is at the one place of a pass through the input.
        mine: Numbers of the shards that this process may write; all of them unless somebody else is
            at work on the run, too.
        batches: What is under way in batches, as it was last looked at; for people who watch.
        growth: How far its plan is.
    """

    def __init__(  # noqa: PLR0913 - one value each, all needed by some stage
        self,
        *,
        run: str,
        store: Store,
        engine: "Engine",
        source: Source,
        inputs: Inputs,
        configs: Mapping[str, BaseModel],
        providers: Mapping[str, str],
        clocks: Clocks,
        stages: Sequence["Stage"],
        variant: Variant = "output",
        redriving: Redriving | None = None,
        modes: Mapping[str, Mode] = MappingProxyType({}),
        codec_threads: int = 2,
    ) -> None:
        self.run = run
        self.store = store
        self.engine = engine
        self.ledger = engine.books.ledger
        self.responses = engine.books.responses
        self.source = source
        self.inputs = inputs
        self.configs = configs
        self.providers = providers
        self.clocks = clocks
        self.stages = tuple(stages)
        self.variant = variant
        self.stopping = Event()
        self.growth, self.mending = Growth(), Mending()
        self.redriving = redriving or Redriving()
        self.modes = modes
        self.batches: tuple[BatchFacts, ...] = ()
        self._ways: Mapping[str, Way] = {}
        self._codecs = Turns(codec_threads, "editcorpus-pictures")
        self.passing = RLock()
        self.mine: Container[int] = range(sys.maxsize)
        self._shelves: list[Shelf] = []

    def close(self) -> None:
        """Free the threads, and what the input holds open."""
        self._codecs.shutdown()
        for shelf in self._shelves:
            shelf.close()

    def prove_going(self) -> None:
        """Nothing, unless the run was told to stop.

        Raises:
            RunStopped: It was.
        """
        if self.engine.stopped is not None:
            raise self.engine.stopped
        if self.stopping.is_set():
            raise Interrupted("The run was interrupted.")

    @property
    def originals(self) -> Shelf:
        """Where the pictures of the input come from."""
        with self.passing:
            if not self._shelves:
                self._shelves.append(self.source.reader.shelf(self.source, self.inputs, self.store))
            return self._shelves[0]

    def goes_through(self, name: str) -> bool:
        """Whether shards go through a stage of that name."""
        return any(stage.name == name for stage in self.stages)

    def stage(self, name: str) -> "Stage":
        """The stage of that name."""
        return next(stage for stage in self.stages if stage.name == name)

    def answers(self, step: str, asks: Sequence["Ask"]) -> Iterator["Outcome"]:
        """The outcomes of what a step asks, as they come (see `Engine.answers`)."""
        return self._ways.get(step, self.engine.answers)(asks)

    def asking(self, ways: Mapping[str, Way]) -> "Workshop":
        """The same workshop, in which some steps ask in ways of their own."""
        other = copy.copy(self)
        other._ways = {**self._ways, **ways}
        return other

    def config(self, step: str, cls: type[_Config]) -> _Config:
        """The Config of a step."""
        config = self.configs[step]
        if not isinstance(config, cls):
            raise TypeError(f"The Config of {step} is a {type(config).__name__}.")
        return config

    def folder(self, shard: int) -> str:
        """Where the columns of a shard lie."""
        return shard_folder(self.run, shard)

    def in_order(
        self, shard: int, work: Callable[[_In], _Out], items: Iterable[_In], ahead: int = 4
    ) -> Iterator[_Out]:
        """Do `work` in the picture threads; results come in order, at most `ahead` are held.

        What belongs to an earlier shard is done first.

        Raises:
            Interrupted: Somebody asked the run to stop.
        """
        yield from in_turn(self._codecs.of(shard), work, self._until_stopped(items), ahead)

    def _until_stopped(self, items: Iterable[_In]) -> Iterator[_In]:
        for item in items:
            if self.stopping.is_set():
                raise Interrupted("The run was interrupted.")
            yield item


@dataclass(frozen=True, slots=True)
class Piece:
    """A step over one shard, while it is done.

    Attributes:
        columns: What the shard has so far; every file is read at most once.
        tally: Is told whom the step gives up, and why.
    """

    shop: Workshop
    shard: int
    columns: Columns
    tally: Tally

    @property
    def folder(self) -> str:
        """Where the columns of the shard lie."""
        return self.shop.folder(self.shard)


@dataclass(frozen=True, slots=True)
class Stage:
    """A step as it runs over shards.

    Attributes:
        name: The step's name: of its columns, its manifest and its Config.
        version: The step's VERSION.
        after: The step whose ids enter.
        write: Does the work for a shard, and gives what it wrote.
        whole: Whether the result that a manifest speaks of is still there.
        asks: Makes its records, where a model is asked for them; None where nobody is asked.
        depth: Rounds of questions of which each depends on the answers to the one before it.
        turn: Gives what is to be held while it works, where shards of a process have to go one after
            the other; None where they need not.
    """

    name: str
    version: int
    after: str
    write: Callable[[Piece], Written]
    whole: Callable[[Piece, Manifest], bool] = lambda *_: True
    asks: Callable[[Piece], Iterator[Any]] | None = None
    depth: int = 1
    turn: Callable[[Workshop], AbstractContextManager[object] | None] = lambda _: None
