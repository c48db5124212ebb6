"""The short form of `make chaos`: a run that is killed five times on a folder, and five on a bucket."""

import subprocess
import sys
from pathlib import Path

import pytest

CHAOS = Path(__file__).with_name("chaos.py")


@pytest.mark.prefect
@pytest.mark.s3
@pytest.mark.parametrize("store", ["folder", "s3"])
def test_a_run_that_is_killed_again_and_again_loses_nothing(store: str) -> None:
    words = [sys.executable, str(CHAOS), "--kills", "5", "--rows", "48", "--stores", store]
    ended = subprocess.run(words, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "| kills | " in ended.stdout
