"""A run: what it is, and the lock that lets one process own it.

`runs/<run>/run.json` says what a run is: source, input, sample, the steps' Configs. Budget, limits,
retries and URLs are not part of it and may change when it is started again; anything else under the
same name is refused, with the difference shown.
"""

import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from editcorpus.errors import ConfigError, StorageError
from editcorpus.storage import Store

LEASE_S = 90.0
"""How long a lock holds without a sign of life, in seconds."""
RENEW_S = 20.0
"""How often a living owner renews its lock, in seconds."""


@dataclass(frozen=True, slots=True)
class Owner:
    """A process that wants to own a run.

    Attributes:
        process: Name of the process, unique over all that ever write to the store.
        host: Name of its machine.
        pid: Its number there.
    """

    process: str
    host: str
    pid: int


def identify_run(store: Store, run: str, identity: Mapping[str, Any]) -> None:
    """Note what a new run is, or prove that a known one is the same.

    Args:
        store: Where the run lies.
        run: Its name.
        identity: Everything that a run is, as JSON takes it.

    Raises:
        ConfigError: A run of this name exists and is another; the sentence shows the difference.
    """
    path = f"runs/{run}/run.json"
    wanted = json.loads(json.dumps(identity))
    data = json.dumps(wanted, indent=1, sort_keys=True).encode() + b"\n"
    if store.create(path, data):
        return
    known = json.loads(store.read(path))
    changes = [
        f"{name} was {json.dumps(old)} and is now {json.dumps(new)}"
        for name, old, new in _differences(known, wanted)
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
    old: Mapping[str, Any], new: Mapping[str, Any], prefix: str = ""
) -> Iterator[tuple[str, Any, Any]]:
    for name in sorted({*old, *new}):
        before, after = old.get(name), new.get(name)
        if isinstance(before, dict) and isinstance(after, dict):
            yield from _differences(before, after, f"{prefix}{name}.")
        elif before != after:
            yield f"{prefix}{name}", before, after


@contextmanager
def own_run(store: Store, run: str, owner: Owner, lost: Callable[[str], None]) -> Iterator[None]:
    """Own a run while the block lasts.

    The lock expires `LEASE_S` after its owner's last sign of life; one whose process is known to be
    dead on this very machine is taken over at once.

    Args:
        store: Where the run lies.
        run: Its name.
        owner: Who wants it.
        lost: Is called with a sentence, from another thread, when the lock could not be kept.

    Raises:
        ConfigError: Somebody else owns it.
    """
    path = f"runs/{run}/lock.json"
    _take(store, path, run, owner)
    done = threading.Event()
    keeper = threading.Thread(target=_keep, args=(store, path, owner, done, lost), daemon=True)
    keeper.start()
    try:
        yield
    finally:
        done.set()
        keeper.join()
        if _holder(store, path) == owner.process:
            store.remove(path)


def _take(store: Store, path: str, run: str, owner: Owner) -> None:
    for _ in range(2):
        if store.create(path, _lock(owner)) and _holder(store, path) == owner.process:
            return
        lock = _read(store, path)
        if lock is not None and not _is_over(lock, owner):
            raise ConfigError(
                f"The run {run!r} is owned by process {lock.get('pid')} on {lock.get('host')}; "
                f"wait until it ends, or {LEASE_S:.0f} s after it died."
            )
        store.remove(path)
    raise ConfigError(f"The run {run!r} was taken by somebody else just now.")


def _keep(
    store: Store, path: str, owner: Owner, done: threading.Event, lost: Callable[[str], None]
) -> None:
    while not done.wait(RENEW_S):
        try:
            if _holder(store, path) not in {owner.process, None}:
                lost("Another process took over the run's lock.")
                return
            store.write(path, _lock(owner))
        except (StorageError, FileNotFoundError) as error:
            lost(f"The run's lock could not be renewed: {error}")
            return


def _lock(owner: Owner) -> bytes:
    return json.dumps({**asdict(owner), "expires": time.time() + LEASE_S}).encode()


def _read(store: Store, path: str) -> dict[str, Any] | None:
    try:
        lock = json.loads(store.read(path))
    except (FileNotFoundError, ValueError):
        return None
    return lock if isinstance(lock, dict) else None


def _holder(store: Store, path: str) -> str | None:
    lock = _read(store, path)
    return None if lock is None else str(lock.get("process"))


def _is_over(lock: dict[str, Any], owner: Owner) -> bool:
    if float(lock.get("expires", 0)) < time.time():
        return True
    return lock.get("host") == owner.host and not _alive(int(lock.get("pid", 0)))


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
