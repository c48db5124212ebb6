"""`editcorpus show ID`: every request, sample, verdict, dollar and picture of one triplet."""

import argparse
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from editcorpus.layouts.markdown import one_line
from editcorpus.lookups.calls import wanted_runs
from editcorpus.lookups.facts import columns_of
from editcorpus.lookups.pictures import save_pictures
from editcorpus.lookups.search import find_triplet
from editcorpus.lookups.triplet import Request, Story, tell
from editcorpus.records import REMEDIES, SENTENCES
from flows.connections import open_store

_STEPS = {
    "caption": "captioned",
    "synthesize": "synthesized",
    "pad": "padded",
    "compose": "composed",
    "regenerate": "regenerated",
    "filter": "filtered",
    "rewrite": "rewritten",
    "align": "aligned",
    "embed": "embedded",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument("id", help="id of the triplet, such as omniedit/task_obj_add_42250")
    parser.add_argument("--store", default="store", help="folder or s3:// URL (store)")
    parser.add_argument("--run", default="", help="name of the run (all runs of the store)")
    parser.add_argument("--pictures", type=Path, metavar="DIR", help="write its pictures there")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Print what became of the triplet in each run."""
    store = open_store(os.environ, arguments.store)
    wanted = arguments.id
    places = find_triplet(store, wanted, wanted_runs(store, arguments.run))
    told = []
    for story in tell(store, places, wanted):
        files = list(save_pictures(store, story, arguments.pictures)) if arguments.pictures else []
        if arguments.json:
            told.append({**story.as_json(), "pictures": files})
        else:
            sys.stdout.write("\n".join([*_lines(story), *(f"  wrote {name}" for name in files)]))
            sys.stdout.write("\n\n")
    if arguments.json:
        sys.stdout.write(json.dumps({"id": wanted, "runs": told}, ensure_ascii=False) + "\n")
    return 0


def _lines(story: Story) -> Iterator[str]:
    rehearsed = "; answers of the sandbox, never paid" if story.emulated else ""
    yield f"{story.id} in run {story.run}, shard {story.shard:05d}: {story.verdict}"
    yield f"  ${story.usd:.4f} booked{rehearsed}"
    if story.gone is not None:
        gone = story.gone
        yield f"  {gone.step}: {gone.reason.value}. {SENTENCES[gone.reason]}"
        yield f"  detail: {one_line(gone.detail)}"
        yield f"  what to do: {REMEDIES[gone.reason]}"
    if story.triplet is not None:
        yield from _members("plan", columns_of(story.triplet))
    for step, name in _STEPS.items():
        row = getattr(story.facts, name)
        if row is not None:
            yield from _members(step, columns_of(row))
    yield f"requests: {len(story.requests)}"
    for one in story.requests:
        yield from _request(one)


def _members(title: str, members: dict[str, Any]) -> Iterator[str]:
    yield f"{title}:"
    for name, value in members.items():
        shown = f"{value:.4f}" if isinstance(value, float) else one_line(str(value))
        if shown:
            yield f"  {name}: {shown}"


def _request(one: Request) -> Iterator[str]:
    question = f" {one.question}" if one.question else ""
    paid = f", from run {one.run}" if one.outcome == "cached" and one.run else ""
    yield (
        f"  {one.step}{question}, sample {one.sample}, {one_line(one.model)}: {one.outcome}{paid}, "
        f"${one.usd:.6f}, {one.seconds:.1f} s, {one.at}"
    )
    yield f"    request {one.request}"
    if one.request_id:
        yield f"    request id {one_line(one.request_id)}"
    if one.said:
        yield f"    said: {one_line(one.said)}"
