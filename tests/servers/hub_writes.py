"""A local server that takes what `huggingface_hub` pushes: repositories, large files, commits.

It speaks the calls of `HfApi.create_repo`, `create_branch`, `repo_info`, `list_repo_tree`,
`preupload_lfs_files` and `create_commit` (large files by LFS, in one piece or in parts), and `resolve`.
"""

import base64
import hashlib
import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

TOKEN = "hf_planted-3b1d77"
LARGE = (".parquet", ".tar", ".jpg", ".png", ".webp")
PAGE = 3
"""Files on one page of a listing."""


@dataclass
class Repo:
    private: bool
    branches: dict[str, dict[str, bytes]]
    commits: list[tuple[str, list[str], list[str]]] = field(default_factory=list)
    """Message, paths added, paths deleted."""


class HubWrites(ThreadingHTTPServer):
    """State and switches; all of it may be changed while it serves."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Call)
        self.repos: dict[str, Repo] = {}
        self.objects: dict[str, bytes] = {}
        self.received: Counter[str] = Counter()
        """How often the whole content of each large file came in, by its hash."""
        self.calls: list[str] = []
        self.parts: dict[str, dict[int, bytes]] = {}
        self.refuse: dict[str, tuple[int, str]] = {}
        """Status and message by what a path holds."""
        self.part_bytes = 0
        """Length of the parts in which large files are to come; 0 for one piece."""
        self.stop_after = -1
        """Large files that are taken before `stopped` is set and nothing is answered any more."""
        self.stopped = threading.Event()
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def files(self, name: str, branch: str = "main") -> dict[str, bytes]:
        return self.repos[name].branches[branch]

    def make(self, name: str, files: dict[str, bytes] | None = None, private: bool = False) -> None:
        attributes = {".gitattributes": b"*.parquet filter=lfs\n"}
        self.repos[name] = Repo(private, {"main": attributes | (files or {})})
        self.objects |= {sha(data): data for data in (files or {}).values()}

    def handle_error(self, *_: object) -> None:
        """Clients that die are expected."""


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _entry(path: str, data: bytes) -> dict[str, Any]:
    blob = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
    made = {"type": "file", "path": path, "size": len(data), "oid": blob}
    if path.endswith(LARGE):
        made["lfs"] = {"oid": sha(data), "size": len(data), "pointerSize": 130}
    return made


class _Call(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: HubWrites

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self, status: int, body: Any = None, **headers: str) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        data = b""
        while size := int(self.rfile.readline(), 16):
            data += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return data

    def _serve(self) -> None:
        hub, body = self.server, self._body()
        path = unquote(urlsplit(self.path).path)
        with hub.lock:
            hub.calls.append(f"{self.command} {path}")
        signed = path.startswith("/storage/")
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        refused = [said for part, said in hub.refuse.items() if part in f"{self.command} {path}"]
        if refused:
            status, told = refused[0]
            self._answer(status, {"error": told})
        elif not signed and token not in {"", TOKEN}:
            told = "Invalid credentials in Authorization header"
            self._answer(401, {"error": told}, X_Error_Message=told)
        else:
            self._route(path.strip("/").split("/"), body, token)

    do_GET = do_POST = do_PUT = _serve  # noqa: N815 - the names that the class asks for

    def _route(self, path: list[str], body: bytes, token: str) -> None:
        if path[0] == "storage":
            self._stored(path[1], body)
        elif path[:3] == ["api", "repos", "create"]:
            self._created(json.loads(body))
        elif path[:2] == ["api", "validate-yaml"]:
            self._answer(200, {"errors": [], "warnings": []})
        elif path[0] == "datasets":
            self._plain(path[1:], body)
        else:
            self._repo("/".join(path[2:4]), path[4:], body, token)

    def _created(self, told: dict[str, Any]) -> None:
        name = f"{told['organization']}/{told['name']}"
        status = 409 if name in self.server.repos else 200
        if status == 200:
            self.server.make(name, private=told.get("visibility") == "private")
        self._answer(status, {"url": f"{self.server.url}/datasets/{name}", "name": name})

    def _plain(self, path: list[str], body: bytes) -> None:
        name = "/".join(path[:2])
        if name.endswith(".git"):
            self._batch(json.loads(body))
            return
        data = self.server.files(name, path[3]).get("/".join(path[4:]))
        if data is None:
            self._answer(404, X_Error_Code="EntryNotFound")
        else:
            self._answer(200, data)

    def _repo(self, name: str, path: list[str], body: bytes, token: str) -> None:
        repo = self.server.repos.get(name)
        if repo is None or (repo.private and not token):
            self._answer(404 if token else 401, X_Error_Code="RepoNotFound")
            return
        call, branch = (path[0], path[1]) if path else ("revision", "main")
        if call == "branch":
            made = branch not in repo.branches
            repo.branches.setdefault(branch, dict(repo.branches["main"]))
            self._answer(200 if made else 409)
        elif branch not in repo.branches:
            self._answer(404, X_Error_Code="RevisionNotFound")
        elif call == "revision":
            commit = f"{len(repo.commits):040x}"
            self._answer(200, {"id": name, "sha": commit, "private": repo.private, "siblings": []})
        elif call == "tree":
            self._tree(repo.branches[branch])
        elif call == "preupload":
            self._modes(repo.branches[branch], json.loads(body)["files"])
        elif call == "commit":
            self._commit(name, branch, [json.loads(line) for line in body.splitlines()])
        else:
            self._answer(404)

    def _tree(self, files: dict[str, bytes]) -> None:
        start = int(parse_qs(urlsplit(self.path).query).get("cursor", ["0"])[0])
        entries = [_entry(path, files[path]) for path in sorted(files)]
        url = f"{self.server.url}{urlsplit(self.path).path}?recursive=true&cursor={start + PAGE}"
        more = {"Link": f'<{url}>; rel="next"'} if start + PAGE < len(entries) else {}
        self._answer(200, json.dumps(entries[start : start + PAGE]).encode(), **more)

    def _modes(self, there: dict[str, bytes], files: list[dict[str, Any]]) -> None:
        modes = [
            {
                "path": file["path"],
                "uploadMode": "lfs" if file["path"].endswith(LARGE) else "regular",
                "shouldIgnore": False,
            }
            for file in files
        ]
        self._answer(200, {"files": modes})

    def _batch(self, told: dict[str, Any]) -> None:
        made = []
        for one in told["objects"]:
            oid, size = one["oid"], one["size"]
            answer = {"oid": oid, "size": size}
            if oid not in self.server.objects:
                answer["actions"] = {"upload": self._upload(oid, size)}
            made.append(answer)
        self._answer(200, {"objects": made, "transfer": "basic"})

    def _upload(self, oid: str, size: int) -> dict[str, Any]:
        place = f"{self.server.url}/storage/{oid}"
        length = self.server.part_bytes
        if not length:
            return {"href": f"{place}?signature=s3cr3t"}
        count = -(-size // length)
        parts = {str(n): f"{place}?part={n}&signature=s3cr3t" for n in range(1, count + 1)}
        return {"href": f"{place}?complete=1", "header": {"chunk_size": str(length), **parts}}

    def _stored(self, oid: str, body: bytes) -> None:
        query = parse_qs(urlsplit(self.path).query)
        if "part" in query:
            self.server.parts.setdefault(oid, {})[int(query["part"][0])] = body
            self._answer(200, ETag=f'"{query["part"][0]}"')
            return
        if "complete" in query:
            parts = self.server.parts.pop(oid)
            body = b"".join(parts[one["partNumber"]] for one in json.loads(body)["parts"])
        if sha(body) != oid:
            self._answer(400, {"error": "The content has another hash."})
            return
        with self.server.lock:
            self.server.objects[oid] = body
            self.server.received[oid] += 1
            last = self.server.received.total() == self.server.stop_after
        if last:
            self.server.stopped.set()
            threading.Event().wait(60)  # whoever sent it is killed meanwhile
        self._answer(200)

    def _commit(self, name: str, branch: str, lines: list[dict[str, Any]]) -> None:
        repo = self.server.repos[name]
        files = dict(repo.branches[branch])
        added, deleted = [], []
        for line in lines[1:]:
            value, path = line["value"], line["value"]["path"]
            if line["key"] == "deletedFile":
                del files[path]
                deleted.append(path)
                continue
            large = line["key"] == "lfsFile"
            data = (
                self.server.objects[value["oid"]] if large else base64.b64decode(value["content"])
            )
            files[path] = data
            added.append(path)
        repo.branches[branch] = files
        repo.commits.append((lines[0]["value"]["summary"], added, deleted))
        commit = f"{len(repo.commits):040x}"
        told = {
            "commitUrl": f"{self.server.url}/datasets/{name}/commit/{commit}",
            "commitOid": commit,
        }
        self._answer(200, told)


@contextmanager
def serving() -> Iterator[HubWrites]:
    """A Hub without any repository."""
    with HubWrites() as hub:
        thread = threading.Thread(target=hub.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield hub
        finally:
            hub.shutdown()
            thread.join()
