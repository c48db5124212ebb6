"""What is asked for a complex instruction, and which answers can be used."""

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from editcorpus.endpoints.requests import Chat, Picture, request_hash
from editcorpus.ledger import Record
from editcorpus.records import Triplet
from editcorpus.responses import TextAnswer
from editcorpus.steps import compose
from editcorpus.steps.compose import Operation, Unusable

CONFIG = compose.Config()
TWO = compose.Config(level=2)
TRIPLET = Triplet("omniedit/a", "omniedit", "addition", "", "Add a hat.", 0, "MIT", "f", 0, 0)
VIEW = Picture("ab" * 32, "image/jpeg", 90, (1024, 1024), bytes)
HAT = Operation("Add an Object", "Add a {red} hat, which would look lovely, on the man.")
SKY = Operation("Change Background", "Turn the sky pink.")


def record(key: str = "cd" * 32) -> Record:
    return Record(
        attempt="p-0",
        key=key,
        run="r",
        shard=0,
        id=TRIPLET.id,
        step="compose",
        sample=0,
        model="gpt-6-luna",
        usd=Decimal("0.0004"),
        at="2026-11-20T00:00:00.000+00:00",
        outcome="settled",
        usage={},
        request_id="req_1",
        seconds=1.0,
    )


def answer(content: object, finish: str = "stop", key: str = "cd" * 32) -> TextAnswer:
    text = content if isinstance(content, str | None) else json.dumps(content)
    choice = {"index": 0, "message": {"content": text}, "finish_reason": finish}
    return TextAnswer(record(key), json.dumps({"choices": [choice]}))


def planned(*items: object) -> TextAnswer:
    return answer({"reasoning": "So.", "operations": list(items)})


def item(name: object = HAT.name, instruction: object = "Add a hat.") -> dict[str, object]:
    return {"name": name, "instruction": instruction}


def schema(chat: Chat) -> dict[str, Any]:
    found: dict[str, Any] = chat.options["response_format"]["json_schema"]
    return found


def test_there_are_24_operations_in_9_groups() -> None:
    assert (len(compose.OPERATIONS), len(compose.GROUPS)) == (24, 9)
    assert len(set(compose.OPERATIONS)) == 24


def test_no_name_of_an_operation_holds_what_joins_them() -> None:
    assert not any("+" in name for name in compose.OPERATIONS)


@pytest.mark.parametrize("level", range(1, 9))
def test_as_many_operations_are_asked_for_as_the_level_says(level: int) -> None:
    chat = compose.sequence_request(TRIPLET, VIEW, compose.Config(level=level))
    listed = schema(chat)["schema"]["properties"]["operations"]
    assert f"exactly {level} atomic operations" in chat.prompt
    assert (listed["minItems"], listed["maxItems"]) == (level, level)


def test_the_plan_sees_the_picture_the_task_and_all_operations() -> None:
    chat = compose.sequence_request(TRIPLET, VIEW, CONFIG)
    assert chat.pictures == (VIEW,)
    assert "“addition”" in chat.prompt
    assert all(name in chat.prompt for name in compose.OPERATIONS)
    assert schema(chat)["name"] == "operation_sequence"


def test_a_row_without_a_task_gives_no_hint() -> None:
    chat = compose.sequence_request(replace(TRIPLET, task=""), VIEW, CONFIG)
    assert "kind" not in chat.prompt


def test_operations_that_move_the_frame_can_be_left_out() -> None:
    config = compose.Config(frame="keep")
    chat = compose.sequence_request(TRIPLET, VIEW, config)
    assert len(config.operations) == 21
    assert "Zoom" not in chat.prompt
    assert compose.FRAMING not in chat.prompt
    plan = planned(item("Crop Image"), item(), item())
    assert isinstance(compose.read_sequence(plan, config), Unusable)
    assert not isinstance(compose.read_sequence(plan, CONFIG), Unusable)


def test_a_step_is_shown_with_the_picture_even_with_braces() -> None:
    chat = compose.simplify_request(HAT, VIEW, CONFIG)
    assert chat.pictures == (VIEW,)
    assert HAT.instruction in chat.prompt
    assert schema(chat)["name"] == "simplified_instruction"
    assert chat.max_tokens == CONFIG.text_tokens


def test_the_steps_are_compounded_in_their_order() -> None:
    chat = compose.compound_request([HAT, SKY], VIEW, CONFIG)
    assert f"1. {HAT.instruction}\n2. {SKY.instruction}" in chat.prompt
    assert chat.pictures == (VIEW,)
    assert schema(chat)["name"] == "compound_instruction"


def test_the_three_questions_are_three_requests_and_the_level_makes_another_plan() -> None:
    chats = [
        compose.sequence_request(TRIPLET, VIEW, CONFIG),
        compose.sequence_request(TRIPLET, VIEW, TWO),
        compose.simplify_request(HAT, VIEW, CONFIG),
        compose.simplify_request(SKY, VIEW, CONFIG),
        compose.compound_request([HAT, SKY], VIEW, CONFIG),
    ]
    assert len({request_hash("openai", chat, 0) for chat in chats}) == 5


def test_the_questions_of_a_name_never_change() -> None:
    keys = [
        request_hash("openai", chat, 0)[:16]
        for chat in (
            compose.sequence_request(TRIPLET, VIEW, CONFIG),
            compose.simplify_request(HAT, VIEW, CONFIG),
            compose.compound_request([HAT, SKY], VIEW, CONFIG),
        )
    ]
    assert keys == ["95bd12f247a3cdf0", "8db9b40a33b9bd01", "55da606eeb74413e"]


def test_nothing_is_said_of_reasoning_where_that_is_unset() -> None:
    chat = compose.simplify_request(HAT, VIEW, compose.Config(reasoning_effort="unset"))
    assert "reasoning_effort" not in chat.options


def test_a_plan_is_read_in_order_and_what_is_beyond_the_level_is_left_out() -> None:
    plan = planned(item(), item(SKY.name, SKY.instruction), item())
    assert compose.read_sequence(plan, TWO) == (Operation(HAT.name, "Add a hat."), SKY)


@pytest.mark.parametrize(
    "bad",
    [
        planned(item()),
        planned(item(), item("Sing a Song")),
        planned(item(), item(["Add Text"])),
        planned(item(), item(instruction="")),
        planned(item(), item(instruction="!" * 512)),
        planned(item(), item(instruction=7)),
        planned(item(), "Add a hat."),
        answer({"reasoning": "", "operations": "Add a hat."}),
        answer({"operations": [item(), item()]}, finish="length"),
        answer("no json"),
        answer(None),
        TextAnswer(record(), "<html>"),
    ],
)
def test_a_plan_that_cannot_be_used_is_named(bad: TextAnswer) -> None:
    found = compose.read_sequence(bad, TWO)
    assert isinstance(found, Unusable)
    assert found.detail.endswith(".")


def test_a_step_that_needs_no_simplification_stays_as_it_was() -> None:
    said = answer({"need_simplification": "No", "instruction": "Something else."})
    assert compose.read_simplified(said, HAT, CONFIG) is HAT


def test_a_step_that_needs_it_is_replaced() -> None:
    said = answer({"need_simplification": "Yes", "instruction": "Add a red hat."})
    assert compose.read_simplified(said, HAT, CONFIG) == Operation(HAT.name, "Add a red hat.")


@pytest.mark.parametrize(
    "bad",
    [
        answer({"need_simplification": "Maybe", "instruction": "Add a hat."}),
        answer({"need_simplification": True, "instruction": "Add a hat."}),
        answer({"need_simplification": "Yes", "instruction": "I cannot do that."}),
        answer({"need_simplification": "Yes"}),
        answer({"instruction": "Add a hat."}),
        answer("[]"),
    ],
)
def test_a_step_that_cannot_be_used_is_named(bad: TextAnswer) -> None:
    assert isinstance(compose.read_simplified(bad, HAT, CONFIG), Unusable)


@pytest.mark.parametrize(
    ("written", "used"),
    [
        ("Add a hat and turn the sky pink.", "Add a hat and turn the sky pink."),
        ("Add a hat and turn the sky pink", "Add a hat and turn the sky pink."),
        ("Add a hat, then turn the sky pink;", "Add a hat, then turn the sky pink."),
        ("Add a hat!", "Add a hat."),
        ("“Add a hat.”", "Add a hat."),
        ("Ändere den Himmel", "Ändere den Himmel."),
        ('Change the sign to "OPEN"', 'Change the sign to "OPEN".'),
    ],
)
def test_a_missing_full_stop_is_mended(written: str, used: str) -> None:
    said = answer({"reasoning": "", "compound_instruction": written})
    assert compose.read_compound(said, CONFIG) == used


@pytest.mark.parametrize(
    "bad",
    ["", "1. Add a hat.", "- Add a hat.", "Shall I add a hat?", "no " * 40, "I'm sorry, no.", None],
)
def test_what_is_no_instruction_is_named(bad: str | None) -> None:
    said = answer({"reasoning": "", "compound_instruction": bad})
    assert isinstance(compose.read_compound(said, CONFIG), Unusable)


def test_an_instruction_beyond_the_limit_is_named() -> None:
    said = answer({"compound_instruction": "Add a hat and turn the sky pink. " * 3})
    config = compose.Config(max_characters=50)
    assert isinstance(compose.read_compound(said, config), Unusable)


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(compose.OPERATIONS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
NAMED = st.fixed_dictionaries({"name": JSON, "instruction": JSON})
WRITTEN = st.fixed_dictionaries(
    {},
    optional={
        "operations": JSON | st.lists(NAMED, min_size=2, max_size=3),
        "need_simplification": JSON | st.sampled_from(["Yes", "No"]),
        "instruction": JSON,
        "compound_instruction": JSON,
    },
)


@given(WRITTEN.map(answer))
def test_whatever_a_writer_answers_is_used_as_a_sentence_or_named(said: TextAnswer) -> None:
    plan = compose.read_sequence(said, TWO)
    plain = compose.read_simplified(said, SKY, TWO)
    text = compose.read_compound(said, TWO)
    used = [] if isinstance(plan, Unusable) else [each.instruction for each in plan]
    used += [] if isinstance(plain, Unusable) else [plain.instruction]
    used += [] if isinstance(text, Unusable) else [text]
    for sentence in used:
        assert sentence[0].isalpha()
        assert sentence.endswith(".")
        assert sentence.encode()
    for found in (plan, plain, text):
        assert not isinstance(found, Unusable) or found.detail.encode()


def test_a_row_names_its_operations_and_all_answers_in_order() -> None:
    answers = [answer(None, key=letter * 64) for letter in "abcd"]
    row = compose.composed(TRIPLET, "Add a hat and turn the sky pink.", [HAT, SKY], answers)
    assert (row.id, row.instruction_type, row.compose_level) == (TRIPLET.id, "complex", 2)
    assert row.instruction_original == "Add a hat."
    assert row.operations == "Add an Object+Change Background"
    assert row.compose_responses == "+".join(letter * 64 for letter in "abcd")
    assert row.compose_model == "gpt-6-luna"


@pytest.mark.parametrize("level", [0, 9])
def test_no_level_lies_beyond_one_to_eight(level: int) -> None:
    with pytest.raises(ValueError, match="level"):
        compose.Config(level=level)
