"""What a set-up asks at a terminal, for blocks that are not there yet."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr

from editcorpus.steps.align import Config as AlignConfig
from editcorpus.steps.regenerate import Config as RegenerateConfig
from editcorpus.steps.rewrite import Config as RewriteConfig
from flows.connections import OPENAI_URL
from flows.parameters import Endpoints

NAMES = Endpoints()
"""The names under which recipes look for blocks that they do not name."""
MODELS = {
    NAMES.images: RegenerateConfig().model,
    NAMES.writer: RewriteConfig().model,
    NAMES.judge: AlignConfig().model,
}
"""The model that each endpoint must serve for recipes that name none."""
Blocks = dict[tuple[str, str], dict[str, Any]]
"""By kind and name, the members of a block."""


@dataclass(frozen=True, slots=True)
class Terminal:
    """Where questions are asked.

    Attributes:
        ask: Shows a question and gives the line that is typed.
        ask_secret: Likewise, and what is typed is not shown.
    """

    ask: Callable[[str], str]
    ask_secret: Callable[[str], str]

    def value(self, what: str, usual: str = "") -> str:
        """A line; the usual value where nothing is typed."""
        shown = f" [{usual}]" if usual else ""
        return self.ask(f"{what}{shown}: ").strip() or usual

    def secret(self, what: str) -> SecretStr:
        """What nobody sees; empty where nothing is typed."""
        return SecretStr(self.ask_secret(f"{what} (not shown): ").strip())


def asked(terminal: Terminal, there: Collection[tuple[str, str]]) -> Blocks:
    """Ask for the blocks of the usual names that are not there.

    Args:
        terminal: Where to ask.
        there: Kind and name of those that are saved already.
    """
    made: Blocks = {}
    if ("store", NAMES.store) not in there:
        made["store", NAMES.store] = _store(terminal)
    apis = [name for name in (NAMES.images, NAMES.writer) if ("endpoint", name) not in there]
    if apis:
        url = terminal.value("URL of the API that edits pictures and rewrites texts", OPENAI_URL)
        key = terminal.secret("Its key")
        for name in apis:
            made["endpoint", name] = {"base_url": url, "api_key": key, "models": [MODELS[name]]}
    if ("endpoint", NAMES.judge) not in there:
        url = terminal.value("URL of the vLLM server with the judge", "http://localhost:8000/v1")
        made["endpoint", NAMES.judge] = {
            "base_url": url,
            "api_key": terminal.secret("Its key, if it has one"),
            "provider": "vllm",
            "tariff": "free",
            "models": [MODELS[NAMES.judge]],
        }
    return made


def _store(terminal: Terminal) -> dict[str, Any]:
    root = terminal.value("Store: a folder, or a URL such as s3://bucket/prefix", "store")
    if "://" not in root:
        return {"root": root}
    return {
        "root": root,
        "endpoint_url": terminal.value("URL of the S3 server, empty for AWS"),
        "access_key": terminal.value("Access key id, empty where the machine has a role"),
        "secret_key": terminal.secret("Its secret"),
    }


def of_sandbox(url: str, folder: str) -> Blocks:
    """Blocks for a trial: the sandbox in place of all APIs, and a store in a folder.

    Args:
        url: Where `editcorpus sandbox` serves, such as http://127.0.0.1:8100.
        folder: Of the store.
    """
    root = url.rstrip("/").removesuffix("/v1")
    api: dict[str, Any] = {
        "base_url": f"{root}/v1",
        "api_key": SecretStr("sandbox"),
        "provider": "sandbox",
    }
    vllm: dict[str, Any] = {"base_url": f"{root}/vllm/v1", "provider": "sandbox", "tariff": "free"}
    roles = {NAMES.images: api, NAMES.writer: api, NAMES.judge: vllm}
    made: Blocks = {
        ("endpoint", name): {**members, "models": [MODELS[name]]} for name, members in roles.items()
    }
    return {("store", NAMES.store): {"root": folder}, **made}
