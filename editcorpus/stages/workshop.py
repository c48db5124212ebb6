"""What every stage works with, and the frame that every stage runs in."""

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel

from editcorpus.errors import Interrupted
from editcorpus.inputs import Inputs
from editcorpus.rows import Source
from editcorpus.shards import (
    Manifest,
    ShardRef,
    Tally,
    Written,
    fingerprint,
    need_manifest,
    read_manifest,
    ref,
    shard_folder,
    write_columns,
    write_manifest,
)
from editcorpus.storage import Store

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    from editcorpus.endpoints.engine import Engine

_Row = TypeVar("_Row", bound="DataclassInstance")
_Config = TypeVar("_Config", bound=BaseModel)
_In = TypeVar("_In")
_Out = TypeVar("_Out")
_log = logging.getLogger(__name__)


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
        codec_threads: Pictures that are decoded or encoded at once.
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
        self.stopping = Event()
        self._codecs = ThreadPoolExecutor(codec_threads, "editcorpus-pictures")

    def close(self) -> None:
        """Free the threads."""
        self._codecs.shutdown()

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
        self, work: Callable[[_In], _Out], items: Iterable[_In], ahead: int = 4
    ) -> Iterator[_Out]:
        """Do `work` in the picture threads; results come in order, at most `ahead` are held.

        Raises:
            Interrupted: Somebody asked the run to stop.
        """
        waiting: deque[Future[_Out]] = deque()
        for item in items:
            if self.stopping.is_set():
                raise Interrupted("The run was interrupted.")
            waiting.append(self._codecs.submit(work, item))
            if len(waiting) >= ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


@dataclass(frozen=True, slots=True)
class Stage:
    """A step as it runs over shards.

    Attributes:
        name: The step's name: of its columns, its manifest and its Config.
        version: The step's VERSION.
        after: The step whose ids enter.
        write: Does the work for a shard, tells the tally whom it gave up and why, and gives what it
            wrote.
        whole: Whether the result that a manifest speaks of is still there.
    """

    name: str
    version: int
    after: str
    write: Callable[[Workshop, int, Tally], Written]
    whole: Callable[[Workshop, int, Manifest], bool] = lambda *_: True


def columns_of(
    name: str, cls: type[_Row], rows: Callable[[Workshop, int, Tally], Iterator[_Row]]
) -> Callable[[Workshop, int, Tally], Written]:
    """The `write` of a step that adds columns: `rows` makes its records in the order of the ids."""

    def write(shop: Workshop, shard: int, tally: Tally) -> Written:
        return write_columns(shop.store, shop.folder(shard), name, cls, rows(shop, shard, tally))

    return write


def run_stage(shop: Workshop, shard: int, stage: Stage) -> ShardRef:
    """Run a step over a shard, unless its result is there already.

    A result with failed ids is done again: what was answered before comes from the store, and who
    was rejected by the same step over the same columns stays so.

    Raises:
        RunStopped: The run must not go on; the shard keeps what it had.
        ShardError: The columns before it are missing or damaged.
    """
    folder = shop.folder(shard)
    before = need_manifest(shop.store, folder, stage.after)
    print_ = fingerprint(before.digest, stage.name, stage.version, shop.configs[stage.name])
    old = read_manifest(shop.store, folder, stage.name)
    same = old if old is not None and old.fingerprint == print_ else None
    if same is not None and not same.failed and stage.whole(shop, shard, same):
        return ref(same, shop.run, shard, skipped=True)
    began = shop.clocks.seconds()
    usd = shop.ledger.usd(stage.name, shard)
    tally = Tally(before.kept, same.rejected if same else ())
    written = stage.write(shop, shard, tally)
    event = {
        "at": shop.clocks.now(),
        "seconds": round(shop.clocks.seconds() - began, 3),
        "usd": format(shop.ledger.usd(stage.name, shard) - usd, "f"),
        **tally.facts,
    }
    past = old.history if old else ()
    made = _manifest(stage, print_, tally, written, (*past, event))
    write_manifest(shop.store, folder, made)
    _tell(shard, made)
    return ref(made, shop.run, shard, skipped=False)


def _manifest(
    stage: Stage,
    print_: str,
    tally: Tally,
    written: Written,
    history: tuple[dict[str, Any], ...],
) -> Manifest:
    return Manifest(
        stage.name,
        stage.version,
        print_,
        tally.entered,
        written.records,
        tuple(tally.rejected),
        tuple(tally.failed),
        written.sha256,
        written.size,
        history,
    )


def _tell(shard: int, made: Manifest) -> None:
    """One line a shard and step, for whoever reads the log."""
    event = made.history[-1]
    _log.info(
        "shard %05d %s: %d kept, %d rejected, %d failed, $%s, %.1f s",
        shard,
        made.step,
        made.kept,
        len(made.rejected),
        len(made.failed),
        event["usd"],
        event["seconds"],
    )
