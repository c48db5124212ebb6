"""A small Hub on loopback: datasets with commits, and a CDN beside it that wants signed URLs.

It speaks what is needed to read: `api/datasets/.../revision`, `paths-info`, `tree` in pages, and `resolve`
with HEAD and Range; large files lie on the CDN. What it answers follows huggingface_hub 2.4, which reads
these answers (`utils/_http.py`, `file_download.py`, `hf_api.py`).
"""

import hashlib
import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from hub_data import Asked, HubServer, Refused

_API = re.compile(r"/api/datasets/([^/]+/[^/]+)/(revision|tree|paths-info)/([^/]+)(?:/(.+))?")
_RESOLVE = re.compile(r"/datasets/([^/]+/[^/]+)/resolve/([^/]+)/(.+)")


class _Handler(BaseHTTPRequestHandler):
    """What both servers share."""

    protocol_version = "HTTP/1.1"
    hub: HubServer
    name = ""

    def do_GET(self) -> None:
        self._answered()

    def do_HEAD(self) -> None:
        self._answered()

    def do_POST(self) -> None:
        self._answered()

    def handle(self) -> None:
        with suppress(OSError):
            super().handle()

    def log_message(self, *_: object) -> None:
        """Nothing is told."""

    def _answered(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        self.form = parse_qs(self.rfile.read(length).decode()) if length else {}
        self.token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        parts = urlsplit(self.path)
        self.where, self.query = parts.path, parts.query
        try:
            self.answer()
        except Refused as refusal:
            self._noted(0)
            self.send(refusal.status, refusal.body, refusal.headers)

    def answer(self) -> None:
        raise Refused(404)

    def send(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        self.send_header("Content-Length", headers.get("Content-Length", str(len(body))))
        for name, value in headers.items():
            if name != "Content-Length":
                self.send_header(name, value)
        with suppress(OSError):  # the caller may have heard enough
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

    def _noted(self, sent: int) -> None:
        wanted = self.headers.get("Range", "")
        path = unquote(self.where)
        asked = Asked(self.name, self.command, path, wanted, self.token, sent)
        with self.hub.lock:
            self.hub.asked.append(asked)

    def send_file(self, data: bytes, headers: Mapping[str, str]) -> None:
        """The file or a range of it, perhaps cut short."""
        with self.hub.lock:
            reads = self.command == "GET" and bool(self.hub.troubles)
            trouble = self.hub.troubles.popleft() if reads else None
        if isinstance(trouble, Refused):
            raise trouble
        found = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        status, members = 200, dict(headers)
        if found and not self.hub.whole:
            start, end = int(found[1]), min(int(found[2]), len(data) - 1)
            members["Content-Range"] = f"bytes {start}-{end}/{len(data)}"
            status, data = 206, data[start : end + 1]
        body = data if trouble is None else data[:trouble]
        self._noted(0 if self.command == "HEAD" else len(body))
        members["Content-Length"] = str(len(data))
        self.close_connection = len(body) < len(data)
        self.send(status, body, members)


class _Hub(_Handler):
    name = "hub"

    def answer(self) -> None:
        if found := _RESOLVE.fullmatch(self.where):
            self._resolved(found[1], unquote(found[2]), unquote(found[3]))
        elif found := _API.fullmatch(self.where):
            self._told(found[1], found[2], unquote(found[3]), unquote(found[4] or ""))
        else:
            raise Refused(404)

    def _named(self, name: str) -> None:
        if new := self.hub.moved.get(name):
            raise Refused(307, {"Location": self.path.replace(name, new)})

    def _resolved(self, name: str, revision: str, path: str) -> None:
        self._named(name)
        self.hub.next_of(self.hub.resolve_troubles)
        sha, data = self.hub.file(name, revision, path, self.token)
        headers = {"X-Repo-Commit": sha}
        if len(data) < self.hub.large:
            self.send_file(data, headers)
            return
        self._noted(0)
        headers |= {"X-Linked-Size": str(len(data))}
        headers |= {"Location": self.hub.signed(f"/{name}/{sha}/{path}")}
        self.send(302, b"Found.", headers)

    def _told(self, name: str, what: str, revision: str, path: str) -> None:
        self._named(name)
        self.hub.next_of(self.hub.api_troubles)
        sha = self.hub.commit_of(name, revision, self.token)
        files = self.hub.datasets[name].commits[sha]
        headers = {"Content-Type": "application/json"}
        if what == "revision":
            told: Any = {"id": name, "sha": sha}
        elif what == "paths-info":
            told = [one for path in self.form["paths"] for one in _entries(files, path)]
        else:
            told, more = self._page(files, path)
            headers |= more
        self._noted(0)
        self.send(200, json.dumps(told).encode(), headers)

    def _page(self, files: Mapping[str, bytes], path: str) -> tuple[Any, dict[str, str]]:
        query = {name: values[0] for name, values in parse_qs(self.query).items()}
        start = f"{path}/" if path else ""
        inside = [one for one in sorted(files) if one.startswith(start)]
        if not inside:
            raise Refused(404, {"X-Error-Code": "EntryNotFound"})
        if query.get("recursive") != "true":
            inside = [one for one in inside if "/" not in one.removeprefix(start)]
        first = int(query.get("cursor", 0))
        last = first + self.hub.page
        told = [one for name in inside[first:last] for one in _entries(files, name)]
        if last >= len(inside):
            return told, {}
        recursive = query.get("recursive", "false")
        following = f"{self.hub.url}{self.where}?recursive={recursive}&cursor={last}"
        return told, {"Link": f'<{following}>; rel="next"'}


def _entries(files: Mapping[str, bytes], path: str) -> list[dict[str, Any]]:
    if path in files:
        oid = hashlib.sha1(files[path]).hexdigest()
        return [{"type": "file", "path": path, "size": len(files[path]), "oid": oid}]
    if any(one.startswith(f"{path}/") for one in files):
        return [{"type": "directory", "path": path, "size": 0, "oid": "0" * 40}]
    return []


class _Cdn(_Handler):
    name = "cdn"

    def answer(self) -> None:
        self.hub.allowed(self.query)
        owner, name, sha, path = unquote(self.where).lstrip("/").split("/", 3)
        self.send_file(self.hub.datasets[f"{owner}/{name}"].commits[sha][path], {})


@contextmanager
def hub_running() -> Iterator[HubServer]:
    """A Hub and its CDN on loopback while the block lasts."""
    hub = HubServer()
    kinds = [type(cls.__name__, (cls,), {"hub": hub}) for cls in (_Hub, _Cdn)]
    servers = [ThreadingHTTPServer(("127.0.0.1", 0), kind) for kind in kinds]
    hub.url, hub.cdn = (f"http://127.0.0.1:{server.server_port}" for server in servers)
    threads = []
    for server in servers:
        server.daemon_threads = True
        threads.append(
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        )
        threads[-1].start()
    try:
        yield hub
    finally:
        from huggingface_hub.utils import close_session

        close_session()
        for server, thread in zip(servers, threads, strict=True):
            server.shutdown()
            server.server_close()
            thread.join()
