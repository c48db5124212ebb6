"""What every stage works with, and the frame that every stage runs in."""

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from threading import Event
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel

from editcorpus.errors import Interrupted, ShardDamaged
from editcorpus.inputs import Inputs
from editcorpus.rows import Source
from editcorpus.shards import (
    Columns,
    Manifest,
    ShardRef,
    Tally,
    Written,
    fingerprint,
    ref,
    shard_folder,
    write_columns,
    write_manifest,
)
from editcorpus.stages.mending import Mending
from editcorpus.stages.redriving import Redriving
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
        redriving: Who is to be done again; nobody unless it says so.
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
        redriving: Redriving | None = None,
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
        self.mending = Mending()
        self.redriving = redriving or Redriving()
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
    """

    name: str
    version: int
    after: str
    write: Callable[[Piece], Written]
    whole: Callable[[Piece, Manifest], bool] = lambda *_: True


def columns_of(
    name: str, cls: type[_Row], rows: Callable[[Piece], Iterator[_Row]]
) -> Callable[[Piece], Written]:
    """The `write` of a step that adds columns: `rows` makes its records in the order of the ids."""

    def proven(piece: Piece) -> Iterator[_Row]:
        yield from rows(piece)
        piece.columns.check()  # a picture that the engine could not read has spoilt an answer

    def write(piece: Piece) -> Written:
        return write_columns(piece.shop.store, piece.folder, name, cls, proven(piece))

    return write


def run_stage(shop: Workshop, shard: int, stage: Stage) -> ShardRef:
    """Run a step over a shard, unless its result is there already.

    A result with failed ids, or one that is damaged, is done again: what was answered before comes
    from the store, and who was rejected by the same step over the same columns stays so, unless a
    redrive names him.

    Raises:
        RunStopped: The run must not go on; the shard keeps what it had.
        ShardDamaged: Columns before it are damaged (see `mending.healed`).
        ShardError: The step before it is not done.
    """
    folder = shop.folder(shard)
    columns = Columns(shop.store, folder)
    before = columns.manifest(stage.after)
    print_ = fingerprint(before.digest, stage.name, stage.version, shop.configs[stage.name])
    old = _known(shop, columns, stage.name)
    same = old if old is not None and old.fingerprint == print_ else None
    tally = Tally(before.kept, shop.redriving.decided(stage.name, old, same))
    piece = Piece(shop, shard, columns, tally)
    if same is not None and not _is_open(piece, stage, same):
        return _ref(piece, same, skipped=True)
    began = shop.clocks.seconds()
    usd = shop.ledger.usd(stage.name, shard)
    written = stage.write(piece)
    event = {
        "at": shop.clocks.now(),
        "seconds": round(shop.clocks.seconds() - began, 3),
        "usd": format(shop.ledger.usd(stage.name, shard) - usd, "f"),
        **shop.redriving.mark(),
        **tally.facts,
    }
    past = old.history if old else ()
    made = _manifest(stage, print_, tally, written, (*past, event))
    write_manifest(shop.store, folder, made)
    shop.mending.done(folder, stage.name)
    _tell(shard, made)
    return _ref(piece, made, skipped=False)


def _ref(piece: Piece, made: Manifest, *, skipped: bool) -> ShardRef:
    """What a stage returns: nobody is called failed whom it was not to ask about."""
    held = {item.id for item in piece.tally.earlier}
    failed = sum(item.id not in held for item in made.failed)
    return replace(ref(made, piece.shop.run, piece.shard, skipped=skipped), failed=failed)


def _known(shop: Workshop, columns: Columns, step: str) -> Manifest | None:
    """The manifest of a step; one that is damaged counts for nothing."""
    try:
        return columns.known(step)
    except ShardDamaged as damage:
        shop.mending.take(damage)
        return None


def _is_open(piece: Piece, stage: Stage, same: Manifest) -> bool:
    """Whether a result is to be made anew, though it is made of the same things."""
    shop, decided = piece.shop, {item.id for item in piece.tally.earlier}
    if shop.mending.due(piece.folder, stage.name) or shop.redriving.due(stage.name, same):
        return True
    return not decided.issuperset(same.gone) or not stage.whole(piece, same)


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
        written.pictures_sha256,
        written.pictures_size,
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
