"""Redrives: triplets that were given up, and that a run is to do once more.

`runs/<run>/redrive/<number>.json` says who, and is written before anything is asked. While it is
*pending*, the steps that gave these triplets up do them again; `<number>.done` beside it says that this
was carried out, and later starts leave them alone. What a redrive allows stays allowed: a step that is
done anew for another reason comes to the same result, out of what is stored.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, NamedTuple

from editcorpus.errors import ConfigError
from editcorpus.manifests import hash_of
from editcorpus.records import Failed, Rejected
from editcorpus.shards import Manifest
from editcorpus.storage import Store

Why = Literal["failed", "rejected", "another"]
"""What is done about a triplet: it had no answer; it is asked about again; another edit is asked for."""


@dataclass(frozen=True, slots=True)
class Item:
    """A triplet that a step is to do again.

    Attributes:
        step: Which step: the one that gave it up, or regenerate where another edit is wanted.
        why: What is done about it.
    """

    id: str
    shard: int
    step: str
    why: Why


@dataclass(frozen=True, slots=True)
class Redrive:
    """One wish to do some triplets again.

    Attributes:
        number: In the order of the wishes, from 0.
        at: When it was recorded, ISO 8601, UTC: refusals up to then do not count for its triplets.
        reasons: For which reasons they were chosen; none for all that can be redriven.
        done: Whether it was carried out.
        by: Whose wish it is, where the same one may be heard twice; empty where nobody says.
    """

    number: int
    at: str
    reasons: tuple[str, ...]
    items: tuple[Item, ...]
    done: bool = False
    by: str = ""


class Terms(NamedTuple):
    """On which terms a step asks about a triplet.

    Attributes:
        chances: What cannot heal is tried so many times as often as for others.
        since: Refusals up to this moment do not count.
        first: The sample that is asked for first.
    """

    chances: int = 1
    since: str = ""
    first: int = 0


class Redriving:
    """Who is to be done again in a run, and on which terms.

    Args:
        redrives: All of the run, in their order.
        only: Whether nobody else is done who failed.
        rounds: Shards that depend on each other, one after the other: the turns of conversations.
    """

    def __init__(
        self, redrives: Sequence[Redrive] = (), *, only: bool = False, rounds: int = 1
    ) -> None:
        self.pending = tuple(one for one in redrives if not one.done)
        self.only = only
        self._rounds = rounds
        self._wanted = {item.id for one in self.pending for item in one.items}
        self._terms: dict[tuple[str, str], Terms] = {}
        for one in redrives:
            for item in one.items:
                known = self.terms(item.step, item.id)
                self._terms[item.step, item.id] = _granted(known, item.why, one.at)

    @property
    def shards(self) -> frozenset[int]:
        """The shards in which somebody waits to be done again, and those that depend on them."""
        firsts = {item.shard for one in self.pending for item in one.items}
        ends = {first: (first // self._rounds + 1) * self._rounds for first in firsts}
        return frozenset(one for first, end in ends.items() for one in range(first, end))

    def among(self, shards: Sequence[int]) -> Sequence[int]:
        """Those of some shards that have to go through their stages."""
        wanted = self.shards
        return [one for one in shards if one in wanted] if self.only else shards

    def terms(self, step: str, key: str) -> Terms:
        """On which terms a step asks about a triplet."""
        return self._terms.get((step, key), Terms())

    def due(self, step: str, made: Manifest) -> frozenset[str]:
        """Whom a step has to do again whose result stands otherwise."""
        last = max((int(event.get("redrive", -1)) for event in made.history), default=-1)
        fresh = [item for one in self.pending if one.number > last for item in one.items]
        gone = frozenset(made.gone)
        return frozenset(
            item.id
            for item in fresh
            if item.step == step and (item.id in gone or item.why == "another")
        )

    def decided(
        self, step: str, old: Manifest | None, same: Manifest | None
    ) -> tuple[Rejected | Failed, ...]:
        """What a step that is done takes over of what it said before.

        Args:
            step: Which step.
            old: Its last result, if there is one.
            same: That result, if it was made of the same things.
        """
        due = self.due(step, same) if same else frozenset()
        kept = [item for item in same.rejected if item.id not in due] if same else []
        held = [item for item in old.failed if item.id not in self._wanted] if old else []
        return (*kept, *(held if self.only else ()))

    def mark(self) -> dict[str, int]:
        """What the history of a result says of the redrives that it has seen."""
        return {"redrive": self.pending[-1].number} if self.pending else {}

    def carried_out(self, store: Store, run: str) -> None:
        """Note that nobody waits any more."""
        for one in self.pending:
            store.write(f"{_folder(run)}/{one.number:05d}.done", b"\n")
        self.pending, self._wanted = (), set()


def read_redrives(store: Store, run: str) -> list[Redrive]:
    """The redrives of a run, in their order.

    Raises:
        ConfigError: One is damaged.
    """
    paths = set(store.list(_folder(run)))
    return [
        _read(store, path, done=path.replace(".json", ".done") in paths)
        for path in sorted(paths)
        if path.endswith(".json")
    ]


def record_redrive(
    store: Store, run: str, at: str, reasons: Iterable[str], items: Iterable[Item], *, by: str = ""
) -> Redrive:
    """Record who is to be done again; durable when this returns.

    Args:
        store: Where the run lies.
        run: Its name.
        at: Now, ISO 8601, UTC.
        reasons: For which reasons they were chosen.
        items: Who, and by which step.
        by: Whose wish it is.

    Raises:
        ConfigError: Somebody else records one at this very moment.
    """
    number = 1 + max((one.number for one in read_redrives(store, run)), default=-1)
    made = Redrive(number, at, tuple(reasons), tuple(items), by=by)
    whose = {"by": by} if by else {}
    listed = [asdict(item) for item in made.items]
    members = {"at": at, "reasons": made.reasons, "items": listed, **whose}
    seal = {"seal": hash_of(members)}
    path = f"{_folder(run)}/{number:05d}.json"
    if not store.create(path, json.dumps({**members, **seal}).encode()):
        raise ConfigError(f"{store.url(path)} is there already; somebody else redrives this run.")
    return made


def _granted(known: Terms, why: Why, at: str) -> Terms:
    if why == "another":
        return known._replace(first=known.first + 1)
    if why == "rejected":
        return known._replace(chances=known.chances + 1, since=max(known.since, at))
    return known


def _folder(run: str) -> str:
    return f"runs/{run}/redrive"


def _read(store: Store, path: str, *, done: bool) -> Redrive:
    damaged = ConfigError(
        f"{store.url(path)} is damaged; it should say who is done again. Remove it, and redrive once "
        "more."
    )
    try:
        members = dict(json.loads(store.read(path)))
        seal = members.pop("seal")
        made = _made(members, int(path.rpartition("/")[2].partition(".")[0]), done=done)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise damaged from error
    if seal != hash_of(members):
        raise damaged
    return made


def _made(members: Mapping[str, Any], number: int, *, done: bool) -> Redrive:
    items = tuple(Item(**item) for item in members["items"])
    by = str(members.get("by", ""))
    return Redrive(number, members["at"], tuple(members["reasons"]), items, done, by)
