"""A build that waits for batches, as a person meets it: stopped, killed, started again."""

import os
import signal
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import httpx
import pytest

from editcorpus.ledger import read_history
from editcorpus.storage import Store

pytestmark = pytest.mark.prefect
Words = Callable[..., tuple[object, ...]]
Unfinished = Callable[[], list[str]]
MODES = (
    *("--mode", "batch", "--mode", "align=online"),
    *("--set", "effort.batch_look_s=0.5", "--set", "effort.gallery=0"),
)
STILL = {"time_scale": 1.0}
"""A batch is not even looked at within the next minute."""
QUICK = {"time_scale": 0.001}


def billed(sandbox: Any) -> list[dict[str, Any]]:
    return list(sandbox.admin("journal?billed=true")["calls"])


@pytest.fixture
def unfinished(sandbox: Any, key: str) -> Unfinished:
    """The names of the batches that the API is at work on."""

    def asked() -> list[str]:
        found = httpx.get(
            f"{sandbox.url}/batches", headers={"Authorization": f"Bearer {key}"}, timeout=60
        )
        batches = found.raise_for_status().json()["data"]
        return [one["id"] for one in batches if one["status"] in {"validating", "in_progress"}]

    return asked


@pytest.fixture
def interrupted(
    shell: Any, build: Words, sandbox: Any, unfinished: Unfinished, wait_until: Any, take_ended: Any
) -> tuple[Any, list[str]]:
    """How a build ended that was stopped by Ctrl-C while it waited, and the batches that are left."""
    sandbox.admin("config", STILL)
    process = shell.start(*build(*MODES))
    wait_until(process, lambda: len(unfinished()) == 1)
    os.kill(process.pid, signal.SIGINT)
    return take_ended(process), unfinished()


@pytest.fixture
def killed(
    shell: Any,
    build: Words,
    interrupted: tuple[Any, list[str]],
    wait_until: Any,
    take_ended: Any,
) -> Any:
    """The same build, killed after it was started once more."""
    locks = shell.folder / "store" / "runs" / "few" / "lock"
    process = shell.start(*build(*MODES))
    wait_until(process, lambda: locks.is_dir() and any(locks.iterdir()))
    os.killpg(process.pid, signal.SIGKILL)
    return take_ended(process)


def test_a_run_that_waits_can_be_stopped_and_killed_and_pays_nothing_twice(
    shell: Any,
    build: Words,
    sandbox: Any,
    interrupted: tuple[Any, list[str]],
    killed: Any,
    unfinished: Unfinished,
) -> None:
    ended, batches = interrupted
    assert ended.code == 3, ended.err
    said = " ".join(ended.err.split())
    assert "Traceback" not in said
    assert "editcorpus: The run was interrupted. 1 batch is under way (" in said
    assert "6 requests): the API goes on with it, and the same command takes the answers." in said
    assert ended.json["entered"] == 8
    assert ended.json["calls"]["paid"] == 0
    assert killed.code == -signal.SIGKILL
    assert unfinished() == batches

    sandbox.admin("config", QUICK)
    last = shell.run(*build(*MODES))
    assert last.code == 0, last.err
    calls = billed(sandbox)
    assert set(Counter(call["key"] for call in calls).values()) == {1}
    history = read_history(Store.on_disk(shell.folder / "store"), "few")
    settled = {one.request_id: one.usd for one in history.records if one.outcome == "settled"}
    assert settled == {call["request_id"]: Decimal(call["usd"]) for call in calls}
    assert Decimal(last.json["cost_usd"]) == sum(settled.values())
    assert last.json["calls"]["possibly_billed"] == 0


def test_an_endpoint_without_batches_is_told_before_anything_is_paid(
    shell: Any, build: Words, sandbox: Any
) -> None:
    ended = shell.run(*build("--mode", "batch"))
    assert ended.code == 1, ended.err
    sentence = ended.err.splitlines()[-1]
    assert sentence.startswith("editcorpus: The endpoint judge at http://127.0.0.1:")
    assert sentence.endswith(
        "takes no batches: use align=online, or align=auto, which asks online where there are none."
    )
    assert billed(sandbox) == []
