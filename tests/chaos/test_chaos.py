"""The short form of `make chaos`: a run that is killed three times on a folder, and three on a bucket."""

import subprocess
import sys
from pathlib import Path

import pytest

CHAOS = Path(__file__).with_name("chaos.py")
STORES = ("folder", "s3")


@pytest.mark.prefect
@pytest.mark.s3
def test_a_run_that_is_killed_again_and_again_loses_nothing() -> None:
    """Both stores are held against one undisturbed run, beside one Prefect server."""
    words = [sys.executable, str(CHAOS), "--kills", "3", "--rows", "32", "--stores"]
    ended = subprocess.run([*words, ",".join(STORES)], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    _, *told = ended.stdout.split("| kills | ")
    assert len(told) == len(STORES), ended.stdout
    assert all(int(text.partition(",")[0]) >= 2 for text in told), ended.stdout
