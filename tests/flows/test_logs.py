"""What stands in the log of a run: one line for a stop, lines of JSON on request, no chatter."""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.exceptions import FailedRun
from prefect.flow_engine import flow_run_logger, run_flow
from prefect.states import Failed

from editcorpus.errors import BudgetExceeded
from flows.logs import JsonLines, OneLine, shorten_ends
from flows.surroundings import core_logged

ROOT = Path(__file__).parents[2]
CHATTER = """
import logging
from prefect.logging.configuration import setup_logging
setup_logging()
logging.getLogger("httpx").info("HTTP Request: POST https://api/v1/images/edits")
logging.getLogger("openai._base_client").info("Retrying")
logging.getLogger("editcorpus.stages.stage").warning(
    "shard 00003 align: 2 kept", extra={"run": "spring", "shard": 3, "step": "align", "usd": "0.1"}
)
"""


def record(error: BaseException | None) -> logging.LogRecord:
    info = (type(error), error, None) if error else (None, None, None)
    return logging.LogRecord("prefect.task_runs", logging.ERROR, "x.py", 1, "It failed.", (), info)


@pytest.mark.parametrize(
    ("error", "stays", "traced"),
    [
        (None, True, False),  # Prefect's `exception` without one, which reads "NoneType: None"
        (BudgetExceeded("No money is left."), True, False),
        (ZeroDivisionError("a bug"), True, True),
        (FailedRun("No money is left."), False, True),
        (TypeError("Unexpected result: Outcome cannot be resolved into an exception"), False, True),
        (TypeError("a bug"), True, True),
    ],
)
def test_a_traceback_is_told_of_what_nobody_expected(
    error: BaseException | None, stays: bool, traced: bool
) -> None:
    made = record(error)
    assert OneLine().filter(made) is stays
    assert bool(made.exc_info) is traced


def test_the_state_of_a_stage_is_not_told_twice() -> None:
    made = record(None)
    made.msg = (
        "Task run failed with state: Failed(message='1 of 1', data=x - y) - Retries are exhausted"
    )
    assert OneLine().filter(made)
    assert made.getMessage() == "Calls are left without an answer: Retries are exhausted"


def test_a_line_of_json_holds_what_it_is_about() -> None:
    made = record(ZeroDivisionError("a bug"))
    vars(made).update(run="spring", shard=3, step="align", usd="0.10", id=None)
    line = json.loads(JsonLines().format(made))
    assert line.pop("at").endswith("+00:00")
    assert line.pop("traceback") == "ZeroDivisionError: a bug"
    assert line == {
        "level": "ERROR",
        "logger": "prefect.task_runs",
        "message": "It failed.",
        "run": "spring",
        "shard": 3,
        "step": "align",
        "usd": "0.10",
    }


def test_the_console_shows_json_on_request_and_no_chatter_of_libraries(tmp_path: Path) -> None:
    settings = str(ROOT / "deployments" / "logging.yml")
    env = {**os.environ, "PREFECT_LOGGING_CONFIG_PATH": settings, "PREFECT_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", CHATTER],
        env=env,
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    (line,) = (json.loads(one) for one in done.stderr.splitlines())
    assert line["message"] == "shard 00003 align: 2 kept"
    assert (line["run"], line["shard"], line["step"]) == ("spring", 3, "align")


@flow
def stops() -> State[Any]:
    """A flow that ends as a run does that had to stop."""
    with core_logged("spring"):
        logging.getLogger("editcorpus.lines").info("A line of the core.")
    return Failed(name="Stopped: budget", message="No money is left.", data={"kept": 1})


@pytest.mark.prefect
def test_a_run_that_stopped_leaves_its_sentence_and_no_traceback(
    prefect_api: str, api_of: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    shorten_ends()
    with get_client(sync_client=True) as client:
        run = client.create_flow_run(stops)
    with caplog.at_level(logging.INFO), pytest.raises(TypeError):
        run_flow(stops, flow_run=run, error_logger=flow_run_logger(run))
    messages = [one.getMessage() for one in caplog.records if one.name == "prefect.flow_runs"]
    left_behind = ("prefect.events", "prefect._internal")  # threads of tests before this one
    assert not any(one.exc_info for one in caplog.records if not one.name.startswith(left_behind))
    assert any("Stopped: budget" in message for message in messages)
    (line,) = (one for one in caplog.records if one.name == "editcorpus.lines")
    assert vars(line)["run"] == "spring"
    api = api_of(run.id).once(lambda it: any("A line" in log["message"] for log in it.logs()))
    assert "Traceback" not in repr(api.logs())
