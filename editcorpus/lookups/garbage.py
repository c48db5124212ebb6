"""What a store can do without: found first, removed only when somebody says so.

Journals are never removed: they are the ledger, and hold the answers in text. Nor are facts, which
are small and say how each verdict came about. What goes is, by kind:

| kind | what it is |
|---|---|
| `pictures` | canvases, views and edited images of finished runs, made again for nothing if needed |
| `loose` | data and column files of finished runs that no manifest names |
| `temporary` | files that a dead process was writing, in the store or in its spool |
| `uploads` | what a dead process was uploading to a bucket; its parts are paid for, and nobody sees them |
| `answers` | paid pictures that finished runs alone have asked for |
| `damaged` | those among them that were found damaged, and set aside |
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import islice
from pathlib import Path
from threading import Event
from typing import Literal, NamedTuple

from editcorpus.bookings import Intent
from editcorpus.claims import Claim
from editcorpus.errors import RunStopped, ShardError
from editcorpus.layouts.manifest import CorpusManifest, read_manifest
from editcorpus.layouts.removals import Removals, note_removals
from editcorpus.leases import Owner, Times, Wanted, leased
from editcorpus.lookups.calls import Call, journal_calls
from editcorpus.lookups.verdicts import run_verdicts
from editcorpus.records import Triplet
from editcorpus.runs import corpus_folder, own_run
from editcorpus.shards import PLAN, Columns, shard_folder
from editcorpus.stages.redriving import read_redrives
from editcorpus.steps import filter as filter_step
from editcorpus.steps import pad, regenerate, view
from editcorpus.storage import Store
from editcorpus.uploads import abort, unfinished

Keep = Literal["responses", "corpus"]
"""What stays beside corpora, facts and journals: paid pictures, or not even those."""
ORPHAN_S = 86_400.0
"""Age, in seconds, from which on a temporary file or an upload is nobody's: no write takes a day."""
_AT_ONCE = 16
"""Files that are removed at once: on a bucket each is a request."""
_BATCH = 512
_NAME = "garbage collection"
"""Under which it stands in the way of others."""
_PICTURES = tuple(f"/{step}.pictures.parquet" for step in (view.NAME, pad.NAME, filter_step.NAME))


class Item(NamedTuple):
    """Something that can go.

    Attributes:
        kind: See the table above.
        run: Whose it is; empty where nobody knows.
        path: In the store; on this machine where it is temporary.
        bytes: Its length.
        usd: What it cost, and would cost again.
        upload: The server's name of an upload.
    """

    kind: str
    run: str
    path: str
    bytes: int
    usd: Decimal = Decimal(0)
    upload: str = ""


@dataclass(slots=True)
class Runs:
    """The runs of a store: those that are finished, by their corpus, and all others."""

    finished: dict[str, CorpusManifest] = field(default_factory=dict)
    unfinished: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, store: Store) -> "Runs":
        """Look which runs there are; one whose triplets failed, or wait for a redrive, is not finished."""
        made = cls()
        for run in _names(store):
            try:
                manifest = read_manifest(store, corpus_folder(run))
            except ShardError:
                manifest = None
            waiting = not all(one.done for one in read_redrives(store, run))
            if manifest is not None and not sum(manifest.failed.values()) and not waiting:
                made.finished[run] = manifest
            else:
                made.unfinished.append(run)
        return made


def find_garbage(store: Store, keep: Keep, now: float) -> Iterator[Item]:
    """Everything that can go, one at a time; nothing is changed.

    For paid pictures about 300 bytes each are remembered.

    Args:
        store: Where to look.
        keep: What stays.
        now: Seconds since 1970.

    Raises:
        ShardError: A manifest or facts of an unfinished run are damaged.
        StorageError: A journal is damaged, so that nobody can say whose an answer is.
    """
    runs = Runs.of(store)
    for run, manifest in runs.finished.items():
        yield from _of_run(store, run, manifest)
    yield from _temporary(store, now)
    yield from _uploads(store)
    if keep == "corpus":
        yield from _answers(store, runs)


def remove_garbage(store: Store, keep: Keep, now: float, owner: Owner, at: str) -> Iterator[Item]:
    """Remove everything that can go, and tell of each thing that went.

    All runs of the store are owned meanwhile. Before anything goes, each finished run notes it (see
    `layouts.removals`).

    Args:
        store: Where to remove.
        keep: What stays.
        now: Seconds since 1970.
        owner: This process.
        at: The time for people, ISO 8601, UTC.

    Raises:
        ConfigError: A run is owned by a living process; nothing was removed.
        RunStopped: A run's lock was lost; the rest was not removed.
        ShardError: As `find_garbage`; StorageError likewise.
    """
    with _owned(store, owner) as lost:
        for run in Runs.of(store).finished:
            note_removals(store, run, Removals(at, keep == "corpus"))
        found = find_garbage(store, keep, now)
        with ThreadPoolExecutor(_AT_ONCE, "editcorpus-gc") as pool:
            while batch := list(islice(found, _BATCH)):
                if lost.is_set():
                    raise RunStopped("A run's lock was lost; what is left was not removed.")
                list(pool.map(lambda item: _remove(store, item), batch))
                yield from batch


def _names(store: Store) -> list[str]:
    return sorted({path.split("/")[1] for path in store.list("runs") if path.count("/") > 1})


@contextmanager
def _owned(store: Store, owner: Owner) -> Iterator[Event]:
    """Own all runs, and keep everybody from paying for triplets, while the block lasts."""
    lost = Event()

    def tell(_sentence: str) -> None:
        lost.set()

    work = Wanted("leases", "the work in this store", _in_work, {"run": _NAME})
    with ExitStack() as stack:
        for run in _names(store):
            stack.enter_context(own_run(store, run, owner, tell))
        stack.enter_context(leased(store, work, owner, tell, Times()))
        yield lost


def _in_work(claim: Claim) -> str:
    return f"Triplets of run {claim.get('run')!r} are in work"


def _remove(store: Store, item: Item) -> None:
    if item.kind == "temporary":
        Path(item.path).unlink(missing_ok=True)
    elif item.kind == "uploads":
        abort(store, item.path, item.upload)
    else:
        store.remove(item.path)


def _of_run(store: Store, run: str, manifest: CorpusManifest) -> Iterator[Item]:
    columns = store.sizes(f"runs/{run}/shards")
    for path, size in columns.items():
        if not path.endswith(".parquet"):
            continue
        step = path.removesuffix(".parquet").removesuffix(".pictures")
        if f"{step}.json" not in columns:
            yield Item("loose", run, path, size)
        elif path.endswith(_PICTURES):
            yield Item("pictures", run, path, size)
    folder = corpus_folder(run)
    named = {f"{folder}/{file.path}" for file in manifest.files}
    for path, size in store.sizes(f"{folder}/data").items():
        if path not in named:
            yield Item("loose", run, path, size)


def _temporary(store: Store, now: float) -> Iterator[Item]:
    for file in store.temporary():
        try:
            facts = file.stat()
        except FileNotFoundError:
            continue
        if now - facts.st_mtime > ORPHAN_S:
            yield Item("temporary", "", str(file), facts.st_size)


def _uploads(store: Store) -> Iterator[Item]:
    for upload in unfinished(store):
        if upload.age_s > ORPHAN_S:
            yield Item("uploads", "", upload.path, upload.bytes, upload=upload.id)


def _answers(store: Store, runs: Runs) -> Iterator[Item]:
    """Paid pictures whose calls are all on record as ended, and that no unfinished run may need."""
    needed = _Needed()
    for run in runs.unfinished:
        needed.add(store, run)
    paid = _paid(store, runs.finished, needed)
    places = [f"responses/{number:02x}" for number in range(256)]
    for place in (*places, "damaged") if paid else ():
        for path, size in store.sizes(place).items():
            owner = paid.get(_key(path.rpartition("/")[2]))
            if owner is not None:
                kind = "damaged" if place == "damaged" else "answers"
                yield Item(kind, owner[0], path, size, owner[1])


@dataclass(slots=True)
class _Needed:
    """What unfinished runs may ask for: their triplets and their requests, by hash."""

    ids: set[bytes] = field(default_factory=set)
    keys: set[bytes] = field(default_factory=set)

    def add(self, store: Store, run: str) -> None:
        self.keys |= {_key(call.key) for call in journal_calls(store, run)}
        for shard in run_verdicts(store, run):
            columns = Columns(store, shard_folder(run, shard.shard))
            self.ids |= {_short(item.id) for item in columns.facts(PLAN, Triplet)}
            if regenerate.NAME in shard.manifests:
                rows = columns.facts(regenerate.NAME, regenerate.Regenerated)
                self.keys |= {_key(row.response) for row in rows}

    def has(self, call: Call) -> bool:
        return _key(call.key) in self.keys or _short(call.id) in self.ids


def _paid(
    store: Store, finished: Iterable[str], needed: _Needed
) -> Mapping[bytes, tuple[str, Decimal]]:
    """Run and dollars of every answer that may go, by the hash of its request.

    An answer whose call has no end in the journal stays: its header is that end.
    """
    made: dict[bytes, tuple[str, Decimal]] = {}
    stay: set[bytes] = set()
    for run in finished:
        for call in journal_calls(store, run):
            if isinstance(call, Intent) or needed.has(call):
                stay.add(_key(call.key))
            elif call.outcome == "settled":
                made[_key(call.key)] = (run, call.usd)
    return {key: owner for key, owner in made.items() if key not in stay}


def _key(name: str) -> bytes:
    """A request hash in 32 bytes; anything else as it is."""
    try:
        return bytes.fromhex(name)
    except ValueError:
        return name.encode("utf-8", "surrogatepass")


def _short(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
