"""Permits: which allowances of a run are out, on record before anybody works under them.

`runs/<run>/permits/<name>.json` says who may spend how much on which shards, and on whose behalf. It is
written before anything is started, so that whoever owns the run next knows of all that may still be
spent. Who works under a permit holds a lease on its *seat*, `runs/<run>/seats/<name>/`, and looks at
the permit once it has that. A permit is marked as revoked before it is asked whether the seat is free: of
the two, one sees what the other did, so that nobody spends under a permit whose account was settled.

`runs/<run>/told/<name>.json` holds what its holder tells of its work: for people, no books are made of it.
"""

import json
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

from editcorpus.claims import living
from editcorpus.errors import StorageError
from editcorpus.leases import Owner, Times, Wanted, leased
from editcorpus.manifests import hash_of
from editcorpus.storage import Store


@dataclass(frozen=True, slots=True)
class Permit:
    """An allowance that is out.

    Attributes:
        name: Of the allowance, and of the journal of who works under it; unique over all that ever
            write to the store.
        number: Of the partition.
        first: Its first shard.
        stop: The first shard that is not its own any more.
        hands: Among how many the endpoints' limits are shared.
        usd: Dollars that may be spent; None is no limit.
        revoked: Whether it holds no more.
    """

    name: str
    number: int
    first: int
    stop: int
    hands: int
    usd: Decimal | None
    revoked: bool = False

    @property
    def shards(self) -> range:
        """The numbers of its shards."""
        return range(self.first, self.stop)


def write_permit(store: Store, run: str, permit: Permit) -> None:
    """Put a permit on record, in place of what was there."""
    members = {**asdict(permit), "usd": None if permit.usd is None else format(permit.usd, "f")}
    made = {**members, "seal": hash_of(members)}
    store.write(_path(run, permit.name), json.dumps(made).encode() + b"\n")


def read_permit(store: Store, run: str, name: str) -> Permit | None:
    """A permit, or None where there is none, or none any more.

    Raises:
        StorageError: It is damaged.
    """
    path = _path(run, name)
    try:
        members = dict(json.loads(store.read(path)))
        seal = members.pop("seal")
        usd = members.pop("usd")
        made = Permit(**members, usd=None if usd is None else Decimal(usd))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError, ArithmeticError, RecursionError) as error:
        raise _damaged(store, path) from error
    if hash_of({**members, "usd": usd}) != seal:
        raise _damaged(store, path)
    return made


def read_permits(store: Store, run: str) -> list[Permit]:
    """All permits of a run, in the order of their names.

    Raises:
        StorageError: One is damaged.
    """
    names = (path.rpartition("/")[2].removesuffix(".json") for path in store.list(_folder(run)))
    found = (read_permit(store, run, name) for name in names)
    return [permit for permit in found if permit is not None]


def remove_permit(store: Store, run: str, name: str) -> None:
    """Forget a permit whose account is settled, with what its holder told and the claims of the dead."""
    store.remove(_path(run, name))
    store.remove(_told(run, name))
    for claim in store.list(_seat(run, name)):
        store.remove(claim)


def seated(
    store: Store, run: str, name: str, owner: Owner, lost: Callable[[str], None], times: Times
) -> AbstractContextManager[None]:
    """Be the only one who works under a permit while the block lasts; see `leases.leased`.

    Args:
        store: Where the run lies.
        run: Its name.
        name: Of the permit.
        owner: Who wants it, under a name that nobody else ever has.
        lost: Is called once with a sentence, from another thread, when that is so no more.
        times: The clock, and how often the lease is renewed.
    """
    sentence = f"Work under the permit {name!r} is done"
    wanted = Wanted(_seat(run, name), f"the permit {name!r}", lambda _: sentence)
    return leased(store, wanted, owner, lost, times)


def is_taken(store: Store, run: str, name: str, host: str, clock: Callable[[], float]) -> bool:
    """Whether anybody works under a permit, as far as the claims to its seat tell.

    Args:
        store: Where the run lies.
        run: Its name.
        name: Of the permit.
        host: Name of this machine, whose own dead processes are known.
        clock: Seconds since 1970.
    """
    return bool(living(store, _seat(run, name), host, clock))


def tell(store: Store, run: str, name: str, shards: Iterable[int], cached: int) -> None:
    """Leave word of how far the work under a permit is.

    Args:
        store: Where the run lies.
        run: Its name.
        name: Of the permit.
        shards: Numbers of those that went through their stages.
        cached: How many answers came from the store.
    """
    word = {"shards": sorted(shards), "cached": cached}
    store.write(_told(run, name), json.dumps(word).encode() + b"\n")


def told(store: Store, run: str, name: str) -> tuple[list[int], int]:
    """The last word of who works under a permit; nothing where there is none that can be read."""
    try:
        word: Any = json.loads(store.read(_told(run, name)))
        return [int(number) for number in word["shards"]], int(word["cached"])
    except (FileNotFoundError, ValueError, TypeError, KeyError, RecursionError):
        return [], 0


def _seat(run: str, name: str) -> str:
    return f"runs/{run}/seats/{name}"


def _folder(run: str) -> str:
    return f"runs/{run}/permits"


def _path(run: str, name: str) -> str:
    return f"{_folder(run)}/{name}.json"


def _told(run: str, name: str) -> str:
    return f"runs/{run}/told/{name}.json"


def _damaged(store: Store, path: str) -> StorageError:
    return StorageError(
        f"{store.url(path)} is damaged: it should say what may be spent on a partition. Cancel the flow "
        "runs of the run's partitions, wait two minutes, remove the file, and start the run again."
    )
