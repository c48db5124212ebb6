"""What a running sandbox holds: config, journal, limits, threads, and who is being served."""

import asyncio
import hmac
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar

from editcorpus.sandbox.canned import Shelf
from editcorpus.sandbox.config import SandboxConfig
from editcorpus.sandbox.journal import Journal
from editcorpus.sandbox.limits import Gate
from editcorpus.sandbox.personas import Persona
from editcorpus.sandbox.refusals import ApiError, bad_key

P = ParamSpec("P")
T = TypeVar("T")


class Sandbox:
    """One server's state; all of it is touched by the event loop alone, but `run`'s work."""

    def __init__(self, config: SandboxConfig) -> None:
        self.config = config
        self.journal = Journal(config.journal_path)
        self.shelf = Shelf()
        #: As many calls as there are threads hold decoded pixels; the others wait encoded.
        self.bench = asyncio.Semaphore(config.threads)
        self.in_flight = 0
        self.most_in_flight = 0
        self._vllm_working = 0
        self._pool = ThreadPoolExecutor(config.threads, "sandbox")
        self._gate = Gate(config.limits, self.now())

    def now(self) -> float:
        """Emulated seconds since some moment."""
        return time.monotonic() / self.config.time_scale

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do CPU work in a thread."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, lambda: work(*args, **kwargs))

    @contextmanager
    def flight(self) -> Iterator[None]:
        """Counts a call from its first byte to its last."""
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            yield
        finally:
            self.in_flight -= 1

    def check_key(self, authorization: str, persona: Persona) -> None:
        """Refuse a call without a key that is good.

        Raises:
            ApiError: 401.
        """
        openai = persona is Persona.OPENAI
        keys = self.config.api_keys if openai else self.config.vllm_api_keys
        if not openai and not keys and not self.config.keys_revoked:
            return
        scheme, _, key = authorization.partition(" ")
        if scheme.lower() != "bearer" or not key.strip() or self.config.keys_revoked:
            raise bad_key()
        given = key.strip().encode("utf-8", "replace")
        good = [hmac.compare_digest(given, one.get_secret_value().encode()) for one in keys]
        if keys and not any(good):
            raise bad_key()

    def enter(self, persona: Persona, model: str, wanted: dict[str, int]) -> None:
        """Admit a call; `leave` must follow.

        Raises:
            ApiError: A limit is reached.
        """
        if persona is Persona.VLLM:
            most = self.config.vllm_concurrent
            if most and self._vllm_working >= most:
                raise ApiError(503, "The server is at its limit of queued requests.")
            self._vllm_working += 1
            return
        self._gate.admit(model, wanted, self.now(), self.config.time_scale)
        self._gate.working += 1

    def leave(self, persona: Persona) -> None:
        """A call that was admitted has been worked on."""
        if persona is Persona.VLLM:
            self._vllm_working -= 1
        else:
            self._gate.working -= 1

    def rate_headers(self) -> dict[str, str]:
        """The `x-ratelimit-*` headers as of now."""
        return self._gate.headers(self.now(), self.config.time_scale)

    def reconfigure(self, members: dict[str, Any]) -> None:
        """Take changed settings; changed limits start with full buckets.

        Raises:
            ValidationError: A member is out of its bounds.
        """
        working, before = self._gate.working, self.config
        self.config = before.changed(members)
        if self.config.limits != before.limits or self.config.time_scale != before.time_scale:
            self._gate = Gate(self.config.limits, self.now())
            self._gate.working = working

    def reset(self) -> None:
        """Empty the journal, the attempts and the counts, and fill the buckets."""
        self.journal.reset()
        self.most_in_flight = self.in_flight
        working = self._gate.working
        self._gate = Gate(self.config.limits, self.now())
        self._gate.working = working

    def close(self) -> None:
        """End the threads and close the journal."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self.journal.close()
