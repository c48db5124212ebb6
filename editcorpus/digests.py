"""Digests of journals: what a start needs to know of them, so that it need not read them whole.

A journal holds about a kilobyte of each call, ten million calls are ten gigabytes, and every start must
know what was spent and which texts are there. What the files of a journal, some at a time, come to is
therefore kept beside them, as `digests/<run>/<process>/<first file>.<kind>`: a line of JSON with the
files and their lengths, then the digest itself, with its CRC-32. Journals only ever grow, so a digest
holds as long as its files have the lengths that it names; one that does not, or that is damaged, is as
none, and the files are read. Nothing depends on a digest but time: all of them may be removed.
"""

import json
import logging
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Generic, NamedTuple, TypeVar

from editcorpus.ahead import ahead
from editcorpus.errors import StorageError, StorageFull
from editcorpus.journal import File, read_file
from editcorpus.storage import Store

JOURNALS, DIGESTS = "journal", "digests"
"""The folders of a store where journals and their digests lie."""
GROUP_BYTES = 16 * 2**20
"""Bytes of a journal after which its next file begins a new group: one digest is of one group."""
LEAST_BYTES = 2**20
"""Bytes of a group from which on a digest is kept: less is read as fast as the digest would be."""
VERSION = 1
_AT_ONCE = 8
"""Groups of a bucket that are fetched at once, and held."""
_UNUSABLE = (
    *(ValueError, ArithmeticError, LookupError, TypeError, AttributeError),
    *(RecursionError, StorageError),
)
"""What decoding raises where bytes are no digest."""
_T = TypeVar("_T")
_log = logging.getLogger(__name__)


class Group(NamedTuple):
    """Files of one process' journal, one after the other.

    Attributes:
        folder: `<run>/<process>`.
        files: Path and length in bytes of each.
    """

    folder: str
    files: tuple[tuple[str, int], ...]

    @property
    def bytes(self) -> int:
        """Length of all of them."""
        return sum(size for _, size in self.files)

    def path(self, kind: str) -> str:
        """Where its digest of a kind lies."""
        first = self.files[0][0].rpartition("/")[2].partition(".")[0]
        return f"{DIGESTS}/{self.folder}/{first}.{kind}"


@dataclass(frozen=True, slots=True)
class Kind(Generic[_T]):
    """One kind of digest.

    Attributes:
        name: In paths.
        read: Makes it of files.
        encode: Its bytes; None where it is none that may be kept.
        decode: The reverse; an error where they are none.
    """

    name: str
    read: Callable[[Iterable[File]], _T]
    encode: Callable[[_T], bytes | None]
    decode: Callable[[bytes], _T]


def groups(store: Store, below: str = "") -> list[Group]:
    """The journals below a run, or a run and process; all without. Old groups stay as a journal grows."""
    sizes = store.sizes(f"{JOURNALS}/{below}".rstrip("/"))
    made = []
    for folder, paths in groupby(sorted(sizes), lambda path: path.rpartition("/")[0]):
        name, files, held = folder.removeprefix(f"{JOURNALS}/"), [], 0
        for path in paths:
            files.append((path, sizes[path]))
            held += sizes[path]
            if held >= GROUP_BYTES:
                made.append(Group(name, tuple(files)))
                files, held = [], 0
        if files:
            made.append(Group(name, tuple(files)))
    return made


def digested(
    store: Store, kind: Kind[_T], wanted: Iterable[Group], *, keep: bool = False
) -> Iterator[tuple[Group, _T]]:
    """The digest of each group, in their order: as it is kept, or made of the files.

    Args:
        store: Where they lie.
        kind: Which digest.
        wanted: Of which groups.
        keep: Whether those that are made may be written, where that saves time.

    Raises:
        StorageError: A file cannot be read, or `kind.read` says so.
    """
    kept = set(store.list(DIGESTS))

    def come(group: Group) -> tuple[Group, bytes | None, list[File]]:
        data = _payload(store, kind, group) if group.path(kind.name) in kept else None
        return group, data, [] if data is not None else _files(store, group)

    def found() -> Iterator[tuple[Group, bytes | None, list[File]]]:
        if store.local is not None:
            yield from map(come, wanted)
            return
        with ThreadPoolExecutor(_AT_ONCE, "editcorpus-journals") as pool:
            yield from ahead(pool, come, wanted, _AT_ONCE)

    for group, data, files in found():
        yield group, _made(store, kind, group, data, files, keep=keep)


def keep_digests(store: Store, kinds: Iterable[Kind[Any]], folder: str) -> None:
    """Keep the digests of a journal that is being written; its last group, which grows, is left out.

    Args:
        store: Where it lies.
        kinds: Which digests.
        folder: `<run>/<process>`.
    """
    try:
        full = groups(store, folder)[:-1]
        kept = set(store.list(f"{DIGESTS}/{folder}"))
        for kind in kinds:
            for group in full:
                if group.path(kind.name) not in kept:
                    _keep(store, kind, group, kind.read(_files(store, group)))
    except (StorageError, StorageFull) as error:
        _log.warning("The next start reads these journals whole: %s", error)


def _made(
    store: Store,
    kind: Kind[_T],
    group: Group,
    data: bytes | None,
    files: list[File],
    *,
    keep: bool,
) -> _T:
    if data is not None:
        try:
            return kind.decode(data)
        except _UNUSABLE as error:
            _log.warning("%s is not used: %s", store.url(group.path(kind.name)), error)
            files = _files(store, group)
    made = kind.read(files)
    if keep and group.bytes >= LEAST_BYTES:
        _keep(store, kind, group, made)
    return made


def _keep(store: Store, kind: Kind[_T], group: Group, made: _T) -> None:
    payload = kind.encode(made)
    if payload is None or _grew(store, group):
        return
    head = {**_told(group), "crc": f"{zlib.crc32(payload):08x}"}
    try:
        store.write(group.path(kind.name), json.dumps(head).encode() + b"\n" + payload)
    except (StorageError, StorageFull) as error:
        _log.warning("The next start reads these journals whole: %s", error)


def _grew(store: Store, group: Group) -> bool:
    """Whether files are longer than they were: what was read of them may be more than is durable yet."""
    return store.local is not None and any(store.size(path) != size for path, size in group.files)


def _told(group: Group) -> Mapping[str, object]:
    return {"version": VERSION, "files": [[path, size] for path, size in group.files]}


def _payload(store: Store, kind: Kind[_T], group: Group) -> bytes | None:
    """The digest that is kept; None where it is of other files, or is damaged."""
    try:
        head, _, payload = store.read(group.path(kind.name)).partition(b"\n")
        told = json.loads(head)
        sound = told == {**_told(group), "crc": f"{zlib.crc32(payload):08x}"}
    except (FileNotFoundError, ValueError, RecursionError):
        return None
    return payload if sound else None


def _files(store: Store, group: Group) -> list[File]:
    return [read_file(store, path) for path, _ in group.files]
