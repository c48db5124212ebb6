import asyncio
import json
from decimal import Decimal

import pytest
from openai import AsyncOpenAI

from editcorpus.endpoints import chat
from editcorpus.endpoints.replies import Raw, usage_of
from editcorpus.endpoints.requests import Chat, Picture
from editcorpus.errors import ModelMisbehaved
from editcorpus.records import Reason
from editcorpus.tariffs import Usage, price


def raw(body: object) -> Raw:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Raw(content, {}, "req_1")


def test_the_answer_is_kept_as_it_was_sent() -> None:
    sent = raw({"choices": [{"message": {"content": None}}], "usage": {"prompt_tokens": 3}})
    found = chat.read(sent)
    assert (found.payload, found.usage) == (sent.content, Usage(text_in=3))


@pytest.mark.parametrize(
    ("named", "told"),
    [
        ("gpt-6-luna-2026-10-01", "gpt-6-luna-2026-10-01"),
        (" qwen\n2.5 ", "qwen 2.5"),
        ("x" * 5_000, "x" * 200),
        ("gpt\ud800", "gpt?"),
        (None, ""),
        (7, ""),
        (["gpt"], ""),
    ],
)
def test_the_model_that_answered_is_told_as_it_names_itself(named: object, told: str) -> None:
    body = {"choices": [{"message": {"content": None}}], "model": named}
    assert chat.read(raw(body)).model == told
    assert chat.read(raw({"choices": body["choices"]})).model == ""


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[1]",
        {},
        {"choices": []},
        {"choices": {}},
        {"choices": ["x"]},
        b" " * 2**23,
    ],
)
def test_what_holds_no_choice_is_damaged(body: object) -> None:
    with pytest.raises(ModelMisbehaved) as caught:
        chat.read(raw(body))
    assert caught.value.reason is Reason.ANSWER_DAMAGED


def test_tokens_of_the_cache_have_prices_of_their_own() -> None:
    details = {"cached_tokens": 60, "cache_write_tokens": 30}
    usage = {"prompt_tokens": 100, "completion_tokens": 7, "prompt_tokens_details": details}
    found = usage_of(raw({"usage": usage}), chat.usage)
    assert found == Usage(100, 0, 7, cached_text_in=60, cache_write_text_in=30)
    million = Decimal(1_000_000)
    wanted = 10 * Decimal("0.1") + 60 * Decimal("0.01") + 30 * Decimal("0.125") + 7 * Decimal("0.5")
    assert price("gpt-6-luna", found) == wanted / million


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        {},
        {"usage": None},
        {"usage": []},
        {"usage": {"prompt_tokens": None, "prompt_tokens_details": "x"}},
    ],
)
def test_what_reports_no_tokens_is_told(body: object) -> None:
    assert usage_of(raw(body), chat.usage) is None


def test_texts_and_pictures_go_out_in_their_order(lab) -> None:
    first, second = (Picture(name, "image/jpeg", 90, (8, 8), bytes) for name in "ab")
    what = Chat("gpt-6-luna", ("Before:", first, "After:", second), 20, {"seed": 7})
    bodies = [lab.make.edit(0).what.picture.load(), b"second"]
    seen = []

    class Client(AsyncOpenAI):
        async def post(self, path, *, options, body, **given):  # type: ignore[no-untyped-def]
            seen.append({**body, **options["extra_json"]})
            raise ValueError("not sent")

    client = Client(base_url="http://127.0.0.1:9/v1", api_key="x")
    with pytest.raises(ValueError, match="not sent"):
        asyncio.run(chat.send(client, what, bodies))
    assert bodies == []
    (body,) = seen
    assert (body["model"], body["seed"], body["max_completion_tokens"]) == ("gpt-6-luna", 7, 20)
    parts = body["messages"][0]["content"]
    assert [part.get("text") for part in parts] == ["Before:", None, "After:", None]
    assert parts[3]["image_url"]["url"] == "data:image/jpeg;base64,c2Vjb25k"
