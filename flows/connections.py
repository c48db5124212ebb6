"""Store and endpoints as the environment gives them, for the command line.

| variable | what it is |
|---|---|
| `OPENAI_BASE_URL`, `OPENAI_API_KEY` | the API that edits images and rewrites instructions |
| `QWEN_VL_BASE_URL`, `QWEN_VL_API_KEY` | the vLLM server with the judge |
| `EMBEDDINGS_BASE_URL`, `EMBEDDINGS_API_KEY` | the server that makes vectors; unset: that of the judge |
| `EDITCORPUS_TARIFFS` | a file of price rows of your own, in the form of `editcorpus/tariffs.json` |
| `AWS_ENDPOINT_URL`, `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` | for `s3://` stores and inputs |
| `HF_TOKEN`, `HF_ENDPOINT` | for `hf://` inputs: gated and private datasets; another Hub |
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from editcorpus.endpoints.endpoint import Endpoint, endpoint_from
from editcorpus.endpoints.health import is_emulated
from editcorpus.errors import ConfigError
from editcorpus.hub import hub_option
from editcorpus.rates import read_own_prices
from editcorpus.stages.opening import SANDBOX
from editcorpus.storage import Store

ROLES = {
    "synthesize": "images",
    "regenerate": "images",
    "caption": "writer",
    "classify": "writer",
    "compose": "writer",
    "rewrite": "writer",
    "align": "judge",
    "embed": "embedder",
}
"""Which endpoint each asking step asks."""
OPENAI_URL = "https://api.openai.com/v1"


@dataclass(frozen=True, slots=True)
class Connections:
    """What the command line connects to; the members of saved blocks, before they are saved.

    Attributes:
        store: Members of a `CorpusStore` block.
        images: Members of the `ModelEndpoint` block that edits images.
        writer: Likewise, that rewrites instructions.
        judge: Likewise, that judges.
        embedder: Likewise, that makes vectors; empty where the judge's server does.
    """

    store: Mapping[str, Any]
    images: Mapping[str, Any] = field(repr=False)
    writer: Mapping[str, Any] = field(repr=False)
    judge: Mapping[str, Any] = field(repr=False)
    embedder: Mapping[str, Any] = field(repr=False, default_factory=dict)

    def endpoints(self) -> dict[str, Endpoint]:
        """The endpoint that each asking step asks."""
        own = {step: role if getattr(self, role) else "judge" for step, role in ROLES.items()}
        made = {
            role: endpoint_from(role, getattr(self, role)) for role in dict.fromkeys(own.values())
        }
        return {step: made[role] for step, role in own.items()}

    def options(self) -> dict[str, Any]:
        """What opens URLs of inputs: fsspec's options for S3, and the Hub's."""
        hub = hub_option(self.store["hub_endpoint"], self.store["hub_token"].get_secret_value())
        return {**_options(self.store), **hub}

    def open_store(self) -> Store:
        """The store, untouched yet."""
        return _opened(self.store)


def from_environment(
    environment: Mapping[str, str],
    store: str,
    pace: Mapping[str, Any],
    given: Collection[str] = (),
) -> Connections:
    """Read the connections.

    Args:
        environment: Such as `os.environ`.
        store: Root of the store: a folder or a URL.
        pace: Members that all endpoints share, such as `in_flight`.
        given: Roles that come from elsewhere, or that nobody asks, such as `images`: the environment
            may lack them.

    Raises:
        ConfigError: The key of the OpenAI API or the URL of the judge is missing, or the price file
            is none.
    """
    api = environment.get("OPENAI_BASE_URL") or OPENAI_URL
    key = environment.get("OPENAI_API_KEY", "")
    judge = environment.get("QWEN_VL_BASE_URL", "")
    if api == OPENAI_URL and not key and not {"images", "writer"} <= set(given):
        raise ConfigError("OPENAI_API_KEY is not set; the image API needs a key.")
    if not judge and "judge" not in given:
        raise ConfigError("QWEN_VL_BASE_URL is not set; give the URL of the vLLM server's /v1.")
    provider = "openai" if api == OPENAI_URL else _provider(api, "openai")
    openai = {"base_url": api, "api_key": SecretStr(key), "provider": provider}
    qwen = {
        "base_url": judge,
        "api_key": SecretStr(environment.get("QWEN_VL_API_KEY", "")),
        "provider": _provider(judge, "vllm") if judge else "vllm",
        "tariff": "free",
    }
    prices = {} if "prices" in pace else price_members(environment)
    own = _embedder(environment, asked="embedder" not in given)
    return Connections(
        store_members(environment, store),
        {**openai, **prices, **pace},
        {**openai, **prices, **pace},
        {**qwen, **prices, **pace},
        {**own, **prices, **pace} if own else {},
    )


def _embedder(environment: Mapping[str, str], *, asked: bool) -> dict[str, Any]:
    """The members of an endpoint that makes vectors; none where the environment names no such server."""
    url = environment.get("EMBEDDINGS_BASE_URL", "")
    if not url:
        return {}
    return {
        "base_url": url,
        "api_key": SecretStr(environment.get("EMBEDDINGS_API_KEY", "")),
        "provider": _provider(url, "vllm") if asked else "vllm",
        "tariff": "free",
    }


def priced_connections(
    environment: Mapping[str, str], store: str, pace: Mapping[str, Any]
) -> Connections:
    """Connections that are only asked for their prices: no key is needed.

    Nothing is called but, where a URL other than OpenAI's is set, its list of models: answers of the
    sandbox are kept apart in the store.

    Args:
        environment: Such as `os.environ`.
        store: Root of the store: a folder or a URL.
        pace: Calls in flight of all endpoints, and amounts per minute of those at OpenAI's API.

    Raises:
        ConfigError: The price file that the environment names is none.
    """
    api = environment.get("OPENAI_BASE_URL") or OPENAI_URL
    shared = {} if "prices" in pace else price_members(environment)
    provider = "openai" if api == OPENAI_URL else _provider(api, "openai")
    openai = {"base_url": api, "provider": provider, **shared, **pace}
    shared |= {name: pace[name] for name in ("in_flight", "prices") if name in pace}
    judge = {"base_url": environment.get("QWEN_VL_BASE_URL", ""), "tariff": "free", **shared}
    return Connections(store_members(environment, store), openai, openai, judge)


def price_members(environment: Mapping[str, str], path: str = "") -> dict[str, Any]:
    """The member of an endpoint that holds price rows of a user's own; none where there are none.

    Args:
        environment: Names a file of them, perhaps.
        path: Another such file, which comes first.

    Raises:
        ConfigError: The file cannot be read, or has another shape.
    """
    named = path or environment.get("EDITCORPUS_TARIFFS", "")
    return {"prices": read_own_prices(named).model_dump(mode="json")} if named else {}


def open_store(environment: Mapping[str, str], store: str) -> Store:
    """A store by its root, with the environment's keys; untouched yet."""
    return _opened(store_members(environment, store))


def input_options(environment: Mapping[str, str]) -> dict[str, Any]:
    """What opens URLs of inputs, with the environment's keys; nobody is called."""
    members = store_members(environment, "")
    hub = hub_option(members["hub_endpoint"], members["hub_token"].get_secret_value())
    return {**_options(members), **hub}


def _opened(members: Mapping[str, Any]) -> Store:
    root = members["root"]
    return Store(root, _options(members) if "://" in root else {}, Path(members["spool"]))


def _options(members: Mapping[str, Any]) -> dict[str, Any]:
    """What fsspec takes: of a saved block, which may name others, or of the environment."""
    if "opened" in members:
        options: dict[str, Any] = members["opened"].get_secret_value()
        return options
    named = {
        "endpoint_url": members["endpoint_url"],
        "key": members["access_key"],
        "secret": members["secret_key"].get_secret_value(),
    }
    return {name: value for name, value in named.items() if value}


def store_members(environment: Mapping[str, str], store: str) -> dict[str, Any]:
    """The members of a `CorpusStore` block."""
    spool = Path(environment.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "editcorpus/spool"
    return {
        "root": store if "://" in store else str(Path(store).absolute()),
        "endpoint_url": environment.get("AWS_ENDPOINT_URL", ""),
        "access_key": environment.get("AWS_ACCESS_KEY_ID", ""),
        "secret_key": SecretStr(environment.get("AWS_SECRET_ACCESS_KEY", "")),
        "spool": str(spool),
        "hub_endpoint": environment.get("HF_ENDPOINT", ""),
        "hub_token": SecretStr(environment.get("HF_TOKEN", "").strip()),
    }


def _provider(url: str, real: str) -> str:
    """Answers of the sandbox are kept apart from paid ones by the provider's name."""
    return SANDBOX if is_emulated(url) else real
