"""JSON arrays decoded member by member, in whatever pieces they come."""

import json
from collections.abc import Iterator
from itertools import islice
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from editcorpus.errors import RowsDamaged
from editcorpus.readers.json_array import decoded, text_of

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.text(), JSON, max_size=4)


def cut(data: bytes, size: int) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


@given(st.lists(OBJECTS, max_size=6), st.integers(1, 40), st.sampled_from([None, 2]), st.booleans())
def test_any_array_is_read_as_it_is(
    members: list[Any], size: int, indent: int | None, ascii_: bool
) -> None:
    data = json.dumps(members, indent=indent, ensure_ascii=ascii_).encode("utf-8", "replace")
    whole = json.loads(data)
    assert list(decoded(cut(data, size), "x")) == whole
    assert list(decoded(cut(b"\xef\xbb\xbf \n" + data + b"\n ", size), "x")) == whole


@given(st.lists(OBJECTS, min_size=1, max_size=4), st.data())
def test_of_any_cut_array_the_whole_members_come_first(members: list[Any], data: Any) -> None:
    text = json.dumps(members).encode()
    end = data.draw(st.integers(0, len(text) - 1))
    found = []
    with pytest.raises(RowsDamaged, match="x is damaged behind its record"):
        for one in decoded(cut(text[:end], 7), "x"):
            found.append(one)  # noqa: PERF402
    assert found == members[: len(found)]


@pytest.mark.parametrize(
    "text",
    ["[1 2]", "[{},]", "[,]", '["\\x"]', "[" * 100_000, "[1" + "0" * 5_000 + "]", '{"a": 1}'],
)
def test_what_is_no_array_says_so(text: str) -> None:
    with pytest.raises(RowsDamaged):
        list(decoded(cut(text.encode(), 64), "x"))


def test_a_member_without_end_is_given_up_before_it_fills_the_memory() -> None:
    read = 0

    def endless() -> Iterator[bytes]:
        nonlocal read
        yield b'["'
        while True:
            read += 1
            yield b"a" * (1 << 20)

    with pytest.raises(RowsDamaged, match="no whole JSON"):
        list(decoded(endless(), "x"))
    assert read < 20


def test_no_more_is_read_than_is_asked_for() -> None:
    pieces = iter([b'[{"a": 1}, {"a"', b": 2}, ", b"never read"])
    assert list(islice(decoded(pieces, "x"), 2)) == [{"a": 1}, {"a": 2}]
    assert next(pieces) == b"never read"


def test_half_a_character_can_be_written() -> None:
    assert text_of("a\ud800b") == "a?b"
    assert text_of(7) is None
