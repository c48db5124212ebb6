"""Pictures out of a text alone, and edits with a mask, over real sockets through the real client."""

import io
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from editcorpus.endpoints.requests import Answered, Ask, ImageEdit, ImageMake, Picture, request_hash
from editcorpus.images import encode_png, pixel_hash
from editcorpus.sandbox import Running, SandboxConfig, running
from editcorpus.storage import Store

SIZE = (1024, 1024)
HOLE = (256, 320, 640, 704)


@pytest.fixture(scope="module")
def painter() -> Iterator[Running]:
    """A server that paints, where that of the other tests answers with what it has ready."""
    with running(SandboxConfig(seed=3, latency_s=0, time_scale=1e-4)) as found:
        yield found


@pytest.fixture
def studio(lab: Any, painter: Running) -> Any:
    """The same lab before that server."""
    painter.admin("reset", {})
    return replace(lab, sandbox=painter)


def shown(image: Image.Image) -> Picture:
    load = partial(bytes, encode_png(image))
    return Picture(pixel_hash(image), "image/png", 0, image.size, load)


def asked(what: ImageEdit | ImageMake, name: str) -> Ask:
    return Ask(name, "regenerate", 0, "", 0, what, request_hash("sandbox", what, 0))


def make(prompt: str = "A red house by the sea", **changed: Any) -> Ask:
    given: dict[str, Any] = {"size": SIZE, "quality": "low", "output_format": "png", **changed}
    return asked(ImageMake("gpt-image-2", prompt, **given), f"made/{prompt}")


@pytest.fixture(scope="module")
def photo() -> Image.Image:
    noise = np.random.default_rng(5).integers(0, 200, (64, 64, 3), np.uint8)
    return Image.fromarray(noise).resize(SIZE, Image.Resampling.BICUBIC).filter(ImageFilter.SMOOTH)


@pytest.fixture(scope="module")
def masked(photo: Image.Image) -> Callable[[str], Ask]:
    mask = Image.new("RGBA", SIZE, (0, 0, 0, 255))
    mask.paste((0, 0, 0, 0), HOLE)

    def with_mask(prompt: str) -> Ask:
        what = ImageEdit("gpt-image-2", prompt, shown(photo), SIZE, "low", "png", mask=shown(mask))
        return asked(what, f"masked/{prompt}")

    return with_mask


def changed(photo: Image.Image, answer: bytes) -> NDArray[np.bool_]:
    with Image.open(io.BytesIO(answer)) as opened:
        edited = np.asarray(opened.convert("RGB"), np.int16)
    return np.abs(edited - np.asarray(photo, np.int16)).max(axis=2) > 0


def outside(pixels: NDArray[np.bool_]) -> NDArray[np.bool_]:
    rest = np.ones_like(pixels)
    rest[HOLE[1] : HOLE[3], HOLE[0] : HOLE[2]] = False
    return pixels[rest]


def test_a_picture_is_made_from_its_text_and_settled_to_the_cent(studio) -> None:
    asks = [make(), make("A cat", size=(1536, 1024)), make("A dog", size=(1024, 1536))]
    with studio.engine() as engine:
        taken = studio.take(engine, [*asks, replace(asks[0], id="twin")])
        found = {ask.id: engine.books.responses.picture(ask.key) for ask in asks}
    assert taken.kinds() == {"Answered": 4}
    for ask in asks:
        with Image.open(io.BytesIO(found[ask.id])) as opened:
            assert opened.size == ask.what.size
    proven = studio.audit()
    assert proven.by_outcome() == {"settled": 3}
    assert engine.books.ledger.spent == proven.history.spent == proven.usd() > 0
    assert all(call["endpoint"] == "/v1/images/generations" for call in proven.calls)
    assert {call["usage"]["input_tokens_details"]["image_tokens"] for call in proven.calls} == {0}


def test_a_made_picture_is_found_again_and_not_paid_for_twice(studio) -> None:
    for paid in (True, False):
        with studio.engine() as engine:
            (outcome,) = studio.take(engine, [make()]).of(Answered)
        assert outcome.paid is paid
    assert studio.calls() == 1


def test_an_answer_of_another_size_is_damaged_and_asked_for_again(studio) -> None:
    ask = make("A house [[emulate wrong_size:1]]")
    with studio.engine() as engine:
        taken = studio.take(engine, [ask])
    assert taken.kinds() == {"Answered": 1}
    proven = studio.audit()
    assert proven.by_outcome() == {"settled": 1, "damaged": 1}
    assert proven.usd() == proven.history.spent


def test_a_mask_keeps_the_edit_inside_it(studio, photo, masked) -> None:
    ask = masked("Make the car blue")
    with studio.engine() as engine:
        taken = studio.take(engine, [ask])
        pixels = changed(photo, engine.books.responses.picture(ask.key))
    assert taken.kinds() == {"Answered": 1}
    assert not outside(pixels).any()
    assert pixels[HOLE[1] : HOLE[3], HOLE[0] : HOLE[2]].mean() > 0.5
    proven = studio.audit()
    assert engine.books.ledger.spent == proven.history.spent == proven.usd() > 0
    (call,) = proven.calls
    assert call["usage"]["input_tokens_details"]["image_tokens"] == 1024, "a mask costs nothing"


def test_an_edit_may_leak_out_of_its_mask(studio, photo, masked) -> None:
    ask = masked("Make the car blue [[emulate leak]]")
    with studio.engine() as engine:
        studio.take(engine, [ask])
        pixels = changed(photo, engine.books.responses.picture(ask.key))
    assert 0.1 < outside(pixels).mean() < 0.5


def test_a_mask_of_another_size_is_refused_and_nothing_is_paid(studio, masked) -> None:
    ask = masked("Make it blue")
    small = replace(ask.what, mask=shown(Image.new("RGBA", (64, 64))))
    with studio.engine(call_attempts=1) as engine:
        taken = studio.take(engine, [asked(small, "small")])
    assert taken.kinds() == {"Dropped": 1}
    assert "mask size does not match" in taken.outcomes[0].detail
    assert studio.audit().usd() == studio.history().spent == 0


def test_batches_take_both_at_half_the_price(bulk, masked) -> None:
    asks = [make(), make("A cat"), masked("Make it blue"), masked("Make it red")]
    steps = ["synthesize", "synthesize", "regenerate", "regenerate"]
    asks = [replace(ask, step=step) for ask, step in zip(asks, steps, strict=True)]
    with bulk.engine(steps=("synthesize", "regenerate")) as engine:
        assert bulk.queue(engine, asks).kinds() == {"Unanswered": 4}
        assert bulk.sandbox.admin("summary")["files"] >= 2, "picture and mask lie there once"
        bulk.wait(engine)
        taken = bulk.take(engine, asks)
    assert taken.kinds() == {"Answered": 4}
    assert not any(one.paid for one in taken.of(Answered))
    proven = bulk.audit()
    assert proven.by_outcome() == {"settled": 4}
    assert {call["tariff"] for call in proven.calls} == {"batch"}
    assert engine.books.ledger.spent == proven.history.spent == proven.usd() > 0
    bulk.prove_clean()


def test_a_batched_mask_gives_what_it_gives_online(studio, masked) -> None:
    ask = masked("Make the car blue")
    with studio.engine() as engine:
        studio.take(engine, [ask])
        online = engine.books.responses.picture(ask.key)
    other = Store(f"{studio.store.root}-other")
    with replace(studio, store=other).engine() as engine:
        list(engine.bulk.answers([ask]))
        engine.bulk.flush()
        while engine.bulk.look():
            time.sleep(0.005)
        assert engine.books.responses.picture(ask.key) == online
