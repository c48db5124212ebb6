#!/usr/bin/env python3
"""Runs a Prefect worker and, asked to stop, has its flow runs end before it.

A process worker that gets SIGTERM kills its flow runs at once: their calls in flight are lost, though paid,
and the server believes that they run for ever. This process takes the signal in its place. It halts the
worker, so that it fetches nothing more, asks each flow run to end (it sends no further call, takes the
answers that are in flight, and tells the server of its end), waits for them, and only then ends the worker.
As the first process of a container it also takes in the orphans that a killed flow run leaves.

    editcorpus-worker --pool local --limit 4

Arguments are those of `prefect worker start`. `EDITCORPUS_DRAIN_SECONDS` (40) is how long flow runs may take;
the container needs some 15 seconds more than that between SIGTERM and SIGKILL.
"""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

PATIENCE_S = 40.0
"""A flow run takes answers in flight for 20 s, and then has books to close."""
WORKER_S = 10.0
"""What the worker may take to end once it has no flow run."""
PROC = Path("/proc")


class Stopped(BaseException):
    """Somebody wants this container to stop."""


def stop(number: int, _frame: FrameType | None) -> None:
    """Leave the wait for the worker."""
    raise Stopped(signal.Signals(number).name)


def children(parent: int) -> Iterator[int]:
    """The processes that a process started and that have not ended."""
    for folder in PROC.glob("[0-9]*"):
        try:
            state, ppid = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
        except OSError:  # it is gone
            continue
        if int(ppid) == parent and state != "Z":
            yield int(folder.name)


def ended(process: int, until: float | None = None) -> int | None:
    """The exit code of a child once it has ended, taking in orphans meanwhile; none if it lasts longer."""
    while until is None or time.monotonic() < until:
        found, status = os.waitpid(-1, 0 if until is None else os.WNOHANG)
        if found == process:
            return os.waitstatus_to_exitcode(status)
        if not found:
            time.sleep(0.1)
    return None


def send(process: int, number: int) -> None:
    """Send a signal to a process that may be gone."""
    try:
        os.kill(process, number)
    except ProcessLookupError:
        return


def drain(worker: int, patience_s: float) -> None:
    """Have the worker fetch nothing more and its flow runs end, as far as they do within so many seconds."""
    os.kill(worker, signal.SIGSTOP)
    runs = set(children(worker))
    say(f"{len(runs)} flow runs are asked to end; they have {patience_s:.0f} s.")
    for run in runs:
        send(run, signal.SIGTERM)
    until = time.monotonic() + patience_s
    while left := runs.intersection(children(worker)):
        if time.monotonic() > until:
            say(f"{len(left)} flow runs have not ended and are killed with the worker.")
            return
        time.sleep(0.1)
    say("No flow run is left.")


def say(sentence: str) -> None:
    """Tell the log of the container."""
    sys.stderr.write(f"editcorpus-worker: {sentence}\n")
    sys.stderr.flush()


def heed(handler: Callable[[int, FrameType | None], None] | signal.Handlers) -> None:
    """Have both signals that ask for an end do this."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, handler)


def run(command: list[str], patience_s: float) -> int:
    """Run the worker until it ends or this process is told to stop; its exit code, 0 after a stop."""
    # In a session of its own: Ctrl-C comes here alone. A worker that inherits an ignored SIGINT never ends.
    worker = os.posix_spawnp(
        command[0], command, os.environ, setsid=True, setsigdef=[signal.SIGINT, signal.SIGTERM]
    )
    try:
        heed(stop)
        return ended(worker) or 0
    except Stopped as asked:
        heed(signal.SIG_IGN)
        say(f"{asked} came.")
        drain(worker, patience_s)
        os.kill(worker, signal.SIGTERM)
        os.kill(worker, signal.SIGCONT)
        if ended(worker, time.monotonic() + WORKER_S) is None:
            os.kill(worker, signal.SIGKILL)
        return 0


def main() -> int:
    """Start a worker with its health check on."""
    command = ["prefect", "worker", "start", "--with-healthcheck", *sys.argv[1:]]
    return run(command, float(os.environ.get("EDITCORPUS_DRAIN_SECONDS", PATIENCE_S)))


if __name__ == "__main__":
    sys.exit(main())
