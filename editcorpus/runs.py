"""A run: what it is, and the lease that lets one process own it.

`runs/<run>/run.json` says what a run is: source, input, sample, the steps' Configs. Budget, limits,
retries and URLs are not part of it and may change when it is started again; anything else under the
same name is refused, with the difference shown. A setting that the project has only had since the run
began is no difference as long as it has its default: so a new version can go on with an old run.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from editcorpus.errors import ConfigError
from editcorpus.leases import Owner, Times, Wanted, leased
from editcorpus.storage import Store


def corpus_folder(run: str) -> str:
    """Where the corpus of a run lies."""
    return f"corpora/{run}"


def corpus_file(run: str, shard: int) -> str:
    """Where the records of a shard lie."""
    return f"{corpus_folder(run)}/data/train-{shard:05d}.parquet"


def identify_run(
    store: Store, run: str, identity: Mapping[str, Any], defaults: Mapping[str, Any] | None = None
) -> None:
    """Note what a new run is, or prove that a known one is the same.

    Args:
        store: Where the run lies.
        run: Its name.
        identity: Everything that a run is, as JSON takes it.
        defaults: Members of it, nested alike, as they are where nobody sets them. A member that the
            known run does not have may be missing there if it is at its default now. One that the
            known run has and this one does not is a difference: nobody can say what became of it.

    Raises:
        ConfigError: A run of this name exists and is another; the sentence shows the difference. Or
            it is the name of a united corpus.
    """
    path = f"runs/{run}/run.json"
    for note, made in (
        ("unions/{}/union.json", "united"),
        ("refilters/{}/refilter.json", "refiltered"),
    ):
        if store.exists(note.format(run)):
            raise ConfigError(f"{run!r} is the name of a {made} corpus; choose another run name.")
    wanted = json.loads(json.dumps(identity))
    store.create(path, json.dumps(wanted, indent=1, sort_keys=True).encode() + b"\n")
    known = read_identity(store, run)
    if not known and wanted:
        raise ConfigError(f"{store.url(path)} is damaged; it should say what the run is.")
    usual = json.loads(json.dumps(defaults or {}))
    changes = [
        f"{name} was {old} and is now {new}"
        for name, old, new in _differences(known, wanted, usual)
    ]
    if changes:
        raise ConfigError(
            f"The run {run!r} exists and is another one: {'; '.join(changes)}. "
            "Use another run name, or the old parameters."
        )


def read_identity(store: Store, run: str) -> dict[str, Any]:
    """What a known run is; empty where there is no such run."""
    try:
        known = json.loads(store.read(f"runs/{run}/run.json"))
    except (FileNotFoundError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _differences(
    old: Mapping[str, Any], new: Mapping[str, Any], usual: Mapping[str, Any], prefix: str = ""
) -> Iterator[tuple[str, str, str]]:
    """Name, old and new value of what differs, as people read it."""
    for name in sorted({*old, *new}):
        fresh = name not in old and name in usual
        before = old.get(name, {} if fresh else None)
        after, default = new.get(name), usual.get(name)
        if isinstance(before, dict) and isinstance(after, dict):
            inner = default if isinstance(default, dict) else {}
            yield from _differences(before, after, inner, f"{prefix}{name}.")
        elif before != after and not (fresh and after == default):
            yield f"{prefix}{name}", _shown(old, name), _shown(new, name)


def _shown(members: Mapping[str, Any], name: str) -> str:
    return json.dumps(members[name]) if name in members else "nothing"


@contextmanager
def own_run(
    store: Store,
    run: str,
    owner: Owner,
    lost: Callable[[str], None],
    times: Times | None = None,
) -> Iterator[None]:
    """Own a run while the block lasts: one process at a time does (see `leases.leased`).

    Args:
        store: Where the run lies.
        run: Its name.
        owner: Who wants it.
        lost: Is called once with a sentence, from another thread, when the run is not owned any
            more.
        times: The clock, and how often the lease is renewed.

    Raises:
        Taken: Somebody else owns it.
    """
    name = f"run {run!r}"
    wanted = Wanted(f"runs/{run}/lock", f"the {name}", lambda _: f"The {name} is owned")
    with leased(store, wanted, owner, lost, times or Times()):
        yield
