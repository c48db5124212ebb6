"""Any order of calls, ends, full disks and deaths: the budget holds, and no call is forgotten.

The machine does what the engine does, one move at a time, on a real journal and a real response store,
and dies between any two moves; its model adds up the plain way.
"""

import asyncio
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from editcorpus.errors import BudgetExceeded, StorageFull
from editcorpus.journal import Journal, encode
from editcorpus.ledger import (
    Intent,
    Ledger,
    Outcome,
    Record,
    journal_folder,
    read_history,
    read_totals,
    to_fields,
)
from editcorpus.responses import Responses, text_line
from editcorpus.storage import Store

RUN = "spring"
BUDGET = Decimal(10)
AT = "2026-11-20T00:00:00.000+00:00"
dollars = st.decimals(0, 4, places=3)
outcomes = st.sampled_from(["settled", "damaged", "possibly", "free"])


class SmallDisk(Store):
    """A store whose disk may be full: half a line fits, then an error."""

    full = False

    def append(self, path: str, handle: int, data: bytes) -> None:
        if self.full:
            os.write(handle, data[: len(data) // 2])
            raise StorageFull("No space is left.")
        super().append(path, handle, data)


@dataclass
class Call:
    """What the model knows of one try.

    Attributes:
        worst: What is reserved for it.
        process: Which process made it.
        sent: Whether its intent is durable, so that it may have been billed.
        booked: What this process booked for it; None while it is out.
        durable: What a reader of the store knows of it; None while it knows of no end.
    """

    worst: Decimal
    process: int
    sent: bool = False
    booked: Decimal | None = None
    durable: Decimal | None = None

    @property
    def certain(self) -> Decimal:
        """What a new process must book for it."""
        if self.durable is not None:
            return self.durable
        return self.worst if self.sent else Decimal(0)


def key_of(attempt: str) -> str:
    return f"{int(attempt.rpartition('-')[2]):064x}"


def intent(attempt: str, worst: Decimal) -> Intent:
    return Intent(attempt, key_of(attempt), RUN, 0, "omniedit/1", "align", 0, "m", worst, AT)


class Lives(RuleBasedStateMachine):
    """A run in many lives."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.store = SmallDisk(self.folder.name)
        self.loop = asyncio.new_event_loop()
        self.calls: dict[str, Call] = {}
        self.noted: list[bytes] = []
        self.ends: list[Callable[[], None]] = []
        self.process = 0
        self.number = 0
        self.children: dict[str, Decimal] = {}
        self.open_books()

    def open_books(self) -> None:
        self.ledger = Ledger(BUDGET, read_totals(self.store, RUN))
        self.responses = Responses(self.store)
        name = f"p{self.process}"
        self.journal = Journal(self.store, journal_folder(RUN), name, 0)

    def teardown(self) -> None:
        self.store.full = False
        self.die()
        self.loop.close()
        self.folder.cleanup()

    def die(self) -> None:
        """As a kill does it: what was only noted is gone, and so is whoever waits."""
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
            with suppress(asyncio.CancelledError):
                self.loop.run_until_complete(task)
        self.journal.close()

    def written(self, line: bytes | None) -> bool:
        """Whether a line was promised; those that were noted before go along."""

        async def write() -> None:
            for noted in self.noted:
                self.journal.note(noted)
            self.noted.clear()
            await (self.journal.flush() if line is None else self.journal.durable(line))

        try:
            self.loop.run_until_complete(write())
        except StorageFull:
            return False
        for known in self.ends:
            known()
        self.ends.clear()
        return True

    def name(self, of: str = "") -> str:
        self.number += 1
        return f"p{self.process}{of}-{self.number}"

    def mine(self, *, sent: bool) -> list[str]:
        return [
            name
            for name, call in self.calls.items()
            if call.process == self.process and call.booked is None and call.sent == sent
        ]

    @rule(worst=dollars)
    def reserve(self, worst: Decimal) -> None:
        name = self.name()
        try:
            fits = self.ledger.reserve(name, worst)
        except BudgetExceeded:
            assert not self.mine(sent=False) and not self.mine(sent=True) and not self.children
            return
        if fits:
            self.calls[name] = Call(worst, self.process)

    @precondition(lambda self: self.mine(sent=False))
    @rule(data=st.data())
    def give_up(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(self.mine(sent=False)))
        self.ledger.release(name)
        del self.calls[name]

    @precondition(lambda self: self.mine(sent=False))
    @rule(data=st.data())
    def send(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(self.mine(sent=False)))
        sent = intent(name, self.calls[name].worst)
        if self.written(encode("intent", sent.key, **to_fields(sent))):
            self.calls[name].sent = True
        else:
            self.end(name, "free", Decimal(0))

    def drawn(self, data: st.DataObject, outcome: Outcome) -> tuple[str, Record]:
        name = data.draw(st.sampled_from(self.mine(sent=True)))
        worst = self.calls[name].worst
        fixed = {"possibly": worst, "free": Decimal(0)}.get(outcome)
        usd = data.draw(st.decimals(0, worst, places=3)) if fixed is None else fixed
        return name, Record.of(intent(name, worst), usd, AT, outcome)

    def end(self, name: str, outcome: Outcome, usd: Decimal) -> None:
        """Note an end; it lasts from the next line that is durable on."""
        call = self.calls[name]
        record = Record.of(intent(name, call.worst), usd, AT, outcome)
        self.noted.append(encode("end", record.key, **to_fields(record)))
        self.ends.append(lambda: setattr(call, "durable", usd))
        self.ledger.book(record)
        call.booked = usd

    @precondition(lambda self: self.mine(sent=True))
    @rule(data=st.data(), outcome=outcomes)
    def miss(self, data: st.DataObject, outcome: Any) -> None:
        name, record = self.drawn(data, outcome)
        self.end(name, outcome, record.usd)

    @precondition(lambda self: self.mine(sent=True))
    @rule(data=st.data())
    def answer_in_text(self, data: st.DataObject) -> None:
        name, record = self.drawn(data, "settled")
        if not self.written(text_line(record, "{}")):
            self.end(name, "possibly", self.calls[name].worst)
            return
        self.ledger.book(record)
        self.calls[name].booked = self.calls[name].durable = record.usd

    @precondition(lambda self: self.mine(sent=True))
    @rule(data=st.data(), dies=st.booleans())
    def answer_with_a_picture(self, data: st.DataObject, dies: bool) -> None:
        name, record = self.drawn(data, "settled")
        self.responses.keep_image(record, b"picture")
        self.calls[name].durable = record.usd
        if dies:
            self.kill(b"")
        else:
            self.end(name, "settled", record.usd)

    @rule()
    def flush(self) -> None:
        assert self.written(None) or self.store.full

    @rule(full=st.booleans())
    def fill(self, full: bool) -> None:
        self.store.full = full

    @rule(torn=st.sampled_from([b"", b"{", b'{"t":"intent","k":"00', b'{"t":"end"']))
    def kill(self, torn: bytes) -> None:
        """The next process knows of each call what is durable, and of every other one the worst."""
        self.die()
        self.store.full = False
        self.noted.clear()
        self.ends.clear()
        for path in self.store.list(f"{journal_folder(RUN)}/p{self.process}")[-1:]:
            with (Path(self.folder.name) / path).open("ab") as file:
                file.write(torn)
        self.process += 1
        self.children.clear()
        self.calls = {name: call for name, call in self.calls.items() if call.certain or call.sent}
        for call in self.calls.values():
            call.booked = call.certain
        self.open_books()
        self.nothing_is_forgotten()

    @rule(worst=dollars)
    def hand_an_allowance_on(self, worst: Decimal) -> None:
        name = self.name("c")
        with suppress(BudgetExceeded):
            if self.ledger.reserve(name, worst):
                self.children[name] = worst

    @precondition(lambda self: self.children)
    @rule(data=st.data(), outcome=st.sampled_from(["settled", "lost", "possibly"]))
    def take_an_allowance_back(self, data: st.DataObject, outcome: str) -> None:
        """Another process made one call under its allowance, and ended or died."""
        child = data.draw(st.sampled_from(sorted(self.children)))
        allowance = self.children.pop(child)
        worst = data.draw(st.decimals(0, allowance, places=3))
        usd = data.draw(st.decimals(0, worst, places=3)) if outcome == "settled" else worst
        name = self.name("c")
        sent = intent(name, worst)
        lines = encode("intent", sent.key, **to_fields(sent))
        if outcome != "lost":
            ended = Record.of(sent, usd, AT, "settled" if outcome == "settled" else "possibly")
            lines += encode("end", sent.key, **to_fields(ended))
        self.store.write(f"{journal_folder(RUN)}/{child}/000000.jsonl", lines)
        self.ledger.absorb(child, read_totals(self.store, RUN, child), 0)
        made = Call(worst, -1, sent=True, booked=usd)
        made.durable = None if outcome == "lost" else usd
        self.calls[name] = made

    def nothing_is_forgotten(self) -> None:
        history = read_history(self.store, RUN)
        known = {record.attempt: record.usd for record in history.records}
        known |= {item.attempt: item.usd for item in history.open}
        expected = {name: call.certain for name, call in self.calls.items() if call.sent}
        assert {name: known.get(name) for name in expected} == expected
        assert history.spent == sum(expected.values()) <= BUDGET
        lost = {name for name, call in self.calls.items() if call.sent and call.durable is None}
        assert lost == {item.attempt for item in history.open}

    @invariant()
    def the_budget_holds(self) -> None:
        out = sum((self.calls[n].worst for n in self.mine(sent=False) + self.mine(sent=True)), 0)
        booked = sum((call.booked or Decimal(0) for call in self.calls.values()), Decimal(0))
        assert self.ledger.spent == booked
        assert self.ledger.reserved == out + sum(self.children.values())
        assert self.ledger.spent + self.ledger.reserved <= BUDGET


TestLives = Lives.TestCase
TestLives.settings = settings(
    max_examples=60,
    stateful_step_count=30,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
