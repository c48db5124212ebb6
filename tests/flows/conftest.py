"""Flows run in this process against a real Prefect server, and are read back by its API."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from pydantic import SecretStr

from editcorpus.sandbox import Running

_PATIENCE_S = 300


@dataclass(frozen=True)
class Api:
    """The Prefect server's REST API, for what belongs to one flow run."""

    client: httpx.Client
    run: str

    def flow_run(self) -> dict[str, Any]:
        return dict(self.client.get(f"/flow_runs/{self.run}").raise_for_status().json())

    def ask(self, what: str, **members: Any) -> list[dict[str, Any]]:
        """Everything of a kind that belongs to the run."""
        made = {"limit": 200, **members}
        return list(self.client.post(f"/{what}/filter", json=made).raise_for_status().json())

    def task_runs(self) -> list[dict[str, Any]]:
        return self.ask("task_runs", flow_runs={"id": {"any_": [self.run]}})

    def artifacts(self) -> dict[str, dict[str, Any]]:
        found = self.ask("artifacts", artifacts={"flow_run_id": {"any_": [self.run]}})
        return {each["key"]: each for each in found}

    def logs(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while part := self.ask(
            "logs", logs={"flow_run_id": {"any_": [self.run]}}, offset=len(found)
        ):
            found += part
        return found

    def once(self, ready: Callable[["Api"], bool]) -> "Api":
        """The same, once something is so: the server records task runs and logs after the fact."""
        until = time.monotonic() + _PATIENCE_S
        while not ready(self):
            assert time.monotonic() < until, "The server did not record it in time."
            time.sleep(0.2)
        return self


class _Patient(httpx.HTTPTransport):
    """Asks again where the server says that its database is locked, as Prefect's own client does."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        until = time.monotonic() + _PATIENCE_S
        while True:
            response = super().handle_request(request)
            busy = response.status_code == httpx.codes.SERVICE_UNAVAILABLE
            if not busy or time.monotonic() > until:
                return response
            response.close()
            time.sleep(0.5)


@pytest.fixture(scope="session")
def client_of() -> Callable[[str], httpx.Client]:
    """A client of a Prefect server that may be busy."""
    return lambda url: httpx.Client(base_url=url, transport=_Patient(retries=3), timeout=60)


@pytest.fixture(scope="session")
def api_of(
    prefect_api: str, client_of: Callable[[str], httpx.Client]
) -> Iterator[Callable[[UUID | None], Api]]:
    with client_of(prefect_api) as client:
        yield lambda run: Api(client, str(run))


@pytest.fixture(scope="session")
def save_blocks(prefect_api: str, one_sandbox: Running, key: str) -> Callable[..., dict[str, str]]:
    """Save a store and the sandbox as blocks under a label; gives their names."""
    from blocks.corpus_store import CorpusStore
    from blocks.model_endpoint import ModelEndpoint

    def saved(label: str, store: Mapping[str, Any], **pace: Any) -> dict[str, str]:
        api = {"base_url": one_sandbox.url, "api_key": SecretStr(key), "provider": "sandbox"}
        vllm = {"base_url": one_sandbox.vllm_url, "provider": "sandbox", "tariff": "free"}
        CorpusStore(**store).save(f"{label}-store", overwrite=True)
        for role, members in {"images": api, "writer": api, "judge": vllm}.items():
            ModelEndpoint(**members, **pace).save(f"{label}-{role}", overwrite=True)
        return {role: f"{label}-{role}" for role in ("store", "images", "writer", "judge")}

    return saved


@pytest.fixture(scope="session")
def store_members(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], dict[str, Any]]:
    """Members of a block for a new local store."""

    def members() -> dict[str, Any]:
        folder: Path = tmp_path_factory.mktemp("store")
        return {"root": str(folder), "spool": str(folder / "spool")}

    return members
