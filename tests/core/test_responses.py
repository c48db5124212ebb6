"""The response store: what was paid for is found again, and what is damaged is not served."""

import io
import time
import tracemalloc
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from editcorpus.endpoints.requests import ImageEdit, Picture, request_hash
from editcorpus.errors import ShardError, StorageError
from editcorpus.images import pixel_hash
from editcorpus.journal import encode
from editcorpus.ledger import Record, image_path, to_fields
from editcorpus.responses import Responses, text_line
from editcorpus.sinks import places
from editcorpus.storage import Store

KEY = "ab" * 32


def record(key: str = KEY, attempt: str = "p-0") -> Record:
    at = "2026-11-20T00:00:00.000+00:00"
    call = (attempt, key, "spring", 0, "omniedit/1", "regenerate", 0, "gpt-image-2")
    return Record(*call, Decimal("0.2"), at, "settled", {"image_out": 5}, "req_1", 1.5)


def write_texts(store: Store, run: str, texts: dict[str, str]) -> None:
    lines = [text_line(record(key), body) for key, body in texts.items()]
    store.write(f"journal/{run}/p/000000.jsonl", b"".join(lines))


def opened(store: Store) -> Responses:
    made = Responses(store)
    made.read_index()
    return made


def test_a_picture_is_found_with_its_record_by_any_process(any_store: Store):
    responses = Responses(any_store)
    assert responses.image(KEY) is None
    kept = responses.keep_image(record(), b"\x89PNG\n\n\0")
    for other in (responses, Responses(any_store)):
        found = other.image(KEY)
        assert found == kept
        assert found.record == record()
        assert other.picture(KEY) == b"\x89PNG\n\n\0"
    assert any_store.list("responses") == [f"responses/ab/{KEY}"]


def encoded(level: int) -> bytes:
    pixels = np.random.default_rng(3).integers(0, 20, (64, 96, 3), np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG", compress_level=level)
    return out.getvalue()


def test_the_same_canvas_at_another_png_level_is_served(disk_store: Store):
    def key(data: bytes) -> str:
        pixels = pixel_hash(Image.open(io.BytesIO(data)).convert("RGB"))
        canvas = Picture(pixels, "image/png", 0, (96, 64), lambda: data)
        edit = ImageEdit("gpt-image-2", "Paint.", canvas, (1536, 1024), "high", "png")
        return request_hash("openai", edit, 0)

    one, six = encoded(1), encoded(6)
    assert one != six
    Responses(disk_store).keep_image(record(key(one)), b"answer")
    assert Responses(disk_store).image(key(six)) is not None


def damaged_pictures(whole: bytes) -> dict[str, bytes]:
    head, _, body = whole.partition(b"\n")
    return {
        "cut short": whole[:-1],
        "cut in the header": whole[:50],
        "empty": b"",
        "longer": whole + b"x",
        "no header": body,
        "another header": b"{}\n" + body,
        "a list as header": b"[]\n" + body,
        "no proof in the header": head.replace(b'"sha256"', b'"sha255"') + b"\n" + body,
    }


@pytest.mark.parametrize("name", damaged_pictures(b""))
def test_a_picture_that_is_not_whole_counts_as_missing_and_can_be_paid_again(
    disk_store: Store, name: str, caplog
):
    responses = Responses(disk_store)
    responses.keep_image(record(), b"picture" * 100)
    path = image_path(KEY)
    disk_store.write(path, damaged_pictures(disk_store.read(path))[name])
    assert responses.image(KEY) is None
    assert "is damaged" in caplog.text
    responses.keep_image(record(attempt="p-1"), b"picture again")
    assert responses.image(KEY) is not None
    assert responses.picture(KEY) == b"picture again"


def flip(store: Store, path: str, place: int) -> None:
    data = bytearray(store.read(path))
    data[place] ^= 1
    store.write(path, bytes(data))


def test_a_flipped_byte_is_found_when_the_picture_is_needed(any_store: Store, caplog):
    responses = Responses(any_store)
    responses.keep_image(record(), b"picture" * 100)
    flip(any_store, image_path(KEY), -300)
    bad = any_store.read(image_path(KEY))
    assert responses.image(KEY) is not None
    with pytest.raises(ShardError, match=rf"responses/ab/{KEY} is damaged; .* damaged/{KEY}\."):
        responses.picture(KEY)
    assert any_store.read(f"damaged/{KEY}") == bad
    for other in (responses, opened(any_store)):
        assert other.damaged == {KEY}
        assert other.image(KEY) is None
    with pytest.raises(ShardError, match="is missing"):
        responses.picture(KEY)
    responses.keep_image(record(attempt="p-1"), b"picture again")
    for other in (responses, opened(any_store)):
        assert other.damaged == frozenset()
        assert other.picture(KEY) == b"picture again"


def test_a_text_is_found_in_the_same_process_at_once(disk_store: Store):
    responses = opened(disk_store)
    line = text_line(record(), '{"a":"ü\\n"}')
    disk_store.write("journal/spring/p/000000.jsonl", line)
    (place,) = places("journal/spring/p/000000.jsonl", 0, [line])
    assert responses.text(KEY) is None
    kept = responses.keep_text(record(), '{"a":"ü\\n"}', place)
    assert responses.text(KEY) == kept
    assert kept.body == '{"a":"ü\\n"}'


def test_texts_are_found_across_runs_and_processes(any_store: Store):
    texts = {f"{n:02x}" * 32: f"body {n}\n\u2028\ud800" for n in range(20)}
    keys = list(texts)
    write_texts(any_store, "spring", {key: texts[key] for key in keys[:12]})
    write_texts(any_store, "autumn", {key: texts[key] for key in keys[12:]})
    responses = Responses(any_store)
    assert responses.read_index() == 20
    for key, body in texts.items():
        found = responses.text(key)
        assert found is not None
        assert (found.body, found.record) == (body, record(key))
    assert responses.text("ff" * 32) is None


def test_hashes_that_begin_alike_are_told_apart(disk_store: Store):
    keys = ["12" * 8 + f"{n:048x}" for n in range(5)]
    write_texts(disk_store, "spring", {key: key[-4:] for key in keys})
    responses = opened(disk_store)
    for key in keys:
        found = responses.text(key)
        assert found is not None
        assert found.body == key[-4:]
    assert responses.text("12" * 8 + "f" * 48) is None


def test_intents_ends_and_torn_lines_are_no_texts(disk_store: Store):
    lines = encode("intent", KEY, x=1) + encode("end", KEY, **to_fields(record()))
    torn = text_line(record(), "body")[:-1]
    disk_store.write("journal/spring/p/000000.jsonl", lines + b"\0garbage\n" + torn)
    responses = opened(disk_store)
    assert responses.text(KEY) is None


@pytest.mark.parametrize("where", ["body", "usd"])
def test_a_damaged_text_counts_as_missing_and_the_one_paid_again_is_served(
    disk_store: Store, where: str, caplog
):
    path = "journal/spring/p/000000.jsonl"
    write_texts(disk_store, "spring", {KEY: "what the body says"})
    responses = opened(disk_store)
    flip(disk_store, path, disk_store.read(path).rindex(where.encode()) + len(where) + 2)
    assert responses.text(KEY) is None
    assert "damaged" in caplog.text or "not served" in caplog.text
    write_texts(disk_store, "zummer", {KEY: "what it says"})
    found = opened(disk_store).text(KEY)
    assert found is not None
    assert found.body == "what it says"


@pytest.mark.parametrize("change", ["cut", "gone"])
def test_a_journal_that_shrank_or_went_is_no_answer(disk_store: Store, change: str):
    path = "journal/spring/p/000000.jsonl"
    write_texts(disk_store, "spring", {KEY: "body"})
    responses = opened(disk_store)
    if change == "cut":
        disk_store.write(path, disk_store.read(path)[:-10])
    else:
        disk_store.remove(path)
    assert responses.text(KEY) is None


@pytest.mark.s3
def test_a_store_that_fails_is_not_a_missing_answer(s3_store: Store, s3, tmp_path: Path):
    write_texts(s3_store, "spring", {KEY: "body"})
    Responses(s3_store).keep_image(record(), b"picture")
    responses = opened(s3_store)
    hasty = {"connect_timeout": 1, "retries": {"total_max_attempts": 1}}
    nobody = {**s3.options, "endpoint_url": "http://127.0.0.1:1", "config_kwargs": hasty}
    responses._store = Store(s3_store.root, nobody, tmp_path)
    for look in (responses.text, responses.image, responses.picture):
        with pytest.raises(StorageError, match="connect"):
            look(KEY)


def test_an_index_of_many_texts_is_lean_and_quick(disk_store: Store):
    count, body = 200_000, "x" * 200
    lines = (text_line(record(f"{n * 7919 << 20:016x}" + "0" * 48), body) for n in range(count))
    with disk_store.upload("journal/spring/p/000000.jsonl") as file, file.open("wb") as out:
        out.writelines(lines)
    began = time.process_time()
    responses = Responses(disk_store)
    assert responses.read_index() == count
    seconds = time.process_time() - began
    assert responses.text(f"{12345 * 7919 << 20:016x}" + "0" * 48) is not None
    print(f"index: {seconds / count * 1e6:.2f} us a line")
    assert seconds < 10


def test_building_an_index_holds_no_lines(disk_store: Store):
    lines = [text_line(record(f"{n:064x}"), "x" * 2000) for n in range(10_000)]
    disk_store.write("journal/spring/p/000000.jsonl", b"".join(lines))
    del lines
    tracemalloc.start()
    responses = opened(disk_store)
    held, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 10_000 * 30
    assert most < 10_000 * 100
    assert responses.text(f"{77:064x}") is not None
