"""How an object is asked for, and what of an answer is an object or a text."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from editcorpus.structured import closed, read_object, read_text, response_format


def body(content: object, finish: object = "stop", refusal: str | None = None) -> str:
    message = {"role": "assistant", "content": content, "refusal": refusal}
    return json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": finish}]})


def test_a_schema_is_strict_closed_and_requires_everything() -> None:
    made = response_format("thing", {"a": {"type": "string"}, "b": closed({"c": {}})})
    assert made == {
        "type": "json_schema",
        "json_schema": {
            "name": "thing",
            "strict": True,
            "schema": {
                "type": "object",
                "properties": {
                    "a": {"type": "string"},
                    "b": {
                        "type": "object",
                        "properties": {"c": {}},
                        "required": ["c"],
                        "additionalProperties": False,
                    },
                },
                "required": ["a", "b"],
                "additionalProperties": False,
            },
        },
    }


def test_an_object_in_an_answer_is_read() -> None:
    assert read_object(body('{"a": 1}')) == ({"a": 1}, "")


@pytest.mark.parametrize(
    ("answer", "note"),
    [
        (body('{"a": 1}', refusal="No."), "The model refused to write."),
        (body('{"a": 1}', finish="length"), "The answer ended early (length)."),
        (body('{"a": 1}', finish=["stop"]), "The answer ended early (for an odd reason)."),
        (body('{"a": 1}', finish="<b>" * 500), "The answer ended early (for an odd reason)."),
        (body("{}"), "The answer does not have the form that was asked for."),
        (body("[1]"), "The answer does not have the form that was asked for."),
        (body(None), "The answer does not have the form that was asked for."),
        (body("[" * 100_000), "The answer does not have the form that was asked for."),
        ("{}", "The answer does not have the form that was asked for."),
        ("<html>", "The answer does not have the form that was asked for."),
        ('{"choices": []}', "The answer does not have the form that was asked for."),
    ],
)
def test_what_is_no_object_is_named(answer: str, note: str) -> None:
    assert read_object(answer) == ({}, note)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (" “Add a hat.” \n", ("Add a hat.", "")),
        ("", ("", "The text is unusable (empty_instruction).")),
        ("!" * 512, ("", "The text is unusable (degenerate_instruction).")),
        ("long words here " * 20, ("", "The text is unusable (degenerate_instruction).")),
        ("I'm sorry, I can't do that.", ("", "The model refused to write.")),
        (["Add a hat."], ("", "The answer does not have the form that was asked for.")),
        (None, ("", "The answer does not have the form that was asked for.")),
    ],
)
def test_a_text_passes_the_gate_or_is_named(text: object, expected: tuple[str, str]) -> None:
    assert read_text({"a": text}, "a", 200) == expected


def test_a_text_beyond_the_limit_is_named() -> None:
    assert read_text({"a": "Add a hat."}, "a", 5)[0] == ""


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(JSON.map(lambda value: body(json.dumps(value))) | JSON.map(json.dumps) | st.text())
def test_whatever_comes_is_an_object_or_a_note(answer: str) -> None:
    found, note = read_object(answer)
    assert bool(found) != bool(note)
    assert note.encode() or found
