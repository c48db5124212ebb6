import json
import math
from dataclasses import replace

import openai
import pytest
from pydantic import BaseModel, Field

from editcorpus.preservation import STAYS
from editcorpus.sandbox.chat_calls import question
from editcorpus.sandbox.chat_rules import qwen_tokens
from editcorpus.sandbox.defects import Defect
from editcorpus.sandbox.edits import Plan, edited
from editcorpus.sandbox.judge import measured, verdict

QWEN = "Qwen/Qwen2.5-VL-7B-Instruct"
IDS = [9454, 2753, 9693, 2152, 7414, 2308]
DONE = "Instruction: 'Make the shirt blue'. Has the edit been carried out in Image 2? Yes or No."
KEPT = "Apart from the requested change, is everything in Image 1 preserved? Answer Yes or No."
CLEAN = "Is Image 2 free of artefacts? Answer Yes or No."


class Rewrite(BaseModel):
    """What a caller may want to know of a pair."""

    instruction: str
    faithful: bool
    rating: int = Field(ge=0, le=10)
    remarks: list[str] | None
    kind: str


def content(pictures, text, url):
    parts = []
    for number, picture in enumerate(pictures, 1):
        parts += [
            {"type": "text", "text": f"Image {number}:"},
            {"type": "image_url", "image_url": {"url": url(picture)}},
        ]
    return [{"role": "user", "content": [*parts, {"type": "text", "text": text}]}]


@pytest.fixture(scope="module")
def canvas(canvas):
    """Half as large as elsewhere, which a judge sees no worse."""
    return canvas.resize((768, 512))


@pytest.fixture(scope="module")
def pairs(canvas):
    """The canvas after an edit, and after each of several mishaps."""

    def after(**given):
        return edited(canvas, Plan("Make the shirt blue", canvas.size, "k", 1, **given))

    return {
        "edited": after(),
        "same": canvas,
        "blank": after(defect=Defect.BLANK),
        "strange": after(defect=Defect.EVERYTHING),
        "shifted": after(defect=Defect.SHIFT, drift=0.05),
    }


@pytest.fixture(scope="module")
def judge(vllm, canvas, pairs, data_url):
    """Asks one question about the canvas and one of the pictures; gives the answer's choice."""

    def asked(name, text, **extra):
        extra = {"logprob_token_ids": IDS} | extra
        answer = vllm.chat.completions.create(
            model=QWEN,
            messages=content([canvas, pairs[name]], text, data_url),
            max_completion_tokens=1,
            logprobs=True,
            extra_body=extra,
        )
        return answer.choices[0]

    return asked


def p_yes(choice):
    found = {
        entry.token: math.exp(entry.logprob) for entry in choice.logprobs.content[0].top_logprobs
    }
    yes = sum(part for token, part in found.items() if token.strip().lower() == "yes")
    no = sum(part for token, part in found.items() if token.strip().lower() == "no")
    assert yes + no > 0.5
    return yes / (yes + no)


@pytest.mark.parametrize(
    ("name", "text", "low", "high"),
    [
        ("edited", DONE, 0.85, 1),
        ("edited", KEPT, 0.85, 1),
        ("edited", CLEAN, 0.85, 1),
        ("same", DONE, 0, 0.1),
        ("same", KEPT, 0.9, 1),
        ("blank", CLEAN, 0, 0.1),
        ("blank", KEPT, 0, 0.3),
        ("strange", KEPT, 0, 0.3),
        ("shifted", DONE, 0.85, 1),
    ],
)
def test_the_verdict_follows_from_the_pixels(judge, name, text, low, high):
    choice = judge(name, text)
    assert low <= p_yes(choice) <= high
    assert choice.message.content == ("Yes" if p_yes(choice) > 0.5 else "No")
    assert choice.finish_reason == "length"


STAYS = {str(family): text for family, text in STAYS["three-2"].items()}
STYLED = Plan("Turn it into a poster", (768, 512), "k", 1)
BACKED = Plan("Replace the background with a blue wall", (768, 512), "k", 1)


@pytest.mark.parametrize(
    ("family", "plan"),
    [
        ("style_transfer", STYLED),
        ("tone_adjustment", STYLED),
        ("tone_adjustment", BACKED),
        ("background_replacement", BACKED),
    ],
)
def test_what_has_to_stay_is_seen_in_the_pixels(family, plan, canvas):
    text = f"Requested edit: {plan.prompt}\n{STAYS[family]}"

    def sure(after):
        return verdict(question(text), measured(canvas, after, question(text)), "k")

    assert sure(edited(canvas, plan)) > 0.6
    assert sure(edited(canvas, replace(plan, defect=Defect.EVERYTHING))) < 0.1
    assert sure(edited(canvas, replace(plan, defect=Defect.BLANK))) < 0.1


def test_a_main_subject_may_stay_where_all_else_goes(canvas):
    left, top, right, bottom = 192, 128, 576, 384
    after = edited(canvas, replace(BACKED, defect=Defect.EVERYTHING))
    after.paste(canvas.crop((left, top, right, bottom)), (left, top))
    text = STAYS["background_replacement"]
    assert verdict(text, measured(canvas, after, text), "k") > 0.9
    before = edited(canvas, replace(BACKED, defect=Defect.EVERYTHING, key="other"))
    assert verdict(text, measured(before, after, text), "k") < 0.2


def test_a_shift_is_kept_less_well_than_an_edit_in_place(judge):
    assert p_yes(judge("shifted", KEPT)) < p_yes(judge("edited", KEPT)) - 0.1


def test_exactly_the_token_ids_asked_for_come_back(judge):
    (first,) = judge("edited", DONE).logprobs.content
    assert [one.token for one in first.top_logprobs] == ["Yes", "No", "yes", "no", " Yes", " No"]
    (first,) = judge("same", DONE, logprob_token_ids=[9454]).logprobs.content
    assert [one.token for one in first.top_logprobs] == ["No", "Yes"]
    assert first.bytes == list(b"No")


def test_the_twenty_likeliest_come_in_order(judge):
    choice = judge("edited", DONE, logprob_token_ids=[], top_logprobs=20)
    logprobs = [one.logprob for one in choice.logprobs.content[0].top_logprobs]
    assert len(logprobs) == 20
    assert logprobs == sorted(logprobs, reverse=True)


def test_more_than_twenty_are_refused_in_the_words_of_vllm(judge):
    with pytest.raises(openai.BadRequestError) as caught:
        judge("edited", DONE, top_logprobs=21)
    assert caught.value.body["code"] == 400
    assert caught.value.type == "BadRequestError"
    assert "greater than max allowed: 20" in caught.value.body["message"]


def test_an_unreadable_verdict_has_little_mass_on_yes_and_no(judge):
    (first,) = judge("edited", f"{DONE} [[emulate unreadable]]").logprobs.content
    assert sum(math.exp(one.logprob) for one in first.top_logprobs if one.token != "I") < 0.25


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Has the edit 'Is the man's hat gone?' been carried out? Yes or No.", "carried out"),
        ("Look closely. Is the rest preserved? Answer Yes or No.", "preserved"),
    ],
)
def test_the_question_is_found_outside_of_quotes(text, expected):
    assert expected in question(text)
    assert "hat" not in question(text)


def parsed(client, pictures, url, text="What changed?", **given):
    given = {"model": "gpt-6-luna"} | given
    return client.chat.completions.parse(
        messages=content(pictures, text, url), response_format=Rewrite, **given
    )


def test_a_structured_answer_conforms_and_names_the_change(client, canvas, pairs, data_url):
    answer = parsed(client, [canvas, pairs["edited"]], data_url)
    found = answer.choices[0].message.parsed
    assert "blue" in found.instruction
    assert found.faithful
    assert 5 <= found.rating <= 10
    again = parsed(client, [canvas, pairs["edited"]], data_url)
    assert again.choices[0].message.content == answer.choices[0].message.content
    assert (again.id, again.created) == (answer.id, answer.created)


def test_an_unchanged_pair_reads_as_such(client, canvas, data_url):
    found = parsed(client, [canvas, canvas], data_url).choices[0].message.parsed
    assert found.instruction == "Leave the picture as it is."
    assert not found.faithful


def test_chat_is_billed_by_visual_tokens_and_text(client, canvas, data_url, calls):
    answer = parsed(client, [canvas, canvas], data_url, model="gpt-4o")
    usage = answer.usage
    assert usage.prompt_tokens > 2 * 425
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    (call,) = calls(request_id=answer._request_id)
    exact = (2.5 * usage.prompt_tokens + 10 * usage.completion_tokens) / 1e6
    assert float(call["usd"]) == pytest.approx(exact)


def test_a_refusal_is_no_content(client, canvas, data_url):
    answer = parsed(client, [canvas, canvas], data_url, "Describe [[emulate refusal]]")
    assert answer.choices[0].message.content is None
    assert "can't assist" in answer.choices[0].message.refusal


def test_a_cut_answer_ends_by_length(client, canvas, data_url):
    with pytest.raises(openai.LengthFinishReasonError):
        parsed(client, [canvas, canvas], data_url, "Describe [[emulate length]]")
    with pytest.raises(openai.LengthFinishReasonError):
        parsed(client, [canvas, canvas], data_url, max_completion_tokens=8)


def test_an_empty_list_of_choices_passes_the_client(client):
    answer = say(client, "Hello [[emulate empty_data]]")
    assert answer.choices == []


def say(client, text, model="gpt-6-luna", **given):
    messages = [{"role": "user", "content": text}]
    return client.chat.completions.create(model=model, messages=messages, **given)


def test_a_plain_question_gets_a_sentence(client):
    assert say(client, "Hello").choices[0].message.content.endswith(".")


def test_json_mode_gets_an_object(client):
    answer = say(client, "Give JSON", response_format={"type": "json_object"})
    assert isinstance(json.loads(answer.choices[0].message.content), dict)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"max_tokens": 5}, "Use 'max_completion_tokens' instead"),
        ({"logprobs": True}, "reasoning_effort"),
        ({"top_logprobs": 3}, "'logprobs' must be true"),
        ({"logprobs": True, "top_logprobs": 21, "model": "gpt-4o"}, "<= 20"),
        ({"extra_body": {"logprob_token_ids": [1]}}, "Unrecognized request argument"),
        ({"stream": True}, "Streaming"),
        ({"extra_body": {"response_format": "json"}}, "expected an object"),
        ({"max_completion_tokens": 0}, "expected an integer"),
        (
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "x", "strict": True, "schema": {"type": "object"}},
                }
            },
            "additionalProperties",
        ),
    ],
)
def test_openai_refuses_what_it_does_not_take(client, given, text):
    with pytest.raises(openai.BadRequestError, match=text.replace("(", r"\(")):
        say(client, "Hello", **given)


@pytest.mark.parametrize(
    "url", ["https://example.org/a.png", "data:image/png;base64,@@", "data:image/png;base64,AAAA"]
)
def test_a_picture_that_cannot_be_read_is_refused(client, url):
    parts = [{"type": "image_url", "image_url": {"url": url}}]
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(
            model="gpt-6-luna", messages=[{"role": "user", "content": parts}]
        )


def test_vllm_ignores_guided_choice_and_takes_structured_outputs(vllm):
    guided = say(vllm, "Colour?", QWEN, extra_body={"guided_choice": ["red", "blue"]})
    assert guided.choices[0].message.content not in ("red", "blue")
    chosen = say(
        vllm, "Colour?", QWEN, extra_body={"structured_outputs": {"choice": ["red", "blue"]}}
    )
    assert chosen.choices[0].message.content in ("red", "blue")


def test_vllm_refuses_a_prompt_beyond_its_context(vllm):
    with pytest.raises(openai.BadRequestError, match="maximum context length is 8192 tokens"):
        say(vllm, "word " * 9000, QWEN)


@pytest.mark.parametrize(
    ("size", "pixels", "side", "tokens"),
    [
        ((512, 512), (3_136, 12_845_056), 28, 324),
        ((1024, 1024), (3_136, 12_845_056), 28, 1369),
        ((1536, 1024), (3_136, 12_845_056), 28, 2035),
        ((1024, 1024), (200_704, 1_003_520), 28, 1225),
        ((1024, 1024), (200_704, 602_112), 28, 729),
        ((1024, 1024), (65_536, 16_777_216), 32, 1024),
        ((1536, 1024), (65_536, 16_777_216), 32, 1536),
        ((28, 28), (3_136, 12_845_056), 28, 4),
    ],
)
def test_visual_tokens_are_those_of_the_published_processor(size, pixels, side, tokens):
    assert qwen_tokens(*size, pixels, side) == tokens
