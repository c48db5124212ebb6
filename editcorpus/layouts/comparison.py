"""What a push would do: a corpus or export on one side, a dataset repository on the Hub on the other."""

import hashlib
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import PurePosixPath

from editcorpus.errors import ConfigError
from editcorpus.layouts.contents import MARKS, Contents, File
from editcorpus.layouts.repository import Remote, Repository

UNFINISHED = "unfinished.json"
"""What a repository holds while a push is under way: which corpus it is, and in which layout."""

MOST_FILES = 100_000
MOST_BESIDE = 10_000
"""Files of a repository and of one folder that the Hub takes
(https://huggingface.co/docs/hub/storage-limits, "Repository limitations and recommendations")."""

_CHUNK = 8 * 2**20
_OF_GIT = 10 * 2**20
"""Longest file that the Hub keeps in git itself, in bytes: longer ones have a SHA-256 there."""
_STRANGE = frozenset({".gitattributes", "README.md", "LICENSE", "LICENSE.md", "LICENSE.txt"})
"""Files that may lie in a repository that is new to us."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a push would do.

    Attributes:
        made: Whether repository or branch are missing, and made first.
        begun: Whether a push of the same has begun there already.
        missing: Files to send before the last commit.
        last: Files to send with it.
        there: Files that lie there with the same content.
        removed: Paths of files to remove.
    """

    made: bool
    begun: bool
    missing: tuple[File, ...]
    last: tuple[File, ...]
    there: tuple[File, ...]
    removed: tuple[str, ...]

    @property
    def idle(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.made or self.begun or self.missing or self.last or self.removed)


def plan_push(cargo: Contents, repository: Repository, *, private: bool = False) -> Plan:
    """Compare a corpus with a repository; nothing is changed.

    Files of at most 10 MB, and those of which no manifest tells the hash, are read where the repository
    has one of the same name and length.

    Raises:
        ConfigError: The repository holds something else or is public though it is to be private, or the
            Hub does not take so many files.
        RunStopped: The Hub does not answer.
    """
    _check_counts(cargo)
    remote = repository.look()
    if private and repository.is_public():
        raise ConfigError(f"{repository.name} is public; name another, or leave out --private.")
    if remote is None:
        return Plan(True, False, cargo.files, cargo.last, (), ())
    begun = _check_same(cargo, repository, remote)
    same = {file.path for file in (*cargo.files, *cargo.last) if is_there(cargo, file, remote)}
    ours = {file.path for file in (*cargo.files, *cargo.last)}
    folders = {path.partition("/")[0] for path in ours if "/" in path}
    stale = (path for path in remote if path not in ours and path.partition("/")[0] in folders)
    marks = (name for name in MARKS if name in remote and name not in ours)
    return Plan(
        False,
        begun,
        tuple(file for file in cargo.files if file.path not in same),
        tuple(file for file in cargo.last if file.path not in same),
        tuple(file for file in (*cargo.files, *cargo.last) if file.path in same),
        tuple(sorted({*stale, *marks})),
    )


def is_there(cargo: Contents, file: File, remote: dict[str, Remote]) -> bool:
    """Whether the repository has the file with the same content."""
    found = remote.get(file.path)
    if found is None or found.bytes != file.bytes:
        return False
    if found.sha256:
        return found.sha256 == (file.sha256 or _digests(cargo, file)[0])
    return file.bytes <= _OF_GIT and found.blob == _digests(cargo, file)[1]


def _check_counts(cargo: Contents) -> None:
    files = (*cargo.files, *cargo.last)
    folder, most = Counter(str(PurePosixPath(file.path).parent) for file in files).most_common(1)[0]
    if len(files) > MOST_FILES or most > MOST_BESIDE:
        raise ConfigError(
            f"{cargo.store.url(cargo.folder)} has {len(files):,} files, {most:,} of them in "
            f"{folder!r:.100}; the Hub takes {MOST_FILES:,}, and {MOST_BESIDE:,} in one folder. Push the "
            "corpus itself, or the layout webdataset."
        )


def _check_same(cargo: Contents, repository: Repository, remote: dict[str, Remote]) -> bool:
    """Whether a push of this corpus has begun there; the repository may hold nothing else."""
    marked = next((name for name in (UNFINISHED, *MARKS) if name in remote), "")
    if not marked:
        strange = sorted(path for path in remote if path not in _STRANGE)
        if strange:
            raise ConfigError(
                f"{repository.name} holds other files, such as {strange[0]!r:.100}; name another "
                "repository, or another branch with --revision."
            )
        return False
    found = _named(repository.read(marked))
    if found != (cargo.corpus, cargo.layout):
        raise ConfigError(
            f"{repository.name} holds {found[0]!r:.100} as {found[1]!r:.40}, not {cargo.corpus!r} as "
            f"{cargo.layout!r}; name another repository, or another branch with --revision."
        )
    return marked == UNFINISHED


def _named(data: bytes | None) -> tuple[str, str]:
    """Corpus and layout, as the mark of a push, an export or a corpus names them."""
    try:
        told = json.loads(data or b"")
        return (str(told["run"]), "corpus") if "run" in told else (told["corpus"], told["layout"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return "something else", "?"


def _digests(cargo: Contents, file: File) -> tuple[str, str]:
    """SHA-256 of the content, and its name in git."""
    whole, blob = hashlib.sha256(), hashlib.sha1(usedforsecurity=False)
    blob.update(b"blob %d\0" % file.bytes)
    with cargo.store.open(f"{cargo.folder}/{file.path}", file.bytes) as opened:
        while chunk := opened.read(_CHUNK):
            whole.update(chunk)
            blob.update(chunk)
    return whole.hexdigest(), blob.hexdigest()
