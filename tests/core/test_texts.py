"""The gate for instructions."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from editcorpus.records import Reason
from editcorpus.texts import clean_instruction, is_degenerate


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("Make the cup blue.", "Make the cup blue."),
        ("  Make the cup blue.\n", "Make the cup blue."),
        ("\u200b\ufeffMake the cup blue.\u00a0", "Make the cup blue."),
        ("Make\x00the\x1bcup blue.", "Make the cup blue."),
        ('"Make the cup blue."', "Make the cup blue."),
        ("'Make the cup blue.'", "Make the cup blue."),
        ("'Change the dog's collar.'", "Change the dog's collar."),
        ("“Make the cup blue.”", "Make the cup blue."),
        ("„Färbe die Tasse blau.“", "Färbe die Tasse blau."),
        ("\" 'Make the cup blue.' \"", "Make the cup blue."),
        ('"Stop" becomes "Go"', '"Stop" becomes "Go"'),
        ("'Stop' becomes 'Go'", "'Stop' becomes 'Go'"),
        ('Write "Open" on the door, "Closed" below.', 'Write "Open" on the door, "Closed" below.'),
        ('Write "Open"', 'Write "Open"'),
        ("<script>alert(1)</script> add a hat", "<script>alert(1)</script> add a hat"),
        ("把杯子变成蓝色", "把杯子变成蓝色"),
        ("Make it very, very, very blue.", "Make it very, very, very blue."),
        (
            "A sign that says ---------------- under it",
            "A sign that says ---------------- under it",
        ),
        ("No!", "No!"),
    ],
)
def test_a_usable_instruction_passes_in_its_clean_form(text, cleaned):
    assert clean_instruction(text) == (cleaned, None)


@pytest.mark.parametrize(
    "text", [None, "", " \n\t", "\u200b\u200b", '""', "' '", '"', "“ ”", "\x00"]
)
def test_nothing_is_an_empty_instruction(text):
    assert clean_instruction(text) == ("", Reason.EMPTY_INSTRUCTION)


@pytest.mark.parametrize(
    "text",
    [
        "!" * 512,
        "!",
        "...",
        "aaaa",
        "red red red red",
        "Red, red. red! RED",
        "make it blue make it blue make it blue make it blue",
        "Make the cup " + "red " * 8,
        "Make the cup red" + "!" * 40,
    ],
)
def test_repetition_is_degenerate(text):
    assert clean_instruction(text)[1] is Reason.DEGENERATE_INSTRUCTION


def test_the_limit_is_a_parameter():
    text = " ".join(f"word{n}" for n in range(500))
    assert clean_instruction(text) == (text, Reason.OVERLONG_INSTRUCTION)
    assert clean_instruction(text, max_characters=len(text)) == (text, None)


@settings(max_examples=200, deadline=None)
@given(st.text())
def test_cleaning_twice_changes_nothing_more(text):
    cleaned, reason = clean_instruction(text)
    assert clean_instruction(cleaned) == (cleaned, reason)
    cleaned.encode()


@pytest.mark.timeout(300)
def test_a_hostile_length_costs_linear_time():
    assert is_degenerate("ab" * 500_000)
    assert not is_degenerate("ab" * 500_000 + "c")
    assert clean_instruction('"' * 100_001)[1] is Reason.DEGENERATE_INSTRUCTION
