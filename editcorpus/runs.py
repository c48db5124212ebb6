"""A run: what it is, and the lock that lets one process own it.

`runs/<run>/run.json` says what a run is: source, input, sample, the steps' Configs. Budget, limits,
retries and URLs are not part of it and may change when it is started again; anything else under the
same name is refused, with the difference shown.

Who wants to own a run puts a *claim* of its own name into `runs/<run>/lock/`, then looks for others:
it owns the run if it sees none that is alive, else it withdraws. Of any two, the one whose claim came
later sees the other, so never do both own it; and since nobody writes another's claim, that needs no
conditional write, which not every S3 server honours. When two claims come at the same moment, the
first by name waits for the other to withdraw.
"""

import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from editcorpus.errors import ConfigError, StorageError, StorageFull
from editcorpus.storage import Store

LEASE_S = 90.0
"""How long a lock holds without a sign of life, in seconds."""
RENEW_S = 20.0
"""How often a living owner renews its lock, in seconds: three may fail before the lease is over."""
_GIVE_WAY_S = (0.2, 0.4, 0.8)
"""How long the first by name waits for a claim of the same moment to be withdrawn."""


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
    store.create(path, json.dumps(wanted, indent=1, sort_keys=True).encode() + b"\n")
    known = read_identity(store, run)
    if not known and wanted:
        raise ConfigError(f"{store.url(path)} is damaged; it should say what the run is.")
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
def own_run(
    store: Store,
    run: str,
    owner: Owner,
    lost: Callable[[str], None],
    clock: Callable[[], float] = time.time,
    renew_s: float = RENEW_S,
) -> Iterator[None]:
    """Own a run while the block lasts.

    The lock expires `LEASE_S` after its owner's last sign of life; one whose process is known to be
    dead on this very machine is taken over at once. Machines that share a store must agree on the
    time to well within `LEASE_S`.

    Args:
        store: Where the run lies.
        run: Its name.
        owner: Who wants it.
        lost: Is called once with a sentence, from another thread, when the lock is not held any
            more: another took it over, or it could not be renewed before it expired.
        clock: Seconds since 1970.
        renew_s: Seconds between two signs of life.

    Raises:
        ConfigError: Somebody else owns it.
    """
    lock = _Lock(store, f"runs/{run}/lock", owner, clock)
    lock.take(run)
    done = threading.Event()
    keeper = threading.Thread(target=_keep, args=(lock, done, lost, renew_s), daemon=True)
    keeper.start()
    try:
        yield
    finally:
        done.set()
        keeper.join()
        with suppress(StorageError, StorageFull):  # it expires by itself, and the work is done
            lock.withdraw()


def _keep(
    lock: "_Lock", done: threading.Event, lost: Callable[[str], None], renew_s: float
) -> None:
    while not done.wait(renew_s):
        sentence = lock.renew()
        if sentence:
            lost(sentence)
            return


class _Lock:
    """One owner's claim to a run, and its view of the others'."""

    def __init__(self, store: Store, folder: str, owner: Owner, clock: Callable[[], float]) -> None:
        self._store = store
        self._folder = folder
        self._owner = owner
        self._clock = clock
        self._path = f"{folder}/{owner.process}.json"
        self._realm = _realm()
        self._expires = 0.0

    def take(self, run: str) -> None:
        """Own the run.

        Raises:
            ConfigError: Somebody else does.
        """
        self._claim()
        try:
            other = self._others()
            for pause_s in _GIVE_WAY_S:
                if other is None or str(other.get("process")) < self._owner.process:
                    break
                time.sleep(pause_s)
                other = self._others()
        except BaseException:
            self.withdraw()
            raise
        if other is not None:
            self.withdraw()
            raise ConfigError(
                f"The run {run!r} is owned by process {other.get('pid')} on {other.get('host')}; "
                f"wait until it ends, or {LEASE_S:.0f} s after it died."
            )

    def renew(self) -> str:
        """Give a sign of life; a sentence where the lock is lost, else nothing."""
        try:
            if self._clock() > self._expires or not self._store.exists(self._path):
                return "The run's lock expired before it could be renewed."
            self._claim()
        except (StorageError, StorageFull) as error:
            if self._clock() + RENEW_S < self._expires:
                return ""  # there is time for another try
            return f"The run's lock could not be renewed: {error}"
        return ""

    def withdraw(self) -> None:
        """Take the claim back."""
        self._store.remove(self._path)

    def _claim(self) -> None:
        expires = self._clock() + LEASE_S
        claim = {**asdict(self._owner), "realm": self._realm, "expires": expires}
        self._store.write(self._path, json.dumps(claim).encode() + b"\n")
        self._expires = expires

    def _others(self) -> dict[str, Any] | None:
        """The first claim by name of another owner that is alive; dead ones are cleared away."""
        for path in self._store.list(self._folder):
            if path == self._path:
                continue
            claim = _read_claim(self._store, path)
            if claim is not None and not self._is_over(claim):
                return claim
            self._store.remove(path)
        return None

    def _is_over(self, claim: Mapping[str, Any]) -> bool:
        expires, pid = claim.get("expires"), claim.get("pid")
        if not isinstance(expires, int | float) or expires < self._clock():
            return True
        here = (claim.get("host"), claim.get("realm")) == (self._owner.host, self._realm)
        return here and isinstance(pid, int) and not _alive(pid)


def _read_claim(store: Store, path: str) -> dict[str, Any] | None:
    """A claim; None where it was just withdrawn, or is none."""
    try:
        claim = json.loads(store.read(path))
    except (FileNotFoundError, ValueError):
        return None
    return claim if isinstance(claim, dict) else None


def _realm() -> str:
    """Where process numbers mean the same: this boot, this container; empty where nobody says."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True
