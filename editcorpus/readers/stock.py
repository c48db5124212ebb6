"""What lies near a file of rows: a folder of pictures, and archives that are listed as far as needed."""

import logging
from collections.abc import Callable, Iterable, Sequence
from threading import Event, RLock
from typing import NamedTuple

from editcorpus import webfiles
from editcorpus.archives.archive import Archive
from editcorpus.archives.folder import Folder
from editcorpus.archives.listing import Listing
from editcorpus.archives.parts import Parts, archives_among
from editcorpus.errors import ConfigError, Interrupted, StorageError
from editcorpus.hub import hub_at, is_hub, parse
from editcorpus.inputs import Inputs
from editcorpus.signatures import unsigned
from editcorpus.storage import Store

_MOST_BYTES = 256 << 20
"""Of one picture: more than a PNG of 85 megapixels of noise has."""
_TOLD_EVERY = 1 << 30
"""Bytes of an archive after which it is told how far its pass is."""
_log = logging.getLogger(__name__)


class Near(NamedTuple):
    """What lies near a file of rows.

    Attributes:
        folder: In which pictures lie by their paths; empty where none do.
        archives: Likewise.
    """

    folder: str
    archives: tuple[Parts, ...] = ()


def near(folder: str, others: Iterable[str], inputs: Inputs) -> Near:
    """The pictures in a folder, and in the archives that lie in it or in others.

    Raises:
        StorageError: A folder cannot be reached.
    """
    own = entries_of(folder, inputs)
    rest = [one for other in others for one in entries_of(other, inputs)]
    packed = archives_among(dict.fromkeys([*own, *rest]))
    parts = {file for one in packed for file in one.files}
    return Near(folder if {*own} - parts else "", packed)


def entries_of(folder: str, inputs: Inputs) -> list[str]:
    """Paths or URLs of what lies in a folder, files and folders.

    Raises:
        StorageError: It cannot be reached; one that is not there is empty.
    """
    if is_hub(folder):
        try:
            found = hub_at(inputs.options, hasty=False).find(parse(folder), inputs.files).sizes
        except StorageError:  # there is no such folder, or reading from it says what is wrong
            return []
        inside = (url.removeprefix(f"{folder}/").partition("/")[0] for url in found)
        return [f"{folder}/{name}" for name in dict.fromkeys(inside)]
    with inputs.explained(folder):
        try:
            if webfiles.is_web(folder):
                return webfiles.listed(folder)
            system, base = inputs.reach(folder)
            names = [str(name) for name in system.ls(base, detail=False)]
        except (FileNotFoundError, NotADirectoryError):
            return []
    local = "://" not in folder
    return sorted(name if local else str(system.unstrip_protocol(name)) for name in names)


class Stock:
    """The pictures near a file of rows; any thread may ask."""

    def __init__(self, found: Near, inputs: Inputs, store: Store | None) -> None:
        """Open the folder; archives are opened when somebody asks.

        Raises:
            ConfigError: There are archives and no store to keep their lists in.
            StorageError: The folder cannot be reached.
        """
        if found.archives and store is None:
            raise ConfigError("Pictures in archives need a store that keeps the archives' lists.")
        self._inputs = inputs
        self._store = store
        self._folder = Folder(found.folder, inputs) if found.folder else None
        self._parts = {_stem(one): one for one in found.archives}
        self._archives: dict[str, Archive] = {}
        self._whole: set[str] = set()
        self._lock = RLock()
        self._closed = Event()

    @property
    def problem(self) -> str:
        """Why some pictures cannot be had, in sentences; else empty."""
        found = [(stem, self._archives[stem].problem) for stem in sorted(self._whole)]
        return " ".join(problem for _, problem in found if problem)

    def find(self, paths: Iterable[str]) -> list[str]:
        """Find pictures, in archives that are not wholly listed, too; gives those that are not there."""
        folder = self._folder
        left = [path for path in paths if folder is None or path not in folder]
        for stem in self._parts if left else ():
            self._list(stem, [path for path in left if self._home(path) in {"", stem}])
            left = [path for path in left if not self._within(stem, path)]
        return left

    def read(self, path: str) -> bytes | None:
        """The bytes of a picture that was found; None where there is none.

        Raises:
            SourceError: It is larger than any picture.
            StorageError: It cannot be read now.
        """
        data = self._folder.read(path, _MOST_BYTES) if self._folder is not None else None
        for stem, archive in tuple(self._archives.items()) if data is None else ():
            if name := self._within(stem, path):
                return archive.read(name, _MOST_BYTES)
        return data

    def in_order(self, paths: Iterable[str]) -> list[str]:
        """The paths in an order in which reading them is cheap."""
        only = list(self._archives.values()) if self._folder is None else []
        return only[0].in_order(paths) if len(only) == 1 else list(paths)

    def close(self) -> None:
        """Close the archives, and end a pass that is under way."""
        self._closed.set()
        for archive in tuple(self._archives.values()):
            archive.close()

    @property
    def archived(self) -> bool:
        """Whether any picture lies in an archive, so that to look for it opens one."""
        return bool(self._parts)

    def _home(self, path: str) -> str:
        """The archive that is named after the first folder of a path; empty where none is."""
        first = path.removeprefix("./").partition("/")[0]
        return first if first in self._parts else ""

    def _list(self, stem: str, paths: Sequence[str]) -> None:
        """Go through an archive until it has shown what is wanted, or to its end."""
        with self._lock:
            known = self._archives.get(stem)
            if known is not None and (stem in self._whole or all(one in known for one in paths)):
                return
            assert self._store is not None  # noqa: S101 - else there were no archives
            parts = self._parts[stem]
            how = Listing(progress=_teller(parts.name, self._closed), needed=paths)
            made = self._archives[stem] = Archive.opened(parts, self._inputs, self._store, how)
            if any(path not in made for path in paths):  # nothing but its end stops it then
                self._whole.add(stem)
        if known is not None:
            known.close()

    def _within(self, stem: str, path: str) -> str:
        """The path of a picture as an archive has it; empty where it does not.

        Some archives were packed from outside the folder that paths begin in, some from inside.
        """
        archive, tried = self._archives.get(stem), [path]
        if stem in self._whole:
            tried += [f"{stem}/{path}", f"images/{path}", path.removeprefix(f"{stem}/")]
        return next((one for one in tried if archive is not None and one in archive), "")


def _stem(parts: Parts) -> str:
    """What an archive is called without folders and endings."""
    last = parts.name.rpartition("/")[2]
    return last.removesuffix(".gz").removesuffix(".tar").removesuffix(".tgz")


def _teller(name: str, closed: Event) -> Callable[[int, int, int], None]:
    """Tells now and then how far the pass through an archive is, and ends it where nobody waits."""
    told = 0

    def tell(done: int, size: int, members: int) -> None:
        nonlocal told
        if closed.is_set():
            raise Interrupted("The run was interrupted.")
        if done >= told + _TOLD_EVERY:
            told = done
            share = 100 * done // max(size, 1)
            _log.info("%s: %d%% listed, %d files so far.", unsigned(name), share, members)

    return tell
