"""The client of the APIs: how it is set up, what it may raise, and when a call is made again."""

import hashlib

import aiohttp
import httpx2
import openai
from openai import AsyncOpenAI, DefaultAioHttpClient

from editcorpus.endpoints.bounded import ACCEPTED, bound
from editcorpus.endpoints.classify import Verdict
from editcorpus.endpoints.endpoint import Endpoint
from editcorpus.errors import ModelMisbehaved

CALL_ERRORS = (
    openai.OpenAIError,
    httpx2.HTTPError,
    aiohttp.ClientError,
    TimeoutError,
    ConnectionError,
    ModelMisbehaved,
)
"""What a call may raise that is told by its class, and is no bug."""
_LONGEST_DELAY_S = 60.0
_KEEP_ALIVE_S = 4.0
"""How long an idle connection is kept: uvicorn, on which vLLM stands, closes it after 5 s, and a call
that goes out at that moment is lost."""
_NO_LIMIT = 0
"""In aiohttp's terms; None would mean its default of 100 connections."""


def client_of(endpoint: Endpoint) -> AsyncOpenAI:
    """A client whose own retries are off: a lost answer may have been billed."""
    limits = httpx2.Limits(
        max_connections=_NO_LIMIT,
        max_keepalive_connections=_NO_LIMIT,
        keepalive_expiry=_KEEP_ALIVE_S,
    )
    return AsyncOpenAI(
        base_url=endpoint.base_url,
        api_key=endpoint.api_key.get_secret_value() or "none",
        http_client=DefaultAioHttpClient(
            limits=limits,
            follow_redirects=False,
            headers={"accept-encoding": ACCEPTED},
            event_hooks={"response": [bound]},
        ),
        timeout=httpx2.Timeout(endpoint.deadline_s, connect=endpoint.connect_s),
        max_retries=0,
    )


def delay_s(key: str, tries: int, verdict: Verdict) -> float:
    """Seconds until the next try: what the API asks for, else 0.5, 1, 2, ... with spread by hash."""
    if verdict.retry_after_s is not None:
        return verdict.retry_after_s
    spread = hashlib.sha256(f"{key}/{tries}".encode()).digest()[0] / 255
    return float(min(_LONGEST_DELAY_S, 0.5 * 2 ** (tries - 1)) * (0.75 + 0.25 * spread))
