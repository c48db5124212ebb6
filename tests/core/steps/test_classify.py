"""What is asked about an instruction, and which answers name a category."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from editcorpus.endpoints.requests import request_hash
from editcorpus.ledger import Record
from editcorpus.responses import TextAnswer
from editcorpus.steps import classify
from editcorpus.tariffs import PUBLISHED, Usage

CONFIG = classify.Config()
RECORD = Record(
    attempt="p-0",
    key="cd" * 32,
    run="r",
    shard=0,
    id="ultraedit/a",
    step="classify",
    sample=0,
    model="gpt-6-luna",
    usd=Decimal("0.0001"),
    at="2026-11-20T00:00:00.000+00:00",
    outcome="settled",
    usage={},
    request_id="req_1",
    seconds=1.0,
)


def answer(content: object, finish: str = "stop") -> TextAnswer:
    choice = {"index": 0, "message": {"content": content}, "finish_reason": finish}
    return TextAnswer(RECORD, json.dumps({"choices": [choice]}))


def test_the_nine_categories_are_those_of_the_published_corpus() -> None:
    assert tuple(classify.CATEGORIES) == (
        *("add", "change_color", "change_global", "change_local", "others", "replace"),
        *("transform_global", "transform_local", "turn"),
    )


def test_the_question_shows_no_picture_and_takes_only_the_nine() -> None:
    chat = classify.request("Add a {hat}.", CONFIG)
    assert chat.pictures == ()
    assert chat.content[-1] == "Instruction: “Add a {hat}.”"
    described: Any = chat.options["response_format"]["json_schema"]
    assert described["name"] == "edit_category"
    assert described["schema"]["properties"]["category"]["enum"] == list(classify.CATEGORIES)
    assert chat.options["reasoning_effort"] == "none"


def test_equal_instructions_are_one_request_and_others_another() -> None:
    keys = [
        request_hash("openai", classify.request(text, CONFIG), 0)
        for text in ("Add a hat.", "Add a hat.", "Add a cat.")
    ]
    assert keys[0] == keys[1] != keys[2]


def test_nothing_is_said_of_reasoning_where_that_is_unset() -> None:
    chat = classify.request("Add a hat.", classify.Config(reasoning_effort="unset"))
    assert "reasoning_effort" not in chat.options


@pytest.mark.parametrize("category", classify.CATEGORIES)
def test_each_category_is_read(category: str) -> None:
    assert classify.read(answer(json.dumps({"category": category}))) == category


@pytest.mark.parametrize(
    "bad",
    [
        answer('{"category": "Add"}'),
        answer('{"category": ["add"]}'),
        answer('{"category": null}'),
        answer('{"kind": "add"}'),
        answer("add"),
        answer(None),
        answer('{"category": "add"}', finish="length"),
        TextAnswer(RECORD, "<html>"),
    ],
)
def test_what_names_none_of_the_nine_is_nothing(bad: TextAnswer) -> None:
    assert classify.read(bad) is None


@given(st.text())
def test_whatever_comes_is_a_category_or_nothing(text: str) -> None:
    assert classify.read(TextAnswer(RECORD, text)) is None
    assert classify.read(answer(text)) in (None, *classify.CATEGORIES)


def test_no_model_of_the_price_list_is_cheaper() -> None:
    """A question has about ten times as many tokens as its answer."""
    usage = Usage(text_in=300, text_out=30)
    dollars = {
        name: model.prices.micro_dollars(usage)
        for name, model in PUBLISHED.models.items()
        if model.kind == "chat" and model.prices is not None
    }
    assert dollars[CONFIG.model] == min(dollars.values())
