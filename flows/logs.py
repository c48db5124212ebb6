"""What people read in the log of a run: one line for what ended it, and lines of JSON on request.

For JSON on the console set `PREFECT_LOGGING_CONFIG_PATH` to deployments/logging.yml; the log in the
Prefect UI stays as it is.
"""

import json
import logging
from datetime import UTC, datetime
from typing import Any

from editcorpus.errors import EditcorpusError

FIELDS = ("run", "shard", "step", "id", "reason", "usd")
"""What a line may be about, beside its message."""
_RUNS = ("prefect.flow_runs", "prefect.task_runs")
"""Prefect's loggers for lines of one run."""


class JsonLines(logging.Formatter):
    """Formats a line as one JSON object: time, level, logger, message, and `FIELDS` where it has them."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        made: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        found = {name: getattr(record, name, None) for name in (*FIELDS, *_PREFECT)}
        made |= {name: value for name, value in found.items() if value is not None}
        if record.exc_info and record.exc_info[0]:
            made["traceback"] = self.formatException(record.exc_info)
        return json.dumps(made, default=str)


_PREFECT = ("flow_run_name", "task_run_name", "flow_run_id", "task_run_id")
"""Likewise, where Prefect knows them."""


class OneLine(logging.Filter):
    """Takes the tracebacks off lines about what was raised on purpose, since its sentence says it all.

    The line by which Prefect tells that a flow has returned a failed state goes altogether: that state,
    with its sentence, is told just before. So is that of a stage, which Prefect prints with all it holds.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line stays."""
        from prefect.exceptions import FailedRun

        error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
        if isinstance(error, FailedRun) or _is_a_state(error):
            return False
        if error is None or isinstance(error, EditcorpusError):
            record.exc_info = None
        told, _, then = record.getMessage().rpartition(" - ")
        if told.startswith("Task run failed with state: "):
            record.msg, record.args = f"Calls are left without an answer: {then}", ()
        return True


def _is_a_state(error: BaseException | None) -> bool:
    """Whether Prefect looked for an exception in a failed state, and found what the run returned."""
    return isinstance(error, TypeError) and "cannot be resolved into an exception" in str(error)


_ONE_LINE = OneLine()


def shorten_ends() -> None:
    """Have the lines of flow and task runs of this process told shortly, for good; twice is as once."""
    for name in _RUNS:
        logging.getLogger(name).addFilter(_ONE_LINE)
