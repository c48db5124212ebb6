"""The audit of the ledger: journal, stored answers and records of a corpus agree."""

from collections.abc import Callable
from dataclasses import asdict, replace
from decimal import Decimal
from typing import Any

import pytest

from editcorpus.bookings import Intent, Record, to_fields
from editcorpus.journal import encode
from editcorpus.layouts.accounts import check_accounts
from editcorpus.layouts.audit import audit
from editcorpus.layouts.findings import record_problems
from editcorpus.ledger import image_path
from editcorpus.responses import Responses, text_line
from editcorpus.storage import Store

RUN = "spring"


def intent(number: int, run: str = RUN) -> Intent:
    return Intent(
        attempt=f"p-{number}",
        key=f"{number:064x}",
        run=run,
        shard=0,
        id=f"omniedit/task_obj_add_{number}",
        step="regenerate",
        sample=0,
        model="gpt-image-2.5-sunburst",
        usd=Decimal("0.05"),
        at="2026-11-20T00:00:00.000+00:00",
    )


def settled(number: int, **changed: Any) -> Record:
    made = Record.of(intent(number), Decimal("0.04"), "2026-11-20T00:01:00.000+00:00", "settled")
    return replace(made, **changed)


def line(kind: str, item: Intent | Record) -> bytes:
    return encode(kind, item.key, **to_fields(item))


@pytest.fixture
def booked(build: Callable[..., Store]) -> Store:
    """A whole corpus of three records whose pictures were paid for, and one text answer."""
    store = build()
    answers, lines = Responses(store), []
    for number in range(3):
        answers.keep_image(settled(number), b"picture")
        lines += [line("intent", intent(number)), line("end", settled(number))]
    lines.append(text_line(settled(9), "{}"))
    store.write(f"journal/{RUN}/p", b"".join(lines))
    return store


def add(store: Store, *lines: bytes) -> None:
    store.write(f"journal/{RUN}/q", b"".join(lines))


def found(store: Store) -> list[str]:
    return audit(store, RUN, [check_accounts]).problems


def test_what_adds_up_has_no_problem(booked: Store) -> None:
    assert found(booked) == []


def test_a_call_that_ended_twice_is_named(booked: Store) -> None:
    add(booked, line("end", settled(1)), text_line(settled(9), "{}"))
    assert found(booked) == [
        "ledger: the call p-1 ended twice.",
        "ledger: the call p-9 ended twice.",
    ]


def test_other_dollars_in_the_stored_answer_are_named(booked: Store) -> None:
    Responses(booked).keep_image(settled(1, usd=Decimal("0.03")), b"picture")
    assert found(booked) == [
        "ledger: the call p-1 cost $0.04 by the journal, but $0.03 by its stored answer."
    ]


def test_a_paid_picture_that_is_missing_is_named_unless_it_was_set_aside(booked: Store) -> None:
    add(booked, line("end", settled(7)))
    assert found(booked) == [f"ledger: {image_path(settled(7).key)} is missing; p-7 paid for it."]
    booked.write(f"damaged/{settled(7).key}", b"{}")
    assert found(booked) == []


def test_a_record_without_a_header_is_named(booked: Store) -> None:
    booked.write(image_path(settled(1).key), b"{}\npicture")
    assert [text for text in found(booked) if "has no stored header" in text] == [
        f"ledger: 'omniedit/task_obj_add_1' has no stored header at {image_path(settled(1).key)}."
    ]


def test_the_header_of_another_request_is_none(booked: Store) -> None:
    booked.write(image_path(settled(1).key), booked.read(image_path(settled(2).key)))
    assert any("has no stored header" in text for text in found(booked))


def test_an_answer_that_is_not_settled_or_not_whole_is_named(booked: Store) -> None:
    Responses(booked).keep_image(settled(1, outcome="possibly"), b"picture")
    path = image_path(settled(2).key)
    booked.write(path, booked.read(path)[:-1])
    assert found(booked) == [
        "ledger: 'omniedit/task_obj_add_1' rests on a call that is possibly, not settled.",
        f"ledger: {path}, of 'omniedit/task_obj_add_2', has not its whole length.",
    ]


def test_a_call_of_this_run_must_be_in_its_journal(booked: Store) -> None:
    begun, unknown = replace(settled(1), attempt="k-1"), replace(settled(2), attempt="k-2")
    other = replace(settled(0), attempt="k-0", run="autumn")
    for record in (begun, unknown, other):
        Responses(booked).keep_image(record, b"picture")
    add(booked, line("intent", replace(intent(1), attempt="k-1")))  # its end was lost by a kill
    assert found(booked) == [
        "ledger: 'omniedit/task_obj_add_2' rests on k-2, which is in no journal of the run."
    ]


def test_a_damaged_line_is_named_and_the_rest_is_still_read(booked: Store) -> None:
    add(booked, b'{"nothing":1}\n', line("end", settled(1)), line("end", settled(1)))
    problems = found(booked)
    assert "is damaged at byte 0" in problems[0]
    assert problems[1:] == ["ledger: the call p-1 ended twice."] * 2


def test_a_file_that_cannot_be_read_is_told_of_once(booked: Store) -> None:
    path = f"corpora/{RUN}/data/train-00000.parquet"
    booked.write(path, b"PAR1 and nothing PAR1")
    assert [text for text in found(booked) if "not a whole parquet file" in text] != []
    assert not any(text.startswith("ledger") for text in found(booked))


def test_a_record_may_have_no_task(sample: Any) -> None:
    assert list(record_problems(asdict(sample.published(0, task="", subtask="")))) == []
