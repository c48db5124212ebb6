"""Plan a run: fix which rows are in which shard, before a pixel is read or a cent is spent."""

import json
import os
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass

from editcorpus.balancing import Kinds
from editcorpus.errors import ConfigError, ShardDamaged
from editcorpus.inputs import Inputs
from editcorpus.planning import PlannedShard, Selection, plan
from editcorpus.records import Triplet
from editcorpus.rows import Source
from editcorpus.shards import (
    FORMAT,
    PLAN,
    Manifest,
    ShardRef,
    hash_of,
    read_manifest,
    ref,
    shard_folder,
    write_columns,
    write_manifest,
)
from editcorpus.storage import Store

NAME = PLAN
VERSION = 1
_WRITERS = 4
"""Shards that are written at once."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run is made of.

    Attributes:
        shards: Number of shards.
        entered: Number of rows in them.
        fingerprint: Hash of all that determined the plan.
        files: Bytes of each input file.
        format: Layout of the shards that it was made with.
    """

    shards: int
    entered: int
    fingerprint: str
    files: dict[str, int]
    format: int = FORMAT

    @property
    def seal(self) -> str:
        """Hash of the whole: by it, a damaged plan is known."""
        return hash_of(asdict(self))


def make_plan(
    store: Store,
    run: str,
    source: Source,
    inputs: Inputs,
    selection: Selection,
    kinds: Kinds | None = None,
) -> Plan:
    """Cut a source into shards and write each one's plan, unless that is done.

    Args:
        store: Where the run lies.
        run: Its name.
        source: What is planned.
        inputs: Its files.
        selection: Which rows.
        kinds: Who tells the kind of edit of rows that do not name it.

    Raises:
        ConfigError: The input cannot be read, lacks a column, gives no row at all, or is not what
            it was when the run began.
    """
    sizes = {url: _size(inputs, url) for url in inputs.files}
    print_ = hash_of([FORMAT, NAME, VERSION, source.name, sizes, selection.model_dump()])
    known = read_plan(store, run)
    if known is not None and known.fingerprint != print_:
        raise ConfigError(_changed(run, known.files, sizes))
    if known is not None:
        return known
    counts = list(_written(store, run, plan(source, inputs, selection, kinds), print_))
    shards, entered = len(counts), sum(counts)
    if not entered:
        raise ConfigError(f"The input of run {run!r} has no row: {', '.join(inputs.files)[:300]}.")
    made = Plan(shards, entered, print_, sizes)
    store.write(_path(run), json.dumps({**asdict(made), "seal": made.seal}).encode() + b"\n")
    return made


def _written(
    store: Store, run: str, shards: Iterable[PlannedShard], plan_print: str
) -> Iterator[int]:
    """Write shards, some at once: most of it is waiting for the disk. Gives the rows that entered each."""
    waiting: deque[Future[ShardRef]] = deque()
    with ThreadPoolExecutor(_WRITERS, "editcorpus-plan") as pool:
        for planned in shards:
            waiting.append(pool.submit(_write, store, run, planned, plan_print))
            if len(waiting) > 2 * _WRITERS:
                yield waiting.popleft().result().entered
        while waiting:
            yield waiting.popleft().result().entered


def read_plan(store: Store, run: str) -> Plan | None:
    """The plan of a run, or None where there is none, or one of an older format.

    Raises:
        ConfigError: It is damaged.
    """
    try:
        members = json.loads(store.read(_path(run)))
        if members.get("format", 1) < FORMAT:
            return None
        seal = members.pop("seal")
        made = Plan(**members)
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise _damaged(store, run) from error
    if made.seal != seal:
        raise _damaged(store, run)
    return made


def _path(run: str) -> str:
    return f"runs/{run}/{NAME}.json"


def _damaged(store: Store, run: str) -> ConfigError:
    return ConfigError(
        f"{store.url(_path(run))} is damaged. Remove it and start the run again: the same input "
        "gives the same plan, and nothing is paid for again."
    )


def _changed(run: str, old: Mapping[str, int], new: Mapping[str, int]) -> str:
    """What is different about an input under the name of a known run."""
    for url in sorted({*old, *new}):
        if old.get(url) != new.get(url):
            was, now = (
                f"{sizes[url]} bytes" if url in sizes else "missing" for sizes in (old, new)
            )
            return f"The run {run!r} was planned over other files: {url} was {was} and is {now}."
    return f"The run {run!r} was planned with another sample; use another run name."


def _size(inputs: Inputs, url: str) -> int:
    with inputs.explained(url), inputs.open(url) as file:
        return file.seek(0, os.SEEK_END)


def _write(store: Store, run: str, planned: PlannedShard, plan_print: str) -> ShardRef:
    folder = shard_folder(run, planned.number)
    old = _known(store, folder)
    if old is not None and old.fingerprint == plan_print:
        return ref(old, run, planned.number, skipped=True)
    written = write_columns(store, folder, NAME, Triplet, iter(planned.triplets))
    manifest = Manifest(
        NAME,
        VERSION,
        plan_print,
        len(planned.triplets) + len(planned.rejected),
        written.records,
        planned.rejected,
        (),
        written.sha256,
        written.size,
    )
    write_manifest(store, folder, manifest)
    return ref(manifest, run, planned.number, skipped=False)


def _known(store: Store, folder: str) -> Manifest | None:
    """A shard's manifest; one that is damaged counts for nothing, since it is being made."""
    try:
        return read_manifest(store, folder, NAME)
    except ShardDamaged:
        return None
