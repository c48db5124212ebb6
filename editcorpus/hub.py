"""Datasets on the Hugging Face Hub as inputs: found at one revision, and read by range.

    hf://datasets/<owner>/<name>[@<revision>][/<file, folder or glob>]

Whatever revision is named, its commit is looked up at once, and files are known by URLs with that commit:
`hf://datasets/<owner>/<name>@<commit>/<path>`. So a plan holds what was really read, and a run that is
started again goes on with the commit that it was planned over, however far the dataset has moved on.
No file is downloaded whole, and none through the Hub's storage protocol of chunks (Xet).

Sources: huggingface_hub 2.4 (`hf_file_system.py`, `utils/_hf_uris.py`: the form of URLs; `hf_api.py`:
`dataset_info`, `get_paths_info`, `list_repo_tree`).
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import IO, Any, cast
from urllib.parse import quote, unquote

from fsspec.utils import glob_translate

from editcorpus.buckets import RangeFile, refuse_password
from editcorpus.errors import ConfigError, StorageError
from editcorpus.hubcalls import HASTY, HubCalls, Patience, Place

OPTION = "hub"
"""The member of an input's options that is for the Hub: `endpoint` and `token`."""
ENDPOINT = "https://huggingface.co"
_PREFIX = "hf://"
_PLAIN = re.compile(
    r"hf://datasets/(?P<repo>[\w.-]{1,96}/[\w.-]{1,96})"
    r"(?:@(?P<revision>refs/(?:convert|pr)/[^/@]+|[^/@]+))?(?:/(?P<path>[^\0-\x1f]*))?",
    re.ASCII,
)
_PATH = re.compile(r"[^\0-\x1f]+")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_SERVER = re.compile(r"https?://[\w.-]+(?::\d{1,5})?(?:/[\w./-]*)?", re.ASCII)
_GLOB = re.compile(r"[*?\[]")
_MOST_FILES = 1_000_000
"""Files in a folder; the largest published set of pictures has some thousands."""
_USUAL = Patience()


@dataclass(frozen=True, slots=True)
class Address:
    """A file, a folder or a glob in a dataset.

    Attributes:
        repo: `<owner>/<name>`.
        revision: A branch, a tag or a commit.
        path: In the dataset; empty is its top folder.
    """

    repo: str
    revision: str
    path: str

    @property
    def pinned(self) -> bool:
        """Whether the revision is a commit, which never changes."""
        return bool(_COMMIT.fullmatch(self.revision))

    def __str__(self) -> str:
        end = f"/{self.path}" if self.path else ""
        return f"{_PREFIX}datasets/{self.repo}@{quote(self.revision, safe='')}{end}"


@dataclass(frozen=True, slots=True)
class Found:
    """What lies at an address.

    Attributes:
        sizes: Length in bytes of each file, by its URL with the commit.
        note: What a person should know of the commit; usually empty.
    """

    sizes: Mapping[str, int]
    note: str = ""


def is_hub(url: str) -> bool:
    """Whether a URL is the Hub's."""
    return url.startswith(_PREFIX)


def parse(url: str) -> Address:
    """Take a URL apart.

    Raises:
        ConfigError: It is no URL of a dataset.
    """
    found = _PLAIN.fullmatch(url)
    if not found or {".", ".."} & {*re.split("[/@]", url)}:
        raise ConfigError(
            f"{url!r:.200} is no dataset on the Hub: give hf://datasets/<owner>/<name>[@<revision>]/<path>."
        )
    path = (found["path"] or "").strip("/")
    return Address(found["repo"], unquote(found["revision"] or "main"), path)


def hub_option(endpoint: str, token: str) -> dict[str, Any]:
    """The member of an input's options that is for the Hub; none where neither is given."""
    named = {"endpoint": endpoint, "token": token}
    given = {name: value for name, value in named.items() if value}
    return {OPTION: given} if given else {}


def hub_at(options: Mapping[str, Any], *, hasty: bool) -> "Hub":
    """The Hub that an input's options name.

    Args:
        options: The member `hub` has `endpoint` (the Hub's own by default) and `token`.
        hasty: Whether one that does not answer is given up within seconds.

    Raises:
        ConfigError: The URL of the endpoint is none or holds a password, or the token is none.
    """
    members = options.get(OPTION, {})
    endpoint, token = str(members.get("endpoint") or ENDPOINT), str(members.get("token", ""))
    refuse_password(endpoint)
    if not _SERVER.fullmatch(endpoint):
        raise ConfigError(f"The URL of the Hub, {endpoint!r:.200}, is none of a web server.")
    if not re.fullmatch(r"[!-~]*", token):
        raise ConfigError("The token for the Hub holds characters that no token has.")
    return Hub(HubCalls(endpoint, token, HASTY if hasty else _USUAL))


class Hub:
    """Datasets on the Hub; what cannot be had is a `StorageError` that ends a sentence.

    Args:
        calls: The way there.
    """

    def __init__(self, calls: HubCalls) -> None:
        self._calls = calls

    def find(self, address: Address, planned: Collection[str] = ()) -> Found:
        """The files at an address, of one commit; in two calls and one for each thousand files.

        Args:
            address: Of a file, a folder (searched at any depth) or a glob.
            planned: URLs of files over which the run was planned before: their commit is kept.

        Raises:
            StorageError: There is no such dataset, revision or path, or it cannot be reached.
        """
        at, note = self._pin(address, planned)
        listed = {str(replace(at, path=path)): size for path, size in self._listed(at)}
        return Found(listed, note)

    def open(self, address: Address, size: int | None = None) -> IO[bytes]:
        """A seekable file; each read is one range request.

        Args:
            address: Of a file.
            size: Its length in bytes, if known: then nothing is asked before the first read.

        Raises:
            StorageError: It cannot be read, also on any later read.
        """
        where = f"datasets/{address.repo}/resolve/{quote(address.revision, safe='')}"
        path = f"{where}/{quote(address.path)}"
        places: list[Place] = []

        def place(anew: bool) -> Place:
            if anew or not places:
                places[:] = [self._calls.locate(path)]
            return places[0]

        def fetch(start: int, length: int) -> bytes:
            try:
                return self._calls.read(place, start, length)
            except StorageError as error:
                raise StorageError(f"The input {address} cannot be read: {error}") from None

        length = place(anew=False).size if size is None else size
        return cast("IO[bytes]", RangeFile(str(address), length, fetch))

    def _pin(self, address: Address, planned: Collection[str]) -> tuple[Address, str]:
        """The address at a commit, and what there is to say of it."""
        known = _planned(address.repo, planned)
        if address.pinned:
            return address, ""
        if not known:
            return replace(address, revision=self._commit(address)), ""
        pinned = replace(address, revision=known)
        goes_on = f"the run goes on with {known[:12]}, which it was planned over."
        try:
            newest = self._commit(address)
        except StorageError as error:
            return pinned, f"Where {address} is now cannot be learnt ({str(error)[:-1]}); {goes_on}"
        return pinned, "" if newest == known else f"{address} is at {newest[:12]} now; {goes_on}"

    def _commit(self, address: Address) -> str:
        """The commit that a revision is at; only that is asked for, not the list of all files."""
        url = f"{_api(address.repo)}/revision/{quote(address.revision, safe='')}"
        answer, _ = self._calls.ask("GET", url, params={"expand": "sha"})
        sha = answer.get("sha") if isinstance(answer, dict) else None
        if not isinstance(sha, str) or not _COMMIT.fullmatch(sha):
            raise StorageError("the server at the Hub's URL names no commit: is it a Hub?")
        return sha

    def _listed(self, at: Address) -> Iterator[tuple[str, int]]:
        """Paths and lengths of the files at an address."""
        if not at.path:
            yield from self._tree(at, "", deep=True)
            return
        facts, _ = self._calls.ask(
            "POST",
            f"{_api(at.repo)}/paths-info/{at.revision}",
            data={"paths": [at.path], "expand": False},
        )
        entries = _entries(facts)
        if any(entry.get("type") == "directory" for entry in entries):
            yield from self._tree(at, at.path, deep=True)
        elif entries:
            yield from _files(entries)
        elif _GLOB.search(at.path):
            yield from self._globbed(at)
        else:
            raise StorageError("the dataset has no file or folder at this path.")

    def _globbed(self, at: Address) -> Iterator[tuple[str, int]]:
        """Files that a glob means, out of the list of the one folder below which they are."""
        before = _GLOB.split(at.path, maxsplit=1)[0]
        folder = before.rpartition("/")[0]
        behind = at.path[len(folder) :].strip("/")
        matches = re.compile(glob_translate(at.path)).match
        for path, size in self._tree(at, folder, deep="/" in behind or "**" in behind):
            if matches(path):
                yield path, size

    def _tree(self, at: Address, folder: str, *, deep: bool) -> Iterator[tuple[str, int]]:
        url = f"{_api(at.repo)}/tree/{at.revision}"
        if folder:
            url += f"/{quote(folder, safe='')}"
        members: dict[str, Any] = {"params": {"recursive": deep, "expand": False}}
        count = 0
        while url:
            page, url = self._calls.ask("GET", url, **members)
            members = {}  # the next page's URL has them
            entries = _entries(page)
            yield from _files(entries)
            count += len(entries)
            if count > _MOST_FILES or (url and not entries):
                raise StorageError(f"the Hub's list of it does not end after {count} entries.")


def _api(repo: str) -> str:
    return f"/api/datasets/{repo}"


def _planned(repo: str, planned: Collection[str]) -> str:
    """The commit of a dataset over which a run was planned; empty where there is none."""
    addresses = (parse(url) for url in planned if is_hub(url))
    return next((one.revision for one in addresses if one.repo == repo and one.pinned), "")


def _entries(answer: Any) -> list[dict[str, Any]]:
    if not isinstance(answer, list) or not all(isinstance(one, dict) for one in answer):
        raise StorageError("the server at the Hub's URL gives no list of files: is it a Hub?")
    return answer


def _files(entries: list[dict[str, Any]]) -> Iterator[tuple[str, int]]:
    for entry in entries:
        path, size = entry.get("path"), entry.get("size")
        if entry.get("type") != "file" or not isinstance(path, str) or not isinstance(size, int):
            continue
        if _PATH.fullmatch(path) and not {".", ".."} & {*re.split("[/@]", path)}:
            yield path, size
