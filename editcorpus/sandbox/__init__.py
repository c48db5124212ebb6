"""An OpenAI- and vLLM-compatible server that edits the very pictures it is sent.

It needs no key, no GPU and no money: for demos, tests, and rehearsals of a run before it is paid
for. It is written against the published behaviour of the services, not against any client.
"""

from collections.abc import Callable

from editcorpus.errors import ConfigError
from editcorpus.sandbox.config import Fault, Limits, SandboxConfig, config_of
from editcorpus.sandbox.defects import Defect
from editcorpus.sandbox.process import Running, running

__all__ = [
    "Defect",
    "Fault",
    "Limits",
    "Running",
    "SandboxConfig",
    "config_of",
    "running",
    "serve",
]


def serve(config: SandboxConfig, line: Callable[[str, int], str]) -> None:
    """Serve in the foreground until interrupted.

    Args:
        config: Everything about the server.
        line: What is printed of host and port when connections are taken.

    Raises:
        ConfigError: The address or the journal cannot be had.
    """
    from editcorpus.sandbox import server  # what only asks for a config does not load uvicorn

    try:
        server.serve(config, line=line)
    except (ValueError, OSError) as error:
        where = f"{config.host}:{config.port}"
        raise ConfigError(f"The sandbox cannot start at {where}: {error}.") from error
