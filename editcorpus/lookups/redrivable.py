"""Who can be done again: by the same request, as a model may answer it another time, or by another edit.

A verdict of a model's API, or of a judge that said nothing usable, may be another one tomorrow. One that
was measured, or that a judge gave, would be the same again: it follows from an answer that is stored.
"""

import shlex
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Literal

from editcorpus.errors import ConfigError
from editcorpus.layouts.removals import read_removals
from editcorpus.lookups.verdicts import Gone, ShardVerdicts, run_verdicts
from editcorpus.records import Failed, Reason
from editcorpus.stages.plan import need_plan
from editcorpus.stages.redriving import Item, Why
from editcorpus.steps import align, caption, compose, publish, regenerate, synthesize
from editcorpus.steps import filter as filter_step
from editcorpus.storage import Store

Way = Literal["", "same", "another"]
"""How somebody can be done again: by the same request, by another edit, or not at all."""
BY_MODELS = frozenset(
    {
        Reason.MODERATION_INPUT,
        Reason.MODERATION_OUTPUT,
        Reason.REQUEST_REFUSED,
        Reason.ANSWER_DAMAGED,
        Reason.JUDGE_UNREADABLE,
        Reason.CAPTION_UNREADABLE,
        Reason.COMPOSE_UNREADABLE,
    }
)
"""Reasons for which the same request may have another end another time."""
_ASKING = frozenset({caption.NAME, synthesize.NAME, compose.NAME, regenerate.NAME, align.NAME})
"""Steps that reject for them."""
_OF_THE_EDIT = frozenset({filter_step.NAME, align.NAME, publish.NAME})
"""Steps whose verdicts are about an edited image; those before them are about the input."""


@dataclass(slots=True)
class Choice:
    """Who is to be done again.

    Attributes:
        items: Each with the step that does it.
        counts: How many they are, by reason.
        beyond: Who was meant, too, but would be given up again, by reason.
    """

    items: list[Item] = field(default_factory=list)
    counts: Counter[Reason] = field(default_factory=Counter)
    beyond: Counter[Reason] = field(default_factory=Counter)


def choose(store: Store, run: str, reasons: Collection[Reason], *, another: bool) -> Choice:
    """Choose among those whom a run gave up.

    Args:
        store: Where the run lies.
        run: Its name.
        reasons: For which they were given up; none means for any.
        another: Whether another edit is asked for, and paid for, where the same one would be given
            up again.

    Raises:
        ConfigError: Not all triplets have had their turn, or paid pictures of the run were removed.
        ShardError: A manifest is missing or damaged.
    """
    removals = read_removals(store, run)
    if removals is not None and removals.answers:
        raise ConfigError(
            f"Paid pictures of the run {run!r} were removed on {removals.at[:10]}: a shard that is done "
            "again would pay for them once more. Use another run name."
        )
    need_plan(store, run)
    made = Choice()
    for shard in run_verdicts(store, run):
        _check_whole(run, shard)
        for gone in shard.gone:
            if reasons and gone.reason not in reasons:
                continue
            item = _item(gone, shard.shard, another=another)
            if item is None:
                made.beyond[gone.reason] += 1
            else:
                made.items.append(item)
                made.counts[gone.reason] += 1
    return made


def _check_whole(run: str, shard: ShardVerdicts) -> None:
    if shard.undecided:
        raise ConfigError(
            f"{shard.undecided} triplets of shard {shard.shard:05d} have yet to have their turn; build "
            f"the run {run!r} to its end first."
        )


def _item(gone: Gone, shard: int, *, another: bool) -> Item | None:
    way = way_of(gone)
    if way == "same":
        why: Why = "failed" if isinstance(gone, Failed) else "rejected"
        return Item(gone.id, shard, gone.step, why)
    if another and way == "another":
        return Item(gone.id, shard, regenerate.NAME, "another")
    return None


def way_of(gone: Gone) -> Way:
    """How a triplet that was given up can be done again."""
    if isinstance(gone, Failed) or (gone.step in _ASKING and gone.reason in BY_MODELS):
        return "same"
    return "another" if gone.step in _OF_THE_EDIT else ""


def redrive_command(place: Sequence[str], run: str, reason: Reason, way: Way) -> str:
    """The command line that does again whom a run gave up for a reason; empty where none does.

    Args:
        place: The words that say where the run lies, such as `--store` and its root.
        run: Its name.
        reason: Why they were given up.
        way: How they can be done again.
    """
    if not way or reason is Reason.NOT_REACHED:
        return ""
    words = ["editcorpus", "redrive", *place, "--run", run, "--reason", reason.value]
    return shlex.join([*words, *(["--sample"] if way == "another" else [])])
