"""Small questions to an endpoint before anything is paid: is it there, is the key good, the model?"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import httpx

from editcorpus.authorities import trusted
from editcorpus.diagnosis import skewed, unreached
from editcorpus.endpoints.endpoint import Endpoint
from editcorpus.endpoints.facts import scrub
from editcorpus.errors import ConfigError

SANDBOX = "sandbox"
"""The provider of answers that are emulated."""
_NO_BATCHES = frozenset({404, 405, 501})
"""What a server says to an address that it does not know."""


@dataclass(frozen=True, slots=True)
class Look:
    """What an endpoint says of itself.

    Attributes:
        models: That it serves.
        date: Its own time, as in the header `Date`; empty where it tells none.
    """

    models: frozenset[str]
    date: str = ""


def check_endpoint(endpoint: Endpoint, model: str, timeout_s: float = 10) -> None:
    """Ask an endpoint for its models, and prove that `model` is one of them.

    Raises:
        ConfigError: As `look_at` raises it, or it does not serve the model.
    """
    check_serves(endpoint, look_at(endpoint, timeout_s), model)


def look_at(endpoint: Endpoint, timeout_s: float = 10) -> Look:
    """Ask an endpoint for its models.

    Emulated answers must never be stored as a model's, nor the other way round: the sandbox names
    itself in every answer, and that must fit the provider.

    Raises:
        ConfigError: It does not answer, refuses the key, is the sandbox under another provider's name or
            the reverse.
    """
    response = _ask(endpoint, "GET", f"{endpoint.base_url}/models", timeout_s)
    if response.status_code in {401, 403}:
        raise ConfigError(f"{_who(endpoint)} refuses the key ({response.status_code}).")
    if response.status_code != httpx.codes.OK:
        raise ConfigError(f"{_who(endpoint)} answers {response.status_code} to /models.")
    _check_provider(endpoint, emulated=_says_sandbox(response))
    return Look(frozenset(_names(response)), response.headers.get("date", ""))


def check_serves(endpoint: Endpoint, found: Look, model: str) -> None:
    """Prove that a model is among those that an endpoint names.

    Raises:
        ConfigError: It is not.
    """
    if model not in found.models:
        listed = scrub(", ".join(sorted(found.models)[:12])) or "none"
        raise ConfigError(f"{_who(endpoint)} does not serve {model!r}; it serves: {listed}.")


def check_clock(endpoint: Endpoint, found: Look, now: datetime) -> None:
    """Prove that a clock is near the endpoint's own, where that tells its time.

    Args:
        endpoint: Who was asked.
        found: What it said at that moment.
        now: Of this machine, with its zone.

    Raises:
        ConfigError: It is minutes away.
    """
    if apart := skewed(found.date, now):
        raise ConfigError(
            f"This machine's clock is {apart} that of {_host(endpoint)}; set it by NTP, since S3 and the "
            "leases of runs go by it."
        )


def _check_provider(endpoint: Endpoint, *, emulated: bool) -> None:
    named = endpoint.provider == SANDBOX
    if emulated and not named:
        raise ConfigError(
            f"{_who(endpoint)} is the sandbox, but its provider is {endpoint.provider!r}: emulated "
            f"answers are kept under the provider {SANDBOX!r} only."
        )
    if named and not emulated:
        raise ConfigError(f"{_who(endpoint)} has the provider {SANDBOX!r}, but is no sandbox.")


def check_tokens(
    endpoint: Endpoint,
    model: str,
    words: Iterable[str],
    wanted: Collection[int],
    timeout_s: float = 10,
) -> None:
    """Confirm through vLLM's `/tokenize` that the token ids that are asked for are those of words.

    Args:
        endpoint: A vLLM server.
        model: Whose tokenizer is meant.
        words: Spellings; one that takes several tokens has no id of its own.
        wanted: All ids of the spellings that take one token, and no others.
        timeout_s: For each question.

    Raises:
        ConfigError: The endpoint does not answer, or the words have other ids.
    """
    known = {word: _token(endpoint, model, word, timeout_s) for word in words}
    found = {word: token for word, token in known.items() if token is not None}
    if not found:
        raise ConfigError(
            f"{_who(endpoint)} has no token for any of {', '.join(map(repr, known))}."
        )
    if set(found.values()) != set(wanted):
        listed = ", ".join(f"{token} ({word!r})" for word, token in found.items())
        raise ConfigError(
            f"{_who(endpoint)} has the token ids {listed}: set align.token_ids to those, "
            f"not to {sorted(wanted)!s:.200}."
        )


def _token(endpoint: Endpoint, model: str, word: str, timeout_s: float) -> int | None:
    """The id of a word that is one token."""
    url = f"{endpoint.base_url.removesuffix('/v1')}/tokenize"
    body = {"model": model, "prompt": word, "add_special_tokens": False}
    response = _ask(endpoint, "POST", url, timeout_s, json=body)
    if response.status_code != httpx.codes.OK:
        raise ConfigError(f"{_who(endpoint)} answers {response.status_code} to /tokenize.")
    tokens = _json(response).get("tokens")
    if not isinstance(tokens, list) or not all(type(token) is int for token in tokens):
        raise ConfigError(f"{_who(endpoint)} gives no token ids of {word!r}.")
    return tokens[0] if len(tokens) == 1 else None


def _ask(
    endpoint: Endpoint, method: str, url: str, timeout_s: float, **body: Any
) -> httpx.Response:
    key = endpoint.api_key.get_secret_value()
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        return httpx.request(
            method, url, headers=headers, timeout=timeout_s, verify=trusted(), **body
        )
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        what = unreached(error) or str(error) or type(error).__name__
        raise ConfigError(f"{_who(endpoint)} does not answer: {what}.") from error


def _who(endpoint: Endpoint) -> str:
    return f"The endpoint {endpoint.name} at {endpoint.base_url}"


def _host(endpoint: Endpoint) -> str:
    return urlsplit(endpoint.base_url).netloc


def _names(response: httpx.Response) -> set[str]:
    data = _json(response).get("data")
    items = data if isinstance(data, list) else []
    return {str(item["id"]) for item in items if isinstance(item, dict) and "id" in item}


def _json(response: httpx.Response) -> dict[str, Any]:
    try:
        body = response.json()
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def is_emulated(base_url: str, timeout_s: float = 5) -> bool:
    """Whether the sandbox answers at this URL; an endpoint that does not answer is none."""
    try:
        response = httpx.get(f"{base_url.rstrip('/')}/models", timeout=timeout_s, verify=trusted())
    except (httpx.HTTPError, httpx.InvalidURL):
        return False
    return _says_sandbox(response)


def _says_sandbox(response: httpx.Response) -> bool:
    return "editcorpus" in response.headers.get("x-emulated-by", "")


def batches_served(endpoint: Endpoint, timeout_s: float = 10) -> bool:
    """Whether an endpoint takes batches; one that has none does not know the address.

    Raises:
        ConfigError: It does not answer, refuses the key, or answers with something else.
    """
    response = _ask(endpoint, "GET", f"{endpoint.base_url}/batches?limit=1", timeout_s)
    if response.status_code in _NO_BATCHES:
        return False
    if response.status_code in {401, 403}:
        raise ConfigError(f"{_who(endpoint)} refuses the key ({response.status_code}).")
    if response.status_code != httpx.codes.OK:
        raise ConfigError(f"{_who(endpoint)} answers {response.status_code} to /batches.")
    return isinstance(_json(response).get("data"), list)
