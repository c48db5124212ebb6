"""What is asked about a source image, which answers are captions, and what is told of them."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from editcorpus.endpoints.requests import Picture, request_hash
from editcorpus.ledger import Record
from editcorpus.responses import TextAnswer
from editcorpus.steps import caption

CONFIG = caption.Config()
PICTURE = Picture("aa", "image/jpeg", 90, (9, 9), bytes)
WORDS = "A grey cat lies on a red sofa."
RECORD = Record(
    attempt="p-0",
    key="cd" * 32,
    run="r",
    shard=0,
    id="x/a",
    step="caption",
    sample=0,
    model="gpt-6-luna-2026",
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


def said(text: object) -> TextAnswer:
    return answer(json.dumps({"caption": text}))


def test_the_picture_is_shown_with_the_question_and_the_edit_that_it_is_for() -> None:
    chat = caption.request(PICTURE, "Remove the {cat}.", CONFIG)
    assert chat.pictures == (PICTURE,)
    assert "“Remove the {cat}.”" in chat.prompt
    assert chat.max_tokens == CONFIG.max_tokens
    form = chat.options["response_format"]["json_schema"]
    assert form["strict"] is True
    assert form["schema"]["required"] == ["caption"]


def test_where_the_edit_is_not_known_yet_nothing_is_said_of_one() -> None:
    plain = caption.request(PICTURE, "", CONFIG)
    assert plain.prompt == caption.PROMPTS["seen-1"]["caption"]
    assert request_hash("p", plain, 0) != request_hash(
        "p", caption.request(PICTURE, "x", CONFIG), 0
    )


def test_effort_is_said_unless_it_is_unset() -> None:
    assert caption.request(PICTURE, "", CONFIG).options["reasoning_effort"] == "none"
    unset = caption.Config(reasoning_effort="unset")
    assert "reasoning_effort" not in caption.request(PICTURE, "", unset).options


def test_the_questions_never_change_under_their_name() -> None:
    found = request_hash("openai", caption.request(PICTURE, "Add a hat.", CONFIG), 0)
    assert found == "18884267e4cd7ccf36d1fa9eff6824b9131df586805eca0a997a314b5cc5be96"


@pytest.mark.parametrize("text", [WORDS, f"  “{WORDS}”\n", f"\u200b{WORDS}"])
def test_a_caption_is_read_without_what_surrounds_it(text: str) -> None:
    assert caption.read(said(text), CONFIG) == (WORDS, "")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (said(""), "unusable (empty_instruction)"),
        (said("!" * 600), "unusable (degenerate_instruction)"),
        (said("A cat on a sofa. " * 4), "unusable (degenerate_instruction)"),
        (said(" ".join(f"thing {n}" for n in range(400))), "unusable (overlong_instruction)"),
        (said("I'm sorry, but I can't describe people."), "refused"),
        (said(None), "form"),
        (said([WORDS]), "form"),
        (answer(json.dumps({"text": WORDS})), "form"),
        (answer(json.dumps([WORDS])), "form"),
        (answer(WORDS), "form"),
        (answer(None), "form"),
        (answer(None, refusal="No."), "refused"),
        (answer('{"caption": "A grey', "length"), "ended early (length)"),
        (answer('{"caption": "A"}', "content_filter"), "ended early (content_filter)"),
        (TextAnswer(RECORD, "[" * 9999), "form"),
        (TextAnswer(RECORD, ""), "form"),
    ],
)
def test_what_is_no_caption_is_told_in_a_sentence(given: TextAnswer, told: str) -> None:
    text, problem = caption.read(given, CONFIG)
    assert text == ""
    assert told in problem
    assert problem.endswith(".")


@given(st.text(max_size=200))
def test_whatever_is_answered_is_either_a_caption_or_a_problem(body: str) -> None:
    for found in (TextAnswer(RECORD, body), said(body)):
        text, problem = caption.read(found, CONFIG)
        assert bool(text) != bool(problem)
        assert len(text) <= CONFIG.max_characters


def test_a_row_says_who_described_its_picture_and_how() -> None:
    row = caption.captioned("x/a", WORDS, said(WORDS), CONFIG)
    assert row == caption.Captioned("x/a", WORDS, "gpt-6-luna-2026", "seen-1", RECORD.key)
    assert json.loads(caption.told("", row)) == {
        "caption_model": "gpt-6-luna-2026",
        "caption_prompt": "seen-1",
        "caption_response": RECORD.key,
        "input_description": WORDS,
    }


def test_the_facts_of_a_source_stay_but_for_the_description_of_the_picture_that_is_replaced() -> (
    None
):
    row = caption.captioned("x/a", WORDS, said(WORDS), CONFIG)
    facts = json.dumps({"score": 3, "input_description": "Another picture."})
    made = json.loads(caption.told(facts, row))
    assert (made["score"], made["input_description"]) == (3, WORDS)
    assert list(made) == sorted(made)


def test_a_row_that_was_not_described_keeps_its_facts_to_the_letter() -> None:
    row = caption.Captioned("x/a")
    assert caption.told('{"b":1}', row) == '{"b":1}'
    assert caption.told("", row) == ""


@pytest.mark.parametrize(
    "members", [{"max_tokens": 1}, {"max_characters": 5}, {"prompt": "seen-0"}, {"seed": 1}]
)
def test_settings_out_of_bounds_are_refused(members: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        caption.Config(**members)
