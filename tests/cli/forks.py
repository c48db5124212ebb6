"""Runs commands in children forked after the imports, which are most of what a short one costs.

    python forks.py [--prefect]

Reads one JSON object a line: `words`, `env`, `cwd`, and the files `out` and `err`. Answers each with the
exit code. Only what looks at nothing when it is imported is, which Prefect is not: its settings are those of
the environment and the folder in which it is imported. So with `--prefect` all commands must have its
variables in common with this process. The threads that NumPy and Arrow have begun by then are made for forks.
"""

import gc
import json
import os
import signal
import sys
from importlib import import_module
from typing import Any

PATIENCE_S = 900
"""No command takes as long; one that hangs is ended by SIGALRM."""
WARM = (
    *("flows.building", "flows.commands.estimate", "flows.commands.audit"),
    *("flows.commands.gallery", "flows.commands.failures", "editcorpus.endpoints.engine"),
    *("flows.cli", "encodings.idna", "truststore", "pyarrow.pandas_compat", "pandas"),
)
FLOWS = (
    *("flows.progress", "flows.running", "flows.commands.redrive", "flows.omniedit"),
    *("prefect.flow_engine", "prefect.task_engine", "prefect.concurrency.context", "fastapi"),
)
"""What a build imports once it is checked: Prefect, too, and what that imports when a flow begins."""


def run(asked: dict[str, Any]) -> None:
    """Become the command, as the process that a shell would start."""
    signal.alarm(PATIENCE_S)
    os.setsid()
    os.chdir(asked["cwd"])
    os.environ.clear()
    os.environ.update(asked["env"])
    files = (os.devnull, os.O_RDONLY), (asked["out"], os.O_WRONLY), (asked["err"], os.O_WRONLY)
    for descriptor, (path, flags) in enumerate(files):
        os.dup2(os.open(path, flags), descriptor)
    sys.argv = ["editcorpus", *asked["words"]]
    sys.exit(import_module("editcorpus_flows").main())


def serve(*, prefect: bool) -> None:
    """Fork a child for each line, and wait for its end."""
    for name in WARM:
        import_module(name)
    import_module("editcorpus.language").written("Each build reads a model for this.")
    if prefect:
        import_module("flows.own_server").quiet_prefect(os.environ, verbose=False)
        for name in FLOWS:
            import_module(name)
    gc.collect()
    gc.freeze()  # or each child would copy the pages of what it only shares
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            run(json.loads(line))
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    serve(prefect="--prefect" in sys.argv)
