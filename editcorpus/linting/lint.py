"""Look at a corpus: find out its layout, draw a sample, examine it, and say what was found."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from time import monotonic
from typing import Any

from editcorpus.ahead import ahead
from editcorpus.errors import ConfigError
from editcorpus.images import decode_grey
from editcorpus.inputs import Inputs
from editcorpus.linting.drawn import Place, Sample, draw, pictures, place_of
from editcorpus.linting.examine import LIMITS, Examined, Looks, examine, looks
from editcorpus.linting.recognise import Recognised, find_rows, recognise
from editcorpus.linting.splits import split_of
from editcorpus.linting.strays import Small, Stray, Strays, reduced
from editcorpus.linting.twins import Member, Twins, twins
from editcorpus.records import Triplet
from editcorpus.registration import JUDGED_SIDE
from editcorpus.rows import Found, Unread
from editcorpus.similar.hashfile import Known, read_known
from editcorpus.storage import Store

Tell = Callable[[str, int, int], None]
"""Is told what is being done, how much of it is, and of how much; for people who look on."""
_PAIRS_BYTES = 32 << 20
"""Bytes of small pictures that are kept of triplets with nothing wrong, in case they repeat another; as
much again is kept of the others."""
_AHEAD = 2
"""Triplets that wait with their pictures, for each thread."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How a corpus is looked at.

    Attributes:
        layout: Its name; empty where it is to be found out.
        columns: Names of columns by what they hold, for a layout of one's own.
        sample: Rows that are drawn, at most; 0 takes all.
        seed: Decides which, and which examples are shown.
        together: Rows of a corpus up to which all of it is searched for duplicates; beyond that, and
            behind a network, only the sample is.
        threads: That work on pictures.
    """

    layout: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)
    sample: int = 1000
    seed: int = 0
    together: int = 5000
    threads: int = 2


@dataclass(frozen=True, slots=True)
class Looked:
    """All that is known of a corpus afterwards.

    Attributes:
        examined: Triplets of the sample, in the order of the corpus.
        members: Triplets that were held against each other, in the order of `twins`.
        together_whole: Whether those are all that can be read.
        strays: Triplets of the sample whose edited image is that of another row, by where they lie.
    """

    found: Recognised
    sample: Sample
    settings: Settings
    examined: tuple[Examined, ...]
    members: tuple[Triplet, ...]
    twins: Twins
    together_whole: bool
    strays: Mapping[Place, Stray]
    seconds: float


def look(
    where: str,
    options: Mapping[str, Any],
    settings: Settings,
    benchmarks: Sequence[Known] = (),
    store: Store | None = None,
    tell: Tell = lambda *_: None,
) -> Looked:
    """Look at a corpus; nothing is asked of any model.

    Args:
        where: A file, a folder, a glob, or a URL such as `s3://bucket/folder` or `hf://datasets/a/b`.
        options: For URLs, as `Inputs.find` takes them.
        settings: How.
        benchmarks: What it must not hold.
        store: Keeps lists of what lies in archives; a corpus without archives needs none.
        tell: Is told how far it is.

    Raises:
        ConfigError: Nothing is found, its layout is unknown, or it cannot be read at all.
        StorageError: A file cannot be read any more.
        ShardError: A file changed meanwhile.
    """
    began = monotonic()
    found = recognise(find_rows(where, options, store), settings.layout, settings.columns)
    sample = draw(found, settings.sample, settings.seed)
    with ThreadPoolExecutor(settings.threads, "editcorpus-lint") as pool:
        strays = Strays(pool)
        work = _Work(found, settings, store, tell, pool, strays)
        examined = _ordered(work.examined(sample))
        members = [
            (one.triplet, _member(one.triplet, one.looks))
            for one in examined
            if one.looks is not None
        ]
        together = sample.rows <= settings.together and not found.inputs.far
        if together and not sample.whole:
            members += work.rest(sample)
            members.sort(key=lambda one: place_of(one[0]))
        strays.close()
    same = twins([member for _, member in members], benchmarks)
    return Looked(
        found,
        sample,
        settings,
        tuple(examined),
        tuple(triplet for triplet, _ in members),
        same,
        together or sample.whole,
        strays.found,
        monotonic() - began,
    )


def benchmark(path: str, options: Mapping[str, Any]) -> Known:
    """The hashes in a file that somebody made of a benchmark (`similar/hashfile.py`).

    Raises:
        ConfigError: There is no such file, or its hashes are of another version.
        ShardError: It is damaged, or no file of hashes.
    """
    files = Inputs.find(path, options).files
    if len(files) > 1:
        raise ConfigError(f"{path!r:.200} is {len(files)} files; name one file of hashes.")
    inputs = Inputs.find(path, options)
    with inputs.explained(files[0]), inputs.open(files[0]) as file:
        return read_known(file, files[0])


@dataclass(frozen=True, slots=True)
class _Work:
    """What goes through the pictures of a corpus."""

    found: Recognised
    settings: Settings
    store: Store | None
    tell: Tell
    pool: ThreadPoolExecutor
    strays: Strays

    def examined(self, sample: Sample) -> Iterator[Examined]:
        """The triplets of the sample; small pictures as long as there is room for them."""
        room = {True: _PAIRS_BYTES, False: _PAIRS_BYTES}
        done = self._each(sample.triplets, lambda pair: examine(*pair), "examined")
        for one in done:
            size = sum(map(len, one.pair or ()))
            wrong = bool(one.measured.findings)
            room[wrong] -= size
            if one.small is not None:
                self.strays.add(one.triplet, one.small)
            yield replace(one, small=None, pair=one.pair if room[wrong] >= 0 else None)
        self.strays.close()

    def rest(self, sample: Sample) -> list[tuple[Triplet, Member]]:
        """What the sample left out, by its hashes, and by its sources where one is wanted."""
        drawn = {place_of(one) for one in sample.triplets}
        every = draw(self.found, 0, self.settings.seed)
        left = tuple(one for one in every.triplets if place_of(one) not in drawn)
        work = partial(_hashed, wanted=self.strays.waiting)
        made = []
        for one, pair in self._each(left, work, "compared"):
            if pair is not None:
                self.strays.add(one[0], pair)
            made += [one] if one is not None else []
        return made

    def _each(
        self,
        triplets: tuple[Triplet, ...],
        work: Callable[[tuple[Triplet, Found]], Any],
        what: str,
    ) -> Iterator[Any]:
        given = pictures(self.found, triplets, self.store)
        width = _AHEAD * self.settings.threads
        for number, one in enumerate(ahead(self.pool, work, given, width), start=1):
            self.tell(what, number, len(triplets))
            yield one


def _hashed(
    pair: tuple[Triplet, Found], *, wanted: bool
) -> tuple[tuple[Triplet, Member] | None, Small | None]:
    """The hashes of a pair, and its source, small, where that is wanted."""
    triplet, found = pair
    made = None if isinstance(found, Unread) else looks(found.get("source"), found.get("edited"))
    if made is None or isinstance(found, Unread):
        return None, None
    member = triplet, _member(triplet, made)
    if not wanted:
        return member, None
    grey = decode_grey(found.get("source") or b"", LIMITS, JUDGED_SIDE)
    return member, Small(reduced(grey))


def _member(triplet: Triplet, looks: Looks) -> Member:
    return Member(triplet.id, triplet.instruction, looks, split_of(triplet.file))


def _ordered(examined: Iterator[Examined]) -> list[Examined]:
    return sorted(examined, key=lambda one: place_of(one.triplet))
