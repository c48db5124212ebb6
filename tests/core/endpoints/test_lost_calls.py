import asyncio
import json
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

import aiohttp
import httpx2
import openai
import pytest
from aiohttp.client_reqrep import ConnectionKey
from openai import AsyncOpenAI, DefaultAioHttpClient, DefaultAsyncHttpxClient

from editcorpus.endpoints.classify import Verdict, classify
from editcorpus.records import Reason

REQUEST = httpx2.Request("POST", "http://test")


def timed_out(*chain: Exception) -> openai.APITimeoutError:
    """What the client raises over these causes, the outermost first."""
    error: Exception = openai.APITimeoutError(REQUEST)
    top = error
    for cause in chain:
        error.__cause__ = cause
        error = cause
    return top  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (timed_out(httpx2.ConnectTimeout("x"), aiohttp.ServerDisconnectedError()), "transport"),
        (timed_out(httpx2.ConnectTimeout("x"), aiohttp.ClientOSError(104, "reset")), "transport"),
        (timed_out(httpx2.ReadTimeout("x"), aiohttp.SocketTimeoutError()), "timeout"),
        (timed_out(httpx2.ReadTimeout("x"), aiohttp.ConnectionTimeoutError()), "transport_unsent"),
        (timed_out(httpx2.ReadTimeout("x")), "timeout"),
        (timed_out(httpx2.ConnectTimeout("x")), "transport_unsent"),
        (timed_out(httpx2.PoolTimeout("x")), "transport_unsent"),
        (timed_out(httpx2.ReadError("x"), aiohttp.ClientPayloadError()), "transport"),
        (timed_out(httpx2.ConnectError("x"), socket.gaierror()), "transport_unsent"),
        (TimeoutError(), "timeout"),
        (ConnectionResetError(), "transport"),
        (ConnectionRefusedError(), "transport_unsent"),
        (httpx2.WriteError("x"), "transport"),
        (httpx2.RemoteProtocolError("x"), "transport"),
        (openai.APIConnectionError(request=REQUEST), "transport"),
    ],
)
def test_a_lost_call_is_judged_by_the_chain_of_causes(error: Exception, kind: str) -> None:
    verdict = classify(error)
    assert verdict.kind == kind
    assert verdict.billed == ("no" if kind == "transport_unsent" else "maybe")
    assert verdict.reason is Reason.UNAVAILABLE


def test_an_error_that_was_being_handled_says_nothing_about_the_call() -> None:
    lost = openai.APIConnectionError(request=REQUEST)
    lost.__context__ = ConnectionRefusedError()
    assert classify(lost).billed == "maybe"


def test_a_chain_that_bites_its_tail_ends() -> None:
    lost, cause = openai.APIConnectionError(request=REQUEST), OSError()
    lost.__cause__, cause.__cause__ = cause, lost
    assert classify(lost).kind == "transport"


def test_a_name_that_does_not_resolve_was_never_called() -> None:
    where = ConnectionKey("nowhere.test", 443, True, True, None, None, None)
    unknown = aiohttp.ClientConnectorDNSError(where, socket.gaierror(-2, "unknown"))
    assert classify(timed_out(httpx2.ConnectTimeout("x"), unknown)).kind == "transport_unsent"


Behaviour = Callable[[socket.socket], None]


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def close(_connection: socket.socket) -> None:
    return


def hang(connection: socket.socket) -> None:
    while connection.recv(65536):
        pass


def answer(status: str, body: bytes, length: int | None = None) -> Behaviour:
    size = len(body) if length is None else length
    head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {size}\r\n\r\n"
    return lambda connection: connection.sendall(head.encode() + body)


@contextmanager
def server(behaviour: Behaviour) -> Iterator[str]:
    """A server that reads one request whole, and then does what it is told."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            taken = b""
            while not taken.endswith(b'{"ask":1}'):
                taken += connection.recv(65536)
            behaviour(connection)

    thread = Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        thread.join()
        listener.close()


def lost(url: str, http: Callable[..., Any], timeout: httpx2.Timeout) -> Exception:
    async def ask() -> None:
        async with AsyncOpenAI(
            base_url=url,
            api_key="x",
            http_client=http(timeout=timeout),
            timeout=timeout,
            max_retries=0,
        ) as client:
            await client.post("/ask", body={"ask": 1}, cast_to=object)

    with pytest.raises((openai.OpenAIError, json.JSONDecodeError)) as caught:
        asyncio.run(ask())
    return caught.value


PATIENT = httpx2.Timeout(20.0)
CLIENTS = pytest.mark.parametrize(
    "http", [DefaultAioHttpClient, DefaultAsyncHttpxClient], ids=["aiohttp", "httpx2"]
)


@CLIENTS
@pytest.mark.parametrize(
    ("behaviour", "kind", "billed"),
    [
        (reset, "transport", "maybe"),
        (close, "transport", "maybe"),
        (answer("200 OK", b'{"data": [', length=1000), "transport", "maybe"),
        (answer("200 OK", b'{"data": ['), "damaged", "yes"),
        (answer("502 Bad Gateway", b"<html>Bad gateway</html>"), "edge", "maybe"),
        (answer("401 Unauthorized", b'{"error":"Unauthorized"}'), "auth", "no"),
        (answer("429 Too Many", b'{"error":{"code":"insufficient_quota"}}'), "quota", "no"),
    ],
)
def test_what_goes_wrong_on_a_real_connection_is_told_apart(
    http: Callable[..., Any], behaviour: Behaviour, kind: str, billed: str
) -> None:
    with server(behaviour) as url:
        verdict = classify(lost(url, http, PATIENT))
    assert (verdict.kind, verdict.billed) == (kind, billed)


@CLIENTS
def test_a_server_that_never_answers_may_have_billed(http: Callable[..., Any]) -> None:
    with server(hang) as url:
        verdict = classify(lost(url, http, httpx2.Timeout(20.0, read=0.1)))
    assert (verdict.kind, verdict.billed, verdict.max_retries) == ("timeout", "maybe", 2)


@CLIENTS
def test_a_port_that_nobody_listens_on_never_bills(http: Callable[..., Any]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    verdict: Verdict = classify(lost(f"http://127.0.0.1:{port}", http, PATIENT))
    assert (verdict.kind, verdict.billed) == ("transport_unsent", "no")
    assert verdict.sentence.startswith("No connection could be made: ")
