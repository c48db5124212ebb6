"""Ctrl-C, SIGTERM and a Prefect server that is gone: told at once, and nothing is left behind."""

import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

pytestmark = pytest.mark.prefect
Words = Callable[..., tuple[object, ...]]
ROWS = ("task_obj_add_42250", "task_attr_mod_color_11750")
SLOW = {"time_scale": 1.0, "latency_s": 0.4}
LONG_S = 600
"""A delay before a retry that no test waits for."""


@pytest.fixture
def unlucky(tmp_path: Path, write_rows: Callable[..., Path]) -> Path:
    """Two rows, one of which never gets an answer."""
    never = {ROWS[0]: "[[emulate server_error]] Give the photographer a short beard."}
    return write_rows(tmp_path / "unlucky.parquet", ROWS, 2, never)


@pytest.fixture(params=[signal.SIGINT, signal.SIGTERM], ids=["ctrl_c", "sigterm"])
def waiting_for_a_retry(
    request: pytest.FixtureRequest,
    shell: Any,
    sandbox: Any,
    unlucky: Path,
    wait_until: Any,
    take_ended: Any,
) -> tuple[Any, float]:
    """A build that was stopped while a stage waited for its second try, and for how long it ended."""
    words = ("build", "omniedit", "--input", unlucky, "--run", "waits", "--call-attempts", 1)
    process = shell.start(*words, "--retry-delay-s", LONG_S, "--json")
    run = shell.folder / "store" / "runs" / "waits"
    wait_until(process, lambda: list(run.rglob("regenerate.json")))
    began = time.monotonic()
    os.kill(process.pid, request.param)
    return take_ended(process), time.monotonic() - began


def test_a_stage_that_waits_for_its_second_try_is_stopped_at_once(
    waiting_for_a_retry: tuple[Any, float],
) -> None:
    ended, seconds = waiting_for_a_retry
    assert ended.code == 3, ended.err
    assert "nterrupted" in ended.err.splitlines()[-1]
    assert "Traceback" not in ended.err
    told = ended.json
    assert told["entered"] == 2
    assert sum(told["failed"].values()) == 2
    assert seconds < LONG_S / 2, "at once, but for what a busy machine takes to end Prefect"


def children(process: Any) -> list[psutil.Process]:
    """What a process has started."""
    return psutil.Process(process.pid).children(recursive=True)


@pytest.mark.parametrize("whom", ["sigterm_to_the_build", "ctrl_c_to_all_in_the_terminal"])
def test_no_server_of_its_own_outlives_a_stopped_build(
    whom: str, shell: Any, build: Words, sandbox: Any, wait_until: Any, take_ended: Any
) -> None:
    sandbox.admin("config", SLOW)
    process = shell.having(PREFECT_API_URL=None).start(*build("--in-flight", 1))
    wait_until(process, lambda: sandbox.admin("summary")["billed"] >= 1)
    started = children(process)
    assert [each for each in started if "serving.py" in " ".join(each.cmdline())]
    if whom == "sigterm_to_the_build":
        os.kill(process.pid, signal.SIGTERM)
    else:
        os.killpg(process.pid, signal.SIGINT)
    ended = take_ended(process)
    assert ended.code == 3, ended.err
    assert "Traceback" not in ended.err
    assert ended.json["entered"] == 8
    assert ended.json["failed"]["not_reached"] >= 1
    assert [each for each in started if each.is_running()] == []
    assert not (shell.folder / "store" / "runs" / "few" / "lock.json").exists()


def test_sigterm_before_prefect_is_there_is_one_sentence(
    shell: Any, build: Words, take_ended: Any
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"http://127.0.0.1:{mute.getsockname()[1]}/v1"
        process = shell.having(OPENAI_BASE_URL=url).start(*build())
        connection, _ = mute.accept()
        with connection:
            os.kill(process.pid, signal.SIGTERM)
            ended = take_ended(process)
    assert ended.code == 3, ended.err
    assert ended.err.splitlines()[-1].startswith("editcorpus: Interrupted;")
    assert ended.json["entered"] == 0


@pytest.mark.parametrize("path", ["/api", "/v1"])
def test_a_prefect_url_that_is_none_is_told_before_prefect_is_imported(
    path: str, shell: Any, build: Words, sandbox: Any, dead_url: str
) -> None:
    trap = shell.folder / "trap" / "prefect"
    trap.mkdir(parents=True)
    (trap / "__init__.py").write_text("raise SystemExit(9)\n")
    root = dead_url.replace("//", "//someone:planted@")
    elsewhere = shell.having(PYTHONPATH=str(trap.parent), PREFECT_API_URL=f"{root}{path}")
    ended = elsewhere.run(*build())
    assert ended.code == 1, ended.err
    sentence = ended.err.splitlines()[-1]
    assert sentence.startswith("editcorpus: The Prefect API at PREFECT_API_URL (http://127.0.0.1:")
    assert "does not answer" in sentence
    assert "planted" not in ended.out + ended.err
