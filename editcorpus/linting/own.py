"""How corpora are read that this project writes: records keep their ids, families and sources.

The parquet files of a corpus, and its exports as WebDataset, as pairs in folders, and as sequences of turns.
Exports in the layouts of other data sets are read as those are.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from editcorpus.readers.lines import PROBLEM
from editcorpus.readers.own_rows import WHERE
from editcorpus.records import Rejected, Triplet
from editcorpus.rows import Items, Place, Row, Source
from editcorpus.sources import folder
from editcorpus.sources.folder import Config

FACTS = ("dataset_source", "family", "instruction_type", "subtask")
"""What a record says of itself beside its task and licence."""
MOST_TURNS = 12
"""Turns of a sequence that are looked at."""

_MOST_ID = 300
_ROUNDS = range(1, MOST_TURNS + 1)
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def columns_source(config: Config, files: str = "") -> Source:
    """What reads rows whose columns are called so; both pictures are needed.

    Args:
        config: Says what they are called.
        files: What the path of a file of rows must match; empty where every path is right.
    """
    made = folder.configured(config.model_copy(update={"id": ""}), "base")[""]
    more = dict.fromkeys((config.id, *FACTS), "text?")
    columns = {**{name: kind for name, kind in more.items() if name}, **made.columns}
    triplet = partial(to_triplet, config=config)
    return replace(made, columns=columns, triplet=triplet, files=files)


def to_triplet(row: Row, place: Place, seed: int, *, config: Config) -> Triplet | Rejected:
    """A row as a triplet under the id that it names, whatever that is; else under its place."""
    made = folder.to_triplet(row, place, seed, config=config.model_copy(update={"id": ""}))
    name = shown_id(row.get(config.id)) or made.id
    if isinstance(made, Rejected):
        return replace(made, id=name)
    told = {fact: _text(row.get(fact)) for fact in FACTS}
    return replace(
        made,
        id=name,
        dataset_source=told["dataset_source"] or made.dataset_source,
        subtask=told["subtask"],
        facts=json.dumps({fact: text for fact, text in told.items() if text}),
    )


def shown_id(value: Any) -> str:
    """An id as it is told: without characters that nobody sees, and not endless; empty where none is."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    return _UNSEEN.sub("\ufffd", str(value))[:_MOST_ID]


def turns_source() -> Source:
    """What reads `sequences.jsonl`, as `layouts/multi_turn.py` writes it."""
    made = columns_source(Config(), r"(^|/)sequences\.jsonl$")
    numbered = (f"{name}_{turn}" for turn in _ROUNDS for name in _NUMBERED)
    columns = dict.fromkeys((*numbered, "source_image", "license", "dataset_source"), "text?")
    needed = dict.fromkeys(("instruction_1", "edit_image_1"), "text")
    return replace(made, columns={**columns, **needed}, triplet=to_turns, rounds=MOST_TURNS)


_NUMBERED = ("instruction", "edit_image", "id", "instruction_type", "family")


def to_turns(row: Row, place: Place, seed: int) -> Items:
    """A sequence as its turns: each begins with the picture that the turn before it ends with."""
    if row[PROBLEM]:
        return to_triplet(_turn(row, 1), place, seed, config=Config())
    last = max((turn for turn in _ROUNDS if _is_there(row, turn)), default=1)
    made = []
    for turn in range(1, last + 1):
        one = to_triplet(_turn(row, turn), place, seed, config=Config())
        own = shown_id(row.get(f"id_{turn}"))
        made.append(one if own else replace(one, id=f"{one.id}#{turn}"))
    return made


def _is_there(row: Row, turn: int) -> bool:
    return bool(row[f"instruction_{turn}"] or row[f"edit_image_{turn}"])


def _turn(row: Row, turn: int) -> Mapping[str, Any]:
    """One turn of a sequence as a row of its own."""
    before = "source_image" if turn == 1 else f"edit_image_{turn - 1}"
    shared = {name: row.get(name) for name in ("license", "dataset_source", PROBLEM, WHERE)}
    return {
        **dict.fromkeys(("mask", "task", "subtask")),
        **shared,
        "instruction": row.get(f"instruction_{turn}"),
        "source_image": row.get(before),
        "edited_image": row.get(f"edit_image_{turn}"),
        **{name: row.get(f"{name}_{turn}") for name in ("id", "instruction_type", "family")},
    }


def _text(value: Any) -> str:
    return value[:_MOST_ID] if isinstance(value, str) else ""
