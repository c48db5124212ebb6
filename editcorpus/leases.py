"""Leases: who works on what, on any store.

Whoever wants something puts a *claim* of its own name into a folder, then looks for the claims of
others that stand against it: it has the lease if it sees none that is alive, else it withdraws. Of any
two, the one whose claim came later sees the other, so never do both have it. When two claims come at
the same moment, the first by name waits for the other to withdraw.

That needs no conditional write, which not every S3 server honours. Where the store does
(`Store.promise`), a claim is made, renewed and cleared away only if it is still as it was last seen: so
nobody who slept brings a claim back that was taken over, and nobody clears one away that was renewed
meanwhile. Elsewhere it is looked first, and the moment between look and write is not covered.

A claim expires `LEASE_S` after its owner's last sign of life; one whose process is known to be dead on
this very machine is cleared away at once. Machines that share a store must agree on the time to well
within `LEASE_S`.
"""

import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field

from editcorpus.claims import Claim, is_over, parse_claim, realm
from editcorpus.errors import StorageError, StorageFull, Taken
from editcorpus.storage import Store

LEASE_S = 90.0
"""How long a lease holds without a sign of life, in seconds."""
RENEW_S = 20.0
"""How often a living owner renews it, in seconds: three may fail before the lease is over."""
_MOST_SHOWN = 200
"""Characters that are shown of what a claim says."""
_GIVE_WAY_S = (0.2, 0.4, 0.8)
"""How long the first by name waits for a claim of the same moment to be withdrawn."""


@dataclass(frozen=True, slots=True)
class Owner:
    """A process that wants something for itself.

    Attributes:
        process: Name of the process, unique over all that ever write to the store.
        host: Name of its machine.
        pid: Its number there.
        label: What people know it by, such as the flow run that it does; empty where by nothing.
        since: When it began, for people; likewise.
    """

    process: str
    host: str
    pid: int
    label: str = ""
    since: str = ""


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


def _keep(
    lease: "_Lease", done: threading.Event, lost: Callable[[str], None], renew_s: float
) -> None:
    while not done.wait(renew_s):
        sentence = lease.renew()
        if sentence:
            lost(sentence)
            return


def _known_as(claim: Claim) -> str:
    """What people know the owner of a claim by, in brackets; empty where by nothing."""
    since = f"since {claim['since']}" if claim.get("since") else ""
    told = ", ".join(str(one)[:_MOST_SHOWN] for one in (claim.get("label"), since) if one)
    return f" ({told})" if told else ""


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
        self._realm = realm()
        self._expires = 0.0
        self._data = b""
        self._conditional = store.promise().conditional

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
                f"{other.get('host')}{_known_as(other)}; wait until it ends, or {LEASE_S:.0f} s after "
                "it died."
            )

    def renew(self) -> str:
        """Give a sign of life; a sentence where the lease is lost, else nothing."""
        try:
            if self._clock() > self._expires or not self._renewed():
                return f"The lock on {self._wanted.name} expired before it could be renewed."
        except (StorageError, StorageFull) as error:
            if self._clock() + RENEW_S < self._expires:
                return ""  # there is time for another try
            return f"The lock on {self._wanted.name} could not be renewed: {error}"
        return ""

    def withdraw(self) -> None:
        """Take the claim back."""
        self._store.remove(self._path)

    def _claim(self) -> None:
        """Put the claim there; what has its name is a claim of our own that could not be withdrawn."""
        data, expires = self._fresh()
        if not self._conditional:
            self._store.write(self._path, data)
        elif not self._store.swap(self._path, data, self._store.tag(self._path)):
            raise StorageError(f"Somebody else writes {self._store.url(self._path)}.")
        self._data, self._expires = data, expires

    def _renewed(self) -> bool:
        """Renew the claim if it is still there, and nobody else has touched it."""
        data, expires = self._fresh()
        if self._conditional:
            done = self._swapped(self._path, self._data, data)
        elif done := self._store.exists(self._path):
            self._store.write(self._path, data)
        if done:
            self._data, self._expires = data, expires
        return done

    def _fresh(self) -> tuple[bytes, float]:
        """A claim that begins now, and when it expires."""
        expires = self._clock() + LEASE_S
        claim = {**self._wanted.members, **asdict(self._owner), "realm": self._realm}
        claim |= {"expires": expires, "mark": uuid.uuid4().hex}
        return json.dumps(claim).encode() + b"\n", expires

    def _swapped(self, path: str, old: bytes, new: bytes) -> bool:
        """Write over what was there before; whether it still was."""
        tag = self._store.tag(path)
        try:
            same = bool(tag) and self._store.read(path) == old
        except FileNotFoundError:
            return False
        return same and self._store.swap(path, new, tag)

    def _others(self) -> Claim | None:
        """The first claim by name that is alive and stands against this; dead ones are cleared."""
        for path in self._store.list(self._wanted.folder):
            claim = None if path == self._path else self._other(path)
            if claim is not None and self._wanted.against(claim):
                return claim
        return None

    def _other(self, path: str) -> Claim | None:
        """A claim if it is alive; one that is not is cleared away."""
        while True:
            try:
                data = self._store.read(path)
            except FileNotFoundError:
                return None
            claim = parse_claim(data)
            if claim and not is_over(claim, self._owner.host, self._clock()):
                return claim
            if not self._conditional or self._swapped(path, data, self._over()):
                self._store.remove(path)
                return None

    def _over(self) -> bytes:
        """What is written over a dead claim before it is removed: its owner may yet wake up."""
        return json.dumps({"expires": 0, "mark": uuid.uuid4().hex}).encode() + b"\n"
