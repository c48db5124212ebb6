"""Who was given up: grouped, counted, priced, with what to do."""

from decimal import Decimal

from editcorpus.ledger import read_history
from editcorpus.lookups.failures import EXAMPLES, grouped, run_failures
from editcorpus.lookups.verdicts import run_verdicts
from editcorpus.records import REMEDIES, SENTENCES, Failed, Reason, Rejected
from editcorpus.storage import Store


def test_the_groups_hold_everybody_who_was_given_up(built: Store) -> None:
    for run in ("spring", "strict"):
        gone = [item for part in run_verdicts(built, run) for item in part.gone]
        groups = run_failures(built, run)
        assert sum(group.count for group in groups) == len(gone)
        assert {(group.step, group.reason) for group in groups} == {
            (item.step, item.reason) for item in gone
        }
        assert all(set(group.examples) <= set(gone) for group in groups)


def test_dollars_of_a_group_are_those_of_its_triplets(built: Store) -> None:
    gone = {item.id for part in run_verdicts(built, "spring") for item in part.gone}
    booked = [call.usd for call in read_history(built, "spring").records if call.id in gone]
    groups = run_failures(built, "spring")
    assert sum((group.usd for group in groups), Decimal(0)) == sum(booked, Decimal(0))
    unread = next(group for group in groups if group.reason is Reason.IMAGE_UNREADABLE)
    assert unread.usd == 0


def test_failed_ones_come_first_then_the_larger_groups() -> None:
    items = [
        *(Rejected(f"x/{n}", "filter", Reason.NO_EDIT, "d") for n in range(5)),
        *(Failed(f"x/{n}", "align", Reason.UNAVAILABLE, "d") for n in range(2)),
        *(Rejected(f"y/{n}", "pad", Reason.IMAGE_BLANK, "d") for n in range(7)),
    ]
    groups = grouped(items)
    assert [(one.verdict, one.count) for one in groups] == [
        ("failed", 2),
        ("rejected", 7),
        ("rejected", 5),
    ]
    assert [len(one.examples) for one in groups] == [2, EXAMPLES, EXAMPLES]


def test_a_group_says_why_and_what_to_do() -> None:
    (group,) = grouped([Rejected("x/1", "filter", Reason.NO_EDIT, "0.001 changed")])
    assert group.as_json() == {
        "verdict": "rejected",
        "step": "filter",
        "reason": "no_edit",
        "count": 1,
        "usd": "0",
        "sentence": SENTENCES[Reason.NO_EDIT],
        "what_to_do": REMEDIES[Reason.NO_EDIT],
        "examples": [{"id": "x/1", "detail": "0.001 changed"}],
    }
