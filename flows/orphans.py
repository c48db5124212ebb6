"""Lets a flow run go on when its worker is gone, which took its output: it is alive, and has paid.

A worker that is killed by force leaves the processes of its flow runs behind, with an output that nobody
reads. The console of Prefect's log would end the process at the next line that it is to show.
"""

import os

from rich.console import Console

_OF_A_WORKER = "PREFECT__FLOW_RUN_ID"
"""Set where a worker has started this process; a shell's pipe, such as `| head`, ends it as usual."""


def outlive_worker() -> None:
    """Have lost output silence the consoles of this process, where a worker has started it."""
    if os.environ.get(_OF_A_WORKER):
        setattr(Console, "on_broken_pipe", _hush)  # noqa: B010 - for a type checker it is no method


def _hush(console: Console) -> None:
    console.quiet = True
