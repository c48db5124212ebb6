"""What a small Hub holds, and who may see it: datasets with commits, tokens, and what may go wrong."""

import hashlib
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, quote


class Refused(Exception):
    """What is answered in place of what was asked for."""

    def __init__(
        self, status: int, headers: Mapping[str, str] | None = None, body: bytes = b"<p>No.</p>"
    ) -> None:
        super().__init__(status)
        self.status = status
        self.body = body
        self.headers = dict(headers or {})


@dataclass
class Dataset:
    """A repository: the files of each commit, and what its branches are at.

    Attributes:
        gated: Whether its files are only for those who accepted its terms.
        private: Whether it is only for those who may see it.
        readers: Tokens that may.
    """

    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    gated: bool = False
    private: bool = False
    readers: set[str] = field(default_factory=set)

    def commit(self, files: Mapping[str, bytes], branch: str = "main") -> str:
        """Let a branch be at a new commit with these files; its hash."""
        facts = sorted((path, hashlib.sha1(data).hexdigest()) for path, data in files.items())
        sha = hashlib.sha1(repr((branch, facts, len(self.commits))).encode()).hexdigest()
        self.commits[sha] = dict(files)
        self.branches[branch] = sha
        return sha


@dataclass(frozen=True)
class Asked:
    """One request: to the Hub or the CDN, with what, and how many bytes of files it was answered with."""

    server: str
    method: str
    path: str
    range: str
    token: str
    sent: int


class HubServer:
    """The Hub and its CDN, with switches for what may go wrong; run by `hub_running`.

    Attributes:
        datasets: By `<owner>/<name>`.
        tokens: That are of some account.
        moved: Other names of datasets, and what they are called now.
        page: Files in a page of a listing.
        large: Bytes from which on a file lies on the CDN.
        troubles: What the next requests for files are answered with, each once; bytes (a number) after
            which the connection drops, or a refusal.
        api_troubles: Likewise, of the API.
        resolve_troubles: Likewise, what the Hub says of where a file lies.
        expires: Reads after which a signed URL is refused.
        whole: Whether ranges are not understood.
        asked: All requests.
    """

    def __init__(self) -> None:
        self.datasets: dict[str, Dataset] = {}
        self.tokens: set[str] = set()
        self.moved: dict[str, str] = {}
        self.page = 1000
        self.large = 100
        self.troubles: deque[int | Refused] = deque()
        self.api_troubles: deque[Refused] = deque()
        self.resolve_troubles: deque[Refused] = deque()
        self.expires = 1_000_000
        self.whole = False
        self.asked: list[Asked] = []
        self.url = self.cdn = ""
        self.lock = threading.Lock()
        self.signatures: dict[str, int] = {}

    def dataset(self, name: str, **members: Any) -> Dataset:
        """A new dataset."""
        self.datasets[name] = Dataset(**members)
        return self.datasets[name]

    def sent(self, server: str = "") -> int:
        """Bytes of files that were sent since the last `forget`."""
        return sum(one.sent for one in self.asked if server in {"", one.server})

    def forget(self) -> None:
        """Count anew."""
        self.asked.clear()

    def next_of(self, troubles: "deque[Refused]") -> None:
        """Raise the next trouble, if there is one."""
        with self.lock:
            trouble = troubles.popleft() if troubles else None
        if trouble:
            raise trouble

    def seen(self, name: str, token: str) -> Dataset:
        """The dataset, if the token may see that there is one."""
        if token and token not in self.tokens:
            said = "Invalid credentials in Authorization header"
            raise Refused(401, {"X-Error-Message": said})
        found = self.datasets.get(name)
        if found is None or (found.private and token not in found.readers):
            if token:
                raise Refused(404, {"X-Error-Code": "RepoNotFound"})
            raise Refused(401, {"X-Error-Message": "Invalid username or password."})
        return found

    def commit_of(self, name: str, revision: str, token: str) -> str:
        """The commit that a revision means."""
        found = self.seen(name, token)
        sha = found.branches.get(revision, revision)
        if sha not in found.commits:
            raise Refused(404, {"X-Error-Code": "RevisionNotFound"})
        return sha

    def file(self, name: str, revision: str, path: str, token: str) -> tuple[str, bytes]:
        """Commit and content of a file, if the token may read it."""
        sha, found = self.commit_of(name, revision, token), self.datasets[name]
        if found.gated and token not in found.readers:
            raise Refused(403 if token else 401, {"X-Error-Code": "GatedRepo"})
        if path not in found.commits[sha]:
            raise Refused(404, {"X-Error-Code": "EntryNotFound"})
        return sha, found.commits[sha][path]

    def signed(self, path: str) -> str:
        """Where a file lies on the CDN, for a while."""
        with self.lock:
            signature = f"s1gned-{len(self.signatures)}"
            self.signatures[signature] = self.expires
        return f"{self.cdn}{quote(path)}?Expires=1&X-Amz-Signature={signature}"

    def allowed(self, query: str) -> None:
        """Refuse a signature that is none or has expired."""
        signature = parse_qs(query).get("X-Amz-Signature", [""])[0]
        with self.lock:
            left = self.signatures.get(signature, 0)
            if left < 1:
                raise Refused(403)
            self.signatures[signature] = left - 1
