"""One line of what a batch made: what the API answered to which request."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from editcorpus.endpoints import chat, images
from editcorpus.endpoints.classify import Verdict, classify
from editcorpus.endpoints.facts import Facts
from editcorpus.endpoints.replies import Raw, Reply, usage_of
from editcorpus.endpoints.requests import ForImage, What
from editcorpus.errors import ModelMisbehaved
from editcorpus.records import Reason
from editcorpus.tariffs import Usage

_NAME = re.compile(r"[\w.-]{1,128}", re.ASCII)
_CUSTOM_ID = re.compile(rb'"custom_id":\s*"([\w.-]{1,128})"', re.ASCII)


@dataclass(frozen=True, slots=True)
class Output:
    """One line of the output or the error file.

    Attributes:
        custom_id: The line of the input that it answers.
        status: HTTP status of the answer; 0 where the request was never made.
        request_id: The API's name of the call; empty where it gives none.
        body: What was answered, or why nothing was; None where it is longer than any answer.
    """

    custom_id: str
    status: int
    request_id: str
    body: Any

    @property
    def sound(self) -> bool:
        """Whether it says that it is an answer."""
        return 200 <= self.status < 300

    @property
    def raw(self) -> Raw:
        """The answer as it would have come online."""
        return Raw(json.dumps(self.body).encode(), {}, self.request_id)


def read_output(data: bytes, whole: bool) -> Output | None:
    """What a line says; None where nobody can tell which request it answers.

    Args:
        data: The line, or the head of one that is too long.
        whole: Whether it is all of it.
    """
    if not whole:
        found = _CUSTOM_ID.search(data)
        return Output(found[1].decode(), 200, "", None) if found else None
    try:
        members = json.loads(data)
    except (ValueError, RecursionError):
        return None
    custom_id = members.get("custom_id") if isinstance(members, dict) else None
    if not isinstance(custom_id, str):
        return None
    response = members.get("response")
    if not isinstance(response, Mapping):
        return Output(custom_id, 0, "", {"error": members.get("error")})
    status, request_id = response.get("status_code"), response.get("request_id")
    return Output(
        custom_id,
        status if isinstance(status, int) and 100 <= status <= 599 else 0,
        request_id if isinstance(request_id, str) and _NAME.fullmatch(request_id) else "",
        response.get("body"),
    )


def read_answer(output: Output, what: What) -> Reply:
    """What is kept of a sound answer, checked as online.

    Raises:
        ModelMisbehaved: It is of no use.
    """
    if output.body is None:
        raise ModelMisbehaved(Reason.ANSWER_DAMAGED, "The answer is longer than 64 MiB, or empty.")
    return images.read(output.raw, what) if isinstance(what, ForImage) else chat.read(output.raw)


def usage(output: Output, what: What) -> Usage | None:
    """The tokens that a useless answer says it took."""
    return usage_of(output.raw, images.usage if isinstance(what, ForImage) else chat.usage)


def verdict(output: Output) -> Verdict:
    """What to do about a line that went wrong."""
    headers = {"x-request-id": output.request_id}
    return classify(None, Facts.of_answer(output.status, output.body, headers))
