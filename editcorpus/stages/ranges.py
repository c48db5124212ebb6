"""Where roll-ups lie, and how one goes that does not hold any more (see `rollup.py`)."""

import re
from pathlib import PurePosixPath

from editcorpus.storage import Store

_NAME = re.compile(r"(\d{5,})-(\d{5,})\.json")


def rollup_file(run: str, shards: range, suffix: str = "json") -> str:
    """Where it lies that some shards, one after the other, are finished."""
    return f"{_folder(run)}/{shards.start:05d}-{shards.stop:05d}.{suffix}"


def rolled_up(store: Store, run: str) -> list[range]:
    """The ranges of shards that a run has roll-ups of, sorted by their first and last shards."""
    names = (_NAME.fullmatch(PurePosixPath(path).name) for path in store.list(_folder(run)))
    found = (range(int(name[1]), int(name[2])) for name in names if name)
    return sorted(found, key=lambda shards: (shards.start, shards.stop))


def forget_rollups(store: Store, run: str, shards: range) -> None:
    """Remove every roll-up that speaks of one of these shards; to be done before they change."""
    for known in rolled_up(store, run):
        if known.start < shards.stop and shards.start < known.stop:
            store.remove(rollup_file(run, known))
            store.remove(rollup_file(run, known, "rejects.parquet"))


def _folder(run: str) -> str:
    return f"runs/{run}/rollups"
