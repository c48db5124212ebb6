"""The parts of batch mode that need no server: lines, pages, what comes out, what fits in."""

import asyncio
import json
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from editcorpus.bookings import Intent
from editcorpus.endpoints.bulk import batch, desk
from editcorpus.endpoints.bulk.batch import Tray
from editcorpus.endpoints.bulk.desk import split
from editcorpus.endpoints.bulk.lines import Line, bare, restored, sent
from editcorpus.endpoints.bulk.output import read_output
from editcorpus.endpoints.bulk.page import Page, Records
from editcorpus.endpoints.requests import Ask, Chat, ImageEdit, ImageMake, Picture, What
from editcorpus.errors import RunStopped, StorageError
from editcorpus.journal import Line as Read

PICTURE = Picture("little", "image/png", 0, (64, 48), lambda: b"pixels")
EDIT = ImageEdit("gpt-image-2", "Make it blue \ud800", PICTURE, (1024, 768), "low", "png")
MASKED = replace(EDIT, mask=replace(PICTURE, pixels="mask"))
MAKE = ImageMake("gpt-image-2", "A blue \ud800", (1024, 768), "low", "png")
CHAT = Chat("gpt-6-luna", ("Before:", PICTURE, "Yes?"), 1, {"logprobs": True})


def line(what: What) -> Line:
    ask = Ask("x/1", "align", 3, "done", 1, what, "ab" * 32)
    intent = Intent(
        "p-1", ask.key, "r", 3, "x/1", "align", 1, what.model, Decimal("0.1"), "now", "b-1"
    )
    return Line("abab-1", bare(ask), intent, ("file-1",))


@pytest.mark.parametrize("what", [EDIT, MASKED, MAKE, CHAT])
def test_a_line_is_the_same_when_it_is_read_again(what) -> None:
    made = line(what)
    again = restored(Read("lines", 0, "line", "ab" * 32, made.encoded()).fields())
    assert again.intent == made.intent and (again.custom_id, again.files) == ("abab-1", ("file-1",))
    assert (again.ask.question, again.ask.sample, again.ask.key) == ("done", 1, "ab" * 32)
    assert again.ask.what.prompt == what.prompt and type(again.ask.what) is type(what)
    sizes = [one.size for one in what.pictures]
    assert [one.size for one in again.ask.what.pictures] == sizes
    assert [one.size for one in again.ask.what.shown] == [one.size for one in what.shown]
    for picture in (*made.ask.what.pictures, *again.ask.what.pictures):
        with pytest.raises(TypeError, match="not read again"):
            picture.load()


def test_a_mask_is_named_apart_and_a_picture_to_be_made_names_none() -> None:
    masked = json.loads(sent("c", MASKED, ["file-9", "file-8"], []))
    assert masked["url"] == "/v1/images/edits"
    assert masked["body"]["images"] == [{"file_id": "file-9"}]
    assert masked["body"]["mask"] == {"file_id": "file-8"}
    made = json.loads(sent("c", MAKE, [], []))
    assert (made["method"], made["url"]) == ("POST", "/v1/images/generations")
    assert made["body"] == {
        "model": "gpt-image-2",
        "prompt": MAKE.prompt,
        "n": 1,
        "size": "1024x768",
        "output_format": "png",
        "quality": "low",
    }


def test_a_line_whose_record_is_damaged_is_told() -> None:
    members = Read("lines", 0, "line", "ab" * 32, line(EDIT).encoded()).fields()
    for name, value in (("what", None), ("files", 7), ("what", {"prompt": 1})):
        with pytest.raises(StorageError, match="line of 'b-1' is damaged"):
            restored({**members, name: value})


def test_a_question_carries_its_pictures_and_an_edit_names_them() -> None:
    body = json.loads(sent("c", CHAT, [], [b"pixels"]))["body"]
    assert body["logprobs"] is True and body["max_completion_tokens"] == 1
    kinds = [part["type"] for part in body["messages"][0]["content"]]
    assert kinds == ["text", "image_url", "text"]
    members = json.loads(sent("c", EDIT, ["file-9"], []))
    assert members["url"] == "/v1/images/edits" and members["method"] == "POST"
    assert members["body"]["images"] == [{"file_id": "file-9"}]
    assert members["body"]["size"] == "1024x768"


async def _chunks(data: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


async def _split(data: bytes, size: int) -> list[tuple[bytes, bool]]:
    return [each async for each in split(_chunks(data, size))]


@given(st.binary(max_size=60), st.integers(1, 9))
def test_a_stream_is_split_at_its_ends_of_lines(data: bytes, size: int) -> None:
    found = asyncio.run(_split(data, size))
    assert all(whole for _, whole in found)
    lines = data.split(b"\n")
    assert [each for each, _ in found] == (lines if lines[-1] else lines[:-1])


def test_of_a_line_that_is_too_long_only_its_head_is_kept(monkeypatch) -> None:
    monkeypatch.setattr(desk, "LONGEST_LINE", 20)
    monkeypatch.setattr(desk, "HEAD_BYTES", 5)
    for size in (1, 7, 1000):
        found = asyncio.run(_split(b"short\n" + b"x" * 90 + b"\nlast", size))
        assert found == [(b"short", True), (b"xxxxx", False), (b"last", True)]


def test_of_a_line_that_is_too_long_its_name_is_found() -> None:
    found = read_output(b'{"id": "batch_req_1", "custom_id": "abab-1", "response": {"bo', False)
    assert found is not None and (found.custom_id, found.body, found.sound) == (
        "abab-1",
        None,
        True,
    )
    assert read_output(b'{"id": "batch_req_1"', False) is None


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False)
        | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["custom_id", "response", "status_code", "request_id", "body", "error"]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_whatever_a_line_holds_it_is_read_or_not(members: object) -> None:
    found = read_output(json.dumps(members).encode(), True)
    assert found is None or 0 <= found.status <= 599


def test_a_batch_takes_lines_up_to_its_limits(monkeypatch) -> None:
    monkeypatch.setattr(batch, "MOST_BYTES", 100)
    tray = Tray("b", most_lines=3, most_tokens=10)
    try:
        assert tray.takes(1_000, 1_000), "the first line always finds room"
        tray.add(line(EDIT), b"x" * 60, 5)
        assert tray.takes(40, 5) and not tray.takes(41, 5) and not tray.takes(40, 6)
        tray.add(line(EDIT), b"x", 1)
        assert tray.takes(1, 1) and not tray.full
        tray.add(line(EDIT), b"x", 1)
        assert tray.full and not tray.takes(1, 1)
    finally:
        tray.file.close()


PAGE = Page("b-1", "created", "align", "judge", "m", 3, "now", 1, "file-1", "batch_1", ("f",))


@pytest.fixture
def pool():
    with ThreadPoolExecutor(1) as made:
        yield made


def test_pages_are_read_as_they_were_written(any_store, pool) -> None:
    records = Records(any_store, "r", pool)

    async def work() -> tuple[list[Page], str, str]:
        assert await records.known_mark() == ""
        await records.save(PAGE)
        await records.save_lines("b-1", [line(EDIT)])
        await records.save_lines("b-2", [line(EDIT)])  # whose page was never written
        mark = await records.mark("process")
        return await records.pages(), mark, await records.mark("another")

    pages, mark, again = asyncio.run(work())
    assert pages == [PAGE] and mark == again and len(mark) == 12
    assert asyncio.run(records.known_mark()) == mark
    assert len(asyncio.run(records.lines("b-1"))) == 1
    assert asyncio.run(records.lines("b-2")) == []
    asyncio.run(records.save(replace(PAGE, state="collected")))
    asyncio.run(records.pages())
    assert asyncio.run(records.lines("b-1")) == []


@pytest.mark.parametrize(
    ("old", "new"), [(b"created", b"created_"), (b'"state"', b'"stale"'), (b"{", b"")]
)
def test_a_page_that_is_damaged_stops_the_run(disk_store, pool, old: bytes, new: bytes) -> None:
    records = Records(disk_store, "r", pool)
    asyncio.run(records.save(PAGE))
    (path,) = disk_store.list("runs")
    plain = disk_store.read(path).partition(b',"crc"')[0] + b"}\n"  # as if it were well written
    disk_store.write(path, plain.replace(old, new, 1))
    with pytest.raises(RunStopped, match=r"damaged|state of a batch"):
        asyncio.run(records.pages())


def test_a_mark_that_is_damaged_is_none(disk_store, pool) -> None:
    disk_store.write("runs/r/batches/mark", b"../../etc")
    assert asyncio.run(Records(disk_store, "r", pool).known_mark()) == ""
