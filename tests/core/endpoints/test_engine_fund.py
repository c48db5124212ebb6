"""The engine on money that all runs of a store share: drawn as it is needed, never passed."""

from decimal import Decimal

import pytest

from editcorpus.budgets import PATH
from editcorpus.endpoints.requests import Answered, Unanswered
from editcorpus.errors import BudgetExceeded, RunStopped, ShardError
from editcorpus.leases import Owner
from editcorpus.ledger import read_totals
from editcorpus.treasury import Treasury


def drawing(lab, budget: str, name: str = "a") -> Treasury:
    treasury = Treasury(lab.store, "r", Owner(name, "here", 1))
    treasury.join(Decimal(budget))
    treasury.open(read_totals(lab.store, "r").spent)
    return treasury


def test_the_budget_of_a_store_is_never_passed_by_a_cent_and_a_higher_one_goes_on(lab) -> None:
    lab.config(latency_s=0.02)
    asks = lab.make.chats(150) + lab.make.edits(10)
    budget = Decimal("0.03")
    with lab.engine(in_flight=64) as engine:
        ledger = engine.books.ledger
        ledger.fund = drawing(lab, str(budget))
        first = lab.take(engine, asks)
    ledger.fund.close(ledger.spent + ledger.reserved)
    proven = lab.audit()
    assert isinstance(first.stopped, BudgetExceeded)
    assert "for all runs of the store would be passed" in str(first.stopped)
    assert proven.usd() <= ledger.spent <= budget
    assert ledger.reserved == 0
    answered = len(first.of(Answered))
    assert answered == lab.calls() > 0
    with lab.engine(in_flight=64) as engine:
        engine.books.ledger.fund = drawing(lab, "1", "b")
        second = lab.take(engine, asks)
    assert second.kinds() == {"Answered": 160}
    assert sum(one.paid for one in second.of(Answered)) == 160 - answered


def test_an_account_that_cannot_be_read_any_more_stops_the_run(lab) -> None:
    with lab.engine() as engine:
        engine.books.ledger.fund = drawing(lab, "1")
        lab.store.write(PATH, b"rotten")
        taken = lab.take(engine, lab.make.chats(3))
    assert isinstance(taken.stopped, RunStopped)
    assert "budget.json is damaged" in str(taken.stopped)
    assert taken.kinds() == {"Unanswered": 3}
    assert lab.calls() == 0


@pytest.mark.parametrize("repay", [True, False])
@pytest.mark.parametrize("kind", ["chats", "edits"])
@pytest.mark.parametrize("place", [20, 0.5, 0.95])
def test_an_answer_that_rotted_is_asked_for_again_only_if_it_may_be_paid_for(
    lab, repay: bool, kind: str, place: float
) -> None:
    asks = getattr(lab.make, kind)(1)
    with lab.engine() as engine:
        lab.take(engine, asks)
    cost = read_totals(lab.store, "r").spent
    paths = lab.store.list("responses") or lab.store.list("journal")
    data = bytearray(lab.store.read(paths[0]))
    start = data.rindex(b'{"t":"answer"') if kind == "chats" else 0
    behind = start + (int(place) if place > 1 else int((len(data) - start) * place))
    data[behind] ^= 1
    if kind == "chats":  # in the journal of another run, which nobody needs to add up
        lab.store.remove(paths[0])
        lab.store.write(paths[0].replace("journal/r/", "journal/other/"), bytes(data))
    else:
        lab.store.write(paths[0], bytes(data))
    with lab.engine() as engine:
        responses = engine.books.responses
        responses.repay = repay
        if kind == "edits" and responses.image(asks[0].key) is not None:
            with pytest.raises(ShardError, match="is damaged; it was set aside"):
                responses.picture(asks[0].key)
        taken = lab.take(engine, asks)
        repaid = responses.repaid
    key_is_lost = kind == "chats" and place == 20  # the hash itself does not tell whose it was
    if repay or key_is_lost:
        assert taken.kinds() == {"Answered": 1}
        assert lab.calls() == 2
        assert repaid == ((0, 0) if key_is_lost else (1, cost))
    else:
        (outcome,) = taken.of(Unanswered)
        assert outcome.reason == "not_repaid"
        assert "is damaged in the store. To ask again would cost about as much" in outcome.detail
        assert lab.calls() == 1
