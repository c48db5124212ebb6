"""Push: a finished corpus, or a whole export, into a dataset repository on the Hub.

What the repository has with the same content is not sent again, so that a push that died goes on where
it was: what was committed is found by its hash, what was sent but not committed the Hub itself knows.
While a push is under way the repository holds `unfinished.json` and no mark of a whole corpus; card,
description and mark come with the last commit, which also removes what an earlier state had and this one
has not. Files of a bucket pass through the spool, a few at a time.
"""

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from editcorpus.disk import make_folder
from editcorpus.errors import ConfigError, ShardError
from editcorpus.layouts.comparison import UNFINISHED, Plan, is_there
from editcorpus.layouts.contents import MARKS, Contents, File, contents
from editcorpus.layouts.repository import Repository, Sending

_COMMIT_FILES = 250
_COMMIT_BYTES = 20 * 2**30
"""What goes into one commit. The Hub limits commits by the hour; a push that died has only what it sent
since its last commit looked up once more."""
_GROUP_FILES = 64
_GROUP_BYTES = 2**30
"""What is sent side by side, and lies in the spool at a time."""
_THREADS = 5
_CHUNK = 8 * 2**20

Progress = Callable[[int, int], None]


def push(
    cargo: Contents,
    repository: Repository,
    plan: Plan,
    *,
    private: bool = False,
    told: Progress = lambda *_: None,
) -> str:
    """Carry out a plan, and give the hash of the last commit; the same again goes on after a kill.

    Args:
        cargo: What to push.
        repository: Where to.
        plan: Of the same two, made just before.
        private: Whether a repository that is made is to be private.
        told: Hears how many bytes are there, and of how many.

    Raises:
        ConfigError: The token may not.
        RunStopped: The Hub takes no more, or does not answer; what was sent stays.
        ShardError: A file is not the one that the manifest names, or all changed in the meantime.
        StorageFull: The spool has no room.
    """
    if plan.made:
        repository.make(private=private)
    if plan.idle:
        return repository.head()
    if plan.missing and not plan.begun:
        _begin(cargo, repository)
    done = sum(file.bytes for file in plan.there)
    of = done + sum(file.bytes for file in (*plan.missing, *plan.last))
    for batch in _parts(plan.missing, _COMMIT_FILES, _COMMIT_BYTES):
        added = []
        for group in _parts(batch, _GROUP_FILES, _GROUP_BYTES):
            with _sendings(cargo, group) as files:
                added += repository.send(files, _THREADS)
            done += sum(file.bytes for file in group)
            told(done, of)
        repository.commit(added, (), f"Add {len(added)} files of {cargo.corpus}")
    if contents(cargo.store, cargo.folder).mark != cargo.mark:
        raise ShardError(f"{cargo.store.url(cargo.folder)} changed meanwhile; push it again.")
    return _end(cargo, repository, plan)


def _begin(cargo: Contents, repository: Repository) -> None:
    """From here on it is no whole corpus, until `_end`."""
    there = repository.look() or {}
    sending = _sending(UNFINISHED, _identity(cargo))
    added = repository.send([sending], 1)
    marks = [name for name in MARKS if name in there]
    repository.commit(added, marks, f"Begin to push {cargo.corpus}")


def _end(cargo: Contents, repository: Repository, plan: Plan) -> str:
    there = repository.look() or {}
    last = [file for file in cargo.last if not is_there(cargo, file, there)]
    with _sendings(cargo, last) as files:
        added = repository.send(files, 1)
    removed = [path for path in (*plan.removed, UNFINISHED) if path in there]
    return repository.commit(added, removed, f"Finish {cargo.corpus}")


def _identity(cargo: Contents) -> bytes:
    told = {"corpus": cargo.corpus, "layout": cargo.layout}
    return json.dumps(told, sort_keys=True).encode() + b"\n"


def _parts(files: Iterable[File], most: int, size: int) -> Iterator[list[File]]:
    """The files in their order, cut so that a part passes neither limit, but for a single file."""
    part: list[File] = []
    held = 0
    for file in files:
        if part and (len(part) == most or held + file.bytes > size):
            yield part
            part, held = [], 0
        part.append(file)
        held += file.bytes
    if part:
        yield part


def _sending(path: str, data: bytes) -> Sending:
    return Sending(path, data, hashlib.sha256(data).hexdigest())


@contextmanager
def _sendings(cargo: Contents, files: Iterable[File]) -> Iterator[list[Sending]]:
    """The files on this machine's disk, as long as the block lasts; those of a bucket in the spool."""
    if cargo.store.local is not None:
        yield [_proven(cargo, file, _local(cargo, file)) for file in files]
        return
    spool = cargo.store.spool
    if spool is None:
        raise ConfigError(f"{cargo.store.root} needs a local spool folder to be pushed from.")
    with cargo.store.told(cargo.folder, writing=True):
        make_folder(spool)
        with tempfile.TemporaryDirectory(prefix="push-", dir=spool) as folder:
            yield [
                _proven(cargo, file, Path(folder) / f".{number}.tmp")
                for number, file in enumerate(files)
            ]


def _local(cargo: Contents, file: File) -> Path:
    found = cargo.store.local_file(f"{cargo.folder}/{file.path}")
    assert found is not None  # noqa: S101 - the caller branches on it
    return found


def _proven(cargo: Contents, file: File, place: Path) -> Sending:
    """The file at its place on this disk, read once: copied there if it comes from a bucket."""
    path, digest, size = f"{cargo.folder}/{file.path}", hashlib.sha256(), 0
    copy = None if cargo.store.local is not None else place.open("wb")
    try:
        with cargo.store.open(path, file.bytes) as opened:
            while chunk := opened.read(_CHUNK):
                digest.update(chunk)
                size += len(chunk)
                if copy is not None:
                    copy.write(chunk)
    finally:
        if copy is not None:
            copy.close()
    if size != file.bytes or file.sha256 not in {"", digest.hexdigest()}:
        raise ShardError(f"{cargo.store.url(path)} changed, or is damaged; `editcorpus audit`.")
    return Sending(file.path, place, digest.hexdigest())
