"""What a running sandbox holds: config, journal, limits, threads, and who is being served."""

import asyncio
import hmac
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from editcorpus.sandbox.batches import Batches
from editcorpus.sandbox.canned import Shelf
from editcorpus.sandbox.chance import digest
from editcorpus.sandbox.clock import Clock
from editcorpus.sandbox.config import SandboxConfig
from editcorpus.sandbox.files import Files, Stored
from editcorpus.sandbox.journal import Journal
from editcorpus.sandbox.limits import Gate
from editcorpus.sandbox.others import Others
from editcorpus.sandbox.personas import Persona
from editcorpus.sandbox.refusals import ApiError, bad_key, out_of_quota

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Underway:
    """A batch that is worked on, and the event that tells its work of a cancellation."""

    task: "asyncio.Task[None]"
    wake: asyncio.Event


class Sandbox:
    """One server's state; all of it is touched by the event loop alone, but `run`'s work."""

    def __init__(self, config: SandboxConfig) -> None:
        self.config = config
        self.journal = Journal(config.journal_path)
        self.shelf = Shelf()
        self.others = Others(config.requests, config.benchmark)
        #: As many calls as there are threads hold decoded pixels; the others wait encoded.
        self.bench = asyncio.Semaphore(config.threads)
        self.in_flight = 0
        self.most_in_flight = 0
        self._vllm_working = 0
        self.underway: dict[str, Underway] = {}
        self._own: tempfile.TemporaryDirectory[str] | None = None
        folder = self._folder()
        self.files = Files(folder / "files", config.seed)
        self.batches = Batches(folder / "batches", config.seed)
        self.clock = Clock(config.created, config.time_scale)
        self.clock.forward(max(self.files.latest(), self.batches.latest()))
        self._errands: Counter[str] = Counter()
        self._pool = ThreadPoolExecutor(config.threads, "sandbox")
        self._gate = Gate(config.limits, self.now())

    def _folder(self) -> Path:
        """Where files and batches lie: beside the journal, or for as long as the server runs."""
        if self.config.journal_path is not None:
            return self.config.journal_path.with_name(self.config.journal_path.name + ".state")
        self._own = tempfile.TemporaryDirectory(prefix="editcorpus-sandbox-")
        return Path(self._own.name)

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

    def check_quota(self) -> None:
        """Refuse a call when the dollars are spent.

        Raises:
            ApiError: 429.
        """
        quota = self.config.quota_after_usd
        if quota is not None and self.journal.billed_usd >= quota:
            raise out_of_quota()

    def errand(self, key: str = "") -> int:
        """Count a call that is free; its number among those of that content, from 1."""
        self._errands[key] += 1
        return self._errands[key]

    def find_file(self, file_id: str, param: str | None = "id") -> Stored:
        """A file that is there.

        Raises:
            ApiError: 404.
        """
        return self.files.find(file_id, self.clock.now(), self.config.batches.keep_s, param)

    def listed_files(self) -> Iterable[Stored]:
        """All files that are there, newest first."""
        return self.files.listed(self.clock.now(), self.config.batches.keep_s)

    def headers(self, request_id: str, delay_s: float) -> dict[str, str]:
        """The headers of every answer of the OpenAI persona; `delay_s` is emulated."""
        milliseconds = delay_s * self.config.time_scale * 1000
        return {
            "x-request-id": request_id,
            "openai-processing-ms": str(max(1, round(milliseconds))),
            "openai-version": "2020-10-01",
            "openai-organization": "org-emulated",
            "cf-ray": f"{digest('ray', request_id)[:16]}-EMU",
            "set-cookie": "__cf_bm=emulated; path=/; HttpOnly; Secure; SameSite=None",
            **self._gate.headers(self.now(), self.config.time_scale),
        }

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
        if self.config.time_scale != before.time_scale:
            self.clock = self.clock.rescaled(self.config.time_scale)

    def reset(self) -> None:
        """Empty the journal, attempts, counts, files and batches, and fill the buckets."""
        self._stop()
        self.files.reset()
        self.batches.reset()
        self._errands.clear()
        self.journal.reset()
        self.most_in_flight = self.in_flight
        working = self._gate.working
        self._gate = Gate(self.config.limits, self.now())
        self._gate.working = working

    def _stop(self) -> None:
        for each in self.underway.values():
            each.task.cancel()
        self.underway.clear()

    def close(self) -> None:
        """End the work on batches and the threads, and close the journal."""
        self._stop()
        self._pool.shutdown(wait=False, cancel_futures=True)
        self.journal.close()
        if self._own is not None:
            self._own.cleanup()
