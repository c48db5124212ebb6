"""Feed mutated answers, pictures and parquet files to the code that reads them from outside.

    python tests/fuzz/fuzz.py [CASES] [--kind answers,pictures,tables] [--seed 0] [--case NUMBER]

Each kind runs in a process of its own, which may hold little memory and must be done with each case in
time. A case is a function of seed, kind and number. Exit code 0 means: no hang, no crash, nothing raised
but the project's own errors, no memory beyond the bound, and nothing accepted that is not what it says.
"""

import argparse
import faulthandler
import mmap
import resource
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Protocol

CASES = 20_000
SHARES = {"answers": 0.4, "pictures": 0.4, "tables": 0.2}
"""What part of the cases each kind gets."""
CASE_S = 60
"""A case that takes longer hangs: they take milliseconds."""
ADDRESSES = 1024**3
"""Bytes that a process may ask for beyond what it has at its start; more is refused to it."""
RESIDENT_KIB = 256 * 1024
"""How much a process may really take beyond that, in KiB."""


class Checker(Protocol):
    """Checks one mutated input after the other."""

    def check(self, chance: Random) -> str: ...


def checker(kind: str, folder: Path) -> Checker:
    """What checks inputs of a kind; imported only where it is needed."""
    if kind == "answers":
        from answers import Answers

        return Answers(folder)
    if kind == "pictures":
        from pictures import Pictures

        return Pictures(folder)
    from tables import Tables

    return Tables(folder)


def work(kind: str, folder: Path, seed: int, numbers: range) -> Counter[str]:
    """Check cases in this process, with its memory bound; gives what became of them.

    Raises:
        AssertionError: A case was not as it must be; or whatever the code under test raised.
    """
    found, ends = checker(kind, folder), Counter[str]()
    faulthandler.enable()
    _bound()
    before = _resident()
    with _marked(folder / f"{kind}.mark") as mark:
        for number in numbers:
            mark[:] = b"%016d" % number
            faulthandler.dump_traceback_later(CASE_S, exit=True)
            ends[found.check(Random(f"{seed}/{kind}/{number}"))] += 1
            faulthandler.cancel_dump_traceback_later()
            grown = _resident() - before
            assert grown <= RESIDENT_KIB, f"The process grew by {grown} KiB."
    return ends


def _bound() -> None:
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
    most = pages * resource.getpagesize() + ADDRESSES
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _resident() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


@contextmanager
def _marked(path: Path) -> Iterator[mmap.mmap]:
    """A file that says which case is checked, even if the process is gone."""
    path.write_bytes(bytes(16))
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 16) as mark:
        yield mark


def watched(kind: str, folder: Path, seed: int, numbers: range) -> str:
    """Check cases in a process of its own; what went wrong, or nothing."""
    words = [sys.executable, __file__, "--kind", kind, "--seed", str(seed), "--in", str(folder)]
    words += ["--first", str(numbers.start), str(len(numbers))]
    ended = subprocess.run(words, capture_output=True, text=True)
    print(ended.stdout, end="", flush=True)
    if ended.returncode == 0:
        return ""
    mark = folder / f"{kind}.mark"
    number = int(mark.read_bytes()) if mark.exists() else numbers.start
    again = f"{Path(__file__).name} --kind {kind} --seed {seed} --case {number}"
    return (
        f"{kind}: exit code {ended.returncode} at case {number} ({again})\n{ended.stderr[-6000:]}"
    )


def main() -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("cases", type=int, nargs="?", default=CASES)
    parser.add_argument("--kind", default=",".join(SHARES))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--case", type=int)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--in", dest="folder", type=Path)
    given = parser.parse_args()
    if given.folder is not None:
        numbers = range(given.first, given.first + given.cases)
        for end, count in sorted(work(given.kind, given.folder, given.seed, numbers).items()):
            print(f"{given.kind:10} {count:7}  {end}")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        return _all(given, Path(folder))


def _all(given: argparse.Namespace, folder: Path) -> int:
    kinds = given.kind.split(",")
    if "answers" in kinds:
        from answers import capture

        capture(folder)
    whole = sum(SHARES[kind] for kind in kinds)
    wrong = []
    for kind in kinds:
        count = round(given.cases * SHARES[kind] / whole)
        numbers = range(count) if given.case is None else range(given.case, given.case + 1)
        wrong += [trouble] if (trouble := watched(kind, folder, given.seed, numbers)) else []
    print("\n".join(wrong), file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
