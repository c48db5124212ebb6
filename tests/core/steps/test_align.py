"""P(yes) from log-probabilities: what counts, and what is no verdict."""

import json
import math
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from editcorpus.endpoints.requests import Picture
from editcorpus.ledger import Record
from editcorpus.responses import TextAnswer
from editcorpus.steps import align
from editcorpus.taxonomy import Family

RECORD = Record(
    attempt="p-0",
    key="ef" * 32,
    run="r",
    shard=0,
    id="x/1",
    step="align",
    sample=0,
    model="Qwen/Qwen2.5-VL-7B-Instruct",
    usd=Decimal(0),
    at="2026-11-20T00:00:00.000+00:00",
    outcome="settled",
    usage={},
    request_id="",
    seconds=1.0,
)


def answer(*listed: tuple[str, float]) -> TextAnswer:
    tokens = [{"token": token, "logprob": logprob, "bytes": []} for token, logprob in listed]
    content = [{"token": "Yes", "logprob": -0.1, "bytes": [], "top_logprobs": tokens}]
    return TextAnswer(RECORD, json.dumps({"choices": [{"logprobs": {"content": content}}]}))


def listing(entry: str) -> TextAnswer:
    return TextAnswer(
        RECORD, f'{{"choices":[{{"logprobs":{{"content":[{{"top_logprobs":[{entry}]}}]}}}}]}}'
    )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
ENTRY = st.fixed_dictionaries({"token": st.sampled_from(["Yes", " no"]) | JSON, "logprob": JSON})
CONTENT = JSON | st.fixed_dictionaries({"top_logprobs": JSON | st.lists(ENTRY | JSON)})
CHOICE = JSON | st.fixed_dictionaries(
    {"logprobs": JSON | st.fixed_dictionaries({"content": JSON | st.lists(CONTENT, max_size=2)})}
)
BODY = JSON | st.fixed_dictionaries({"choices": JSON | st.lists(CHOICE, max_size=2)})


@given(
    BODY.map(json.dumps)
    | st.binary().map(lambda data: data.decode("utf-8", "surrogateescape"))
    | st.text(alphabet='[]{}",:0-9eE.')
)
def test_whatever_a_judge_answers_is_a_verdict_or_none(body):
    verdict = align.read(TextAnswer(RECORD, body))
    assert verdict is None or (0 <= verdict.yes <= 1 and verdict.mass >= align.MIN_MASS)


def test_all_spellings_of_a_side_are_summed():
    verdict = align.read(
        answer(("Yes", math.log(0.5)), (" Yes", math.log(0.2)), ("no", math.log(0.1)))
    )
    assert verdict is not None
    assert verdict.yes == pytest.approx(0.7 / 0.8)
    assert verdict.mass == pytest.approx(0.8)


def test_a_token_that_is_listed_twice_counts_once():
    verdict = align.read(
        answer(("Yes", math.log(0.6)), ("No", math.log(0.3)), ("Yes", math.log(0.6)))
    )
    assert verdict is not None
    assert verdict.mass == pytest.approx(0.9)


@pytest.mark.parametrize(
    "bad",
    [
        answer(("Yes", math.log(0.2)), ("No", math.log(0.2))),
        answer(("The", math.log(0.9))),
        answer(("Yes", 3.0)),
        answer(("Yes", float("nan"))),
        TextAnswer(RECORD, "{}"),
        TextAnswer(RECORD, '{"choices":[{"logprobs":null}]}'),
        TextAnswer(RECORD, "not json"),
        listing('{"token": ["Yes"], "logprob": 0}'),
        listing('{"token": 5, "logprob": 0}'),
        listing('{"token": "Yes", "logprob": -1' + "0" * 400 + "}"),
        listing('{"token": "Yes", "logprob": -1' + "0" * 5000 + "}"),
        listing('{"token": "Yes", "logprob": "0"}'),
        listing('{"token": "Yes", "logprob": false}'),
        listing("[" * 100_000),
        listing("7"),
    ],
)
def test_too_little_mass_or_no_numbers_is_no_verdict(bad):
    assert align.read(bad) is None


def test_the_pictures_come_before_the_question_and_are_the_same_for_all_three():
    source, edited = (Picture(name, "image/jpeg", 90, (9, 9), bytes) for name in "ab")
    asked = align.requests("Add a hat.", source, edited, align.Config())
    assert set(asked) == set(align.ASPECTS)
    assert len({chat.content[:4] for chat in asked.values()}) == 1
    assert all("Add a hat." in chat.prompt for chat in asked.values())
    assert all(chat.max_tokens == 1 for chat in asked.values())


def asked(family: str, prompt: str = "three-2") -> dict[str, str]:
    picture = Picture("a", "image/jpeg", 90, (9, 9), bytes)
    config = align.Config.model_validate({"prompt": prompt})
    made = align.requests("Add a hat.", picture, picture, config, family)
    return {aspect: chat.prompt for aspect, chat in made.items()}


@pytest.mark.parametrize(
    ("family", "said"),
    [
        (Family.STYLE_TRANSFER, "in the same composition"),
        (Family.TONE_ADJUSTMENT, "in the same places"),
        (Family.BACKGROUND_REPLACEMENT, "the main subject of picture 1"),
    ],
)
def test_of_whole_pictures_is_asked_what_has_to_stay_and_of_all_others_what_ever_was(
    family: Family, said: str
) -> None:
    usual, whole = asked(Family.OBJECT_ADDITION), asked(family)
    assert said in whole["preserved"]
    assert "unchanged" not in whole["preserved"]
    assert {name for name in whole if whole[name] != usual[name]} == {"preserved"}
    assert asked("") == usual == asked(family, "three-1")


def test_the_score_is_the_geometric_mean_of_the_parts():
    verdicts = {
        name: align.Verdict(value, 0.9)
        for name, value in zip(align.ASPECTS, (0.9, 0.4, 0.6), strict=True)
    }
    record = replace(RECORD, model_version="qwen2.5-vl-7b-0117")
    answers = {name: TextAnswer(replace(record, key=name * 8), "") for name in align.ASPECTS}
    made = align.aligned("x/1", verdicts, answers, align.Config())
    assert made.score == pytest.approx((0.9 * 0.4 * 0.6) ** (1 / 3))
    assert (made.score_done, made.score_preserved, made.score_clean) == (0.9, 0.4, 0.6)
    assert made.response_clean == "clean" * 8
    assert (made.judge_version, made.judge_prompt) == ("qwen2.5-vl-7b-0117", "three-2")
