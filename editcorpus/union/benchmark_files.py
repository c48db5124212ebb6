"""The loose files of a benchmark: in folders, and in the archives that some are published as.

A file has an address: its path or URL, and for what lies in an archive the archive's and then its path in it.
Nothing is unpacked to disk, and nothing is read but what was found.
"""

import io
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from tempfile import TemporaryDirectory
from typing import IO

from editcorpus.archives.archive import Archive
from editcorpus.archives.members import too_large
from editcorpus.archives.parts import Parts, archives_among
from editcorpus.errors import ShardError, SourceError
from editcorpus.inputs import Inputs
from editcorpus.reasons import Reason
from editcorpus.storage import Store

ZIPS = (".zip",)
TARS = (".tar", ".tar.gz", ".tgz")
_MOST_MEMBERS = 200_000
_MOST_AT_ONCE = 64 * 2**20
"""Bytes that are read of a zip file at once: its list of 200,000 members fits."""

Read = Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class Files:
    """Files by address, in order.

    Attributes:
        places: What reads each: at most so many bytes, else a `SourceError`.
    """

    places: dict[str, Read]

    def read(self, name: str, most: int) -> bytes:
        """A file's bytes.

        Raises:
            SourceError: It has more than `most`, or lies in an archive and is damaged.
            StorageError: It cannot be read.
        """
        return self.places[name](most)


@contextmanager
def opened(inputs: Inputs) -> Iterator[Files]:
    """The files among what was found, those in archives too, as long as the context lasts.

    Raises:
        ShardError: An archive is damaged, or a part of it is missing.
        StorageError: An archive cannot be read.
    """
    with ExitStack() as stack:
        places: dict[str, Read] = {}
        tars = archives_among(inputs.files)
        packed = {file for parts in tars for file in parts.files}
        for url in inputs.files:
            if url.lower().endswith(ZIPS):
                places |= _zipped(stack, inputs, url)
            elif url not in packed:
                places[url] = partial(_plain, inputs, url)
        for parts in tars:
            places |= _tarred(stack, inputs, parts)
        if len(places) > _MOST_MEMBERS:
            raise ShardError(
                f"The benchmark has {len(places):,} files; {_MOST_MEMBERS:,} are read at most."
            )
        yield Files(dict(sorted(places.items())))


def _plain(inputs: Inputs, url: str, most: int) -> bytes:
    with inputs.explained(url), inputs.open(url) as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise too_large(url, len(data), most)
    return data


def _tarred(stack: ExitStack, inputs: Inputs, parts: Parts) -> dict[str, Read]:
    folder = stack.enter_context(TemporaryDirectory(prefix="editcorpus-hashes-"))
    archive = Archive.opened(parts, inputs, Store.on_disk(folder))
    stack.callback(archive.close)
    if not archive.complete:
        raise ShardError(archive.problem)
    return {f"{parts.name}/{path}": partial(_member, archive, path) for path in archive.paths()}


def _member(archive: Archive, path: str, most: int) -> bytes:
    return archive.read(path, most) or b""


class _Careful(io.RawIOBase):
    """A file of which little is read at once: what a zip's last bytes announce may be anything."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def read(self, size: int | None = -1) -> bytes:
        wanted = size if size is not None and size >= 0 else _MOST_AT_ONCE + 1
        data = self._file.read(min(wanted, _MOST_AT_ONCE + 1))
        if len(data) > _MOST_AT_ONCE:
            raise zipfile.BadZipFile("its list of members is too long")
        return data


def _zipped(stack: ExitStack, inputs: Inputs, url: str) -> dict[str, Read]:
    file = stack.enter_context(inputs.open(url))
    try:
        with inputs.explained(url):
            archive = stack.enter_context(zipfile.ZipFile(_Careful(file)))
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise ShardError(f"{url} is damaged: it is no whole zip file ({error}).") from error
    members = [one for one in archive.infolist() if not one.is_dir()]
    return {f"{url}/{one.filename}": partial(_unzipped, archive, url, one) for one in members}


def _unzipped(archive: zipfile.ZipFile, url: str, member: zipfile.ZipInfo, most: int) -> bytes:
    try:
        with archive.open(member) as file:
            data = file.read(most + 1)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError) as error:
        told = f"{member.filename!r:.200} in {url} cannot be read: {error}."
        raise SourceError(Reason.IMAGE_UNREADABLE, told) from error
    if len(data) > most:
        raise too_large(member.filename, len(data), most)
    return data
