"""Plan a run: fix which rows are in which shard, before a pixel is read or a cent is spent."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from editcorpus.errors import ConfigError
from editcorpus.inputs import Inputs
from editcorpus.planning import PlannedShard, Selection, plan
from editcorpus.records import Triplet
from editcorpus.rows import Source
from editcorpus.shards import (
    FORMAT,
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

NAME = "plan"
VERSION = 1


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run is made of.

    Attributes:
        shards: Number of shards.
        entered: Number of rows in them.
        fingerprint: Hash of all that determined the plan.
        files: Bytes of each input file.
    """

    shards: int
    entered: int
    fingerprint: str
    files: dict[str, int]


def make_plan(store: Store, run: str, source: Source, inputs: Inputs, selection: Selection) -> Plan:
    """Cut a source into shards and write each one's plan, unless that is done.

    Raises:
        ConfigError: The input cannot be read, lacks a column, gives no row at all, or is not what
            it was when the run began.
    """
    sizes = {url: _size(inputs, url) for url in inputs.files}
    print_ = hash_of([FORMAT, NAME, VERSION, source.name, sizes, selection.model_dump()])
    path = f"runs/{run}/plan.json"
    known = read_plan(store, run)
    if known is not None and known.fingerprint != print_:
        raise ConfigError(_changed(run, known.files, sizes))
    if known is not None:
        return known
    shards = entered = 0
    for planned in plan(source, inputs, selection):
        entered += _write(store, run, planned, print_).entered
        shards += 1
    if not entered:
        raise ConfigError(f"The input of run {run!r} has no row: {', '.join(inputs.files)[:300]}.")
    made = Plan(shards, entered, print_, sizes)
    store.write(path, json.dumps(asdict(made)).encode() + b"\n")
    return made


def read_plan(store: Store, run: str) -> Plan | None:
    """The plan of a run, or None where there is none."""
    try:
        return Plan(**json.loads(store.read(f"runs/{run}/plan.json")))
    except FileNotFoundError:
        return None


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
    old = read_manifest(store, folder, NAME)
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
