import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from editcorpus.endpoints.endpoint import Endpoint, endpoint_from
from editcorpus.endpoints.health import (
    batches_served,
    check_endpoint,
    check_tokens,
    is_emulated,
)
from editcorpus.errors import ConfigError

NOBODY = "http://127.0.0.1:9/v1"
QWEN = "Qwen/Qwen2.5-VL-7B-Instruct"


def endpoint(url: str, key: str = "sk-planted", provider: str = "openai") -> Endpoint:
    return endpoint_from("images", {"base_url": url, "api_key": key, "provider": provider})


def emulated(url: str, key: str = "sk-planted") -> Endpoint:
    return endpoint(url, key, "sandbox")


@contextmanager
def answering(status: int, body: bytes) -> Iterator[str]:
    """A server that gives everybody this one answer."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_: Any) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, args=(0.01,)).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/v1"
        finally:
            server.shutdown()


def test_an_endpoint_that_serves_the_model_passes(lab) -> None:
    check_endpoint(emulated(lab.sandbox.url), "gpt-image-2")
    check_endpoint(emulated(lab.sandbox.vllm_url, "sk-vllm"), QWEN)


def test_emulated_answers_never_pass_for_real_ones_nor_the_reverse(lab) -> None:
    with pytest.raises(ConfigError, match="is the sandbox, but its provider is 'openai'"):
        check_endpoint(endpoint(lab.sandbox.url), "gpt-image-2")
    with answering(200, b'{"data": [{"id": "m"}]}') as url:
        check_endpoint(endpoint(url), "m")
        with pytest.raises(ConfigError, match="has the provider 'sandbox', but is no sandbox"):
            check_endpoint(emulated(url), "m")


def test_a_wrong_key_is_told_without_the_key(lab) -> None:
    with pytest.raises(ConfigError, match="refuses the key") as caught:
        check_endpoint(endpoint(lab.sandbox.vllm_url, "sk-planted"), QWEN)
    assert "planted" not in str(caught.value)
    with pytest.raises(ConfigError, match="refuses the key"):
        check_endpoint(endpoint(lab.sandbox.url, ""), "gpt-image-2")


def test_a_model_that_is_not_served_is_told_with_those_that_are(lab) -> None:
    with pytest.raises(ConfigError, match=r"does not serve 'gpt-image-1'; it serves: .*gpt-6"):
        check_endpoint(emulated(lab.sandbox.url), "gpt-image-1")


def test_an_endpoint_that_is_down_is_told_in_one_sentence() -> None:
    with pytest.raises(
        ConfigError, match=r"at http://127\.0\.0\.1:9/v1 does not answer: "
    ) as caught:
        check_endpoint(endpoint(NOBODY), "m", timeout_s=2)
    assert "\n" not in str(caught.value)


def test_an_endpoint_without_a_url_is_told() -> None:
    with pytest.raises(ConfigError, match="does not answer"):
        check_endpoint(endpoint(""), "m")


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (404, b"nothing", "answers 404 to /models"),
        (301, b"", "answers 301 to /models"),
        (200, b"<html>Sign in</html>", "does not serve 'm'; it serves: none"),
        (200, b'{"data": 7}', "it serves: none"),
        (200, b"[" * 100_000, "it serves: none"),
        (200, b'{"data": [{"id": "n"}, 3, {"id": null}]}', "it serves: None, n"),
    ],
)
def test_an_answer_that_is_none_is_told(status: int, body: bytes, says: str) -> None:
    with answering(status, body) as url, pytest.raises(ConfigError, match=says):
        check_endpoint(endpoint(url), "m")


def test_names_of_models_cannot_flood_the_sentence() -> None:
    body = json.dumps({"data": [{"id": f"{n}\n" * 5000} for n in range(50)]}).encode()
    with answering(200, body) as url, pytest.raises(ConfigError) as caught:
        check_endpoint(endpoint(url), "m")
    assert len(str(caught.value)) < 1000 and "\n" not in str(caught.value)


def test_words_have_the_tokens_that_are_asked_for(lab) -> None:
    judge = emulated(lab.sandbox.vllm_url, "sk-vllm")
    check_tokens(judge, QWEN, ["Yes", "No", "Yes and no and more"], [9454, 2753])
    with pytest.raises(ConfigError, match=r"9454 \('Yes'\): set align.token_ids to those, not to"):
        check_tokens(judge, QWEN, ["Yes"], [7])
    with pytest.raises(ConfigError, match="no token for any of 'Yes and no and more'"):
        check_tokens(judge, QWEN, ["Yes and no and more"], [7])


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (404, b"", "answers 404 to /tokenize"),
        (200, b"<html>", "gives no token ids of 'Yes'"),
        (200, b'{"tokens": ["9454"]}', "gives no token ids of 'Yes'"),
    ],
)
def test_an_endpoint_that_cannot_tokenize_is_told(status: int, body: bytes, says: str) -> None:
    with answering(status, body) as url, pytest.raises(ConfigError, match=says):
        check_tokens(endpoint(url), QWEN, ["Yes"], [9454])


def test_the_sandbox_is_told_from_the_real_thing(lab) -> None:
    assert is_emulated(lab.sandbox.url) and is_emulated(lab.sandbox.vllm_url)
    assert not is_emulated(NOBODY) and not is_emulated("no url at all")
    with answering(200, b"{}") as url:
        assert not is_emulated(url)


def test_batches_are_served_where_the_address_is_known(lab) -> None:
    assert batches_served(emulated(lab.sandbox.url))
    assert not batches_served(emulated(lab.sandbox.vllm_url))


@pytest.mark.parametrize(
    ("status", "body", "served"),
    [(404, b"", False), (405, b"{}", False), (501, b"", False), (200, b"<html>", False)],
)
def test_an_endpoint_that_does_not_know_batches_has_none(status: int, body: bytes, served) -> None:
    with answering(status, body) as url:
        assert batches_served(endpoint(url)) is served


@pytest.mark.parametrize(("status", "says"), [(401, "refuses the key"), (503, "answers 503")])
def test_whether_there_are_batches_is_not_guessed(status: int, says: str) -> None:
    with answering(status, b"") as url, pytest.raises(ConfigError, match=says):
        batches_served(endpoint(url))
