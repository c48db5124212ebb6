"""The pooling servers: vectors out of pixels and words, with the manners and faults of vLLM."""

import io

import numpy as np
import openai
import pytest
from PIL import Image

from editcorpus.demo.scenes import Scene, recoloured
from editcorpus.endpoints import embeddings
from editcorpus.endpoints.classify import classify
from editcorpus.endpoints.replies import Raw
from editcorpus.endpoints.requests import Picture
from editcorpus.errors import ModelMisbehaved
from editcorpus.images import pixel_hash
from editcorpus.responses import TextAnswer
from editcorpus.sandbox.described import description
from editcorpus.sandbox.personas import POOLING_MODELS
from editcorpus.steps import embed

QWEN, CLIP, DINO = POOLING_MODELS
CONFIG = embed.Config(model=QWEN, clip_model=CLIP, dino_model=DINO)
SCENES = tuple(
    Scene(photo, (320, 240))
    for photo in (
        *("astronaut", "cat", "coffee", "dandelion"),
        *("deep_field", "photographer", "raccoon", "rocket"),
    )
)


@pytest.fixture(scope="module")
def pooling(server, connect):
    with connect(server.pooling_url) as found:
        yield found


def asked(client, body, **extra):
    options = {"headers": {"X-Stainless-Raw-Response": "true", **extra}}
    return client.post("/embeddings", cast_to=object, body=body, options=options)


def text(model: str, words: str, **more):
    content = [{"type": "text", "text": words}]
    return {"model": model, "messages": [{"role": "user", "content": content}], **more}


def shown(picture: Image.Image) -> Picture:
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=90)
    return Picture(pixel_hash(picture), "image/jpeg", 90, picture.size, stream.getvalue)


@pytest.fixture(scope="module")
def measure(pooling):
    """The measures of a pair, over HTTP."""

    def of(before: Image.Image, after: Image.Image, told: embed.Captions) -> embed.Embedded:
        wanted = embed.requests("Make it stronger.", told, shown(before), shown(after), CONFIG)
        kept = {}
        for name, what in wanted.items():
            bodies = [picture.load() for picture in what.pictures]
            sent = asked(pooling, embeddings.parameters(what, bodies))
            reply = embeddings.read(Raw(sent.content, sent.headers, ""))
            kept[name] = TextAnswer(_Record(name), reply.payload.decode())  # type: ignore[arg-type]
        return embed.embedded("a", kept, CONFIG)

    return of


class _Record:
    def __init__(self, key: str) -> None:
        self.key = key


def test_every_pooling_model_is_listed(pooling):
    assert {model.id for model in pooling.models.list().data} == set(POOLING_MODELS)


def test_the_same_message_gives_the_same_vector_in_either_form(pooling, calls):
    listed = asked(pooling, text(CLIP, "A red balloon.")).content
    coded = asked(pooling, text(CLIP, "A red balloon.", encoding_format="base64")).content
    again = asked(pooling, text(CLIP, "A red balloon.", encoding_format="base64")).content
    first, second = (
        embeddings.vector(embeddings.read(Raw(one, {}, "")).payload.decode())
        for one in (listed, coded)
    )
    assert np.array_equal(first, second)
    assert coded == again
    (last,) = calls(endpoint="/pooling/v1/embeddings", model=CLIP)[-1:]
    assert (last["status"], last["billed"], last["usd"]) == (200, True, "0")
    assert last["usage"]["prompt_tokens"] == last["usage"]["total_tokens"] > 4


@pytest.mark.parametrize("number", range(len(SCENES)))
def test_a_swapped_pair_lies_further_apart_than_the_true_one(measure, number: int):
    source = SCENES[number].shown()
    edited = recoloured(source)
    other = recoloured(SCENES[(number + 1) % len(SCENES)].shown())
    told = embed.Captions(description(source), description(edited))
    true, swapped = measure(source, edited, told), measure(source, other, told)
    for name in ("embed_match", "embed_image", "clip_sim_target", "clip_sim_image", "dino_sim"):
        apart = getattr(true, name) - getattr(swapped, name)
        assert apart > (0.005 if name == "clip_sim_target" else 0.3), name
    assert true.clip_sim_source == swapped.clip_sim_source
    if told.source == told.edited:
        assert true.clip_sim_dir == true.embed_dir == 0
    else:
        assert min(true.clip_sim_dir, true.embed_dir) > 0.4
        assert max(swapped.clip_sim_dir, swapped.embed_dir) < 0.3


def test_pictures_alone_are_what_dino_takes(pooling):
    with pytest.raises(openai.BadRequestError, match="takes pictures, and no text") as caught:
        asked(pooling, text(DINO, "A cat."))
    verdict = classify(caught.value)
    assert (verdict.action, verdict.billed) == ("drop", "no")


def test_what_is_wrong_is_refused_in_vllms_words(pooling):
    with pytest.raises(openai.NotFoundError) as caught:
        asked(pooling, text("Qwen/Qwen2.5-VL-7B-Instruct", "A cat."))
    assert caught.value.body["code"] == 404
    with pytest.raises(openai.BadRequestError, match="encoding_format"):
        asked(pooling, text(CLIP, "A cat.", encoding_format="words"))
    with pytest.raises(openai.BadRequestError, match="messages"):
        asked(pooling, {"model": CLIP})
    with pytest.raises(openai.BadRequestError, match="maximum context length"):
        asked(pooling, text(QWEN, "word " * 40_000))


@pytest.mark.parametrize(
    ("name", "status"), [("rate_limit", 503), ("server_error", 500), ("html_502", 502)]
)
def test_it_fails_as_the_judge_does(pooling, name: str, status: int):
    with pytest.raises(openai.APIStatusError) as caught:
        asked(pooling, text(QWEN, f"Fails with {name}."), **{"x-emulate": name})
    assert caught.value.status_code == status
    assert classify(caught.value).action == "retry"


@pytest.mark.parametrize("name", ["empty_data", "bad_b64", "truncated_b64", "malformed_json"])
def test_a_damaged_vector_is_told(pooling, name: str):
    body = text(QWEN, f"Damaged by {name}.", encoding_format="base64")
    sent = asked(pooling, body, **{"x-emulate": name})
    with pytest.raises(ModelMisbehaved):
        embeddings.read(Raw(sent.content, {}, ""))


def test_canned_vectors_cost_nothing_and_differ(canned, connect):
    with connect(canned.pooling_url) as client:
        one, other = (asked(client, text(QWEN, words)).content for words in ("A cat.", "A dog."))
    first, second = (embeddings.read(Raw(each, {}, "")).payload for each in (one, other))
    assert first != second
