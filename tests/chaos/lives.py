"""The lives of one run that is killed again and again."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from servers import Place, Server

from editcorpus.failpoints import DEATH, VARIABLE
from editcorpus.ledger import read_history

RUN = "chaos"
IN_FLIGHT = 8
STOPPED = 3
"""Exit code of a build that its budget, its store or its API stopped."""
_LONGEST_S = 90.0
_MOST_CALLS = 60


@dataclass
class Session:
    """One life of the run: how it was to end, and what it had done by then."""

    number: int
    how: str
    lived_s: float = 0.0
    first_call_s: float | None = None
    calls: int = 0
    lost: int = 0
    code: int = 0
    at_failpoint: bool = False


@dataclass
class Chaos:
    """A run that is killed, the servers around it, and what is known of its lives."""

    place: Place
    api: Server
    orchestrator: Server
    source: Path
    home: Path
    budget: Decimal
    sessions: list[Session] = field(default_factory=list)
    raised: int = 0

    def words(self, budget: Decimal) -> list[str]:
        """The command, always the same but for its budget."""
        command = [str(Path(sys.executable).with_name("editcorpus")), "build", "omniedit"]
        more: tuple[object, ...] = ("--input", self.source, "--store", self.place.root)
        pace: tuple[object, ...] = ("--shard-size", 8, "--in-flight", IN_FLIGHT)
        last: tuple[object, ...] = ("--retry-delay-s", 0, "--budget-usd", budget, "--json")
        return [*command, *map(str, (*more, "--run", RUN, *pace, *last))]

    def started(self, failpoint: str = "") -> "subprocess.Popen[bytes]":
        """A life begins."""
        env = {
            **os.environ,
            "PYTHONDONTWRITEBYTECODE": "",  # or each life compiles everything anew
            "PYTHONPYCACHEPREFIX": os.environ.get(
                "PYTHONPYCACHEPREFIX", str(self.home / "bytecode")
            ),
            **self.place.settings,
            "HOME": str(self.home),
            "PREFECT_API_URL": f"{self.orchestrator.root}/api",
            "PREFECT_HOME": str(self.home / "prefect"),
            "OPENAI_BASE_URL": f"{self.api.root}/v1",
            "OPENAI_API_KEY": "chaos",
            "QWEN_VL_BASE_URL": f"{self.api.root}/vllm/v1",
            VARIABLE: failpoint,
        }
        with (self.home / "build.log").open("ab") as log:
            return subprocess.Popen(
                self.words(self.budget),
                env={name: value for name, value in env.items() if value},
                stdin=subprocess.DEVNULL,
                stdout=(self.home / "out").open("wb"),
                stderr=log,
                start_new_session=True,
            )

    def calls(self) -> int:
        """Calls that reached the model API so far; none can be asked for while it is down."""
        return int(self.api.ask("__admin/summary")["calls"])

    def live(self, session: Session) -> int:
        """One life and its end; gives its exit code, or minus the signal that killed it."""
        calls_before, open_before = self.calls(), self.possible()
        kind, _, detail = session.how.partition(" ")
        heard = self.said_so_far()
        process = self.started(f"{detail}:1" if kind == "failpoint" else "")
        began = time.monotonic()
        victim = {"api": self.api, "s3": self.place.server}.get(kind)
        while process.poll() is None:
            made, age = self.calls() - calls_before, time.monotonic() - began
            if made and session.first_call_s is None:
                session.first_call_s = age
            if victim is not None and made >= _MOST_CALLS // 5:
                victim.kill()
                victim.start()
                victim = None
            if _is_over(kind, detail, made, age):
                kill(process)
            time.sleep(0.05)
        kill(process)
        session.code = process.returncode
        session.at_failpoint = self.said(DEATH, heard)
        session.lived_s = time.monotonic() - began
        session.calls = self.calls() - calls_before
        session.lost = self.possible() - open_before
        self.sessions.append(session)
        if session.code == STOPPED:
            self.raise_budget()
        return session.code

    def said_so_far(self) -> int:
        """Bytes that builds wrote to standard error so far."""
        log = self.home / "build.log"
        return log.stat().st_size if log.exists() else 0

    def said(self, words: bytes, since: int) -> bool:
        """Whether a build wrote this to standard error since then."""
        return words in (self.home / "build.log").read_bytes()[since:]

    def possible(self) -> int:
        """Calls without an end that the ledger names."""
        return len(read_history(self.place.store, RUN).open)

    def raise_budget(self) -> None:
        """The budget stopped the run: prove that it was not passed, and go on with more."""
        spent = read_history(self.place.store, RUN).spent
        if spent > self.budget:
            raise SystemExit(f"The budget of ${self.budget} was passed: ${spent} is booked.")
        self.budget = (self.budget * Decimal("1.6")).quantize(Decimal("0.01"))
        self.raised += 1

    def finish(self) -> dict[str, Any]:
        """Leave the run alone to its end."""
        for _ in range(20):
            process = self.started()
            code = process.wait()
            if code == 0:
                told = (self.home / "out").read_text().splitlines()[-1]
                return dict(json.loads(told))
            if code == STOPPED:
                self.raise_budget()
            elif code != 2:
                break
        raise SystemExit(f"The run does not come to its end: see {self.home}/build.log")


def kill(process: "subprocess.Popen[bytes]") -> None:
    """End a build and all its children as by `kill -9`."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _is_over(kind: str, detail: str, made: int, age: float) -> bool:
    limit_s = float(detail) if kind == "time" else _LONGEST_S
    most = {"calls": lambda: int(detail), "failpoint": lambda: 3 * _MOST_CALLS}.get(kind)
    return age > limit_s or made >= (most() if most else _MOST_CALLS)
