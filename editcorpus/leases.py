"""Leases: who works on what, on any store.

Whoever wants something puts a *claim* of its own name into a folder, then looks for the claims of
others that stand against it: it has the lease if it sees none that is alive, else it withdraws. Of any
two, the one whose claim came later sees the other, so never do both have it; and since nobody writes
another's claim, that needs no conditional write, which not every S3 server honours. When two claims
come at the same moment, the first by name waits for the other to withdraw.

A claim expires `LEASE_S` after its owner's last sign of life; one whose process is known to be dead on
this very machine is cleared away at once. Machines that share a store must agree on the time to well
within `LEASE_S`.
"""

import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from editcorpus.errors import StorageError, StorageFull, Taken
from editcorpus.storage import Store

LEASE_S = 90.0
"""How long a lease holds without a sign of life, in seconds."""
RENEW_S = 20.0
"""How often a living owner renews it, in seconds: three may fail before the lease is over."""
_GIVE_WAY_S = (0.2, 0.4, 0.8)
"""How long the first by name waits for a claim of the same moment to be withdrawn."""

Claim = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Owner:
    """A process that wants something for itself.

    Attributes:
        process: Name of the process, unique over all that ever write to the store.
        host: Name of its machine.
        pid: Its number there.
    """

    process: str
    host: str
    pid: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is wanted, and who stands in the way of it.

    Attributes:
        folder: Where the claims to it lie.
        name: What it is called, within a sentence.
        against: Whether another's claim stands against this one: the begin of a sentence that goes
            on with "by process ...", or nothing.
        members: What this claim says beside who its owner is.
    """

    folder: str
    name: str
    against: Callable[[Claim], str]
    members: Claim = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Times:
    """The clock, and how often a lease is renewed.

    Attributes:
        clock: Seconds since 1970.
        renew_s: Seconds between two signs of life.
    """

    clock: Callable[[], float] = time.time
    renew_s: float = RENEW_S


@contextmanager
def leased(
    store: Store, wanted: Wanted, owner: Owner, lost: Callable[[str], None], times: Times
) -> Iterator[None]:
    """Have something for oneself while the block lasts.

    Args:
        store: Where the claims lie.
        wanted: What is wanted.
        owner: Who wants it.
        lost: Is called once with a sentence, from another thread, when the lease is not held any
            more: another took it over, or it could not be renewed before it expired.
        times: The clock, and how often the lease is renewed.

    Raises:
        Taken: Somebody else has it.
    """
    lease = _Lease(store, wanted, owner, times.clock)
    lease.take()
    done = threading.Event()
    arguments = (lease, done, lost, times.renew_s)
    keeper = threading.Thread(target=_keep, args=arguments, daemon=True)
    keeper.start()
    try:
        yield
    finally:
        done.set()
        keeper.join()
        with suppress(StorageError, StorageFull):  # it expires by itself, and the work is done
            lease.withdraw()


def is_held(store: Store, folder: str, process: str, clock: Callable[[], float]) -> bool:
    """Whether a process holds a lease, as far as its claim tells; anybody may ask."""
    claim = _read_claim(store, f"{folder}/{process}.json") or {}
    expires = claim.get("expires")
    return isinstance(expires, int | float) and expires >= clock()


def _keep(
    lease: "_Lease", done: threading.Event, lost: Callable[[str], None], renew_s: float
) -> None:
    while not done.wait(renew_s):
        sentence = lease.renew()
        if sentence:
            lost(sentence)
            return


class _Lease:
    """One owner's claim, and its view of the others'."""

    def __init__(
        self, store: Store, wanted: Wanted, owner: Owner, clock: Callable[[], float]
    ) -> None:
        self._store = store
        self._wanted = wanted
        self._owner = owner
        self._clock = clock
        self._path = f"{wanted.folder}/{owner.process}.json"
        self._realm = _realm()
        self._expires = 0.0

    def take(self) -> None:
        """Have the lease.

        Raises:
            Taken: Somebody else does.
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
            raise Taken(
                f"{self._wanted.against(other)} by process {other.get('pid')} on "
                f"{other.get('host')}; wait until it ends, or {LEASE_S:.0f} s after it died."
            )

    def renew(self) -> str:
        """Give a sign of life; a sentence where the lease is lost, else nothing."""
        try:
            if self._clock() > self._expires or not self._store.exists(self._path):
                return f"The lock on {self._wanted.name} expired before it could be renewed."
            self._claim()
        except (StorageError, StorageFull) as error:
            if self._clock() + RENEW_S < self._expires:
                return ""  # there is time for another try
            return f"The lock on {self._wanted.name} could not be renewed: {error}"
        return ""

    def withdraw(self) -> None:
        """Take the claim back."""
        self._store.remove(self._path)

    def _claim(self) -> None:
        expires = self._clock() + LEASE_S
        claim = {**self._wanted.members, **asdict(self._owner), "realm": self._realm}
        self._store.write(self._path, json.dumps({**claim, "expires": expires}).encode() + b"\n")
        self._expires = expires

    def _others(self) -> Claim | None:
        """The first claim by name that is alive and stands against this; dead ones are cleared."""
        for path in self._store.list(self._wanted.folder):
            if path == self._path:
                continue
            claim = _read_claim(self._store, path)
            if claim is None or self._is_over(claim):
                self._store.remove(path)
            elif self._wanted.against(claim):
                return claim
        return None

    def _is_over(self, claim: Claim) -> bool:
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
