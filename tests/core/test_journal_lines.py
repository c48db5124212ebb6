"""Lines of a journal as they are read: whole, torn or changed, old or new."""

import zlib
from contextlib import suppress
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from editcorpus.errors import StorageError
from editcorpus.journal import DAMAGED, Line, encode, read_journals, read_lines
from editcorpus.storage import Store

KEY = "ab" * 32


def line(number: int, size: int = 0) -> bytes:
    return encode("intent", f"{number:064x}", n=number, fill="x" * size)


def old(data: bytes) -> bytes:
    """The line as the first versions wrote it."""
    return data[: data.rindex(b',"crc":"')] + b"}\n"


def test_a_torn_last_line_is_skipped_and_a_damaged_one_is_named(any_store: Store):
    good, torn = line(1), line(2)
    any_store.write("journal/a", good + b'{"t":"}\n' + good + b"\0\0\n" + good + torn[:-1])
    found = list(read_lines(any_store, "journal/a"))
    assert [one.kind for one in found] == ["intent", DAMAGED, "intent", DAMAGED, "intent"]
    assert found[2].offset == len(good) + 8
    with pytest.raises(StorageError, match=rf"journal/a is damaged at byte {len(good)}: "):
        found[1].fields()
    for cut in range(len(torn)):
        any_store.write("journal/a", good + torn[:cut]) if cut % 40 == 0 else None
    assert [one.data for one in read_lines(any_store, "journal/a")] == [good]


def test_many_journals_come_in_their_order_and_nobody_has_to_take_them_all(any_store: Store):
    wanted = {f"journal/{number:03d}": line(number) + line(number + 1) for number in range(40)}
    for path, data in wanted.items():
        any_store.write(path, data)
    found = read_journals(any_store, wanted)
    assert {path: b"".join(one.data for one in lines) for path, lines in found} == wanted
    path, lines = next(read_journals(any_store, reversed(wanted)))
    assert (path, next(lines).offset, next(lines).offset) == ("journal/039", 0, len(line(39)))
    with pytest.raises(FileNotFoundError):
        list(next(read_journals(any_store, ["journal/none"]))[1])


@pytest.mark.parametrize("data", [b"[1]\n", b'{"t":"end","k":\n', b"[" * 100_000])
def test_a_line_that_is_no_object_is_a_storage_error(data: bytes):
    with pytest.raises(StorageError, match="is damaged at byte 7"):
        Line("x", 7, "end", KEY, data).fields()


def test_the_last_member_is_the_checksum_of_all_before_it():
    data = encode("end", KEY, text="ü\n\u2028\ud800", crc="mine")
    head, _, tail = data.rpartition(b',"crc":"')
    assert tail == b'%08x"}\n' % zlib.crc32(head)
    made = Line("", 0, "end", KEY, encode("end", KEY, text="ü")).fields()
    assert made == {"t": "end", "k": KEY, "text": "ü"}


def test_lines_without_a_checksum_are_read_beside_those_with_one(any_store: Store):
    lines = [old(line(0)), line(1), old(line(2)), line(3)]
    any_store.write("journal/a", b"".join(lines))
    found = list(read_lines(any_store, "journal/a"))
    assert [one.data for one in found] == lines
    assert [one.fields()["n"] for one in found] == [0, 1, 2, 3]


def test_any_changed_byte_of_a_line_is_found(any_store: Store):
    draw, whole = Random(4), [line(n, size=7) for n in range(3)]
    for place in range(0, len(whole[1]), 1 if any_store.local else 9):
        changed = bytearray(whole[1])
        changed[place] ^= 1 << draw.randrange(8)
        any_store.write("journal/a", whole[0] + bytes(changed) + whole[2])
        found = [one for one in read_lines(any_store, "journal/a") if one.kind != DAMAGED]
        for one in found[1:-1]:  # its checksum is none any more: it is read as an old line
            assert place >= whole[1].rindex(b',"crc"')
            with suppress(StorageError):
                assert one.fields()["n"] == 1
        good = {one.data for one in found}
        assert whole[0] in good
        assert whole[2] in good or place == len(whole[1]) - 1


def test_a_last_line_whose_end_was_changed_is_damaged_not_torn(any_store: Store):
    any_store.write("journal/a", line(0) + line(1)[:-1] + b"\x0b")
    assert [one.kind for one in read_lines(any_store, "journal/a")] == ["intent", DAMAGED]
    any_store.write("journal/a", line(0) + line(1)[:-1])
    assert [one.kind for one in read_lines(any_store, "journal/a")] == ["intent"]


@settings(max_examples=200)
@given(st.dictionaries(st.text(), st.text() | st.integers() | st.none()), st.data())
def test_a_line_alone_is_proven_by_its_checksum(members: dict, data: st.DataObject):
    members = {name: value for name, value in members.items() if name not in {"t", "k", "crc"}}
    whole = encode(
        "end", KEY, **{"kind_of": 1, **{f"m{n}": v for n, v in enumerate(members.values())}}
    )
    assert Line("x", 0, "end", KEY, whole).fields()["kind_of"] == 1
    place = data.draw(st.integers(0, whole.rindex(b',"crc"') - 1))
    changed = bytearray(whole)
    changed[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(StorageError, match="is damaged at byte 0"):
        Line("x", 0, "end", KEY, bytes(changed)).fields()
