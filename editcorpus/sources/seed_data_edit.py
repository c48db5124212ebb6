"""SEED-Data-Edit: `AILab-CVC/SEED-Data-Edit` on Hugging Face, CC-BY-NC-4.0, for research only.

3.7 million pairs in three parts, as lines of JSON beside tar archives that are cut into files; the input
is the folder that holds `SEED-Data-Edit-Part*`. Rows have no id: ids say where a row lies. Recipes:

- `multi-turn`: 21,382 sequences of up to five edits by Photoshop experts, 95,000 pairs. The usual one,
  since no other source of this project has conversations, and people made all of it. A turn's source
  image is what became of the turn before; in the base variant, what the publisher has there.
- `real`: 52,000 pairs from forums where people ask for edits.
- `unsplash`: 1.5 million pairs in which a model removed an object; the other way round, it is added.
- `openimages`: 2 million pairs of which a model made both pictures.
- `unsplash-gpt4v`, `openimages-gpt4v`: the same with `instruction_new`, written by GPT-4V, where there is
  one; the first wording is kept beside it.

Pictures below `20240330_315P_1323turns/Data/{208..212}` are damaged in the release, and its archive of
OpenImages' source pictures holds 80,218 where 1.5 million are named: whatever does not decode, or is not
there, is rejected where it is met. Figures: the dataset card; issues 12 and 27 of `AILab-CVC/SEED-X`.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from editcorpus.readers.annotations import AnnotationReader
from editcorpus.readers.lines import PROBLEM
from editcorpus.records import Reason, Rejected, Triplet
from editcorpus.rows import (
    PLAN,
    Items,
    Place,
    Row,
    Source,
    choose_instruction,
    placed_id,
    told_facts,
)
from editcorpus.taxonomy import InstructionType

NAME = "seed-data-edit"
LICENSE = "CC-BY-NC-4.0"
TURNS = 5
"""Most turns of a sequence (dataset card, part 3)."""
_ROUNDS = range(1, TURNS + 1)
_TOP = "SEED-Data-Edit-Part"
_PARTS = {
    "real": ("real_editing", "annotations"),
    "unsplash": ("unsplash", "annotations"),
    "openimages": ("openimages", "annotations"),
    "unsplash-gpt4v": ("unsplash", "annotations_GPT4V"),
    "openimages-gpt4v": ("openimages", "annotations_GPT4V"),
}
"""Folder of each recipe of single edits, which is its task, too, and of its annotations."""
_VERBS = {
    "remove": re.compile(
        r"(?:remove|erase|delete|eliminate|get rid of|take (?:away|out))\b", re.IGNORECASE
    ),
    "add": re.compile(r"(?:add|insert|put|place|include)\b", re.IGNORECASE),
}
"""How instructions of the part begin in which one object goes or comes."""


def to_turns(row: Row, place: Place, seed: int) -> Items:
    """A sequence as its turns, in order; what is wrong with one of them is that turn's alone."""
    name = placed_id(NAME, place, "multi-turn")
    if row[PROBLEM]:
        return Rejected(name, PLAN, Reason.ROW_UNREADABLE, row[PROBLEM])
    told = [turn for turn in _ROUNDS if row[f"instruction_{turn}"] or row[f"edit_image_{turn}"]]
    made: list[Triplet | Rejected] = []
    for turn in range(1, max(told, default=1) + 1):
        texts = [row[f"instruction_{turn}"]]
        before = row["source_image" if turn == 1 else f"edit_image_{turn - 1}"]
        one = _triplet(f"{name}#{turn}", texts, (before, row[f"edit_image_{turn}"]), place, seed)
        if isinstance(one, Triplet):
            previous = f"{name}#{turn - 1}" if turn > 1 else ""
            one = replace(one, task="multi_turn_editing", previous=previous, turn=turn)
        made.append(one)
    return made


def to_triplet(row: Row, place: Place, seed: int, *, recipe: str) -> Triplet | Rejected:
    """A row of one edit as a triplet; a new wording counts where it can be used."""
    name = placed_id(NAME, place, recipe)
    if row[PROBLEM]:
        return Rejected(name, PLAN, Reason.ROW_UNREADABLE, row[PROBLEM])
    pictures = (row["source_image"], row["target_image"])
    facts = ""
    made = _triplet(name, [row.get("instruction_new")], pictures, place, seed)
    if isinstance(made, Triplet):
        told = {"instruction_type": InstructionType.REWRITE.value}
        facts = told_facts({**row, **told}, {name: name for name in told} | _GPT4V)
    else:
        made = _triplet(name, [row["instruction"]], pictures, place, seed)
    if isinstance(made, Rejected):
        return made
    return replace(made, task=_task(_PARTS[recipe][0], made.instruction), facts=facts)


def _triplet(
    name: str,
    texts: Sequence[str | None],
    pictures: tuple[str | None, str | None],
    place: Place,
    seed: int,
) -> Triplet | Rejected:
    chosen = choose_instruction(texts, seed, name)
    if isinstance(chosen, Rejected):
        return chosen
    roles = {"edited": pictures[1] or "", "source": pictures[0] or ""}
    return Triplet(
        id=name,
        dataset_source=NAME,
        task="",
        subtask="",
        instruction=chosen[1],
        instruction_index=0,
        license=LICENSE,
        file=place.file,
        row_group=place.row_group,
        row=place.row,
        paths=json.dumps(roles, sort_keys=True),
    )


def _task(part: str, instruction: str) -> str:
    """What is done to an object, of the part where that is told by the first word; else the part."""
    done = (verb for verb, begins in _VERBS.items() if begins.match(instruction))
    return next(done, part) if part == "unsplash" else part


def _multi_turn() -> Source:
    edits = [f"edit_image_{turn}" for turn in _ROUNDS]
    texts = [f"instruction_{turn}" for turn in _ROUNDS]
    return Source(
        name=NAME,
        license=LICENSE,
        columns={
            "source_image": "text",
            "instruction_1": "text",
            "edit_image_1": "text",
            **dict.fromkeys((*texts[1:], *edits[1:]), "text?"),
        },
        task_column="",
        pictures={"source": "source_image", "edited": "edit_image_1"},
        triplet=to_turns,
        reader=AnnotationReader(("source_image", *edits), _TOP),
        recipe="multi-turn",
        files=r"multi_turn_editing/annotations/[^/]+$",
        keeps=True,
        rounds=TURNS,
        defaults=_DEFAULTS,
    )


def _single(recipe: str) -> Source:
    part, annotations = _PARTS[recipe]
    new = dict.fromkeys(("instruction_new", "response"), "text?")
    return Source(
        name=NAME,
        license=LICENSE,
        columns={
            "source_image": "text",
            "target_image": "text",
            "instruction": "text",
            **(new if annotations == "annotations_GPT4V" else {}),
        },
        task_column="",
        pictures={"source": "source_image", "edited": "target_image"},
        triplet=partial(to_triplet, recipe=recipe),
        reader=AnnotationReader(("source_image", "target_image"), _TOP),
        recipe=recipe,
        files=rf"{part}/{annotations}/[^/]+$",
        keeps=True,
        defaults=_DEFAULTS,
    )


_GPT4V = {"instruction": "instruction_original", "response": "response"}
_DEFAULTS = {"rewrite": {"share": 0.0}}
"""Section 3.2 of GPT-IMAGE-EDIT-1.5M rewrites the instructions of OmniEdit alone."""
RECIPES = {"multi-turn": _multi_turn(), **{recipe: _single(recipe) for recipe in _PARTS}}
