"""Write the files of a refiltered corpus: what was in is copied, what comes in is put together."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from threading import Lock

from editcorpus.errors import ShardError
from editcorpus.layouts.corpus import Shard
from editcorpus.layouts.parquet import ShardFile, write_shard
from editcorpus.layouts.proof import proven
from editcorpus.records import Published, Triplet
from editcorpus.refiltering.basis import Basis
from editcorpus.refiltering.deciding import Decided
from editcorpus.responses import Responses
from editcorpus.rows import Shelf, Unread
from editcorpus.runs import corpus_file
from editcorpus.shards import FETCH, Columns, hash_of, shard_folder
from editcorpus.stages.originals import Found, Original, in_order_of
from editcorpus.stages.publish import Joined, records
from editcorpus.storage import Store

Input = Callable[[], AbstractContextManager[Shelf]]
"""Opens the input of a run, for the source images of triplets that come in."""
_BUFFER = 2**20


@dataclass(frozen=True, slots=True)
class Place:
    """Where a refiltered corpus is made.

    Attributes:
        name: Of the corpus.
        mark: Hash of all that decides it but its shards.
    """

    store: Store
    name: str
    mark: str

    @property
    def notes(self) -> str:
        """Folder in which it stands which files are whole."""
        return f"refilters/{self.name}/files"

    def known(self, decided: Decided) -> ShardFile | None:
        """The file of a shard, if it was written whole of these very decisions."""
        try:
            told = json.loads(self.store.read(self._note(decided)))
            file = ShardFile(**told["file"])
            whole = self.store.size(file.path) == file.bytes
        except (FileNotFoundError, ValueError, TypeError, KeyError):
            return None
        same = told.get("mark") == self._mark(decided) and file.path == self.path(decided.shard)
        return file if same and whole else None

    def note(self, decided: Decided, file: ShardFile) -> None:
        """Say that the file of a shard is whole."""
        told = {"mark": self._mark(decided), "file": asdict(file)}
        self.store.write(self._note(decided), json.dumps(told).encode() + b"\n")

    def path(self, shard: int) -> str:
        """Where the records of a shard lie."""
        return corpus_file(self.name, shard)

    def _note(self, decided: Decided) -> str:
        return f"{self.notes}/{decided.shard:05d}.json"

    def _mark(self, decided: Decided) -> str:
        return hash_of([self.mark, decided.digest, [item.triplet.id for item in decided.kept]])


class Copier:
    """Writes the files of a corpus, a shard at a time, from several threads.

    Args:
        basis: The run that it comes from.
        place: Where it is made.
        opens: Opens the run's input; called if a source image is needed that lies nowhere else.
    """

    def __init__(self, basis: Basis, place: Place, opens: Input) -> None:
        self._basis, self._place, self._opens = basis, place, opens
        self._old = {shard.path: shard for shard in basis.corpus.shards}
        self._alone = Lock()

    def file(self, decided: Decided) -> ShardFile | None:
        """The file of a shard, written unless it is there; None where nothing of it is kept.

        Raises:
            ConfigError: The input is not to be found, and a source image is in it alone.
            ShardError: A file is missing or damaged, or is not what the manifest says.
            StorageError: The store, or the input, failed.
        """
        path = self._place.path(decided.shard)
        if not decided.kept:
            self._place.store.remove(path)
            return None
        known = self._place.known(decided)
        if known is not None:
            return known
        old = self._old.get(corpus_file(self._basis.run, decided.shard))
        if old is not None and not decided.won and len(decided.kept) == old.file.records:
            made = _copied(old, self._place.store, path)
        else:
            with self._won(decided) as won:
                made = write_shard(self._place.store, path, _merged(decided, old, won))
        self._place.note(decided, made)
        return made

    @contextmanager
    def _won(self, decided: Decided) -> Iterator[Iterator[Published]]:
        """The records that come in, in their order."""
        items = [item for item in decided.kept if item.triplet.id in decided.won]
        if not items:
            yield iter(())
            return
        columns = Columns(self._basis.store, shard_folder(self._basis.run, decided.shard))
        with self._alone, self._sources(columns, items) as sources:
            yield records(columns, items, sources, self._basis.variant)

    @contextmanager
    def _sources(self, columns: Columns, items: Sequence[Joined]) -> Iterator[Found]:
        """The source image of each, wherever the run has it (see `originals.originals`)."""
        fetches = FETCH in self._basis.steps
        unread = [one.triplet for one in items if not fetches and not _response(one)]
        with ExitStack() as stack:
            fetched = stack.enter_context(_fetched(columns)) if fetches else None
            found = in_order_of(unread, self._opened(stack, unread)) if unread else iter(())
            answers = Responses(self._basis.store)

            def source(item: Joined) -> tuple[Triplet, Original]:
                if key := _response(item):
                    return item.triplet, answers.picture(key)
                return next(found) if fetched is None else (item.triplet, fetched(item.triplet.id))

            yield (source(item) for item in items)

    def _opened(self, stack: ExitStack, triplets: Sequence[Triplet]) -> Found:
        shelf = stack.enter_context(self._opens())
        for one, found in shelf.read(triplets, ("source",)):
            yield one, found if isinstance(found, Unread) else found["source"]


def _response(item: Joined) -> str:
    """Hash of the request for its source image; empty where it is as published."""
    return "" if item.made is None else item.made.response


@contextmanager
def _fetched(columns: Columns) -> Iterator[Callable[[str], bytes | None]]:
    """The source images that the run keeps, by id."""
    rows = {key: row for row, key in enumerate(columns.ids(FETCH))}
    with columns.pictures(FETCH, "source") as found:
        yield lambda key: found[rows[key]]


def _copied(old: Shard, store: Store, path: str) -> ShardFile:
    """Copy a file of which everything stays, and prove it."""
    buffer = memoryview(bytearray(_BUFFER))
    with (
        store.upload(path) as place,
        place.open("wb") as file,
        proven(old.corpus.store, old.path, old.file) as reader,
    ):
        while length := reader.fill(buffer):
            file.write(buffer[:length])
    return replace(old.file, path=path)


def _merged(decided: Decided, old: Shard | None, won: Iterator[Published]) -> Iterator[Published]:
    """The records of a shard in their order: those that stay, and those that come in."""
    there = (record for _, record in old.records()) if old is not None else iter(())
    for item in decided.kept:
        key = item.triplet.id
        if key in decided.won:
            yield next(won)
            continue
        found = next((record for record in there if record.id == key), None)
        if found is None:
            raise ShardError(f"{key!r} is in the corpus by its manifests, but not in its file.")
        yield found
    for _ in there:  # a file is proven at its end
        pass
