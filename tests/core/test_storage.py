"""The store: whole or not at all, on a folder and on a bucket."""

import hashlib
import io
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random
from typing import ClassVar

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from editcorpus.checks import check_store
from editcorpus.errors import ConfigError
from editcorpus.storage import Store


def names_in(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


NAMES = ["a", "b/c", "b/d e+f%20=~.json", "ü/日本/🙂", "a'b\"c&<d>?#[x]*!"]


def test_what_is_written_is_read_listed_measured_and_removed(any_store: Store):
    for name in NAMES:
        assert not any_store.exists(f"x/{name}")
        any_store.write(f"x/{name}", name.encode())
    assert any_store.list("x") == sorted(f"x/{name}" for name in NAMES)
    assert any_store.list("x/b") == ["x/b/c", "x/b/d e+f%20=~.json"]
    for name in NAMES:
        assert any_store.exists(f"x/{name}")
        assert any_store.read(f"x/{name}") == name.encode()
        assert any_store.size(f"x/{name}") == len(name.encode())
        any_store.remove(f"x/{name}")
        any_store.remove(f"x/{name}")
    assert any_store.list("x") == []
    assert any_store.list("nothing") == []


def test_a_folder_is_no_file_and_a_sibling_is_not_inside(any_store: Store):
    any_store.write("run/a", b"1")
    any_store.write("run2/a", b"2")
    assert not any_store.exists("run")
    assert any_store.list("run") == ["run/a"]
    assert any_store.list("run/a") == []


def test_writing_again_replaces_and_nothing_may_be_empty(any_store: Store):
    any_store.write("a", b"long before")
    any_store.write("a", b"")
    assert any_store.read("a") == b""
    assert any_store.read_range("a", 0, 10) == b""


@pytest.mark.parametrize("call", ["read", "size", "open"])
def test_what_is_not_there_is_not_found(any_store: Store, call: str):
    with pytest.raises(FileNotFoundError):
        getattr(any_store, call)("a/b")
    with pytest.raises(FileNotFoundError):
        any_store.read_range("a/b", 0, 1)


def test_ranges_end_where_the_file_ends(any_store: Store):
    any_store.write("a", bytes(range(100)))
    assert any_store.read_range("a", 10, 5) == bytes(range(10, 15))
    assert any_store.read_range("a", 95, 50) == bytes(range(95, 100))
    assert any_store.read_range("a", 100, 5) == b""
    assert any_store.read_range("a", 10, 0) == b""


def test_an_opened_file_seeks_and_reads(any_store: Store):
    any_store.write("a", bytes(range(100)))
    with any_store.open("a") as file:
        assert file.seek(-10, io.SEEK_END) == 90
        assert file.read(4) == bytes(range(90, 94))
        assert file.seek(2, io.SEEK_CUR) == 96
        assert file.read() == bytes(range(96, 100))
        assert file.read(1) == b""
        assert file.seek(0) == file.tell() == 0
        assert file.readable()
        with pytest.raises(OSError, match=r"no byte at -1|Invalid argument"):
            file.seek(-101, io.SEEK_END)
    assert file.closed


def test_parquet_is_read_from_an_opened_file(any_store: Store):
    table = pa.table(
        {"n": list(range(1000)), "blob": [bytes([n % 256]) * 100 for n in range(1000)]}
    )
    with any_store.upload("t.parquet") as file:
        pq.write_table(table, file, row_group_size=100)
    with any_store.open("t.parquet") as opened:
        assert pq.read_table(opened, columns=["n"])["n"].to_pylist() == list(range(1000))


@pytest.mark.s3
def test_an_opened_object_is_read_in_ranges_only(s3_store: Store):
    s3_store.write("big", bytes(3_000_000))
    asked = []
    fetch = s3_store.read_range
    s3_store.read_range = lambda *what: asked.append(what[1:]) or fetch(*what)  # type: ignore[method-assign]
    with s3_store.open("big") as file:
        file.seek(1_000_000)
        assert len(file.read(10)) == 10
        buffer = bytearray(5)
        assert file.readinto(buffer) == 5  # type: ignore[attr-defined]
        file.seek(-3, io.SEEK_END)
        assert file.readall() == bytes(3)  # type: ignore[attr-defined]
    assert asked == [(1_000_000, 10), (1_000_010, 5), (2_999_997, 3)]


def test_an_upload_appears_when_its_block_ends_well(any_store: Store):
    with any_store.upload("a/b") as file:
        file.write_bytes(b"half")
        assert not any_store.exists("a/b")
        assert any_store.list("a") == []
        file.write_bytes(b"whole")
    assert any_store.read("a/b") == b"whole"
    assert not file.exists()


def test_an_upload_that_raises_leaves_nothing_and_what_was_there_stays(any_store: Store):
    any_store.write("a", b"before")
    with pytest.raises(ZeroDivisionError), any_store.upload("a") as file:
        file.write_bytes(b"after")
        raise ZeroDivisionError
    assert any_store.read("a") == b"before"
    assert not file.exists()


@pytest.mark.s3
def test_a_column_of_many_pictures_is_uploaded_in_parts(s3_store: Store):
    block = Random(1).randbytes(1 << 20)
    with s3_store.upload("column") as file, file.open("wb") as out:
        for _ in range(120):
            out.write(block)
    assert s3_store.size("column") == 120 << 20
    digest = hashlib.sha256()
    with s3_store.open("column") as found:
        while chunk := found.read(16 << 20):
            digest.update(chunk)
    assert digest.hexdigest() == hashlib.sha256(block * 120).hexdigest()
    assert s3_store.list("x") == []


@pytest.mark.s3
def test_an_upload_to_a_bucket_needs_a_spool(s3_store: Store, s3):
    bare = Store(s3_store.root, s3.options)
    bare.write("a", b"1")
    check_store(bare)
    with pytest.raises(ConfigError, match="needs a local spool folder"), bare.upload("a"):
        pass


class _Puts(BaseHTTPRequestHandler):
    """Takes every PUT, and remembers its path and kind."""

    protocol_version = "HTTP/1.1"  # which waits for nothing that the client holds back
    kinds: ClassVar[dict[str, str | None]] = {}

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.kinds[self.path] = self.headers["Content-Type"]
        self.send_response(200)
        self.send_header("ETag", '"0"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def puts() -> Iterator[str]:
    """The address of a server that takes every PUT."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Puts) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_what_a_browser_shows_is_put_with_its_kind(puts: str):
    store = Store("s3://b/x", {"key": "a", "secret": "b", "endpoint_url": puts})
    for name in ("index.html", "a-1.jpg", "b.png", "c.webp", "d.parquet"):
        store.write(f"g/{name}", b"x")
    assert _Puts.kinds.pop("/b/x/g/d.parquet") not in {"text/html", "image/jpeg"}
    assert _Puts.kinds == {
        "/b/x/g/index.html": "text/html",
        "/b/x/g/a-1.jpg": "image/jpeg",
        "/b/x/g/b.png": "image/png",
        "/b/x/g/c.webp": "image/webp",
    }


def test_temporary_files_are_never_listed(disk_store: Store):
    disk_store.write("a/b", b"1")
    left = disk_store.local_file("a/b").parent / ".0123.tmp"
    left.write_bytes(b"left by a kill")
    assert disk_store.list("a") == ["a/b"]
    with pytest.raises(ConfigError, match="not a path inside the store"):
        disk_store.read("a/.0123.tmp")


def test_create_writes_once(any_store: Store):
    assert any_store.create("a/b", b"first")
    assert not any_store.create("a/b", b"second")
    assert any_store.read("a/b") == b"first"
    assert any_store.list("a") == ["a/b"]


def test_exactly_one_of_16_threads_creates(disk_store: Store):
    with ThreadPoolExecutor(16) as pool:
        for turn in range(20):
            made = list(
                pool.map(lambda n, t=turn: disk_store.create(f"a/{t}", b"%d" % n), range(16))
            )
            assert sum(made) == 1
            assert disk_store.read(f"a/{turn}") == b"%d" % made.index(True)
    assert len(list(disk_store.local_file("a/0").parent.iterdir())) == 20
