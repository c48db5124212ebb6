"""The engine when its store or journal takes no more: what was paid is named, and the run stops."""

from editcorpus.endpoints.requests import Answered, Outcome, Unanswered
from editcorpus.errors import (
    StorageError,
    StorageFull,
)
from editcorpus.journal import Journal
from editcorpus.records import Reason
from editcorpus.sinks import Place
from editcorpus.storage import Store


def unreached(outcomes: list[Outcome]) -> int:
    return sum(isinstance(one, Unanswered) and one.reason is Reason.NOT_REACHED for one in outcomes)


class SmallStore(Store):
    """A store whose disk is full, or whose writes of answers fail now and then."""

    def __init__(self, root: str, errors: list[OSError]) -> None:
        super().__init__(root)
        self.errors = errors

    def write(self, path: str, data: bytes) -> None:
        if path.startswith("responses/") and self.errors:
            raise self.errors.pop()
        super().write(path, data)


def full(count: int) -> list[OSError]:
    return [StorageFull("No space is left for the store.") for _ in range(count)]


def test_a_full_disk_stops_the_run_and_names_the_paid_call(lab) -> None:
    lab.config(latency_s=0.1)
    store = SmallStore(lab.store.root, full(1))
    with lab.engine(responses_in=store, in_flight=4) as engine:
        taken = lab.take(engine, lab.make.edits(12))
        assert engine.books.ledger.reserved == 0
    assert isinstance(taken.stopped, StorageFull)
    assert str(taken.stopped) == "No space is left for the store."
    booked = lab.audit().by_outcome()
    assert booked["possibly"] == 1 and booked["settled"] == len(taken.of(Answered))
    assert lab.calls() <= 8
    with lab.engine() as engine:
        assert lab.take(engine, lab.make.edits(12)).kinds() == {"Answered": 12}


def test_a_store_that_stumbles_does_not_lose_a_paid_answer(lab) -> None:
    store = SmallStore(lab.store.root, [StorageError("The bucket stumbled.")])
    with lab.engine(responses_in=store) as engine:
        taken = lab.take(engine, lab.make.edits(2))
    assert taken.kinds() == {"Answered": 2}
    assert lab.audit().by_outcome() == {"settled": 2}


class SmallJournal(Journal):
    """A journal that has no space for one kind of lines."""

    kind = b""

    async def durable(self, line: bytes) -> Place:
        if line.startswith(b'{"t":"' + self.kind + b'"'):
            raise StorageFull("No space is left for the journal.")
        return await super().durable(line)


class NoIntents(SmallJournal):
    kind = b"intent"


class NoAnswers(SmallJournal):
    kind = b"answer"


def test_no_call_goes_out_that_is_not_on_record(lab) -> None:
    with lab.engine(journal=NoIntents) as engine:
        taken = lab.take(engine, lab.make.chats(30) + lab.make.edits(2))
        ledger = engine.books.ledger
    assert str(taken.stopped) == "No space is left for the journal."
    assert lab.calls() == 0 and unreached(taken.outcomes) == 32
    assert ledger.spent == ledger.reserved == 0


def test_a_text_that_cannot_be_stored_is_possibly_billed(lab) -> None:
    with lab.engine(journal=NoAnswers, in_flight=4) as engine:
        taken = lab.take(engine, lab.make.chats(20))
        assert engine.books.ledger.reserved == 0
    assert isinstance(taken.stopped, StorageFull) and unreached(taken.outcomes) == 20
    proven = lab.audit()
    assert proven.by_outcome().keys() <= {"possibly", "free"}
    assert proven.by_outcome()["possibly"] == lab.calls() <= 8
