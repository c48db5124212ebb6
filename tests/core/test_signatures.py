"""Presigned URLs as input: read with their signature, known and written without it."""

import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pyarrow.parquet as pq
import pytest

from editcorpus.errors import ConfigError, RowsDamaged, StorageError
from editcorpus.inputs import Inputs
from editcorpus.planning import Selection, plan
from editcorpus.readers.parquet import PARQUET
from editcorpus.records import Triplet
from editcorpus.signatures import unsigned, without_signatures
from editcorpus.sources.omniedit import SOURCE
from editcorpus.stages.plan import make_plan
from editcorpus.storage import Store

SIGNED = [
    (
        "?X-Amz-Algorithm=A&X-Amz-Credential=k%2Fs3&X-Amz-Date=2&X-Amz-Expires=9&X-Amz-Signature=abc",
        "",
    ),
    ("?versionId=3&x-amz-signature=abc", "?versionId=3"),
    ("?AWSAccessKeyId=AK&Signature=ab%2B%3D&Expires=1", ""),
    ("?Policy=e30_&Signature=x~y&Key-Pair-Id=K1", ""),
    ("?X-Goog-Algorithm=G&X-Goog-Signature=00ff&generation=12", "?generation=12"),
    ("?sv=2026-02-06&st=2026&se=2027&sr=b&sp=r&sig=a%2Fb%3D", ""),
    ("?download=true&token=hf_x", "?download=true"),
    ("?sp=3&se=4", "?sp=3&se=4"),
    ("?expires=never", "?expires=never"),
    ("?%53ignature=abc", ""),
    ("", ""),
]


def read_pictures(column: str, triplets: Sequence[Triplet], inputs: Inputs):
    source = replace(SOURCE, columns={column: "image"}, pictures={"source": column})
    for one, found in PARQUET.shelf(source, inputs, None).read(triplets, ("source",)):
        yield one, found if isinstance(found, RowsDamaged) else found["source"]


@pytest.mark.parametrize(("query", "kept"), SIGNED)
def test_of_a_url_stays_what_names_the_file(query: str, kept: str) -> None:
    assert unsigned(f"https://host/a.parquet{query}") == f"https://host/a.parquet{kept}"
    text = "404, url='https://host/a.parquet{}' for (https://host/a.parquet{} )"
    assert without_signatures(text.format(query, query)) == text.format(kept, kept)


@pytest.mark.parametrize("where", ["s3://b/a?.parquet", "/data/a?sig=x.parquet", "a?token=1"])
def test_what_is_no_web_address_is_left_as_it_is(where: str) -> None:
    assert unsigned(where) == where


class _Files(BaseHTTPRequestHandler):
    """Serves one file by ranges to whoever brings one of the signatures; GET alone is signed."""

    protocol_version = "HTTP/1.1"
    file = Path()
    signatures: frozenset[str] = frozenset()

    def do_HEAD(self) -> None:
        self._say(403, b"")

    def do_GET(self) -> None:
        query = parse_qs(urlsplit(self.path).query)
        if query.get("X-Amz-Signature", [""])[0] not in self.signatures:
            return self._say(403, b"<Error>SignatureDoesNotMatch</Error>")
        data = self.file.read_bytes()
        wanted = self.headers.get("Range", "")
        if not wanted.startswith("bytes="):
            return self._say(200, data)
        first, _, last = wanted.removeprefix("bytes=").partition("-")
        start, end = int(first), min(int(last or len(data) - 1), len(data) - 1)
        return self._say(206, data[start : end + 1], f"bytes {start}-{end}/{len(data)}")

    def _say(self, status: int, body: bytes, part: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Date", formatdate(usegmt=True))
        if part:
            self.send_header("Content-Range", part)
        self.end_headers()
        with suppress(OSError):
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing is told."""


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    """The URL of a file that wants a signature: `first-51gn` or `second-51gn`."""
    import pyarrow as pa

    from editcorpus.demo.rows import published_schema

    rows = [
        {
            "omni_edit_id": f"task_obj_add_{number}",
            "task": "addition",
            "src_img": {"bytes": b"picture %d" % number, "path": ""},
            "edited_prompt_list": ["Add a hat."],
        }
        for number in range(12)
    ]
    file = tmp_path / "input" / "a.parquet"
    file.parent.mkdir()
    pq.write_table(pa.Table.from_pylist(rows, published_schema()), file, row_group_size=4)
    members = {"file": file, "signatures": frozenset({"first-51gn", "second-51gn"})}
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Files", (_Files,), members))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/a.parquet?X-Amz-Date=2026&X-Amz-Signature="
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_presigned_url_is_read_and_its_signature_is_nowhere(
    served: str, tmp_path, caplog
) -> None:
    caplog.set_level("DEBUG", "editcorpus")
    store = Store.on_disk(tmp_path / "store")
    inputs = Inputs.find(f"{served}first-51gn")
    bare = served.partition("?")[0]
    assert inputs.files == (bare,)
    assert "51gn" not in repr(inputs)
    made = make_plan(store, "r", SOURCE, inputs, Selection())
    planned = [one for shard in plan(SOURCE, inputs, Selection()) for one in shard.triplets]
    read = [data for _, data in read_pictures("src_img", planned, inputs.hasty())]
    assert read == [b"picture %d" % number for number in range(12)]
    anew = make_plan(store, "r", SOURCE, Inputs.find(f"{served}second-51gn"), Selection())
    assert anew == made, "a new signature is the same input"
    written = b"".join(one.read_bytes() for one in (tmp_path / "store").rglob("*") if one.is_file())
    assert b"a.parquet" in written and b"51gn" not in written and b"X-Amz" not in written
    assert "51gn" not in caplog.text


def test_a_signature_that_has_expired_is_told_without_it(served: str) -> None:
    with pytest.raises(ConfigError, match=r"a\.parquet") as caught:
        inputs = Inputs.find(f"{served}old-51gn")
        list(plan(SOURCE, inputs, Selection()))
    assert "51gn" not in str(caught.value) and "X-Amz" not in str(caught.value)


def test_a_server_that_is_gone_is_told_without_a_signature() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}/a.parquet"
        gone = Inputs((url,), signed={url: f"{url}?X-Amz-Signature=old-51gn"})
        with pytest.raises(StorageError, match="cannot be read") as caught:
            gone.open(url).read(1)
    assert "51gn" not in str(caught.value)


def test_a_run_is_the_same_under_another_signature() -> None:
    from flows.parameters import Recipe

    recipes = [
        Recipe(run="r", input=f"https://host/a.parquet?X-Amz-Signature={word}") for word in "ab"
    ]
    first, second = (one.identity(SOURCE) for one in recipes)
    assert first == second and first["input"] == "https://host/a.parquet"
