"""A sandbox with canned answers, engines that ask it, and books that are compared with its journal."""

import io
import itertools
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from openai import OpenAI
from PIL import Image

from editcorpus.endpoints.books import Books, Told, unheard
from editcorpus.endpoints.endpoint import endpoint_from
from editcorpus.endpoints.engine import Engine
from editcorpus.endpoints.requests import Ask, Chat, ImageEdit, Outcome, Picture, request_hash
from editcorpus.errors import EditcorpusError
from editcorpus.journal import Journal
from editcorpus.ledger import History, Ledger, journal_folder, read_history, read_totals
from editcorpus.responses import Responses
from editcorpus.sandbox import Running, SandboxConfig, running
from editcorpus.storage import Store

KEY = "sk-emulated-planted"
RUN = "r"
IMAGE_MODEL = "gpt-image-2"
CHAT_MODEL = "gpt-6-luna"
_FRESH: dict[str, Any] = {
    "faults": {},
    "limits": {},
    "latency_s": 0,
    "quota_after_usd": None,
    "keys_revoked": False,
}


@pytest.fixture(scope="session")
def _canned() -> Iterator[Running]:
    with running(SandboxConfig(canned=True, latency_s=0, vllm_api_keys=("sk-vllm",))) as found:
        yield found


@pytest.fixture(scope="session")
def renew(_canned: Running) -> Callable[[], Running]:
    """Gives the one sandbox as if it were new: it answers at once, and its journal is empty."""

    def renewed() -> Running:
        _canned.admin("config", _FRESH)
        _canned.admin("reset", {})
        return _canned

    return renewed


def _small_png() -> bytes:
    stream = io.BytesIO()
    Image.linear_gradient("L").convert("RGB").resize((64, 64)).save(stream, "PNG")
    return stream.getvalue()


def edit(
    number: int,
    prompt: str = "Make it blue",
    *,
    step: str = "regenerate",
    load: Callable[[], bytes] | None = None,
    pixels: str = "little",
    **changed: Any,
) -> Ask:
    """An edit of a little picture, told from others by its number."""
    picture = Picture(pixels, "image/png", 0, (64, 64), load or _PNG)
    given = {"model": IMAGE_MODEL, "size": (1024, 1024), "quality": "low", "output_format": "png"}
    what = ImageEdit(prompt=f"{prompt} {number}", picture=picture, **{**given, **changed})
    key = request_hash("sandbox", what, 0)
    return Ask(f"{step}/{number}", step, 0, "", 0, what, key)


def chat(
    number: int, prompt: str = "Say it", *, step: str = "rewrite", model: str = CHAT_MODEL
) -> Ask:
    """A question in text, told from others by its number."""
    what = Chat(model, (f"{prompt} {number}",), 40, {})
    return Ask(f"{step}/{number}", step, 0, "", 0, what, request_hash("sandbox", what, 0))


_PNG = partial(bytes, _small_png())


def question(number: int) -> Ask:
    """A question about two little pictures, told from others by its number."""
    picture = Picture("little", "image/png", 0, (64, 64), _PNG)
    content = ("Before:", picture, "After:", picture, f"What has changed? {number}")
    what = Chat(CHAT_MODEL, content, 40, {"temperature": 0})
    return Ask(f"rewrite/{number}", "rewrite", 0, "", 0, what, request_hash("sandbox", what, 0))


@dataclass(frozen=True)
class Asks:
    """Makes requests."""

    edit: Callable[..., Ask] = edit
    chat: Callable[..., Ask] = chat
    question: Callable[..., Ask] = question
    key: str = KEY

    def chats(self, count: int, prompt: str = "Say it", **given: Any) -> list[Ask]:
        return [chat(number, prompt, **given) for number in range(count)]

    def edits(self, count: int, prompt: str = "Make it blue", **given: Any) -> list[Ask]:
        return [edit(number, prompt, **given) for number in range(count)]


_NUMBERS = itertools.count()


@contextmanager
def open_engine(
    store: Store,
    url: str,
    *,
    budget: str | None = None,
    steps: Sequence[str] = ("regenerate", "rewrite"),
    patience_s: float = 25.0,
    journal: Callable[..., Journal] = Journal,
    responses_in: Store | None = None,
    finder: Callable[[Store], Responses] = Responses,
    own: Mapping[str, Mapping[str, Any]] | None = None,
    observer: Callable[[Told], None] = unheard,
    **members: Any,
) -> Iterator[Engine]:
    """An engine of a new process of the run; further members are those of its endpoints."""
    process = f"process-{next(_NUMBERS)}"
    responses = finder(responses_in or store)
    responses.read_index()
    books = Books(
        run=RUN,
        process=process,
        responses=responses,
        ledger=Ledger(None if budget is None else Decimal(budget), read_totals(store, RUN)),
        journal=journal(store, journal_folder(RUN), process, 0.001),
        clock=lambda: "2026-11-20T00:00:00Z",
        observer=observer,
    )
    members = {"base_url": url, "api_key": KEY, "provider": "sandbox", **members}
    each = {step: {**members, **(own or {}).get(step, {})} for step in steps}
    endpoints = {step: endpoint_from(step, given) for step, given in each.items()}
    with Engine(endpoints, books, patience_s=patience_s) as engine:
        yield engine


@dataclass(frozen=True)
class Taken:
    """What came of asking: outcomes in their order, and why it stopped."""

    outcomes: list[Outcome]
    stopped: EditcorpusError | None

    def kinds(self) -> Counter[str]:
        return Counter(type(outcome).__name__ for outcome in self.outcomes)

    def of(self, kind: type) -> list[Any]:
        return [outcome for outcome in self.outcomes if isinstance(outcome, kind)]


def take_all(engine: Engine, asks: Sequence[Ask]) -> Taken:
    """Every outcome; each ask must get exactly one, whatever happens."""
    outcomes: list[Outcome] = []
    stopped: EditcorpusError | None = None
    try:
        for outcome in engine.answers(asks):
            outcomes += [outcome]
    except EditcorpusError as error:
        stopped = error
    assert Counter(one.ask.id for one in outcomes) == Counter(ask.id for ask in asks)
    return Taken(outcomes, stopped)


@dataclass(frozen=True)
class Audit:
    """The books of run `r` beside the server's journal."""

    history: History
    calls: list[dict[str, Any]]

    def by_outcome(self) -> Counter[str]:
        ended: Counter[str] = Counter(record.outcome for record in self.history.records)
        return ended + Counter(open=len(self.history.open))

    def usd(self) -> Decimal:
        """What the server billed."""
        return sum((Decimal(call["usd"]) for call in self.calls), Decimal(0))


def prove_books(sandbox: Running, store: Store) -> Audit:
    """The books beside the server's journal, and the proof that they agree."""
    history = read_history(store, RUN)
    calls = sandbox.admin("journal")["calls"]
    billed = {call["request_id"]: Decimal(call["usd"]) for call in calls if call["billed"]}
    named = {
        outcome: {r.request_id: r.usd for r in history.records if r.outcome == outcome}
        for outcome in ("settled", "damaged")
    }
    settled = named["settled"]
    assert settled == {name: billed[name] for name in settled}, "agree to the cent"
    assert named["damaged"].keys() <= billed.keys()
    unsettled = billed.keys() - settled.keys() - named["damaged"].keys()
    assert len(unsettled) <= len(history.possibly), "whatever was billed for nothing is listed"
    assert sum(billed.values()) <= history.spent, "never booked too low"
    return Audit(history, calls)


@dataclass(frozen=True)
class Lab:
    """A sandbox, a store, and engines of new processes of one run that know both."""

    sandbox: Running
    store: Store
    make: Asks = field(default_factory=Asks)
    threads: list[threading.Thread] = field(default_factory=list)

    def take(self, engine: Engine, asks: Sequence[Ask]) -> Taken:
        return take_all(engine, asks)

    def engine(self, url: str = "", **given: Any) -> AbstractContextManager[Engine]:
        return open_engine(self.store, url or self.sandbox.url, **given)

    def audit(self) -> Audit:
        return prove_books(self.sandbox, self.store)

    def history(self) -> History:
        return read_history(self.store, RUN)

    def config(self, **changed: Any) -> None:
        self.sandbox.admin("config", changed)

    def calls(self) -> int:
        """Calls that the server has seen to their end."""
        return int(self.sandbox.admin("summary")["calls"])

    def thread(self, work: Callable[[], Any]) -> threading.Thread:
        """A thread that the test waits for at its end."""
        made = threading.Thread(target=work, daemon=True)
        self.threads.append(made)
        made.start()
        return made


@pytest.fixture(scope="session")
def new_lab(renew: Callable[[], Running]) -> Callable[[Store], Lab]:
    return lambda store: Lab(renew(), store)


@pytest.fixture
def lab(new_lab: Callable[[Store], Lab], disk_store: Store) -> Iterator[Lab]:
    made = new_lab(disk_store)
    yield made
    for thread in made.threads:
        thread.join(300)
        assert not thread.is_alive(), "nothing hangs"


@dataclass(frozen=True)
class BulkLab(Lab):
    """The same with a server whose clock runs ten thousand times as fast, and with batches."""

    def queue(self, engine: Engine, asks: Sequence[Ask]) -> Taken:
        """Queue what the store lacks, and submit it."""
        outcomes = list(engine.bulk.answers(asks))
        assert Counter(one.ask.id for one in outcomes) == Counter(ask.id for ask in asks)
        engine.bulk.flush()
        return Taken(outcomes, None)

    def wait(self, engine: Engine) -> None:
        """Until no batch is under way."""
        while engine.bulk.look():
            time.sleep(0.005)

    def tokens(self, edits: int) -> int:
        """Input tokens of so many edits, by the engine's estimate."""
        endpoint = endpoint_from("images", {"base_url": self.sandbox.url})
        return edits * endpoint.cost(self.make.edit(1).what).tokens

    def twin(self, ask: Ask) -> Ask:
        """The same request on behalf of another triplet."""
        return replace(ask, id=f"{ask.id}-twin")

    def on_another_store(self) -> "BulkLab":
        """The same server, and a store that has nothing."""
        return BulkLab(self.sandbox, Store(f"{self.store.root}-other"))

    def batches(self) -> list[dict[str, Any]]:
        """All batches that the server has, newest first."""
        with OpenAI(base_url=self.sandbox.url, api_key=KEY, max_retries=0) as client:
            return [one.to_dict() for one in client.batches.list()]

    def prove_clean(self) -> None:
        """No file is left at the server, and no line on record."""
        assert self.sandbox.admin("summary")["files"] == 0
        assert not [path for path in self.store.list(f"runs/{RUN}") if path.endswith(".jsonl")]


@pytest.fixture
def bulk(new_lab: Callable[[Store], Lab], disk_store: Store) -> Iterator[BulkLab]:
    lab = new_lab(disk_store)
    lab.config(time_scale=1e-4)
    yield BulkLab(lab.sandbox, lab.store)
    lab.config(time_scale=1.0, batches={}, strikes=())


Meddling = Callable[[bytes], bytes | None]
"""What becomes of the body of an answer; None breaks the connection instead."""


REFUSAL = b'{"error": {"message": "No.", "type": "invalid_request_error", "code": null}}'


@dataclass
class Meddler:
    """Stands between the client and the server, and spoils what it is told to.

    Attributes:
        says: The status with which calls are refused; the server does not hear of them.
        rules: Which calls, how often, whether the server hears of them, and what becomes of its answers.
    """

    target: str
    rules: list[list] = field(default_factory=list)
    url: str = ""
    says: dict[str, int] = field(default_factory=dict)

    def spoil(self, call: str, meddling: Meddling, *, times: int = 1, heard: bool = True) -> None:
        self.rules.append([re.compile(call), times, heard, meddling])

    def rule(self, call: str) -> list | None:
        for rule in self.rules:
            if rule[1] and rule[0].fullmatch(call):
                rule[1] -= 1
                return rule
        return None

    def status(self, call: str) -> int:
        return next((code for pattern, code in self.says.items() if re.fullmatch(pattern, call)), 0)


class _Between(BaseHTTPRequestHandler):
    """A connection through a meddler."""

    meddler: Meddler
    client: httpx.Client
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def _body(self) -> bytes:
        if self.headers.get("transfer-encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("content-length", 0)))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _pass_on(self) -> None:
        body, call = self._body(), f"{self.command} {self.path}"
        if status := self.meddler.status(call):
            self._say(status, "application/json", REFUSAL)
            return
        rule = self.meddler.rule(call)
        if rule and not rule[2]:
            self.close_connection = True
            return
        kept = ("authorization", "content-type")
        headers = {name: self.headers[name] for name in kept if name in self.headers}
        url = self.meddler.target + self.path
        found = self.client.request(self.command, url, content=body, headers=headers)
        content = rule[3](found.content) if rule else found.content
        if content is None:
            self.close_connection = True
            return
        self._say(found.status_code, found.headers.get("content-type", ""), content)

    def _say(self, status: int, media_type: str, content: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", media_type)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_DELETE = _pass_on  # noqa: N815


@pytest.fixture
def meddler(bulk: BulkLab) -> Iterator[Meddler]:
    made = Meddler(bulk.sandbox.url.removesuffix("/v1"))
    client = httpx.Client(timeout=30)
    handler = type("Handler", (_Between,), {"meddler": made, "client": client})
    with client, ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        made.url = f"http://127.0.0.1:{server.server_port}/v1"
        yield made
        server.shutdown()
        thread.join()
