"""What a block's own check says about hosts, keys, models, buckets, clocks and room."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

import blocks.corpus_store
from blocks.corpus_store import CorpusStore
from blocks.model_endpoint import ModelEndpoint

SECRET = "s3-planted-51c0de"
LATE = "Sat, 21 Nov 2020 12:00:00 GMT"
SKEWED = (
    b"<?xml version='1.0'?><Error><Code>RequestTimeTooSkewed</Code><Message>The difference between the "
    b"request time and the current time is too large.</Message><RequestTime>20261121T120000Z</RequestTime>"
    b"<ServerTime>2026-11-21T12:20:00Z</ServerTime></Error>"
)


@contextmanager
def answering(status: int, body: bytes, kind: str, date: str = "") -> Iterator[str]:
    """A server that gives everybody the same answer; its URL."""

    class Same(BaseHTTPRequestHandler):
        def answer(self) -> None:
            if "expect" not in self.headers:  # or the body only comes once it is asked for
                self.rfile.read(int(self.headers.get("content-length", 0)))
            self.send_response_only(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            if date:
                self.send_header("date", date)
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_PUT = do_POST = answer  # noqa: N815 - as the class wants them

        def log_message(self, *words: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Same) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def one_sentence(told: str) -> bool:
    return told.endswith(".") and "\n" not in told and SECRET not in told


def test_an_endpoint_that_works_has_nothing_to_say(one_sandbox: Any, key: str) -> None:
    api = {"base_url": one_sandbox.url, "api_key": SecretStr(key), "provider": "sandbox"}
    assert ModelEndpoint(**api).check() == ""
    assert ModelEndpoint(**api, models=["gpt-image-2.5-sunburst"]).check() == ""


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"api_key": SecretStr(SECRET)}, "refuses the key"),
        ({"models": ["gpt-image-9"]}, "does not serve 'gpt-image-9'; it serves: "),
        ({"provider": "openai"}, "is the sandbox, but its provider is 'openai'"),
        ({"base_url": "http://no-such-host.invalid/v1"}, "its host is not known"),
    ],
)
def test_an_endpoint_says_what_is_wrong(
    one_sandbox: Any, key: str, change: dict[str, Any], told: str
) -> None:
    api = {"base_url": one_sandbox.url, "api_key": SecretStr(key), "provider": "sandbox"}
    found = ModelEndpoint(**{**api, **change}).check()
    assert told in found
    assert one_sentence(found)


def test_an_endpoint_says_that_nobody_listens_or_that_it_speaks_no_tls(dead_url: str) -> None:
    assert "refuses the connection" in ModelEndpoint(base_url=f"{dead_url}/v1").check()
    with answering(200, b'{"data": []}', "application/json") as url:
        found = ModelEndpoint(base_url=f"{url}/v1".replace("http:", "https:")).check()
    assert "does not speak TLS" in found
    assert one_sentence(found)


def test_an_endpoint_says_that_the_clock_is_wrong() -> None:
    with answering(200, b'{"data": []}', "application/json", LATE) as url:
        found = ModelEndpoint(base_url=f"{url}/v1").check()
    assert "This machine's clock is" in found
    assert f"min ahead of that of {url.removeprefix('http://')}" in found
    assert one_sentence(found)


def test_an_endpoint_that_was_loaded_without_a_look_at_its_values_says_what_is_wrong() -> None:
    found = ModelEndpoint.model_construct(base_url="ftp://host", api_key=SecretStr(SECRET)).check()
    assert "base_url" in found
    assert one_sentence(found)


@pytest.fixture(scope="module")
def bucket(
    tmp_path_factory: pytest.TempPathFactory, serve_s3: Callable[..., Any]
) -> Iterator[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("s3")
    (folder / "team").mkdir()
    with serve_s3(folder, SECRET) as url:
        yield {
            "root": "s3://team/editcorpus",
            "endpoint_url": url,
            "access_key": "access",
            "secret_key": SecretStr(SECRET),
            "spool": str(folder / "spool"),
        }


@pytest.mark.s3
@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({}, ""),
        ({"root": "s3://nobody/x"}, "the bucket does not exist"),
        ({"secret_key": SecretStr("wrong")}, "the secret does not fit the access key"),
        ({"access_key": "nobody"}, "does not know this access key"),
        ({"endpoint_url": "http://no-such-host.invalid"}, "its host is not known"),
        ({"root": "teapot://x"}, "No store can be opened at 'teapot://x'"),
    ],
)
def test_a_store_says_what_is_wrong(
    bucket: dict[str, Any], change: dict[str, Any], told: str
) -> None:
    found = CorpusStore(**{**bucket, **change}).check()
    assert told in found
    assert bool(found) == bool(told)
    assert found == "" or one_sentence(found)


def test_a_store_says_that_the_clock_is_wrong(tmp_path: Path) -> None:
    with answering(403, SKEWED, "application/xml") as url:
        members = {"root": "s3://team/x", "endpoint_url": url, "access_key": "access"}
        found = CorpusStore(**members, secret_key=SecretStr(SECRET), spool=str(tmp_path)).check()
    assert "this machine's clock is 20 min behind the server's; set it by NTP" in found
    assert one_sentence(found)


def test_a_store_says_that_its_spool_has_no_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks.corpus_store, "LEAST_SPOOL_BYTES", 10**18)
    found = CorpusStore(root="s3://team/x", spool=str(tmp_path / "not" / "there")).check()
    assert "GB of room, and files on their way to a bucket need" in found
    assert one_sentence(found)


def test_a_folder_needs_no_spool_and_says_where_it_cannot_be_written(tmp_path: Path) -> None:
    assert CorpusStore(root=str(tmp_path / "store")).check() == ""
    (tmp_path / "file").write_text("x")
    found = CorpusStore(root=str(tmp_path / "file" / "store")).check()
    assert "cannot be used" in found
    assert one_sentence(found)
