"""A process whose output nobody takes any more, as that of a flow run whose worker was killed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SAYS = """
import logging
from pathlib import Path
from prefect.logging.handlers import PrefectConsoleHandler
from flows.orphans import outlive_worker

outlive_worker()
log = logging.getLogger("orphan")
log.addHandler(PrefectConsoleHandler())
input()
for _ in range(3):
    log.warning("Somebody reads this.")
Path("went-on").write_text("yes")
"""


@pytest.mark.parametrize("of_a_worker", [True, False])
def test_a_flow_run_goes_on_when_nobody_takes_its_output_and_a_shell_s_pipe_ends_it(
    tmp_path: Path, *, of_a_worker: bool
) -> None:
    env = dict(os.environ)
    env.pop("PREFECT__FLOW_RUN_ID", None)
    if of_a_worker:
        env["PREFECT__FLOW_RUN_ID"] = "0b1c"
    reader, writer = os.pipe()
    with subprocess.Popen(
        [sys.executable, "-c", SAYS],
        cwd=tmp_path,
        env=env,
        stdin=subprocess.PIPE,
        stdout=writer,
        stderr=writer,
    ) as process:
        os.close(writer)
        os.close(reader)
        process.communicate(b"\n", timeout=300)
    assert (tmp_path / "went-on").exists() is of_a_worker
