"""The short form of `make chaos`: a run on a bucket is killed five times (on a folder: `test_kill.py`)."""

import subprocess
import sys
from pathlib import Path

import pytest

CHAOS = Path(__file__).with_name("chaos.py")


@pytest.mark.prefect
@pytest.mark.s3
def test_a_run_that_is_killed_again_and_again_loses_nothing() -> None:
    """It is held against an undisturbed run on a folder."""
    words = [sys.executable, str(CHAOS), "--kills", "5", "--rows", "48", "--stores", "s3"]
    ended = subprocess.run(words, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    _, told = ended.stdout.split("| kills | ")
    assert int(told.partition(",")[0]) >= 3, ended.stdout
