"""A chat request: texts and pictures in order, checked as each persona checks it."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from editcorpus.sandbox.catalogue import served
from editcorpus.sandbox.chance import digest
from editcorpus.sandbox.codecs import Sent, data_url, sent
from editcorpus.sandbox.config import SandboxConfig
from editcorpus.sandbox.personas import Persona
from editcorpus.sandbox.refusals import ApiError, invalid, missing, no_model
from editcorpus.sandbox.schemas import check_strict
from editcorpus.tariffs import text_tokens, vision_tokens

MAX_LOGPROBS = 20
MAX_TOKEN_IDS = 128

#: Parameters of vLLM that OpenAI's own service refuses.
_VLLM_ONLY = ("logprob_token_ids", "mm_processor_kwargs", "structured_outputs", "prompt_logprobs",
              "min_tokens", "cache_salt", "truncate_prompt_tokens")  # fmt: skip

#: Models that reason: no `max_tokens`, and log-probabilities only where they do not reason.
_REASONING = re.compile(r"^(gpt-[5-9]|o\d)")

#: Tokens that the chat template adds to each message.
_TEMPLATE_TOKENS = 4

#: Least and most pixels of a picture for Qwen2.5-VL and Qwen3-VL, and the side of a visual token.
_QWEN = {"Qwen3": (65_536, 16_777_216, 32), "": (3_136, 12_845_056, 28)}


@dataclass(frozen=True, slots=True)
class ChatOrder:
    """A sound request.

    Attributes:
        text: All texts of the messages, in order.
        pictures: All pictures, in order.
        max_tokens: Most tokens of the answer; 0 is no limit.
        top: Alternatives to give with each token; None gives no log-probabilities.
        token_ids: Tokens whose log-probabilities are asked for by id.
        schema: What the answer must conform to, if anything.
        choices: Texts of which the answer must be one, if any.
        skeleton: Hash of everything but the pictures.
    """

    persona: Persona
    model: str
    text: str
    pictures: tuple[Sent, ...]
    max_tokens: int
    top: int | None
    token_ids: tuple[int, ...]
    schema: Mapping[str, Any] | None
    choices: tuple[str, ...]
    skeleton: str
    prompt_tokens: int


def chat_order(members: Mapping[str, Any], persona: Persona, config: SandboxConfig) -> ChatOrder:
    """Read a request's body.

    Raises:
        ApiError: Something is wrong with it, in the words of the persona.
    """
    model = members.get("model")
    if not isinstance(model, str) or not model:
        raise missing("model")
    _check_model(model, members, persona, config)
    if members.get("stream"):
        raise invalid("Streaming is not emulated.", "stream", "invalid_value")
    texts, pictures, shape = messages_of(members.get("messages"), config.max_pixels)
    text = "\n".join(texts)
    options = {name: value for name, value in members.items() if name != "messages"}
    schema, choices = _format(members, persona)
    tokens = text_tokens(text) + _TEMPLATE_TOKENS * len(shape)
    tokens += sum(visual_tokens(model, each, members, persona) for each in pictures)
    most = _most_tokens(members)
    if persona is Persona.VLLM:
        check_length(tokens, most, config.vllm_max_model_len)
    return ChatOrder(
        persona=persona,
        model=model,
        text=text,
        pictures=tuple(pictures),
        max_tokens=most,
        top=_top(members, persona),
        token_ids=_token_ids(members),
        schema=schema,
        choices=choices,
        skeleton=digest("chat", persona, json.dumps([options, shape], sort_keys=True)),
        prompt_tokens=tokens,
    )


def _check_model(
    model: str, members: Mapping[str, Any], persona: Persona, config: SandboxConfig
) -> None:
    if persona is Persona.VLLM:
        if model != config.vllm_model:
            raise no_model(model, persona)
        return
    served(model, "chat", config.today)
    for name in _VLLM_ONLY:
        if name in members:
            raise invalid(f"Unrecognized request argument supplied: {name}", name)
    if not _REASONING.match(model):
        return
    if "max_tokens" in members:
        raise invalid(
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use "
            "'max_completion_tokens' instead.",
            "max_tokens",
            "unsupported_parameter",
        )
    if members.get("logprobs") and members.get("reasoning_effort") != "none":
        raise invalid(
            "Unsupported parameter: 'logprobs' is only supported with this model when "
            "'reasoning_effort' is 'none'.",
            "logprobs",
            "unsupported_parameter",
        )


def messages_of(messages: object, limit: int) -> tuple[list[str], list[Sent], list[list[Any]]]:
    """Texts, pictures, and the shape: roles and texts with a blank for each picture."""
    if not isinstance(messages, list) or not messages:
        raise missing("messages")
    texts: list[str] = []
    pictures: list[Sent] = []
    shape: list[list[Any]] = []
    for number, message in enumerate(messages):
        if not isinstance(message, dict) or "role" not in message:
            raise missing(f"messages[{number}].role")
        content = message.get("content")
        parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
        seen: list[Any] = [message["role"]]
        for part in parts if isinstance(parts, list) else []:
            found = _part(part, f"messages[{number}].content", len(pictures) + 1, limit)
            if isinstance(found, str):
                texts.append(found)
            else:
                pictures.append(found)
            seen.append(found if isinstance(found, str) else None)
        shape.append(seen)
    return texts, pictures, shape


def _part(part: object, param: str, number: int, limit: int) -> str | Sent:
    if isinstance(part, dict) and part.get("type") == "text" and isinstance(part.get("text"), str):
        return str(part["text"])
    image = part.get("image_url") if isinstance(part, dict) else None
    if isinstance(image, dict) and isinstance(image.get("url"), str):
        data = data_url(image["url"], param)
        try:
            return sent(data, number, limit)
        except ApiError as error:
            message = "You uploaded an unsupported image. Please make sure your image is valid."
            raise invalid(message, param, "invalid_image_format") from error
    raise invalid(f"Invalid value in '{param}': expected a text or an image_url part.", param)


def visual_tokens(model: str, each: Sent, members: Mapping[str, Any], persona: Persona) -> int:
    """Input tokens of a picture, as the server of a persona counts them."""
    if persona is Persona.OPENAI:
        return vision_tokens(model, each.width, each.height)
    kwargs = _object(members, "mm_processor_kwargs")
    least, most, side = _QWEN["Qwen3" if "Qwen3" in model else ""]
    least, most = kwargs.get("min_pixels", least), kwargs.get("max_pixels", most)
    if not isinstance(least, int) or not isinstance(most, int) or most < 1:
        raise invalid("'min_pixels' and 'max_pixels' must be integers.", "mm_processor_kwargs")
    return qwen_tokens(each.width, each.height, (least, most), side)


def qwen_tokens(width: int, height: int, pixels: tuple[int, int], side: int) -> int:
    """Visual tokens: sides rounded to whole cells, then scaled until the pixels are in bounds.

    Args:
        width: Of the picture, in pixels.
        height: Of the picture, in pixels.
        pixels: Least and most pixels that the processor keeps.
        side: Pixels along one cell: 28 for Qwen2.5-VL, 32 for Qwen3-VL.
    """
    across, down = max(1, round(width / side)), max(1, round(height / side))
    if across * down * side**2 > pixels[1]:
        shrink = (pixels[1] / (width * height)) ** 0.5
        return max(1, int(width * shrink / side)) * max(1, int(height * shrink / side))
    if across * down * side**2 < pixels[0]:
        grow = (pixels[0] / (width * height)) ** 0.5
        return -int(-width * grow // side) * -int(-height * grow // side)
    return across * down


def _most_tokens(members: Mapping[str, Any]) -> int:
    """Most tokens of the answer; 0 is no limit."""
    for name in ("max_completion_tokens", "max_tokens"):
        value = members.get(name)
        if value is not None and (not isinstance(value, int) or value < 1):
            raise invalid(f"Invalid '{name}': expected an integer >= 1.", name, "invalid_type")
        if value is not None:
            return int(value)
    return 0


def _object(members: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A member that is an object, or empty."""
    value = members.get(name) or {}
    if not isinstance(value, dict):
        raise invalid(f"Invalid type for '{name}': expected an object.", name, "invalid_type")
    return value


def check_length(prompt: int, answer: int, longest: int) -> None:
    """Refuse what does not fit into the context of a vLLM server.

    Raises:
        ApiError: 400.
    """
    if prompt + answer > longest:
        raise invalid(
            f"This model's maximum context length is {longest} tokens. However, you requested "
            f"{prompt + answer} tokens ({prompt} in the messages, {answer} in the completion)."
        )


def _top(members: Mapping[str, Any], persona: Persona) -> int | None:
    top = members.get("top_logprobs")
    if not members.get("logprobs"):
        if top or members.get("logprob_token_ids"):
            raise invalid("'logprobs' must be true where top_logprobs are asked for.", "logprobs")
        return None
    if not isinstance(top or 0, int) or not 0 <= (top or 0) <= MAX_LOGPROBS:
        if persona is Persona.VLLM:
            raise invalid(
                f"Requested sample logprobs of {top}, which is greater than max allowed: "
                f"{MAX_LOGPROBS}"
            )
        raise invalid(
            f"Invalid 'top_logprobs': integer above maximum value. Expected a value <= "
            f"{MAX_LOGPROBS}, but got {top} instead.",
            "top_logprobs",
            "integer_above_max_value",
        )
    return top or 0


def _token_ids(members: Mapping[str, Any]) -> tuple[int, ...]:
    wanted = members.get("logprob_token_ids") or []
    whole = isinstance(wanted, list) and all(isinstance(each, int) for each in wanted)
    if not whole or len(wanted) > MAX_TOKEN_IDS:
        raise invalid(
            f"'logprob_token_ids' must be at most {MAX_TOKEN_IDS} token ids.", "logprob_token_ids"
        )
    return tuple(wanted)


def _format(
    members: Mapping[str, Any], persona: Persona
) -> tuple[Mapping[str, Any] | None, tuple[str, ...]]:
    wanted = _object(members, "response_format")
    if wanted.get("type") == "json_object":
        return {"type": "object", "properties": {"answer": {"type": "string"}}}, ()
    if wanted.get("type") == "json_schema":
        described = _object(wanted, "json_schema")
        schema = described.get("schema")
        if not isinstance(schema, dict):
            raise missing("response_format.json_schema.schema")
        if persona is Persona.OPENAI and described.get("strict"):
            check_strict(str(described.get("name", "")), schema)
        return schema, ()
    structured = _object(members, "structured_outputs")
    choices, schema = structured.get("choice"), structured.get("json")
    listed = tuple(map(str, choices)) if isinstance(choices, list) else ()
    return schema if isinstance(schema, dict) else None, listed
