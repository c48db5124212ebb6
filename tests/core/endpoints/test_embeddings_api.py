"""How a vector is asked for, what is kept of the answer, and what the books say of the call."""

import asyncio
import base64
import json

import numpy as np
import pytest
from openai import AsyncOpenAI

from editcorpus.endpoints import embeddings
from editcorpus.endpoints.bulk.lines import for_batch, path_of
from editcorpus.endpoints.replies import Raw, usage_of
from editcorpus.endpoints.requests import Embed, Picture
from editcorpus.errors import ModelMisbehaved, ShardError
from editcorpus.records import Reason
from editcorpus.tariffs import Usage

QWEN = "Qwen/Qwen3-VL-Embedding-2B"


def raw(body: object) -> Raw:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Raw(content, {}, "req_1")


def answer(vector: object, **more: object) -> Raw:
    return raw({"data": [{"index": 0, "embedding": vector}], "model": "m", **more})


def coded(*numbers: float) -> str:
    return base64.b64encode(np.array(numbers, "<f4").tobytes()).decode()


@pytest.mark.parametrize("given", [[3, 4.0], coded(3, 4), [3e300, 4e300], [3e-300, 4e-300]])
def test_a_vector_is_kept_with_length_one_whichever_form_it_has(given: object) -> None:
    found = embeddings.read(answer(given, usage={"prompt_tokens": 7, "total_tokens": 7}))
    assert (found.usage, found.model) == (Usage(text_in=7), "m")
    assert embeddings.vector(found.payload.decode()) == pytest.approx([0.6, 0.8], abs=1e-3)


def test_what_is_kept_is_small_and_moves_no_cosine() -> None:
    draws = np.random.default_rng(3)
    plain = draws.standard_normal((2, 2048))
    plain /= np.linalg.norm(plain, axis=1, keepdims=True)
    replies = [embeddings.read(answer([float(each) for each in one])) for one in plain]
    assert max(len(reply.payload) for reply in replies) < 6_000
    first, second = (embeddings.vector(reply.payload.decode()) for reply in replies)
    assert float(np.dot(first, second)) == pytest.approx(float(np.dot(*plain)), abs=1e-4)


DAMAGED = {
    "nothing": raw(b""),
    "a page": raw(b"<html>"),
    "no member": raw({}),
    "no item": raw({"data": []}),
    "a number for an item": raw({"data": [7]}),
    "null": answer(None),
    "an empty list": answer([]),
    "one number": answer([1.0]),
    "no length": answer([0, 0]),
    "booleans": answer([True, False]),
    "texts": answer(["1", "2"]),
    "a NaN": answer([1, float("nan")]),
    "beyond floats": answer([1, 10**400]),
    "no base64": answer("no base64!"),
    "half a number": answer(coded(1, 2)[:-4]),
    "infinity": answer(coded(1, float("inf"))),
    "too many": answer([1.0] * 70_000),
    "too long": raw(b" " * 2**23),
}


@pytest.mark.parametrize("found", DAMAGED.values(), ids=DAMAGED)
def test_what_holds_no_vector_is_damaged(found: Raw) -> None:
    with pytest.raises(ModelMisbehaved) as caught:
        embeddings.read(found)
    assert caught.value.reason is Reason.ANSWER_DAMAGED


@pytest.mark.parametrize("body", ["", "{}", '{"float16": "AAA"}', '{"float16": 3}', "[1]"])
def test_a_stored_answer_without_a_vector_is_told(body: str) -> None:
    with pytest.raises(ShardError, match="holds no vector"):
        embeddings.vector(body)


def test_a_damaged_answer_tells_its_tokens() -> None:
    assert usage_of(raw({"usage": {"prompt_tokens": 9}}), embeddings.usage) == Usage(text_in=9)
    assert usage_of(raw({}), embeddings.usage) is None


def test_a_guide_is_what_the_system_says() -> None:
    picture = Picture("a", "image/jpeg", 90, (8, 8), bytes)
    what = Embed(QWEN, (picture, "Make it blue."), "Represent it.", {"dimensions": 64})
    bodies = [b"second"]
    sent = embeddings.parameters(what, bodies)
    assert bodies == []
    assert [message["role"] for message in sent["messages"]] == ["system", "user", "assistant"]
    assert (sent["continue_final_message"], sent["add_special_tokens"]) == (True, True)
    assert (sent["encoding_format"], sent["dimensions"]) == ("base64", 64)
    shown, said = sent["messages"][1]["content"]
    assert shown["image_url"]["url"] == "data:image/jpeg;base64,c2Vjb25k"
    assert said == {"type": "text", "text": "Make it blue."}
    bare = embeddings.parameters(Embed("clip", ("A cat.",), "", {}), [])
    assert [message["role"] for message in bare["messages"]] == ["user"]
    assert "continue_final_message" not in bare


def test_the_client_sends_it_to_the_embeddings_of_the_server(lab) -> None:
    lab.config(faults={})
    url = lab.sandbox.pooling_url

    async def asked() -> Raw:
        async with AsyncOpenAI(base_url=url, api_key="sk-vllm", max_retries=0) as client:
            return await embeddings.send(client, Embed(QWEN, ("A cat.",), "", {}), [])

    found = asyncio.run(asked())
    assert found.request_id.startswith("req_")
    assert len(embeddings.vector(embeddings.read(found).payload.decode())) == 768
    (call,) = lab.sandbox.admin("journal")["calls"]
    assert (call["endpoint"], call["model"], call["billed"]) == (
        "/pooling/v1/embeddings",
        QWEN,
        True,
    )


def test_no_batch_takes_it() -> None:
    what = Embed(QWEN, ("A cat.",), "", {})
    for refused in (for_batch, path_of):
        with pytest.raises(TypeError, match="not asked for in batches"):
            refused(what)
