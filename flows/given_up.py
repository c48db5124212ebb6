"""Who is not in the corpus of a run, and what to do about it: a page for people, as Markdown."""

import shlex
from collections import Counter
from collections.abc import Iterator, Sequence

from editcorpus.layouts.markdown import code, inline
from editcorpus.lookups.failures import Group
from editcorpus.records import Reason
from flows.again import Again
from flows.outcome import Outcome, shards_in_words

_COMMAND = 2_000
"""Characters of a command line that is shown whole, to be copied."""
_SHARDS = 20
"""Shards that are named of a group of failures, so that the page stays readable."""


def failures(outcome: Outcome, groups: Sequence[Group], again: Again, *, priced: bool) -> str:
    """Who is not in the corpus, by step and reason: counts, dollars, examples, what to do.

    Args:
        outcome: Of the run.
        groups: Everybody who was given up.
        again: How they are done again.
        priced: Whether the groups have their dollars.
    """
    place = ["--store", again.place[1]] if again.place[0] == "--store" else again.place[:2]
    command = shlex.join(["editcorpus", "failures", *place, "--run", outcome.run])
    lines = list(_same(again)) if outcome.failed else []
    ended = not any(item.reason is Reason.NOT_REACHED for item in outcome.standing.failed)
    for group in groups:
        lines += _group(group, _shards(group, outcome), priced=priced)
        lines += _again(group, again) if ended else []
        lines += [*(f"- {inline(item.id)}: {inline(item.detail)}" for item in group.examples), ""]
    if not ended:
        lines += ["The run has to go to its end before some of these can be done again alone.", ""]
    return "\n".join(
        (*lines, f"{'The same' if priced else 'What they cost'}: {code(command, _COMMAND)}")
    )


def so_far(groups: Sequence[Group]) -> str:
    """Who is not in the corpus while the run goes on; those that failed are asked once more."""
    lines = ["The run goes on: at its end those that failed are asked once more.", ""]
    for group in groups:
        lines += _group(group, [], priced=False)
        lines += [*(f"- {inline(item.id)}: {inline(item.detail)}" for item in group.examples), ""]
    return "\n".join(lines)


def described(groups: Sequence[Group]) -> str:
    """The same in a line: how many failed or were rejected, and for which reason."""
    parts = []
    for verdict in ("failed", "rejected"):
        counts: Counter[str] = Counter()
        for group in groups:
            if group.verdict == verdict:
                counts[group.reason.value] += group.count
        if counts:
            told = ", ".join(f"{count} {reason}" for reason, count in counts.most_common())
            parts.append(f"{counts.total()} {verdict}: {told}.")
    return " ".join((*parts, "What to do is inside."))


def _same(again: Again) -> Iterator[str]:
    yield f"{inline(again.sentence)} Answers that were paid for come from the store."
    yield ""
    if link := again.filled():
        yield f"[The form of such a run, filled in]({link})"
        yield ""


def _group(group: Group, shards: Sequence[int], *, priced: bool) -> Iterator[str]:
    title = f"{group.verdict}: {group.count} at {group.step}: {group.reason.value}"
    yield f"## {inline(title)}"
    yield ""
    cost = f" ${group.usd:,.4f} booked for them." if priced else ""
    yield f"{inline(group.sentence)}{cost} What to do: {group.remedy}"
    yield ""
    if shards:
        yield f"Shards: {shards_in_words(shards, _SHARDS)}."
        yield ""


def _again(group: Group, again: Again) -> Iterator[str]:
    command, link = again.command(group), again.filled(group)
    if not command:
        return
    kind = "with another edit, which is paid for" if group.way == "another" else "only these"
    yield f"Again, {kind}: {code(command, _COMMAND)}"
    if link:
        yield ""
        yield f"[The form of such a run, filled in]({link})"
    yield ""


def _shards(group: Group, outcome: Outcome) -> list[int]:
    if group.verdict != "failed":
        return []
    kind = (group.step, group.reason)
    found = outcome.standing.failed_by_shard.items()
    return sorted(n for n, items in found if kind in {(one.step, one.reason) for one in items})
