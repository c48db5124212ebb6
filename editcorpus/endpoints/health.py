"""Small questions to an endpoint before anything is paid: is it there, is the key good, the model?"""

from typing import Any

import httpx

from editcorpus.endpoints.endpoint import Endpoint
from editcorpus.endpoints.facts import scrub
from editcorpus.errors import ConfigError


def check_endpoint(endpoint: Endpoint, model: str, timeout_s: float = 10) -> None:
    """Ask an endpoint for its models, and prove that `model` is one of them.

    Raises:
        ConfigError: It does not answer, refuses the key, or does not serve the model.
    """
    response = _ask(endpoint, "GET", f"{endpoint.base_url}/models", timeout_s)
    if response.status_code in {401, 403}:
        raise ConfigError(f"{_who(endpoint)} refuses the key ({response.status_code}).")
    if response.status_code != httpx.codes.OK:
        raise ConfigError(f"{_who(endpoint)} answers {response.status_code} to /models.")
    offered = _names(response)
    if model not in offered:
        listed = scrub(", ".join(sorted(offered)[:12])) or "none"
        raise ConfigError(f"{_who(endpoint)} does not serve {model!r}; it serves: {listed}.")


def check_tokens(
    endpoint: Endpoint, model: str, tokens: dict[str, int], timeout_s: float = 10
) -> None:
    """Confirm through vLLM's `/tokenize` that words have the token ids that are asked for.

    Raises:
        ConfigError: The endpoint does not answer, or a word has other ids.
    """
    root = endpoint.base_url.removesuffix("/v1")
    for word, token in tokens.items():
        body = {"model": model, "prompt": word, "add_special_tokens": False}
        response = _ask(endpoint, "POST", f"{root}/tokenize", timeout_s, json=body)
        found = _json(response).get("tokens")
        if response.status_code != httpx.codes.OK or found != [token]:
            raise ConfigError(
                f"{_who(endpoint)} has {found!s:.80} as token ids of {word!r}, not [{token}]: "
                f"set align.token_ids to those of {model}."
            )


def _ask(
    endpoint: Endpoint, method: str, url: str, timeout_s: float, **body: Any
) -> httpx.Response:
    key = endpoint.api_key.get_secret_value()
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        return httpx.request(method, url, headers=headers, timeout=timeout_s, **body)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        what = str(error) or type(error).__name__
        raise ConfigError(f"{_who(endpoint)} does not answer: {what}.") from error


def _who(endpoint: Endpoint) -> str:
    return f"The endpoint {endpoint.name} at {endpoint.base_url}"


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
        response = httpx.get(f"{base_url.rstrip('/')}/models", timeout=timeout_s)
    except (httpx.HTTPError, httpx.InvalidURL):
        return False
    return "editcorpus" in response.headers.get("x-emulated-by", "")
