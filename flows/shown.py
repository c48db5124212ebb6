"""What artifacts and descriptions say of a run, as text.

A figure goes into an artifact's description, since the run page shows descriptions, not contents.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import PurePath
from urllib.parse import quote

from editcorpus.layouts.markdown import code, inline
from editcorpus.records import SENTENCES
from flows.outcome import Outcome
from flows.tally import Tally, by_reason

_SENTENCE = 2_000
"""Longest text that is shown whole, in characters."""
_SAYS: Mapping[str, str] = {str(key): sentence for key, sentence in SENTENCES.items()}
_VERDICTS = ("rejected", "failed")


@dataclass(frozen=True, slots=True)
class Moment:
    """How a run stands right now.

    Attributes:
        shards: In all; 0 while they are being counted.
        begun: Of those that were begun on, while they are being counted.
        entered: Triplets in all; 0 while they are being counted.
        in_flight: Calls that this process has out.
        waiting: Calls of this process that wait for their turn.
        refused: Calls of this process that were refused, so far.
        partitions: That are out to others, who make the calls; 0 where this process does.
        spent: Dollars booked.
        reserved: Dollars set aside for calls that are out.
        budget: Dollars that the run may cost; None is no limit.
        a_minute: Triplets that end in a minute; 0 where nobody knows.
        batches: What is under way in batches, a line each.
        away: Endpoints that cannot be reached.
    """

    shards: int
    begun: int
    entered: int
    in_flight: int
    waiting: int
    refused: int
    partitions: int
    spent: Decimal
    reserved: Decimal
    budget: Decimal | None
    a_minute: float
    batches: Sequence[str] = ()
    away: frozenset[str] = frozenset()


def progress(now: Moment, tally: Tally, ended: int) -> str:
    """How far a run is, in some sentences: shards, triplets, calls, dollars, pace, time left."""
    parts = [f"{_shards(now, ended)}; {_triplets(now, tally)}", _calls(now), _money(now)]
    parts += [f"{', '.join(sorted(now.away))} cannot be reached: calls wait."] if now.away else []
    parts += [pace] if (pace := _pace(now, tally)) else []
    return " ".join((*parts, *(f"{line}." for line in now.batches)))


def _shards(now: Moment, ended: int) -> str:
    if now.shards:
        return f"{ended:,} of {now.shards:,} shards"
    return f"{ended:,} of the first {now.begun:,} shards, while the rest is being planned"


def _triplets(now: Moment, tally: Tally) -> str:
    told = f"{tally.kept:,} triplets kept"
    for verdict in _VERDICTS:
        count = sum(by_reason(tally.gone, verdict).values())
        told += f", {count:,} {verdict}" if count else ""
    return f"{told} of {now.entered:,}." if now.entered else f"{told}."


def _calls(now: Moment) -> str:
    if now.partitions:
        return f"{now.partitions} partitions are in work."
    return f"{now.in_flight} calls in flight, {now.waiting} waiting, {now.refused} refused."


def _money(now: Moment) -> str:
    budget = f" of ${now.budget}" if now.budget is not None else ""
    return f"${now.spent:.4f}{budget} booked, ${now.reserved:.4f} reserved."


def _pace(now: Moment, tally: Tally) -> str:
    if not now.a_minute:
        return ""
    told = f"{now.a_minute:,.1f} triplets a minute"
    left = now.entered - tally.entered
    if left <= 0:
        return f"{told}."
    return f"{told}: about {_duration(left / now.a_minute)} left."


def _duration(minutes: float) -> str:
    if minutes < 1.5:
        return "a minute"
    if minutes < 90:
        return f"{minutes:.0f} min"
    return f"{minutes / 60:.1f} h" if minutes < 60 * 48 else f"{minutes / 60 / 24:.1f} days"


def funnel_so_far(run: str, now: Moment, tally: Tally, line: str) -> str:
    """The funnel while the run goes on, as Markdown."""
    rows = [("entered", now.entered or tally.entered, ""), ("kept", tally.kept, "")]
    for verdict in _VERDICTS:
        found = by_reason(tally.gone, verdict)
        rows += [(f"{verdict}: {name}", n, _SAYS[name]) for name, n in found.items()]
    rows.append(("on the way", max(0, now.entered - tally.entered), ""))
    return "\n".join((f"# {inline(run)}", "", inline(line, longest=_SENTENCE), "", *_table(rows)))


def funnel(outcome: Outcome) -> str:
    """The funnel and the cost at the end of a run, as Markdown."""
    standing, counts, paid = outcome.standing, outcome.as_json(), outcome.calls
    rows = [("entered", standing.entered, ""), ("kept", standing.kept, "")]
    for verdict in _VERDICTS:
        rows += [(f"{verdict}: {name}", n, _SAYS[name]) for name, n in counts[verdict].items()]
    lines = [
        f"# {inline(outcome.run)}",
        "",
        inline(outcome.stopped, longest=_SENTENCE),
        "",
        *_table(rows),
        "",
        (
            f"${outcome.cost_usd:.4f} booked: {paid['paid']} calls paid, {paid['cached']} served "
            f"from the store, {paid['possibly_billed']} possibly billed."
        ),
        "",
        f"Corpus: {code(outcome.corpus)}" if outcome.corpus else "No corpus yet.",
        "",
        f"Gallery: {gallery(outcome.gallery)}" if outcome.gallery else "",
    ]
    return "\n".join(lines)


def _table(rows: Iterable[tuple[str, int, str]]) -> list[str]:
    told = (f"| {inline(name)} | {count} | {inline(why)} |" for name, count, why in rows)
    return ["| | triplets | |", "|---|---:|---|", *told]


def gallery(place: str) -> str:
    """How a person gets to look at a page that lies in the store.

    A browser follows a link to a server of files. What lies in a bucket, or on another machine, has to
    come to the person; a signed link would let in whoever reads the artifact.
    """
    if place.startswith(("http:", "https:")):
        safe = quote(place, safe=":/%?=&,;+~@-._")
        return f"[{safe}]({safe})"
    if "://" not in place:
        return f"{code(place)}, to be opened in a browser on the machine that has the store."
    folder = place.rpartition("/")[0]
    if place.startswith("s3:"):
        name = PurePath(folder).parent.name or "gallery"
        command = f"aws s3 cp --recursive {folder} {name}-gallery"
        return f"{code(place)}, in a bucket: {code(command)} brings it here, to be opened in a browser."
    return f"{code(place)}."
