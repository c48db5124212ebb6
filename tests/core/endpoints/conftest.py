"""A sandbox with canned answers, engines that ask it, and books that are compared with its journal."""

import io
import itertools
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from PIL import Image

from editcorpus.endpoints.books import Books
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
    **changed: Any,
) -> Ask:
    """An edit of a little picture, told from others by its number."""
    picture = Picture("little", "image/png", 0, (64, 64), load or _PNG)
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


@dataclass(frozen=True)
class Asks:
    """Makes requests."""

    edit: Callable[..., Ask] = edit
    chat: Callable[..., Ask] = chat
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
        thread.join(30)
        assert not thread.is_alive(), "nothing hangs"
