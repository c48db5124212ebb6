"""Plan a run: fix which rows are in which shard, before a pixel of it is read or a cent is spent on it.

Shards are planned in their order, and the first ones may be worked on while later ones are not planned
yet: `runs/<run>/planning.json` holds the input of a plan that is not whole, `runs/<run>/plan.json` the
whole plan. A plan that came to no end is made once more; what is the same in it is not written again.
"""

import json
import os
from collections import deque
from collections.abc import Collection, Generator, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import partial

from editcorpus.balancing import Kinds
from editcorpus.errors import ConfigError, ShardDamaged
from editcorpus.inputs import Inputs
from editcorpus.planning import PlannedShard, Selection, plan
from editcorpus.records import Triplet
from editcorpus.rows import Source
from editcorpus.runs import corpus_file, corpus_folder, read_identity
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
_LOOKING = 8
"""Files whose lengths are asked for at once, where no list told them."""


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
    """The whole plan of a run, made now unless that was done; see `planning`."""
    steps = planning(store, run, source, inputs, selection, kinds)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            made: Plan = end.value
            return made


def planning(
    store: Store,
    run: str,
    source: Source,
    inputs: Inputs,
    selection: Selection,
    kinds: Kinds | None = None,
) -> Generator[int, None, Plan]:
    """Cut a source into shards and write each one's plan, unless that is done.

    Yields, in the order of the shards, how many rows entered each, once its plan is written; no
    earlier shard is missing then. Returns the whole plan; of a known one no shard is yielded.

    Args:
        store: Where the run lies.
        run: Its name.
        source: What is planned.
        inputs: Its files.
        selection: Which rows.
        kinds: Who tells the kind of edit of rows that do not name it.

    Raises:
        ConfigError: The input cannot be read, lacks a column, gives no row at all, or is not what
            it was when the run was planned.
    """
    sizes = _sizes(inputs)
    print_ = hash_of([FORMAT, NAME, VERSION, source.name, sizes, selection.model_dump()])
    known = read_plan(store, run)
    if known is not None and known.fingerprint != print_:
        raise ConfigError(_changed(run, known.files, sizes))
    if known is not None:
        return known
    _write_plan(store, _begun(run), Plan(0, 0, print_, sizes))
    shards = entered = 0
    try:
        with closing(plan(source, inputs, selection, kinds)) as planned:
            for rows in _written(store, run, planned, print_):
                shards, entered = shards + 1, entered + rows
                yield rows
        _refuse_empty(run, inputs, entered)
    except ConfigError:  # whoever mends the input may plan over other files
        store.remove(_begun(run))
        raise
    made = Plan(shards, entered, print_, sizes)
    _forget_beyond(store, run, shards)
    _write_plan(store, _path(run), made)
    store.remove(_begun(run))
    return made


def _refuse_empty(run: str, inputs: Inputs, entered: int) -> None:
    if not entered:
        raise ConfigError(f"The input of run {run!r} has no row: {', '.join(inputs.files)[:300]}.")


def _forget_beyond(store: Store, run: str, shards: int) -> None:
    """Remove what a start over another input, whose plan came to no end, published beyond this one."""
    known = {corpus_file(run, shard) for shard in range(shards)}
    for path in store.list(f"{corpus_folder(run)}/data"):
        if path not in known:
            store.remove(path)


def _written(
    store: Store, run: str, shards: Iterable[PlannedShard], plan_print: str
) -> Iterator[int]:
    """Write shards, some at once: most of it is waiting for the disk. Gives the rows that entered each."""
    waiting: deque[Future[ShardRef]] = deque()
    with ThreadPoolExecutor(_WRITERS, "editcorpus-plan") as pool:
        for planned in shards:
            waiting.append(pool.submit(_write, store, run, planned, plan_print))
            while waiting and (waiting[0].done() or len(waiting) > 2 * _WRITERS):
                yield waiting.popleft().result().entered
        while waiting:
            yield waiting.popleft().result().entered


def read_plan(store: Store, run: str) -> Plan | None:
    """The plan of a run, or None where there is none, or one of an older format.

    Raises:
        ConfigError: It is damaged.
    """
    try:
        return _decode(store.read(_path(run)))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise _damaged(store, run) from error


def need_plan(store: Store, run: str) -> Plan:
    """The plan of a run that must have one.

    Raises:
        ConfigError: It is damaged; there is no such run; or its plan is not whole yet.
    """
    made = read_plan(store, run)
    if made is not None:
        return made
    if read_identity(store, run):
        raise ConfigError(unplanned(store, run))
    raise ConfigError(f"The store {store.root} has no run {run!r}.")


def unplanned(store: Store, run: str) -> str:
    """What there is to say of a run without a plan: a sentence."""
    return (
        f"The run {run!r} has no plan yet in {store.url('runs')}, or none that is whole: wait until its "
        "build has planned all rows, or start it again."
    )


def planned_files(store: Store, run: str) -> Collection[str]:
    """The files that a run was planned over, or is being planned over; none where there is no plan.

    Raises:
        ConfigError: The plan is damaged.
    """
    made = read_plan(store, run)
    if made is not None:
        return made.files
    try:
        begun = _decode(store.read(_begun(run)))
    except (FileNotFoundError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return ()
    return begun.files if begun else ()


def _decode(data: bytes) -> Plan | None:
    """A plan as it was written; None where it is of an older format."""
    members = json.loads(data)
    if members.get("format", 1) < FORMAT:
        return None
    seal = members.pop("seal")
    made = Plan(**members)
    if made.seal != seal:
        raise ValueError("its seal is not its own")
    return made


def _write_plan(store: Store, path: str, made: Plan) -> None:
    store.write(path, json.dumps({**asdict(made), "seal": made.seal}).encode() + b"\n")


def _path(run: str) -> str:
    return f"runs/{run}/{NAME}.json"


def _begun(run: str) -> str:
    return f"runs/{run}/planning.json"


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


def _sizes(inputs: Inputs) -> dict[str, int]:
    """The length of each file, as a list told it or as it is found when it is opened."""
    unknown = [url for url in inputs.files if url not in inputs.sizes]
    with ThreadPoolExecutor(_LOOKING, "editcorpus-inputs") as pool:
        found = dict(zip(unknown, pool.map(partial(_size, inputs), unknown), strict=True))
    return {url: inputs.sizes[url] if url in inputs.sizes else found[url] for url in inputs.files}


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
