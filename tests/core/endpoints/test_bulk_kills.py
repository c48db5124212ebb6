"""A process that asks in batches is killed at every gap; the next one takes over and pays nothing twice."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from editcorpus.endpoints.requests import Answered

pytestmark = pytest.mark.long

NURSERY = """
import importlib.util, itertools, json, os, sys, time

from editcorpus.failpoints import open_store

spec = importlib.util.spec_from_file_location("lab", sys.argv[1])
lab = importlib.util.module_from_spec(spec)
sys.modules["lab"] = lab
spec.loader.exec_module(lab)


def live(root, url, point, number):
    lab._NUMBERS = itertools.count(number)
    asks = [lab.edit(each) for each in range(4)]
    with lab.open_engine(open_store(root, {}, None, point), url) as engine:
        engine.bulk.adopt()
        list(engine.bulk.answers(asks))
        engine.bulk.flush()
        while engine.bulk.look():
            time.sleep(0.005)


for line in sys.stdin:
    child = os.fork()
    if not child:
        live(*json.loads(line))
        os._exit(0)
    print(json.dumps(os.waitpid(child, 0)[1]), flush=True)
"""
"""Loads everything once, and then has a child for each life that is to end early."""

PAGE, LINES, ANSWER = "runs/*/batches/*.json", "runs/*/batches/*.jsonl", "responses/*"
GAPS = {
    "the lines are on record, and no page is": f"after:{LINES}:1",
    "the page is on record, and no intent is": f"after:{PAGE}:1",
    "half of the intents are on record": "during:journal/*:1",
    "the intents are on record, and nothing is uploaded": "after:journal/*:1",
    "the input file is uploaded, and not on record": f"before:{PAGE}:2",
    "the input file is on record": f"after:{PAGE}:2",
    "it is on record that the API is asked, and it is not": f"after:{PAGE}:3",
    "the API has the batch, and that is not on record": f"before:{PAGE}:4",
    "that the API has the batch is on record": f"after:{PAGE}:4",
    "one answer is stored": f"after:{ANSWER}:1",
    "three answers are stored": f"after:{ANSWER}:3",
    "all is collected, and that is not on record": f"before:{PAGE}:5",
    "all is collected, and nothing is cleaned up": f"after:{PAGE}:5",
    "all is cleaned up, and that is not on record": f"before:{PAGE}:6",
}


@pytest.fixture(scope="module")
def live() -> Iterator[Callable[[str, str, str, int], int]]:
    """Gives a process a life with a failpoint in it; tells by which signal it ended, or 0."""
    command = [sys.executable, "-c", NURSERY, str(Path(__file__).with_name("conftest.py"))]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as nursery:
        assert nursery.stdin is not None and nursery.stdout is not None
        into, out = nursery.stdin, nursery.stdout

        def lived(root: str, url: str, point: str, number: int) -> int:
            into.write(json.dumps([root, url, point, number]) + "\n")
            into.flush()
            status = int(json.loads(out.readline()))
            return os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)

        yield lived


@pytest.mark.parametrize("point", GAPS.values(), ids=GAPS)
def test_nothing_is_submitted_or_billed_twice(bulk, live, point: str) -> None:
    asks = bulk.make.edits(4)
    assert live(bulk.store.root, bulk.sandbox.url, point, 1000) == signal.SIGKILL
    before = bulk.audit()
    assert before.by_outcome().keys() <= {"open", "settled"}
    with bulk.engine() as engine:
        ledger = engine.books.ledger
        spent = ledger.spent
        engine.bulk.adopt()
        assert ledger.spent + ledger.reserved <= spent, "what was under way is counted once"
        bulk.wait(engine)
        bulk.queue(engine, asks)
        bulk.wait(engine)
        taken = bulk.take(engine, asks)
        assert ledger.reserved == 0 and ledger.possibly == 0
    assert len(taken.of(Answered)) == 4
    proven = bulk.audit()
    assert proven.by_outcome().keys() <= {"settled", "free"}
    assert proven.by_outcome()["settled"] == bulk.calls() == 4, "no line was done twice"
    assert proven.usd() == proven.history.spent == ledger.spent
    assert len(bulk.batches()) == 1
    bulk.prove_clean()


def test_killed_again_and_again_it_comes_to_its_end(bulk, live) -> None:
    """Each life ends one write of a page later than the one before; every second one while collecting."""
    asks = bulk.make.edits(4)
    points = [f"after:{PAGE}:1", f"before:{PAGE}:3", f"before:{PAGE}:2", f"after:{ANSWER}:2"]
    for number, point in enumerate(points, 1):
        assert live(bulk.store.root, bulk.sandbox.url, point, 1000 * number) == signal.SIGKILL
    with bulk.engine() as engine:
        engine.bulk.adopt()
        bulk.wait(engine)
        assert bulk.take(engine, asks).kinds() == {"Answered": 4}
    proven = bulk.audit()
    assert proven.by_outcome()["settled"] == bulk.calls() == 4
    assert proven.usd() == proven.history.spent
    bulk.prove_clean()
