"""The journal of a process that is killed."""

import json
from random import Random

from editcorpus.journal import read_lines
from editcorpus.storage import Store

WRITER = """
import asyncio, sys
from pathlib import Path
from editcorpus.journal import Journal, encode
from editcorpus.storage import Store

async def one(journal, number):
    while True:
        await journal.durable(encode("intent", f"{number:064x}", n=number, fill="y" * (number % 300)))
        print(number, flush=True)
        number += 16

async def main():
    root, process, *options = sys.argv[1:]
    store = Store(root, dict(zip(("key", "secret", "endpoint_url"), options)))
    journal = Journal(store, "journal/run", process, 0.002)
    await asyncio.gather(*(one(journal, number) for number in range(16)))

asyncio.run(main())
"""


def test_every_line_that_was_promised_survives_a_kill(any_store: Store, s3, start):
    draw = Random(5)
    options = [] if any_store.local else list(s3.options.values())
    for turn in range(3):
        child = start(WRITER, any_store.root, f"p{turn}", *options)
        promised = [child.stdout.readline() for _ in range(draw.randrange(50, 400))]
        child.kill()
        promised += [text for text in child.stdout if text.endswith("\n")]
        child.wait()
        paths = any_store.list(f"journal/run/p{turn}")
        kept = [json.loads(one.data)["n"] for path in paths for one in read_lines(any_store, path)]
        assert len(kept) == len(set(kept))
        assert {int(text) for text in promised} <= set(kept)
