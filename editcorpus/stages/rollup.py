"""Roll-ups of finished shards: what is known of a partition of them, read at once.

`runs/<run>/rollups/00000-00100.json` is written when every shard of a range is published and no id
failed; beside it lies `00000-00100.rejects.parquet` with the verdicts. While what determines the shards
is the same and the corpus' data files have their sizes, they are skipped without a look at any of them;
what is known of a run is what its roll-ups say and, where there are none, its shards.

A roll-up goes before a shard of its range is published anew (`publish.py`), and none is believed while
triplets wait to be done again. Ranges are those of the partitions as they were handed out, which another
start may cut otherwise.
"""

import hashlib
import io
import json
import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import Any

from editcorpus.errors import ShardError
from editcorpus.layouts.manifest import VERSION as CORPUS_VERSION
from editcorpus.layouts.parquet import write_outcomes
from editcorpus.partitions import PARTITION_SHARDS
from editcorpus.records import Rejected
from editcorpus.runs import corpus_file, corpus_folder
from editcorpus.shards import FORMAT, hash_of
from editcorpus.stages.plan import Plan, read_plan
from editcorpus.stages.ranges import forget_rollups, rolled_up, rollup_file
from editcorpus.stages.summary import Part, Standing, stand_of
from editcorpus.stages.workshop import Workshop
from editcorpus.tables import read_rows

_log = logging.getLogger(__name__)
_READING = 8
"""Roll-ups that are read at once: in a bucket each takes as long to come as that is away."""


@dataclass(frozen=True, slots=True)
class Rollup:
    """What is known of a range of finished shards.

    Attributes:
        fingerprint: Hash of all that determines them (see `rollup_print`).
        first: Number of the first shard.
        parts: One for each shard, in their order.
        entered_by_task: Ids by task, less those that the plan rejects.
        kept_by_task: Kept ids by task.
        rejects_sha256: Of the file with the verdicts, in hex.
    """

    fingerprint: str
    first: int
    parts: tuple[Part, ...]
    entered_by_task: Mapping[str, int] = field(default_factory=dict)
    kept_by_task: Mapping[str, int] = field(default_factory=dict)
    rejects_sha256: str = ""

    def encode(self) -> bytes:
        """The roll-up as JSON, with a seal by which damage is known."""
        members = asdict(self)
        return json.dumps({**members, "seal": hash_of(members)}).encode() + b"\n"

    @classmethod
    def decode(cls, data: bytes) -> "Rollup":
        """Read a roll-up.

        Raises:
            ShardError: It is damaged.
        """
        try:
            members = dict(json.loads(data))
            seal = members.pop("seal")
            parts = tuple(Part(**part) for part in members.pop("parts"))
            made = cls(**members, parts=parts)
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise ShardError(f"The roll-up is damaged: {error!r}.") from error
        if hash_of(asdict(made)) != seal:
            raise ShardError("The roll-up is damaged: its seal is not its own.")
        return made


def shards_left(shop: Workshop, plan: Plan) -> Sequence[int]:
    """The shards of a run that have to go through their stages: all but those of a roll-up.

    Where only a redrive is carried out, those of its triplets.
    """
    if shop.redriving.only:
        return sorted(shop.redriving.shards)
    done = {number for shards, _ in finished(shop, plan) for number in shards}
    return [number for number in range(plan.shards) if number not in done]


def run_standing(shop: Workshop, shards: int, *, whole: bool = False) -> Standing:
    """Where all ids of a run are: as its roll-ups say, and its shards where there are none.

    Args:
        shop: The run.
        shards: How many it has.
        whole: Whether this is for a corpus: a damaged manifest is an error, and finished shards that
            no roll-up speaks of get one.

    Raises:
        ShardError: A manifest of the plan is damaged, or the sums do not close.
    """
    plan = read_plan(shop.store, shop.run)
    known = finished(shop, plan) if plan is not None and plan.shards == shards else []
    total = Standing()
    for part, standing in _filled(known, shards):
        found = standing or stand_of(shop, part, whole=whole)
        if whole and standing is None:
            _write(shop, part, found)
        total.add(found)
    total.check()
    return total


def roll_up(shop: Workshop, shards: range) -> Standing:
    """Note that a partition is finished, if it is; call it once its shards went through their stages.

    Nothing is noted while triplets wait to be done again; the end of the run does it then.

    Returns:
        Where the ids of the partition are.
    """
    standing = stand_of(shop, shards)
    if shards and not _is_open(shop):
        _write(shop, shards, standing)
    return standing


def rollup_print(shop: Workshop, plan: Plan, shards: range) -> str:
    """Hash of all that determines a range of finished shards."""
    steps: list[list[Any]] = [
        [stage.name, stage.version, shop.configs[stage.name].model_dump(mode="json")]
        for stage in shop.stages
    ]
    return hash_of([FORMAT, CORPUS_VERSION, plan.seal, shards.start, shards.stop, steps])


def _is_open(shop: Workshop) -> bool:
    return bool(shop.responses.damaged or shop.redriving.pending)


def _filled(
    known: Sequence[tuple[range, Standing]], shards: int
) -> Iterator[tuple[range, Standing | None]]:
    """All shards of a run in order: the known ranges, and what lies between them in partitions."""
    done = 0
    for part, standing in (*known, (range(shards, shards), None)):
        for first in range(done, part.start, PARTITION_SHARDS):
            yield range(first, min(first + PARTITION_SHARDS, part.start)), None
        if standing is not None:
            yield part, standing
        done = part.stop


def finished(shop: Workshop, plan: Plan) -> list[tuple[range, Standing]]:
    """The ranges of finished shards whose roll-ups can be believed, in their order, none over another.

    Two requests on a bucket, and two for each range, however many shards there are.
    """
    ranges = [] if _is_open(shop) else rolled_up(shop.store, shop.run)
    sizes = shop.store.sizes(f"{corpus_folder(shop.run)}/data") if ranges else {}
    made: list[tuple[range, Standing]] = []
    wanted = [shards for shards in ranges if shards.stop <= plan.shards]
    with ThreadPoolExecutor(_READING, "editcorpus-rollups") as pool:
        found = pool.map(lambda shards: _read(shop, plan, shards, sizes), wanted)
        for shards, standing in zip(wanted, found, strict=True):
            if standing is not None and not (made and shards.start < made[-1][0].stop):
                made.append((shards, standing))
    return made


def _read(shop: Workshop, plan: Plan, shards: range, sizes: Mapping[str, int]) -> Standing | None:
    """Where the ids of some finished shards are; None where nobody can say without a look at each."""
    path = rollup_file(shop.run, shards)
    try:
        found = Rollup.decode(shop.store.read(path))
    except FileNotFoundError:
        return None
    except ShardError as error:
        _log.warning("%s: %s Its shards are looked at.", shop.store.url(path), error)
        return None
    if found.fingerprint != rollup_print(shop, plan, shards):
        return None
    standing = _standing(found, shards)
    if not _is_there(shop.run, standing, sizes):
        return None
    rejects = _rejects(shop, found, shards)
    if rejects is None:
        return None
    standing.rejected = rejects
    standing.check()
    return standing


def _write(shop: Workshop, shards: range, standing: Standing) -> None:
    """Note what is known of some shards, in place of what was; nothing where they are not finished."""
    plan = read_plan(shop.store, shop.run)
    forget_rollups(shop.store, shop.run, shards)
    if plan is None or standing.failed or set(standing.parts) != set(shards):
        return
    path = rollup_file(shop.run, shards, "rejects.parquet")
    made = Rollup(
        fingerprint=rollup_print(shop, plan, shards),
        first=shards.start,
        parts=tuple(standing.parts[shard] for shard in shards),
        entered_by_task=dict(sorted(standing.entered_by_task.items())),
        kept_by_task=dict(sorted(standing.kept_by_task.items())),
        rejects_sha256=write_outcomes(shop.store, path, standing.rejected).sha256,
    )
    shop.store.write(rollup_file(shop.run, shards), made.encode())


def _is_there(run: str, standing: Standing, sizes: Mapping[str, int]) -> bool:
    """Whether the corpus has all data files of some shards, by their sizes."""
    return all(
        sizes.get(corpus_file(run, shard)) == part.size
        for shard, part in standing.parts.items()
        if part.kept
    )


def _standing(found: Rollup, shards: range) -> Standing:
    return Standing(
        entered=sum(part.entered for part in found.parts),
        kept=sum(part.kept for part in found.parts),
        entered_by_task=Counter(found.entered_by_task),
        kept_by_task=Counter(found.kept_by_task),
        parts=dict(zip(shards, found.parts, strict=True)),
    )


def _rejects(shop: Workshop, found: Rollup, shards: range) -> list[Rejected] | None:
    path = rollup_file(shop.run, shards, "rejects.parquet")
    try:
        data = shop.store.read(path)
    except FileNotFoundError:
        data = b""
    if hashlib.sha256(data).hexdigest() != found.rejects_sha256:
        _log.warning("%s is damaged. Its shards are looked at.", shop.store.url(path))
        return None
    return read_rows(io.BytesIO(data), Rejected)
