"""Text from outside in Markdown."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from editcorpus.layouts.markdown import code, fenced, inline, one_line


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Add a bird.", "Add a bird."),
        ("a|b\n\n# c", "a&#124;b &#35; c"),
        ("<script>alert(1)</script>", "&#60;script&#62;alert(1)&#60;/script&#62;"),
        ("- item", "&#45; item"),
        ("12. item", "&#49;&#50;&#46; item"),
        ("[x](javascript:1) ![y](z)", "&#91;x&#93;(javascript:1) &#33;&#91;y&#93;(z)"),
        ("see https://a.b and www.c.d", "see https&#58;//a.b and www&#46;c.d"),
        ("&amp; `x` *y* _z_ ~~q~~ $1$ @me", None),
        ("a\u202eb\u2028c\x00d\ud800", "a b c d"),
    ],
)
def test_it_is_shown_and_does_nothing(text: str, shown: str | None) -> None:
    made = inline(text)
    assert shown is None or made == shown
    assert not re.search(r"[\\`*_\[\]<>|~$@!]", made)
    assert not re.search(r"&(?!#\d+;)", made)


@given(st.text(max_size=80))
def test_any_text_stays_on_one_line_without_a_special_character(text: str) -> None:
    made = inline(text)
    assert len(made.splitlines()) <= 1
    assert not re.search(r"[\\`*_{}\[\]<>|~$!@^]|&(?!#\d+;)", made)


def test_long_text_is_cut() -> None:
    assert inline("a" * 400) == "a" * 299 + "…"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("attribute_modification", "`attribute_modification`"),
        ("Qwen/Qwen2.5-VL-7B", "`Qwen/Qwen2.5-VL-7B`"),
        ("a`b", "a&#96;b"),
        ("a|b", "a&#124;b"),
        ("", ""),
    ],
)
def test_plain_names_are_code(text: str, shown: str) -> None:
    assert code(text) == shown


def test_a_fence_is_longer_than_any_inside() -> None:
    assert fenced("a\n```` b", "json") == "`````json\na\n```` b\n`````"
    assert fenced("a", "") == "```\na\n```"


def test_one_line_keeps_letters_of_all_scripts() -> None:
    assert one_line(" 日本語\té\r\n👩‍🚀 ") == "日本語 é 👩‍🚀"
