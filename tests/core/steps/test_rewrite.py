"""Whose instruction is rewritten, what is asked, and which answers are instructions."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from editcorpus.endpoints.requests import Picture
from editcorpus.ledger import Record
from editcorpus.records import Triplet
from editcorpus.responses import TextAnswer
from editcorpus.steps import rewrite

TRIPLET = Triplet("omniedit/a", "omniedit", "addition", "", "Add a hat.", 0, "MIT", "f", 0, 0)
RECORD = Record(
    attempt="p-0",
    key="cd" * 32,
    run="r",
    shard=0,
    id=TRIPLET.id,
    step="rewrite",
    sample=0,
    model="gpt-6-luna",
    usd=Decimal("0.0004"),
    at="2026-11-20T00:00:00.000+00:00",
    outcome="settled",
    usage={},
    request_id="req_1",
    seconds=1.0,
)


def answer(content: object, finish: object = "stop", refusal: str | None = None) -> TextAnswer:
    message = {"role": "assistant", "content": content, "refusal": refusal}
    body = {"choices": [{"index": 0, "message": message, "finish_reason": finish}]}
    return TextAnswer(RECORD, json.dumps(body))


def test_about_the_configured_share_is_chosen_and_always_the_same():
    config = rewrite.Config(share=0.1)
    ids = [f"omniedit/{number}" for number in range(5000)]
    chosen = [key for key in ids if rewrite.chosen(key, config)]
    assert 400 < len(chosen) < 600
    assert chosen == [key for key in ids if rewrite.chosen(key, config)]
    assert all(rewrite.chosen(key, rewrite.Config(share=0.2)) for key in chosen)


@pytest.mark.parametrize(("share", "expected"), [(0.0, 0), (1.0, 100)])
def test_no_share_is_nobody_and_the_whole_share_is_everybody(share, expected):
    config = rewrite.Config(share=share)
    assert sum(rewrite.chosen(f"x/{number}", config) for number in range(100)) == expected


def test_both_pictures_are_shown_in_order_with_labels():
    source, edited = (Picture(name, "image/jpeg", 90, (9, 9), bytes) for name in "ab")
    chat = rewrite.request(TRIPLET, source, edited, rewrite.Config())
    assert chat.pictures == (source, edited)
    assert isinstance(chat.content[0], str)
    assert "before" in chat.content[0]
    assert "Add a hat." in chat.prompt


def test_a_good_answer_is_stripped_of_wrapping_quotes():
    text, note = rewrite.read(answer('{"instruction": "\\"Put a red hat on the man.\\""}'), CONFIG)
    assert (text, note) == ("Put a red hat on the man.", "")


CONFIG = rewrite.Config()


@pytest.mark.parametrize(
    "bad",
    [
        answer("not json"),
        answer('{"instruction": 5}'),
        answer('{"other": "x"}'),
        answer(None),
        answer('{"instruction": ""}'),
        answer(json.dumps({"instruction": "!" * 512})),
        answer(json.dumps({"instruction": "word " * 400})),
        answer('{"instruction": "I\'m sorry, I can\'t help with that."}'),
        answer(None, refusal="No."),
        answer('{"instruction": "Cut"}', finish="length"),
        TextAnswer(RECORD, "[]"),
        TextAnswer(RECORD, "<html>"),
        TextAnswer(RECORD, '{"choices": [{"message": "text"}]}'),
        TextAnswer(RECORD, '{"choices": ["text"]}'),
        TextAnswer(RECORD, "[" * 100_000),
        TextAnswer(RECORD, '{"choices": [{"message": {"content": ' + "1" * 5000 + "}}]}"),
        answer("[" * 100_000),
        answer('{"instruction": "Cut"}', finish=["stop"]),
        answer('{"instruction": "Cut"}', finish="\ud800" * 900),
    ],
)
def test_what_is_no_instruction_is_named_and_never_used(bad):
    text, note = rewrite.read(bad, CONFIG)
    assert text == ""
    assert note.endswith(".")
    assert len(note.encode()) < 200


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
WRITTEN = JSON | st.fixed_dictionaries({"instruction": JSON})
MESSAGE = JSON | st.fixed_dictionaries(
    {"content": JSON | WRITTEN.map(json.dumps)}, optional={"refusal": JSON}
)
CHOICE = JSON | st.fixed_dictionaries({"message": MESSAGE}, optional={"finish_reason": JSON})
BODY = JSON | st.fixed_dictionaries({"choices": JSON | st.lists(CHOICE, max_size=2)})


@given(
    BODY.map(json.dumps)
    | st.binary().map(lambda data: data.decode("utf-8", "surrogateescape"))
    | st.text(alphabet='[]{}",:0-9eE.')
)
def test_whatever_a_writer_answers_is_a_text_or_a_note_that_any_file_takes(body):
    text, note = rewrite.read(TextAnswer(RECORD, body), CONFIG)
    assert bool(text) != bool(note)
    assert (text + note).encode()


def test_a_rewrite_keeps_the_old_text_beside_the_new():
    made = rewrite.rewritten(TRIPLET, "Put a red hat on.", answer("{}"), CONFIG)
    assert made.instruction_type == "rewrite"
    assert made.instruction_original == "Add a hat."
    assert made.rewrite_response == "cd" * 32
    assert made.rewrite_prompt == "difference-1"


def test_an_original_has_no_second_text():
    made = rewrite.original(TRIPLET)
    assert (made.instruction_type, made.instruction_original) == ("original", "")
