"""Files of web servers: what is read of them, and how little a hostile server can do with it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from editcorpus import webfiles
from editcorpus.archives.folder import Folder
from editcorpus.errors import ConfigError, StorageError
from editcorpus.inputs import Inputs
from editcorpus.readers.parquet import PARQUET
from editcorpus.readers.stock import entries_of

MOST = 200 * 1024 * 1024
"""Bytes that an endless answer has: more than any test may take."""


class _Server(BaseHTTPRequestHandler):
    """Behaves as the path says."""

    protocol_version = "HTTP/1.1"
    folder = Path()
    sent: list[int]
    released = threading.Event()

    def handle(self) -> None:
        with suppress(OSError):
            super().handle()

    def do_GET(self) -> None:
        name = unquote(self.path).lstrip("/")
        behave = getattr(self, f"_{name.partition('.')[0]}", None)
        if behave is not None:
            return behave()
        file = self.folder / name
        if file.is_dir():
            links = "".join(f'<a href="{one.name}">x</a>' for one in sorted(file.iterdir()))
            links += (
                '<a href="/up">up</a><a href="https://example.org/a">far</a><a href="../b">b</a>'
            )
            return self._say(200, links.encode())
        if not file.is_file():
            return self._say(404, b"")
        data = file.read_bytes()
        first, _, last = self.headers["Range"].removeprefix("bytes=").partition("-")
        start, end = int(first), min(int(last), len(data) - 1)
        if start >= len(data):
            return self._say(416, b"")
        return self._say(206, data[start : end + 1], f"bytes {start}-{end}/{len(data)}")

    def _say(self, status: int, body: bytes, part: str = "", **more: str) -> None:
        self.send_response(status)
        told = {"Content-Length": str(len(body)), **({"Content-Range": part} if part else {})}
        for name, value in {**told, **more}.items():
            self.send_header(name, value)
        self.end_headers()
        with suppress(OSError):
            self.wfile.write(body)

    def _refused(self) -> None:
        self._say(403, b"no")

    def _broken(self) -> None:
        self._say(500, b"no")

    def _loop(self) -> None:
        self._say(302, b"", Location=self.path)

    def _file(self) -> None:
        self._say(302, b"", Location="file:///etc/passwd")

    def _metadata(self) -> None:
        self._say(302, b"", Location="http://169.254.169.254/latest/meta-data/a.parquet")

    def _moved(self) -> None:
        self._say(302, b"", Location="/good%20one.parquet")

    def _silent(self) -> None:
        self.released.wait()

    def _lengthless(self) -> None:
        self._endless(200, {})

    def _huge(self) -> None:
        self._endless(206, {"Content-Range": f"bytes 0-0/{10**15}", "Content-Length": f"{10**15}"})

    def _greedy(self) -> None:
        start = self.headers["Range"].removeprefix("bytes=").partition("-")[0]
        told = {"Content-Range": f"bytes {start}-{10**9 - 1}/{10**9}"}
        self._endless(206, told)

    def _whole(self) -> None:
        self._say(200, bytes(300_000))

    def _endless(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Connection": "close"}.items():
            self.send_header(name, value)
        self.end_headers()
        sent = 0
        with suppress(OSError):
            while sent < MOST:
                sent += self.wfile.write(bytes(65_536))
        self.sent.append(sent)
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Nothing is told."""


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[str, type[_Server]]]:
    kind = type(
        "Served", (_Server,), {"folder": tmp_path, "sent": [], "released": threading.Event()}
    )
    server = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", kind
    webfiles._client().close()
    webfiles._client.cache_clear()
    kind.released.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def url(served: tuple[str, type[_Server]]) -> str:
    return served[0]


@pytest.fixture
def put(tmp_path: Path) -> Callable[[str], Path]:
    def write(name: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        rows = [b"%d" % number * 40_000 for number in range(12)]
        pq.write_table(
            pa.table({"img": pa.array(rows)}), path, row_group_size=4, compression="none"
        )
        return path

    return write


@pytest.mark.parametrize("name", ["good one.parquet", "moved.parquet"])
def test_a_file_is_read_by_range(url: str, put: Callable[[str], Path], name: str):
    path = put("good one.parquet")
    inputs = Inputs.find(f"{url}/{name}")
    assert inputs.sizes == {f"{url}/{name}": path.stat().st_size}
    with PARQUET.rows(inputs, inputs.files[0]) as rows:
        assert [row["img"][:2] for row in rows.records(2, ["img"])] == [b"88", b"99", b"10", b"11"]
    with inputs.open(inputs.files[0]) as file:
        assert file.read() == path.read_bytes()
        assert file.read(1) == b""


def test_an_empty_file_has_no_byte(url: str, tmp_path: Path):
    (tmp_path / "none.bin").write_bytes(b"")
    assert webfiles.length(f"{url}/none.bin") == 0
    assert webfiles.fetch(f"{url}/none.bin", 0, 10) == b""


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("none.parquet", "No parquet file is found at"),
        ("refused.parquet", "the server answers 403"),
        ("broken.parquet", "the server answers 500"),
        ("loop.parquet", "the server sends from one URL to the next"),
        ("file.parquet", "the server sends to file://, where nothing is read"),
        (
            "metadata.parquet",
            "the server sends to 169.254.169.254, which is none of the outer world",
        ),
        ("silent.parquet", "no whole answer comes from 127.0.0.1"),
        ("lengthless.parquet", "the server does not say how long it is"),
    ],
)
def test_what_cannot_be_read_is_told_in_one_sentence(
    url: str, name: str, sentence: str, monkeypatch: pytest.MonkeyPatch
):
    if name == "silent.parquet":
        monkeypatch.setattr(webfiles, "_HASTY_S", 0.3)
    with pytest.raises(ConfigError, match=sentence) as caught:
        Inputs.find(f"{url}/{name}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("huge", "not give single ranges"), ("whole", "not give single ranges")],
)
def test_a_server_that_gives_no_ranges_is_told(url: str, name: str, sentence: str):
    inputs = Inputs.find(f"{url}/{name}.parquet")
    with (
        pytest.raises(StorageError, match=sentence),
        PARQUET.rows(inputs, inputs.files[0]),
    ):
        pass


def test_no_more_is_taken_than_was_asked_for(served: tuple[str, type[_Server]]):
    url, kind = served
    inputs = Inputs.find(f"{url}/greedy.parquet")
    with inputs.open(inputs.files[0]) as file:
        file.seek(5)
        assert file.read(100_000) == bytes(100_000)
    assert all(sent < MOST for sent in kind.sent)


def test_a_server_that_sends_too_slowly_is_given_up(url: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(webfiles, "_LEAST_PACE", 10**15)
    monkeypatch.setattr(webfiles, "_GRACE_S", 0.0)
    inputs = Inputs.find(f"{url}/greedy.parquet")
    with inputs.open(inputs.files[0]) as file, pytest.raises(OSError, match="sends too slowly"):
        file.read(1_000_000)


@pytest.mark.parametrize(
    ("old", "new", "allowed"),
    [
        ("https://host/a", "https://cdn/a", True),
        ("http://host/a", "https://cdn/a", True),
        ("https://host/a", "http://host/a", False),
        ("http://host/a", "ftp://host/a", False),
        ("http://host/a", "http://localhost:8080/a", False),
        ("http://host/a", "http://127.0.0.2/a", False),
        ("http://host/a", "http://[::1]/a", False),
        ("http://host/a", "http://[::ffff:169.254.169.254]/a", False),
        ("http://host/a", "http://[fd00:ec2::254]/a", False),
        ("http://host/a", "http://metadata.google.internal/a", False),
        ("http://127.0.0.1:1/a", "http://127.0.0.1:2/a", True),
        ("http://host/a", "http://10.0.0.7/a", True),
    ],
)
def test_where_a_server_may_send_to(old: str, new: str, allowed: bool):
    if allowed:
        assert webfiles._followed(old, new) == new
        return
    with pytest.raises(OSError, match="the server sends to"):
        webfiles._followed(old, new)


def test_pictures_beside_the_rows_are_found_by_the_servers_own_list(url: str, tmp_path: Path):
    (tmp_path / "set" / "before").mkdir(parents=True)
    (tmp_path / "set" / "before" / "a b.jpg").write_bytes(b"picture")
    (tmp_path / "set" / "rows.jsonl").write_bytes(b"{}\n")
    assert entries_of(f"{url}/set", Inputs()) == [f"{url}/set/before", f"{url}/set/rows.jsonl"]
    folder = Folder(f"{url}/set", Inputs())
    assert "before/a b.jpg" in folder and "before/none.jpg" not in folder
    assert folder.read("before/a b.jpg", 100) == b"picture"
    assert folder.read("../set/before/a b.jpg", 100) is None
    assert folder.read("before/none.jpg", 100) is None
