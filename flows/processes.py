"""A crew of processes of this machine, each on one partition (`partition.py`).

Each is told over its standard input, which stays open: a process whose parent dies sees it close, and
ends. It tells over its standard output, a line of JSON a word.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread

from editcorpus.permits import Permit
from flows.channel import Channel, related
from flows.handing import Said
from flows.sharing import Order, share_of
from flows.surroundings import api_url

_PATIENCE_S = 30.0
"""How long processes are waited for that were asked to end; they wait 25 s for calls in flight."""


class Processes:
    """Starts a process for each partition.

    Args:
        order: What they work on.
    """

    outlives = False

    def __init__(self, order: Order) -> None:
        self._order = order
        self._said: SimpleQueue[Said] = SimpleQueue()
        self._running: dict[str, subprocess.Popen[str]] = {}

    def start(self, permit: Permit, *, again: bool = False) -> None:
        """Start a process; none of an earlier one can be found `again`."""
        del again
        process = subprocess.Popen(
            [sys.executable, *apart_from_here(sys.path), "-m", "flows.partition"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=_environment(os.environ),
        )
        self._running[permit.name] = process
        assert process.stdin is not None  # noqa: S101
        about = Channel().ask(related) or []
        share = share_of(self._order, permit)
        asked = {"recipe": self._order.parameters, "share": share, "parent": about}
        with suppress(BrokenPipeError):
            process.stdin.write(json.dumps(asked) + "\n")
            process.stdin.flush()
        Thread(target=self._listen, args=(permit.name, process), daemon=True).start()

    def hear(self, timeout_s: float) -> Iterable[Said]:
        """The next word of any of them."""
        with suppress(Empty):
            name, said = self._said.get(timeout=timeout_s)
            if "gone" in said:
                self._running.pop(name)
            yield name, said

    def dismiss(self) -> Iterable[Said]:
        """Ask all processes to end, and leave none behind."""
        for process in self._running.values():
            process.send_signal(signal.SIGTERM)
        for process in self._running.values():
            try:
                process.wait(_PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        return ()

    def _listen(self, name: str, process: "subprocess.Popen[str]") -> None:
        """Pass on what a process says until it has ended; in a thread of its own."""
        assert process.stdout is not None and process.stdin is not None  # noqa: S101
        with process.stdout as lines:
            for line in lines:
                with suppress(ValueError):
                    self._said.put((name, json.loads(line)))
        code = process.wait()
        with suppress(BrokenPipeError):
            process.stdin.close()
        self._said.put((name, {"gone": f"The process died with exit code {code}."}))


def apart_from_here(path: Sequence[str]) -> list[str]:
    """What keeps Python from this folder, which may have a `flows` of another project, where it can.

    Args:
        path: Where this process finds packages; the folder of a script, or this one, comes first.
    """
    home = Path(__file__).resolve().parent.parent
    return ["-P"] if any(Path(one).resolve() == home for one in path[1:] if one) else []


def _environment(given: Mapping[str, str]) -> dict[str, str]:
    """The environment of a process that talks to the same Prefect server."""
    url = api_url()
    return {**given, "PREFECT_API_URL": url} if url else dict(given)
