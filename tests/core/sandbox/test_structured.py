"""Answers in a form that is asked for, made of the words of the request; over HTTP, by both personas."""

import json

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from editcorpus.sandbox.described import description
from editcorpus.sandbox.schemas import Facts, check_strict, conforming
from editcorpus.sandbox.told import Told

QWEN = "Qwen/Qwen2.5-VL-7B-Instruct"
TEXT = {"type": "string"}
CATEGORIES = [
    "add", "change_color", "change_global", "change_local", "others", "replace",
    "transform_global", "transform_local", "turn",
]  # fmt: skip
OPERATIONS = [
    "Add an Object", "Remove an Object", "Change Color", "Change Background", "Zoom In/Out",
    "Add Text", "Adjust Lighting", "Change Pose",
]  # fmt: skip
STEPS = ["Add a red kite in the sky.", "Make the boat blue.", "Turn day into night."]


def closed(**properties) -> dict:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def enum(members: list[str]) -> dict:
    return {"type": "string", "enum": members}


SCHEMAS = {
    "operation_sequence": closed(
        reasoning=TEXT,
        operations={"type": "array", "items": closed(name=enum(OPERATIONS), instruction=TEXT)},
    ),
    "simplified_instruction": closed(need_simplification=enum(["Yes", "No"]), instruction=TEXT),
    "compound_instruction": closed(reasoning=TEXT, compound_instruction=TEXT),
    "edit_category": closed(category=enum(CATEGORIES)),
    "picture_caption": closed(caption=TEXT),
}


@pytest.fixture(params=["openai", "vllm"])
def answer(request, client, vllm, data_url):
    """What a model of either persona says to a text, in the form of one of the schemas."""
    asked, model = (client, "gpt-6-luna") if request.param == "openai" else (vllm, QWEN)

    def say(name: str, text: str, *, shows: bool = False):
        url = data_url(Image.linear_gradient("L").convert("RGB"))
        picture = [{"type": "image_url", "image_url": {"url": url}}] if shows else []
        form = {"name": name, "strict": True, "schema": SCHEMAS[name]}
        found = asked.chat.completions.create(
            model=model,
            messages=[{"role": "user", "content": [*picture, {"type": "text", "text": text}]}],
            response_format={"type": "json_schema", "json_schema": form},
            max_completion_tokens=1024,
        )
        assert found.choices[0].finish_reason == "stop"
        made = json.loads(found.choices[0].message.content)
        jsonschema.validate(made, SCHEMAS[name])
        return made

    return say


def is_sentence(text: str) -> bool:
    return text[:1].isalpha() and text.endswith(".") and not text.endswith("..")


@pytest.mark.parametrize("count", ["3", "one", "five", "8"])
def test_a_sequence_has_as_many_different_operations_as_are_asked_for(answer, count):
    number = {"one": 1, "five": 5}.get(count) or int(count)
    text = f"Plan exactly {count} atomic operations for the task “removal of things”."
    made = answer("operation_sequence", text, shows=True)
    names = [each["name"] for each in made["operations"]]
    assert len(names) == len(set(names)) == number
    assert names[0] == "Remove an Object"
    assert all(is_sentence(each["instruction"]) for each in made["operations"])
    assert made["operations"][0]["instruction"].startswith("Remove an object in the ")
    assert is_sentence(made["reasoning"])


def test_a_step_is_given_back_as_a_sentence(answer):
    made = answer("simplified_instruction", f"One step:\n“{STEPS[0]}”\nSimplify it.", shows=True)
    assert made["instruction"] == STEPS[0]


def test_a_compound_holds_every_step_in_order(answer):
    listed = "\n".join(f"{number}. {step}" for number, step in enumerate(STEPS, 1))
    made = answer("compound_instruction", f"Steps:\n{listed}\nMake one of them.", shows=True)
    assert made["compound_instruction"] == (
        "Add a red kite in the sky, then make the boat blue, then turn day into night."
    )
    assert is_sentence(made["reasoning"])


def test_a_caption_is_of_the_picture_that_is_shown_whatever_is_asked_beside_it(answer):
    made = answer("picture_caption", "Describe it. “Add a dog.”", shows=True)
    assert made["caption"] == description(Image.linear_gradient("L").convert("RGB"))
    assert "The upper part is black, the middle grey and the lower part white." in made["caption"]
    assert answer("picture_caption", "Say what it shows.", shows=True) == made
    assert "no picture" in answer("picture_caption", "Describe “no picture”.")["caption"]


def test_the_words_for_a_picture_follow_its_light_its_shape_and_its_colours():
    night = Image.new("RGB", (300, 200), (10, 10, 12))
    night.paste((200, 30, 30), (210, 10, 280, 60))
    assert description(night).startswith("A dark picture in landscape format. The upper part is")
    assert description(night).endswith("Most is to be seen in the upper right, in red.")
    snow = Image.new("RGB", (200, 300), (240, 240, 245))
    assert description(snow).startswith("A bright picture in portrait format.")
    assert description(Image.new("RGB", (1, 1))).startswith("A dark picture in square format.")


@pytest.mark.parametrize(
    ("instruction", "category"),
    [
        ("Add a dog to the sofa", "add"),
        ("Make the car red", "change_color"),
        ("Change the colour of her coat", "change_color"),
        ("Replace the cat with a lion", "replace"),
        ("Turn his head to the left", "turn"),
    ],
)
def test_a_category_is_the_one_whose_words_the_instruction_has(answer, instruction, category):
    kinds = "\n".join(f"{name}: a kind of change." for name in CATEGORIES)
    made = answer("edit_category", f"Which kind?\n{kinds}\nInstruction: “{instruction}”")
    assert made == {"category": category}


def test_other_words_get_any_category_and_always_the_same(answer):
    seen = {
        answer("edit_category", f"“Surprise me, {number} times”")["category"]
        for number in (*range(8), *range(8))
    }
    assert 1 < len(seen) <= 8
    assert answer("edit_category", "“Ok”") == answer("edit_category", "“Ok”")


plain = st.sampled_from(
    [
        {"type": "string"},
        {"type": "string", "minLength": 30, "maxLength": 40},
        {"type": "integer", "minimum": 3, "maximum": 7},
        {"type": "integer", "exclusiveMinimum": 0, "exclusiveMaximum": 2},
        {"type": "number", "minimum": -1, "maximum": 1},
        {"type": "boolean"},
        {"type": ["string", "null"]},
        {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        {"const": "fixed"},
        {"enum": ["Yes", "No", 3, None]},
    ]
)
names = st.sampled_from(["instruction", "reasoning", "kind", "compound_instruction", "items", "x"])
schemas = st.recursive(
    plain,
    lambda inner: (
        st.dictionaries(names, inner, max_size=4).map(lambda parts: closed(**parts))
        | st.builds(
            lambda items, least, more: {
                "type": "array", "items": items, "minItems": least, "maxItems": least + more,
            },
            inner, st.integers(0, 3), st.integers(0, 3),
        )
    ),
    max_leaves=8,
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(schemas, st.text(max_size=80) | st.just("Give three edits: 1. Add a dog"), st.booleans())
def test_any_schema_gets_an_answer_that_it_takes(schema, text, heard):
    facts = Facts("Make it blue.", 0.4, "key", Told(text, "key") if heard else None)
    made = conforming(closed(answer=schema), facts)
    jsonschema.validate(made, closed(answer=schema))
    assert conforming(closed(answer=schema), facts) == made


def test_a_schema_that_holds_itself_ends():
    tree = closed(name=TEXT, parts={"type": "array", "items": {"$ref": "#/$defs/tree"}})
    schema = {**closed(root={"$ref": "#/$defs/tree"}), "$defs": {"tree": tree}}
    check_strict("tree", schema)
    assert conforming(schema, Facts("x", 1.0, "k", Told("Give 99 edits", "k")))["root"]["name"]


@pytest.mark.parametrize(
    ("text", "passages"),
    [
        ("1. Add “a b” here.\n2) Remove it", ("Add “a b” here", "Remove it")),
        ("Step: “ Make  it\nblue! ” Thanks.", ("Make it blue",)),
        ('Say "Yes" or "No"', ("Yes", "No")),
        ("What is asked?\nAdd a dog.\n\n", ("Add a dog",)),
        ("", ("the picture",)),
        ("“.”", ("the picture",)),
    ],
)
def test_what_a_request_is_about(text, passages):
    assert Told(text, "k").passages == passages


@pytest.mark.parametrize(
    ("text", "name", "chosen", "sentence"),
    [
        ("“Add a dog!”", "instruction", "", "Add a dog."),
        ("“Add a dog”", "instruction", "No", "Add a dog."),
        ("“3 dogs more”", "instruction", "", "Edit 3 dogs more."),
        ("1. Add a dog\n2. Make It Red", "instruction", "", "Add a dog, then make It Red."),
        ("“Add a dog”", "reason", "change_color", "The request speaks of this: Add a dog."),
        ("", "instruction", "", "the picture."),
    ],
)
def test_a_text_is_a_sentence_of_the_words_of_the_request(text, name, chosen, sentence):
    assert Told(text, "k").sentence(name, chosen) == sentence


@pytest.mark.parametrize("kind", ["change_color", "Change Color", "Zoom In/Out", "add"])
def test_a_text_beside_a_chosen_kind_is_of_that_kind(kind):
    first, second = (Told("“x”", "k").sentence("instruction", kind, place) for place in (0, 1))
    words = kind.replace("_", " ").replace("/", " or ").capitalize()
    assert first.startswith(f"{words} in the ") and is_sentence(first)
    assert first != second
