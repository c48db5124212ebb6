"""Pictures that rows name by their paths: in folders and archives that lie near the file of rows.

Of an archive a list is made once, and kept in the store; only as much of it is gone through as the rows
asked for need. A picture that is not there is None, whatever the reason; how many of those that a file
names are not there is told once, as a warning, as soon as it is known.
"""

import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from threading import RLock

from editcorpus.errors import SourceError
from editcorpus.inputs import Inputs
from editcorpus.readers.stock import Near, Stock
from editcorpus.records import Triplet
from editcorpus.rows import Found, Role
from editcorpus.signatures import unsigned
from editcorpus.storage import Store

_TOGETHER = 16
"""Triplets whose pictures are taken in the order of the archive: as many are in memory at once."""
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class PathShelf:
    """Takes pictures by the paths that triplets name (see `Shelf`).

    Attributes:
        where: What lies near a file of rows.
        named: All pictures that a file of rows names, for the count of those that are not there.
    """

    where: Callable[[str], Near]
    named: Callable[[str], Iterable[str]]
    inputs: Inputs
    store: Store | None
    ordered: bool = False
    _stocks: dict[Near, Stock] = field(default_factory=dict)
    _places: dict[str, Near] = field(default_factory=dict)
    _told: set[str] = field(default_factory=set)
    _lock: RLock = field(default_factory=RLock)

    def reached(self, _file: str, _group: int) -> int:
        """Rows have no order here."""
        return 0

    def read(
        self, triplets: Sequence[Triplet], roles: Sequence[Role]
    ) -> Iterator[tuple[Triplet, Found]]:
        """The pictures of triplets, file by file and nearly in their order (see `Shelf.read`)."""
        for url, of_file in groupby(triplets, key=lambda one: one.file):
            wanted = [(one, _paths(one, roles)) for one in of_file]
            stock = self._stock(url)
            if stock.archived:
                stock.find([path for _, named in wanted for path in named.values()])
            gone = 0
            for start in range(0, len(wanted), _TOGETHER):
                for triplet, found in _taken(stock, wanted[start : start + _TOGETHER], roles):
                    gone += _gone(triplet, found)
                    yield triplet, found
            if gone:
                self._tell(url, stock, gone, sum(len(named) for _, named in wanted))

    def close(self) -> None:
        """Close what is open."""
        for stock in self._stocks.values():
            stock.close()

    def _stock(self, url: str) -> Stock:
        with self._lock:
            if url not in self._places:
                self._places[url] = self.where(url)
            place = self._places[url]
            if place not in self._stocks:
                self._stocks[place] = Stock(place, self.inputs, self.store or self.inputs.store)
            return self._stocks[place]

    def _tell(self, url: str, stock: Stock, gone: int, wanted: int) -> None:
        """Say once how many pictures that a file of rows names are not there."""
        with self._lock:
            if url in self._told:
                return
            self._told.add(url)
        remote = "://" in url and not stock.archived  # there, each look would be a request
        named = [] if remote else list(dict.fromkeys(self.named(url)))
        if named:
            gone, wanted = len(stock.find(named)), len(named)
        _log.warning(
            "%d of %d pictures that %s names%s are not there; their rows are rejected. %s",
            gone,
            wanted,
            unsigned(url),
            "" if named else " in one shard",
            stock.problem,
        )


def _paths(triplet: Triplet, roles: Sequence[Role]) -> dict[Role, str]:
    told: Mapping[str, str] = json.loads(triplet.paths) if triplet.paths else {}
    return {role: told[role] for role in roles if told.get(role)}


def _gone(triplet: Triplet, found: Found) -> int:
    """How many pictures that a triplet names are not there."""
    if not isinstance(found, Mapping):
        return 0
    return sum(found[role] is None for role in _paths(triplet, [*found]))


def _taken(
    stock: Stock, some: Sequence[tuple[Triplet, Mapping[Role, str]]], roles: Sequence[Role]
) -> Iterator[tuple[Triplet, Found]]:
    """The pictures of a few triplets, in the order in which the first of each lies."""
    firsts = [next(iter(named.values()), "") for _, named in some]
    places = {path: place for place, path in enumerate(stock.in_order(dict.fromkeys(firsts)))}
    for number in sorted(range(len(some)), key=lambda one: places[firsts[one]]):
        triplet, named = some[number]
        yield triplet, _read(stock, named, roles)


def _read(stock: Stock, named: Mapping[Role, str], roles: Sequence[Role]) -> Found:
    nothing: dict[Role, bytes | None] = dict.fromkeys(roles)
    try:
        return nothing | {role: stock.read(path) for role, path in named.items()}
    except SourceError as error:
        return error
