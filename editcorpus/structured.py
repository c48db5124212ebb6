"""Structured output: how an object of a known form is asked for, and how it is read out of an answer.

What comes back is hostile like all that comes from outside: it may be cut off, refused, nested without
end, or no JSON at all. Source: the chat API reference, `response_format`; strict schemas are closed and
require every property.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from editcorpus.texts import clean_instruction

_PLAIN = re.compile("[a-z_]{1,40}")
_REFUSALS = ("i'm sorry", "i’m sorry", "i am sorry", "i can't", "i can’t", "i cannot", "i'm unable")
_FORMLESS = "The answer does not have the form that was asked for."


def response_format(name: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    """The member of a chat's body that asks for an object with exactly these properties."""
    schema = {"name": name, "strict": True, "schema": closed(properties)}
    return {"type": "json_schema", "json_schema": schema}


def closed(properties: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of an object that has these properties, each of them, and no other."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }


def read_object(body: str) -> tuple[dict[str, Any], str]:
    """The object in the body of a chat's answer, and what is wrong with it: one of the two is empty."""
    try:
        choice = json.loads(body)["choices"][0]
        message, ended = choice["message"], choice.get("finish_reason")
        if isinstance(message, dict) and message.get("refusal"):
            return {}, "The model refused to write."
        if ended not in ("stop", None):
            return {}, f"The answer ended early ({_short(ended)})."
        found = json.loads(message["content"])
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError):
        return {}, _FORMLESS
    return (found, "") if isinstance(found, dict) and found else ({}, _FORMLESS)


def read_text(found: Mapping[str, Any], name: str, max_characters: int) -> tuple[str, str]:
    """The instruction under a name of such an object, and what is wrong with it: one is empty."""
    text = found.get(name)
    if not isinstance(text, str):
        return "", _FORMLESS
    cleaned, reason = clean_instruction(text, max_characters)
    if reason is not None:
        return "", f"The text is unusable ({reason})."
    if cleaned.lower().startswith(_REFUSALS):
        return "", "The model refused to write."
    return cleaned, ""


def _short(value: object) -> str:
    """A value of whatever kind for a note: one line of text that any file takes."""
    return value if isinstance(value, str) and _PLAIN.fullmatch(value) else "for an odd reason"
