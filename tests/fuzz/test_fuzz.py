"""Whatever comes from outside damaged is refused in the project's own words; `make fuzz` tries more."""

import subprocess
import sys
from pathlib import Path

CASES = 2_000


def test_two_thousand_mutated_inputs_hang_nothing_crash_nothing_and_fool_nobody() -> None:
    words = [sys.executable, Path(__file__).with_name("fuzz.py"), str(CASES)]
    ended = subprocess.run(words, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    counts = [line.split(maxsplit=2) for line in ended.stdout.splitlines()]
    assert sum(int(count) for _, count, _ in counts) == CASES
    taken = {kind for kind, _, end in counts if "taken" in end or end == "planned whole, read"}
    assert taken == {"answers", "pictures", "tables"}, "what is whole is still taken"
