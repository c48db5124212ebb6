"""The roll-up of finished shards: what is known of them all, read at once.

`runs/<run>/done.json` is written when every shard of a range is published and no id failed; beside it
lies `done.rejects.parquet` with the verdicts. While what determines the shards is the same, the corpus
has its manifest and the data files have their sizes, they are skipped without a look at any of them.
It is believed only together with the corpus' manifest: both go as soon as a shard is published anew.

Today the range is the whole run; one roll-up per partition needs another name for its files only.
"""

import hashlib
import io
import json
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from editcorpus.errors import ShardError
from editcorpus.layouts.manifest import NAME as MANIFEST
from editcorpus.layouts.manifest import VERSION as CORPUS_VERSION
from editcorpus.layouts.parquet import write_outcomes
from editcorpus.records import Rejected
from editcorpus.shards import FORMAT, hash_of
from editcorpus.stages.order import STAGES
from editcorpus.stages.plan import Plan, read_plan
from editcorpus.stages.publish import corpus_file, corpus_folder, done_file
from editcorpus.stages.summary import Part, Standing
from editcorpus.stages.workshop import Workshop
from editcorpus.tables import read_rows

_log = logging.getLogger(__name__)


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
    """The shards of a run that have to go through their stages: all, none, or those of a redrive."""
    if shop.redriving.only:
        return sorted(shop.redriving.shards)
    done = read_rollup(shop, plan, range(plan.shards))
    return range(plan.shards) if done is None else range(0)


def known_standing(shop: Workshop, shards: int) -> Standing | None:
    """Where all ids of a run are, if its roll-up can be believed."""
    plan = read_plan(shop.store, shop.run)
    if plan is None or plan.shards != shards:
        return None
    return read_rollup(shop, plan, range(shards))


def read_rollup(shop: Workshop, plan: Plan, shards: range) -> Standing | None:
    """Where the ids of finished shards are; None where nobody can say without looking at each.

    Four requests on a bucket, however many shards there are.
    """
    open_ = shop.responses.damaged or shop.redriving.pending
    found = None if open_ else _read(shop)
    if found is None or found.fingerprint != rollup_print(shop, plan, shards):
        return None
    standing = _standing(found, shards)
    if not _is_there(shop, standing):
        return None
    rejects = _rejects(shop, found)
    if rejects is None:
        return None
    standing.rejected = rejects
    standing.check()
    return standing


def write_rollup(shop: Workshop, shards: int, standing: Standing) -> None:
    """Note that a run is finished, or that it is not; call it before its corpus gets its manifest."""
    plan = read_plan(shop.store, shop.run)
    if plan is None or standing.failed or set(standing.parts) != set(range(shards)):
        shop.store.remove(done_file(shop.run))
        return
    verdicts = write_outcomes(shop.store, done_file(shop.run, "rejects.parquet"), standing.rejected)
    made = Rollup(
        fingerprint=rollup_print(shop, plan, range(shards)),
        first=0,
        parts=tuple(standing.parts[shard] for shard in range(shards)),
        entered_by_task=dict(sorted(standing.entered_by_task.items())),
        kept_by_task=dict(sorted(standing.kept_by_task.items())),
        rejects_sha256=verdicts.sha256,
    )
    shop.store.write(done_file(shop.run), made.encode())


def rollup_print(shop: Workshop, plan: Plan, shards: range) -> str:
    """Hash of all that determines a range of finished shards."""
    steps: list[list[Any]] = [
        [stage.name, stage.version, shop.configs[stage.name].model_dump(mode="json")]
        for stage in STAGES
    ]
    return hash_of([FORMAT, CORPUS_VERSION, plan.seal, shards.start, shards.stop, steps])


def _is_there(shop: Workshop, standing: Standing) -> bool:
    """Whether the corpus has its manifest and all data files, by their sizes."""
    folder = corpus_folder(shop.run)
    if not shop.store.exists(f"{folder}/{MANIFEST}"):
        return False
    sizes = shop.store.sizes(f"{folder}/data")
    return all(
        sizes.get(corpus_file(shop.run, shard)) == part.size
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


def _read(shop: Workshop) -> Rollup | None:
    path = done_file(shop.run)
    try:
        return Rollup.decode(shop.store.read(path))
    except FileNotFoundError:
        return None
    except ShardError as error:
        _log.warning("%s: %s All shards are looked at.", shop.store.url(path), error)
        return None


def _rejects(shop: Workshop, found: Rollup) -> list[Rejected] | None:
    path = done_file(shop.run, "rejects.parquet")
    try:
        data = shop.store.read(path)
    except FileNotFoundError:
        data = b""
    if hashlib.sha256(data).hexdigest() != found.rejects_sha256:
        _log.warning("%s is damaged. All shards are looked at.", shop.store.url(path))
        return None
    return read_rows(io.BytesIO(data), Rejected)
