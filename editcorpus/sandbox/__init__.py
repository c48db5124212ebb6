"""An OpenAI- and vLLM-compatible server that edits the very pictures it is sent.

It needs no key, no GPU and no money: for demos, tests, and rehearsals of a run before it is paid
for. It is written against the published behaviour of the services, not against any client.
"""

from editcorpus.sandbox.config import Defect, Fault, Limits, SandboxConfig
from editcorpus.sandbox.process import Running, running

__all__ = ["Defect", "Fault", "Limits", "Running", "SandboxConfig", "running", "serve"]


def serve(config: SandboxConfig) -> None:
    """Serve in the foreground until interrupted.

    Raises:
        OSError: The address or the journal cannot be had.
    """
    from editcorpus.sandbox import server  # what only asks for a config does not load uvicorn

    server.serve(config)
