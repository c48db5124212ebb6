"""The gate through which every instruction passes, whoever wrote it.

What published sets hold, and language models answer now and then: empty strings, 512 exclamation
marks, one word without end, the whole text in quotation marks. HTML is left as it is: it is text,
and whoever shows it escapes it.
"""

import re
import unicodedata
from itertools import groupby

from editcorpus.records import Reason

MAX_CHARACTERS = 2_000
"""Longest instruction, in characters: a page of text; the image API would take 32,000
(openai-python, `image_edit_params.py`)."""

SAME_CHARACTER = 32
"""A run of one character this long is no language: rulers in signs and prices stay below."""

SAME_WORD = 8
"""A run of one word this long is a model that has lost its way; "very, very, very" is not."""

REPEATS = 4
"""A text that is one unit this many times over says nothing that the unit does not."""

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters and halves of surrogate pairs: the categories Cc and Cs of Unicode."""

_RUN = re.compile(rf"([^ ])\1{{{SAME_CHARACTER - 1}}}")

_QUOTES = {
    '"': '"',
    "'": "'",
    "`": "`",
    "“": "”",
    "„": "“",
    "‘": "’",
    "«": "»",
    "「": "」",
}


def clean_instruction(
    text: str | None, max_characters: int = MAX_CHARACTERS
) -> tuple[str, Reason | None]:
    """The instruction as it is used, and why it cannot be, if it cannot.

    White space, control and invisible characters at both ends go, then quotation marks around the
    whole text; control characters inside become blanks. Nothing else is touched.

    Args:
        text: As the source or the model gave it.
        max_characters: Longest text that passes, in characters.

    Returns:
        The cleaned text, empty where nothing is left, and `EMPTY_INSTRUCTION`,
        `DEGENERATE_INSTRUCTION`, `OVERLONG_INSTRUCTION` or None.
    """
    cleaned = _unwrapped(_printable(text or ""))
    if not cleaned:
        return "", Reason.EMPTY_INSTRUCTION
    if is_degenerate(cleaned):
        return cleaned, Reason.DEGENERATE_INSTRUCTION
    if len(cleaned) > max_characters:
        return cleaned, Reason.OVERLONG_INSTRUCTION
    return cleaned, None


def visible(text: str) -> str:
    """A text of anybody's without what would turn it around, or do something to a terminal."""
    return "".join(one if one.isprintable() else "\ufffd" for one in text)


def is_degenerate(text: str) -> bool:
    """Whether a text has no letter or digit, or is one character, word or unit over and over."""
    letters = "".join(filter(str.isalnum, text.casefold()))
    return (
        _RUN.search(text) is not None
        or _longest_run(text.casefold().split()) >= SAME_WORD
        or _repeats(letters) >= REPEATS
        or not letters
    )


def _printable(text: str) -> str:
    kept = _CONTROL.sub(" ", text)
    start = next((n for n, c in enumerate(kept) if _visible(c)), len(kept))
    end = next((n for n, c in enumerate(reversed(kept)) if _visible(c)), 0)
    return kept[start : len(kept) - end]


def _visible(character: str) -> bool:
    return unicodedata.category(character)[0] not in "ZC"


def _unwrapped(text: str) -> str:
    """`text` without quotation marks that enclose all of it; marks around a part of it stay."""
    while len(text) > 1 and text[-1] == _QUOTES.get(text[0]):
        inner = text[1:-1]
        marks = {text[0], text[-1]}
        if any(mark in inner for mark in marks - {"'", "’"}) or _apostrophes(inner, marks):
            return text
        text = _printable(inner)
    return "" if len(text) == 1 and text in _QUOTES else text


def _apostrophes(inner: str, marks: set[str]) -> bool:
    """Whether a mark inside opens or closes a quotation; between letters it is an apostrophe."""
    return any(
        character in marks & {"'", "’"} and not (before.isalnum() and after.isalnum())
        for before, character, after in zip(f" {inner}", inner, f"{inner[1:]} ", strict=False)
    )


def _longest_run(items: list[str]) -> int:
    """Of equal neighbours; 1 where so few are equal at all that no run is too long."""
    if len(items) - len(set(items)) < SAME_WORD - 1:
        return min(1, len(items))
    return max((len(list(run)) for _, run in groupby(items)), default=0)


def _repeats(text: str) -> int:
    """How often the shortest unit of which a text is made occurs in it; 1 where it is no such."""
    period = (text + text).find(text, 1) if text else 0
    return len(text) // period if period else 0
