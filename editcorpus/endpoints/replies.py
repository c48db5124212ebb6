"""What every API's answers have in common: a JSON body, and tokens that it may report."""

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from editcorpus.errors import ModelMisbehaved
from editcorpus.records import Reason
from editcorpus.tariffs import Usage

_MOST_TOKENS = 10_000_000
"""Far beyond any context window: a larger number is nonsense, and would empty a budget."""

_MOST_NAME = 200
"""Characters of the longest name of a model."""


class Raw(NamedTuple):
    """An answer as it came: the body and what the headers say."""

    content: bytes
    headers: Any
    request_id: str


class Reply(NamedTuple):
    """What is kept of an answer.

    Attributes:
        payload: A picture, or a JSON text.
        usage: The tokens that were used; None where it does not say.
        model: The model that answered, as the answer names it; empty where it does not.
    """

    payload: bytes
    usage: Usage | None
    model: str = ""


def parse(raw: Raw) -> dict[str, Any]:
    """The body as a JSON object.

    Raises:
        ModelMisbehaved: It is something else.
    """
    try:
        body = json.loads(raw.content)
    except (ValueError, RecursionError) as error:
        raise ModelMisbehaved(Reason.ANSWER_DAMAGED, "The answer is not JSON.") from error
    if not isinstance(body, dict):
        raise ModelMisbehaved(Reason.ANSWER_DAMAGED, "The answer is not a JSON object.")
    return body


def model_of(body: Mapping[str, Any]) -> str:
    """The model that the body of an answer names, cut at 200 characters; empty where it names none."""
    named = body.get("model")
    if not isinstance(named, str):
        return ""
    whole = (
        named[:_MOST_NAME].encode("utf-8", "replace").decode()
    )  # half a surrogate pair is no text
    return " ".join(whole.split())


def usage_of(raw: Raw, read: Callable[[Mapping[str, Any]], Usage | None]) -> Usage | None:
    """The tokens that a damaged answer reports, if it does; `read` finds them in its body."""
    try:
        return read(parse(raw))
    except ModelMisbehaved:
        return None


def count(members: Any, *path: str) -> int:
    """A number of tokens that an answer reports; 0 where there is none, or none to be believed."""
    for name in path:
        members = members.get(name) if isinstance(members, dict) else None
    believed = type(members) is int and 0 <= members <= _MOST_TOKENS
    return members if believed else 0
