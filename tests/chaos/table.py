"""What a person reads of a run that was killed again and again, and what is wrong with it."""

import signal
from collections.abc import Iterator, Mapping
from typing import Any

from books import Verdict
from lives import IN_FLIGHT, Chaos, Session

LANES = 3
"""Endpoints, each with its own limit of calls in flight: images, writer, judge."""


def tell(session: Session) -> None:
    """One line a life."""
    first = "-" if session.first_call_s is None else f"{session.first_call_s:.1f} s"
    print(
        f"{session.number:3d}  {session.how:36s} lived {session.lived_s:5.1f} s  "
        f"first call {first:>7s}  calls {session.calls:3d}  in flight {session.lost:2d}  "
        f"exit {session.code}{' at it' if session.at_failpoint else ''}",
        flush=True,
    )


def summary(
    store: str, chaos: Chaos, verdict: Verdict, told: Mapping[str, Any], seconds: float
) -> None:
    """The table at the end."""
    killed = [each for each in chaos.sessions if each.code == -signal.SIGKILL]
    inside = [each for each in killed if each.at_failpoint]
    firsts = sorted(each.first_call_s for each in chaos.sessions if each.first_call_s is not None)
    print(f"\n| {store} | |\n|---|---|")
    for name, value in {
        "kills": f"{len(killed)}, {len(inside)} of them inside a write",
        "entered = kept + rejected + failed": f"{told['entered']} = {told['kept']} + "
        f"{sum(told['rejected'].values())} + {sum(told['failed'].values())}",
        "calls billed, settled": f"{verdict.billed}, {verdict.settled}",
        "in flight at the kills": sum(each.lost for each in chaos.sessions),
        "named as possibly billed": verdict.possibly,
        "paid twice": verdict.twice,
        "booked, charged": f"${verdict.booked:.4f}, ${verdict.charged:.4f}",
        "budget raised": f"{chaos.raised} times, to ${chaos.budget}",
        "until the first call, median": f"{firsts[len(firsts) // 2]:.1f} s" if firsts else "-",
        "seconds": f"{seconds:.0f}",
    }.items():
        print(f"| {name} | {value} |")
    print(flush=True)


def wrong(
    chaos: Chaos,
    verdict: Verdict,
    told: Mapping[str, Any],
    found: Mapping[str, bytes],
    wanted: Mapping[str, bytes],
) -> Iterator[str]:
    """A sentence for everything that is not as it must be."""
    yield from verdict.problems
    if told["failed"] or told["entered"] != told["kept"] + sum(told["rejected"].values()):
        yield f"triplets are missing: {told}"
    for name in sorted(found.keys() | wanted.keys()):
        if found.get(name) != wanted.get(name):
            yield f"{name} is not what an undisturbed run makes"
    lost = sum(each.lost for each in chaos.sessions)
    if verdict.twice > lost:
        yield f"{verdict.twice} calls were paid twice, {lost} were in flight at the kills"
    for session in chaos.sessions:
        if session.lost > IN_FLIGHT * LANES:
            yield f"{session.lost} calls were in flight at kill {session.number}"
