"""Where a source's files lie, and how they are opened: the Hub, and any place that fsspec reaches.

What is wrong with them is one sentence. Before the run starts that is a `ConfigError`; while
pictures are read, an unreachable file is a `StorageError` and a damaged one a `ShardError`. Of a file
that is damaged in one row group, the others are read.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import IO, Any, cast

import fsspec

from editcorpus import webfiles
from editcorpus.buckets import (
    RangeFile,
    cause,
    client_options,
    hurry,
    refuse_password,
    without_secrets,
)
from editcorpus.errors import (
    ConfigError,
    EditcorpusError,
    StorageError,
)
from editcorpus.hub import OPTION, Found, hub_at, is_hub, parse
from editcorpus.signatures import unsigned, without_signatures
from editcorpus.storage import Store

_CLIENTS = {"botocore", "aiobotocore", "aiohttp", "huggingface_hub"}


@dataclass(frozen=True, slots=True)
class Kind:
    """Which files of a folder hold the rows.

    Attributes:
        endings: How their names end.
        files: What their paths must match somewhere; empty where every path is right.
    """

    endings: tuple[str, ...]
    files: str = ""

    @property
    def told(self) -> str:
        """What is looked for, in words."""
        what = " or ".join(ending.removeprefix(".") for ending in self.endings) + " file"
        return f"{what} of the form {self.files}" if self.files else what

    def means(self, name: str) -> bool:
        """Whether a found file is meant; what is hidden or put aside is not."""
        last = name.rsplit("/", 1)[-1]
        if last.startswith((".", "_")) or not last.endswith(self.endings):
            return False
        return not self.files or re.search(self.files, name) is not None


PARQUET_FILES = Kind((".parquet",))


@dataclass(frozen=True, slots=True)
class Inputs:
    """The files of a source, sorted, and the options to open them with.

    Attributes:
        files: Absolute paths or URLs, without what signs a URL: they may be written down.
        options: What fsspec's filesystem takes; secrets in it appear in no message.
        first_look: Whether a bucket that does not answer is given up within seconds (`hasty`).
        signed: The whole URL of each file that has a signed one; only for opening it.
        sizes: Bytes of each file of which a list said so.
        note: What a person should know of how they were found; usually empty.
        store: Keeps what takes long to find out, such as what lies where in an archive; None: nobody.
        given: Where they were looked for, as it was said: files, folders, globs, URLs.
    """

    files: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    first_look: bool = False
    signed: Mapping[str, str] = field(default_factory=dict, repr=False)
    sizes: Mapping[str, int] = field(default_factory=dict, repr=False)
    note: str = ""
    store: Store | None = field(default=None, repr=False, compare=False)
    given: tuple[str, ...] = ()

    @classmethod
    def find(
        cls,
        where: str | Sequence[str],
        options: Mapping[str, Any] | None = None,
        kind: Kind = PARQUET_FILES,
        planned: Collection[str] = (),
    ) -> "Inputs":
        """Find files with rows; none is opened.

        Args:
            where: A file, a folder (searched at any depth), a glob, a URL such as
                `s3://bucket/folder` or `hf://datasets/owner/name`, or several of them. A URL may be
                presigned.
            options: For URLs only: `key`, `secret`, `endpoint_url`, `anon`; `hub` is for the Hub.
            kind: Which files of a folder are meant.
            planned: Files over which the run was planned before, if it was: a dataset on the Hub is
                read at the commit that they name.

        Raises:
            ConfigError: Nothing is found, the place cannot be reached, the key is refused, or a URL
                holds a password.
        """
        wanted = [where] if isinstance(where, str) else list(where)
        if not wanted:
            raise ConfigError("No input is given: name a file, a folder, a glob or a URL.")
        for one in wanted:
            refuse_password(one)
        chosen = dict(options or {})
        elsewhere = [one for one in wanted if not is_hub(one)]
        listed = {url: size for one in elsewhere for url, size in _found(one, chosen, kind)}
        found = {unsigned(url): url for url in listed}
        signed = {name: url for name, url in found.items() if name != url}
        hub = _on_hub([one for one in wanted if is_hub(one)], chosen, kind, planned)
        files = tuple(sorted({*found, *hub.sizes}))
        sizes = {name: size for name, url in found.items() if (size := listed[url]) is not None}
        given = tuple(map(unsigned, wanted))
        told = {**sizes, **hub.sizes}
        return cls(files, chosen, signed=signed, sizes=told, note=hub.note, given=given)

    @property
    def far(self) -> bool:
        """Whether any file lies behind a network."""
        return any(map(is_far, self.files))

    def hasty(self) -> "Inputs":
        """The same files for a first look, before a run starts."""
        return replace(self, first_look=True)

    def open(self, url: str) -> IO[bytes]:
        """A seekable file for reading; on a bucket or the Hub each read is one range request.

        Raises:
            StorageError: It cannot be opened.
        """
        if is_hub(url):
            return hub_at(self.options, hasty=self.first_look).open(parse(url), self.sizes.get(url))
        with self.explained(url):
            whole = self.signed.get(url, url)
            if webfiles.is_web(url):
                return self._on_web(url, whole)
            system, path = _system(whole, self.options, hasty=self.first_look)
            opened: IO[bytes] = system.open(path, "rb", cache_type="none")
            return opened

    def _on_web(self, url: str, whole: str) -> IO[bytes]:
        size = self.sizes.get(url)
        if size is None:
            size = webfiles.length(whole, hasty=self.first_look)
        fetch = partial(webfiles.fetch, whole, hasty=self.first_look)
        return cast("IO[bytes]", RangeFile(url, size, fetch))

    def reach(self, url: str) -> tuple[Any, str]:
        """The filesystem of a folder or bucket, and what a path is there; not for Hub and web servers.

        Raises:
            ConfigError: The URL's protocol is unknown.
        """
        return _system(self.signed.get(url, url), self.options, hasty=self.first_look)

    @contextmanager
    def explained(self, url: str) -> Iterator[None]:
        """Turn what a storage client raises into one sentence without secrets."""
        with _explained(url, self.options):
            yield


def _on_hub(
    wanted: Sequence[str], options: Mapping[str, Any], kind: Kind, planned: Collection[str]
) -> Found:
    """The files of datasets on the Hub."""
    sizes: dict[str, int] = {}
    notes = []
    for one in wanted:
        address = parse(one)
        try:
            found = hub_at(options, hasty=True).find(address, planned)
        except StorageError as error:
            raise ConfigError(f"The input {one} cannot be read: {error}") from None
        names = [
            name for name in found.sizes if kind.means(name) or parse(name).path == address.path
        ]
        if not names:
            raise ConfigError(f"No {kind.told} is found at {one!r}.")
        sizes |= {name: found.sizes[name] for name in names}
        notes.append(found.note)
    return Found(sizes, " ".join(filter(None, notes)))


def _found(where: str, options: Mapping[str, Any], kind: Kind) -> Iterator[tuple[str, int | None]]:
    """Each file, and its bytes as a list of a place behind a network has them."""
    if webfiles.is_web(where):
        yield where, _on_web(where, kind)
        return
    with _explained(where, options, ConfigError):
        system, path = _system(where, options, hasty=True)
        listed = _listed(system, path)
        names = [name for name in listed if name == path or kind.means(name)]
        if not names:
            raise ConfigError(f"No {kind.told} is found at {unsigned(where)!r}.")
    for name in names:
        if _is_local(where):
            yield name, None
        else:
            yield str(system.unstrip_protocol(name)), listed[name].get("size")


def _on_web(where: str, kind: Kind) -> int:
    """Bytes of the one file that a URL of a web server names."""
    with _explained(where, {}, ConfigError):
        try:
            return webfiles.length(where, hasty=True)
        except FileNotFoundError:
            raise ConfigError(f"No {kind.told} is found at {unsigned(where)!r}.") from None


def _listed(system: Any, path: str) -> Mapping[str, Mapping[str, Any]]:
    """What is said of each file at a path: a file, a folder (searched at any depth), or a glob."""
    found: Mapping[str, Mapping[str, Any]]
    try:
        said = system.info(path)
    except FileNotFoundError:
        found = system.glob(path, detail=True) if any(sign in path for sign in "*?[") else {}
        return found
    found = {path: said} if said["type"] == "file" else system.find(path, detail=True)
    return found


def is_far(where: str) -> bool:
    """Whether an input lies behind a network."""
    return not _is_local(where) and not where.startswith("file://")


def _is_local(url: str) -> bool:
    return "://" not in url


def _system(url: str, options: Mapping[str, Any], *, hasty: bool) -> tuple[Any, str]:
    others = {name: value for name, value in options.items() if name != OPTION}
    chosen = client_options(url.partition("://")[0], others, hasty=hasty)
    try:
        if _is_local(url):
            return fsspec.filesystem("file"), str(Path(url).expanduser().absolute())
        system, path = fsspec.core.url_to_fs(url, use_listings_cache=False, **chosen)
    except (ValueError, ImportError) as error:
        text = without_signatures(cause(error))
        raise ConfigError(f"No input can be read at {unsigned(url)!r}: {text}") from None
    if hasty:
        hurry(system)
    return system, path


@contextmanager
def _explained(
    url: str, options: Mapping[str, Any], kind: type[EditcorpusError] = StorageError
) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        if _is_ours(error) or not _is_storage(error):
            raise
        text = without_signatures(without_secrets(cause(error), options))
        raise kind(f"The input {unsigned(url)} cannot be read: {text}") from None


def _is_ours(error: BaseException) -> bool:
    return isinstance(error, EditcorpusError)


def _is_storage(error: BaseException) -> bool:
    return isinstance(error, OSError) or type(error).__module__.split(".")[0] in _CLIENTS
