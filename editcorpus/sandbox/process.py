"""A sandbox in a process of its own, for tests, demos and benches."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.request import Request, urlopen

from pydantic import BaseModel, SecretStr

from editcorpus.errors import ConfigError
from editcorpus.sandbox.config import SandboxConfig

_START_S = 60
_STOP_S = 10


class Running:
    """A server that answers.

    Attributes:
        url: Base URL for the `openai` client, ending in `/v1`.
        vllm_url: Base URL of the vLLM persona, ending in `/v1`; `/health` lies beside `/v1`.
        pooling_url: Base URL of the vLLM persona's pooling servers, ending in `/v1`.
        tls_url: Base URL of the OpenAI persona under `https`, which the server does not speak:
            every call to it ends in a TLS error.
        admin_url: Root of the admin pages.
        port: TCP port.
        process: The process; kill it to see what survives.
    """

    def __init__(self, process: "subprocess.Popen[str]", host: str, port: int) -> None:
        root = f"http://{host}:{port}"
        self.process = process
        self.port = port
        self.url = f"{root}/v1"
        self.tls_url = f"https://{host}:{port}/v1"
        self.vllm_url = f"{root}/vllm/v1"
        self.pooling_url = f"{root}/pooling/v1"
        self.admin_url = f"{root}/__admin"

    def admin(self, page: str, members: dict[str, Any] | None = None) -> dict[str, Any]:
        """The answer of an admin page; members are sent to it with POST.

        Raises:
            HTTPError: The page refuses them.
        """
        data = None if members is None else json.dumps(members).encode()
        request = Request(f"{self.admin_url}/{page}", data=data)  # noqa: S310
        with urlopen(request, timeout=_START_S) as answer:  # noqa: S310
            found = json.load(answer)
        return dict(found)

    def stop(self) -> None:
        """End the server; nothing happens if it has ended."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        self.process.terminate()
        try:
            self.process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()


@contextmanager
def running(config: SandboxConfig) -> Iterator[Running]:
    """Start a server in its own process, wait until it answers, and stop it at the end.

    The config travels through standard input, so that no key shows in the list of processes.

    Raises:
        ConfigError: The server did not start; the sentence says where to look.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "editcorpus.sandbox", "--config", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        server = _answering(process, config)
    except BaseException:
        process.kill()
        process.communicate()
        raise
    try:
        yield server
    finally:
        server.stop()


def _answering(process: "subprocess.Popen[str]", config: SandboxConfig) -> Running:
    if process.stdin is None or process.stdout is None:
        raise ConfigError("The sandbox has no pipes to its process.")
    try:
        process.stdin.write(json.dumps(_plain(config)) + "\n")
        process.stdin.flush()
    except BrokenPipeError as error:
        raise ConfigError("The sandbox ended before it read its settings.") from error
    line = process.stdout.readline()
    if not line:
        raise ConfigError("The sandbox did not start; its standard error says why.")
    address = json.loads(line)
    server = Running(process, address["host"], address["port"])
    server.admin("health")
    return server


def _plain(config: BaseModel) -> dict[str, Any]:
    """The config as JSON, keys in clear."""
    members: dict[str, Any] = config.model_dump(mode="json")
    for name, value in config:
        if isinstance(value, tuple) and any(isinstance(one, SecretStr) for one in value):
            members[name] = [one.get_secret_value() for one in value]
    return members
