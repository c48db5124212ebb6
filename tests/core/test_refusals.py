"""Refusals in the journals: the newest line about a request counts, whatever the order of the files."""

from dataclasses import replace
from decimal import Decimal

import pytest

from editcorpus.bookings import Record
from editcorpus.journal import encode
from editcorpus.ledger import read_history, to_fields
from editcorpus.records import Reason
from editcorpus.refusals import Refusal, refusal_line, revoked_line
from editcorpus.responses import Responses, text_line
from editcorpus.storage import Store

KEY = "ab" * 32
SAID = Refusal(Reason.MODERATION_INPUT, "The safety system refused the request.")


def at(minute: int) -> str:
    return f"2026-11-20T00:{minute:02d}:00.000+00:00"


def record(minute: int = 0, key: str = KEY, **changed) -> Record:
    call = (f"p-{minute}", key, "spring", 0, "omniedit/1", "rewrite", 0, "gpt-6-luna")
    made = Record(*call, Decimal("0.1"), at(minute), "free", {}, "req_1", 1.5)
    return replace(made, **changed)


def answer(minute: int) -> bytes:
    return text_line(record(minute, outcome="settled"), "body")


def refusal(minute: int, said: Refusal = SAID) -> bytes:
    return refusal_line(record(minute), said)


def opened(store: Store, *journals: bytes) -> Responses:
    for number, lines in enumerate(journals):
        store.write(f"journal/run-{number}/p/000000.jsonl", lines)
    made = Responses(store)
    made.read_index()
    return made


def test_a_refusal_of_any_run_is_found_with_its_reason(any_store: Store) -> None:
    other = replace(SAID, reason=Reason.REQUEST_REFUSED, sentence="Too \ud800 bad\u2028")
    second = refusal_line(record(3, "cd" * 32), other)
    responses = opened(any_store, refusal(1), second)
    assert responses.refusal(KEY) == replace(SAID, at=at(1))
    assert responses.refusal("cd" * 32) == replace(other, at=at(3))
    assert responses.refusal("ef" * 32) is None


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_newest_refusal_counts(disk_store: Store, order: tuple[int, int]) -> None:
    lines = [refusal(1), refusal(2, replace(SAID, sentence="Later."))]
    found = opened(disk_store, *(lines[number] for number in order)).refusal(KEY)
    assert found is not None and found.sentence == "Later."


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_refusal_that_was_taken_back_is_none(disk_store: Store, order: tuple[int, int]) -> None:
    lines = [refusal(1), revoked_line(KEY, at(2))]
    assert opened(disk_store, *(lines[number] for number in order)).refusal(KEY) is None


def test_what_is_refused_anew_after_it_was_taken_back_counts(disk_store: Store) -> None:
    lines = refusal(1) + revoked_line(KEY, at(2)) + refusal(3)
    assert opened(disk_store, lines).refusal(KEY) == replace(SAID, at=at(3))


def test_lines_of_one_moment_count_in_their_order(disk_store: Store) -> None:
    assert opened(disk_store, refusal(1) + revoked_line(KEY, at(1))).refusal(KEY) is None


def test_both_answer_and_refusal_say_when_so_that_the_later_counts(disk_store: Store) -> None:
    responses = opened(disk_store, answer(2) + answer(1), refusal(3))
    text, said = responses.text(KEY), responses.refusal(KEY)
    assert text is not None and said is not None
    assert text.record.at == at(2) < said.at


def test_an_answer_ends_a_refusal_in_the_same_process(disk_store: Store) -> None:
    responses = opened(disk_store)
    for _ in range(2):
        responses.keep_refusal(record(1), SAID)
        assert responses.refusal(KEY) == replace(SAID, at=at(1))
        responses.keep_image(record(2, outcome="settled"), b"picture")
        assert responses.refusal(KEY) is None
    responses.keep_refusal(record(1), SAID)
    responses.revoke(KEY)
    responses.revoke(KEY)
    assert responses.refusal(KEY) is None


def test_a_refusal_is_the_end_of_its_call(disk_store: Store) -> None:
    paid = record(1, outcome="possibly")
    disk_store.write("journal/spring/p/000000.jsonl", refusal_line(paid, SAID))
    assert read_history(disk_store, "spring").records == (paid,)


@pytest.mark.parametrize(
    "change", [{"reason": "bad luck"}, {"reason": None}, {"usd": "x"}, {"outcome": "lost"}]
)
def test_a_refusal_that_is_none_does_not_count(disk_store: Store, change, caplog) -> None:
    members = {**to_fields(record()), "reason": SAID.reason, "sentence": SAID.sentence, **change}
    responses = opened(disk_store, encode("refusal", KEY, **members))
    assert responses.refusal(KEY) is None
    assert "does not count" in caplog.text


def test_a_refusal_with_a_changed_byte_does_not_count(disk_store: Store, caplog) -> None:
    responses = opened(disk_store, refusal(1).replace(b"safety", b"sifety") + refusal(0))
    assert responses.refusal(KEY) == replace(SAID, at=at(0))
    assert "damaged in 1 places, the first at byte 0" in caplog.text
