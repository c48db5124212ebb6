"""The one door to everything that is started here: a name that nobody else has.

`flows`, `tasks` and `blocks` are names that another project in the folder of a worker may have, too, and
Python would take that one's. So deployments name their flows by this package, as `editcorpus_flows.omniedit`
for `flows.omniedit.omniedit`, and the command line begins here. A flow run that cannot be done as it was
asked for ends in one sentence, where Prefect would leave *Crashed* and a traceback.
"""

import os
import sys
from collections.abc import Iterable, Mapping
from importlib import import_module
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from typing import Any

OURS = ("editcorpus", "blocks", "tasks", "flows")
"""The packages of this project, as they lie beside this one."""
COULD_NOT_START = 1
"""Exit code of the command line, as `flows/cli.py` has it."""


def __getattr__(name: str) -> Any:
    """A flow by the name of its module.

    In a process that Prefect has started for a flow run, it is what that run has to do: the flow, or one
    that tells why it cannot be done.

    Raises:
        AttributeError: There is no such flow.
        ImportError: Another project's package has the name of one of ours.
    """
    if name.startswith("_"):
        raise AttributeError(name)
    told = foreign()
    run = os.environ.get("PREFECT__FLOW_RUN_ID", "")
    if told and not run:
        raise ImportError(told)
    if told:
        return import_module("editcorpus_flows.refusals").refusal(name, run, told)
    if find_spec(f"flows.{name}") is None:
        raise AttributeError(f"There is no flow {name!r:.80}.")
    flow = getattr(import_module(f"flows.{name}"), name)
    return import_module("editcorpus_flows.refusals").heard(flow, run) if run else flow


def foreign(root: Path | None = None, found: Mapping[str, ModuleSpec | None] | None = None) -> str:
    """Which package that Python finds is not ours, in a sentence; empty where all are.

    Args:
        root: Folder in which ours lie; that of this package.
        found: What Python finds, by the package's name.
    """
    home = root or Path(__file__).resolve().parent.parent
    for name in OURS:
        spec = find_spec(name) if found is None else found.get(name)
        if not any(Path(place).resolve() == home / name for place in _places(spec)):
            where = next(iter(_places(spec)), "nowhere")
            return (
                f"Python finds the package {name!r} in {where}, which is another project's; ours lies in "
                f"{home / name}. Start from another folder, or take that one off PYTHONPATH."
            )
    return ""


def _places(spec: ModuleSpec | None) -> Iterable[str]:
    return (spec.submodule_search_locations or [spec.origin or ""]) if spec else ()


def main() -> int:
    """The command line `editcorpus`."""
    if told := foreign():
        sys.stderr.write(f"editcorpus: {told}\n")
        return COULD_NOT_START
    code: int = import_module("flows.cli").main()
    return code
