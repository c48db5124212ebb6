"""A wish to do some triplets of a run again: recorded once, however often it is heard.

The command line and a flow run take it the same way. What a wish allows is carried out by the next
start of the run (see `stages/redriving.py`).
"""

from collections import Counter
from dataclasses import dataclass

from editcorpus.errors import ConfigError
from editcorpus.lookups.redrivable import Choice, choose
from editcorpus.records import Reason
from editcorpus.runs import own_run, read_identity
from editcorpus.stages.opening import Job
from editcorpus.stages.redriving import Redrive, read_redrives, record_redrive


@dataclass(frozen=True, slots=True)
class Wish:
    """Whom to do again.

    Attributes:
        reasons: Those who were given up for one of these; none means for any that may end otherwise.
        another: Whether another edit is asked for, and paid for, where the same one would be given
            up again.
        by: Name of what wishes it, such as a flow run that may be started twice; the same name's
            wish is recorded once. Empty where every wish is one of its own.
    """

    reasons: tuple[Reason, ...] = ()
    another: bool = False
    by: str = ""


def take_wish(job: Job, wish: Wish) -> list[str]:
    """Record who is done again, unless it is on record; says so in some lines.

    Where the same wish waits to be carried out, it is that one that goes on; where the same name's
    wish was carried out before, nobody is done again.

    Raises:
        ConfigError: There is no such run, nobody can be done again for these reasons, another redrive
            waits, or somebody else owns the run.
    """
    if not read_identity(job.store, job.run):
        raise ConfigError(f"The store {job.store.root} has no run {job.run!r} to redrive.")
    reasons = sorted({*wish.reasons})
    if told := _heard(job, reasons, wish.by):
        return [told]
    with own_run(job.store, job.run, job.owner, lambda _: None):
        if told := _heard(job, reasons, wish.by):
            return [told]
        chosen = choose(job.store, job.run, reasons, another=wish.another)
        if not chosen.items:
            raise ConfigError(_nobody(job.run, chosen))
        at = job.clocks.now()
        record_redrive(job.store, job.run, at, reasons, chosen.items, by=wish.by)
    return _lines(job.run, chosen)


def _heard(job: Job, reasons: list[Reason], by: str) -> str:
    """What there is to say of a wish that is on record; empty where it is not.

    Raises:
        ConfigError: Another redrive waits.
    """
    known = read_redrives(job.store, job.run)
    if by and any(one.by == by and one.done for one in known):
        return f"{job.run}: the redrive was carried out before; nobody is done again."
    waiting = [one for one in known if not one.done]
    if waiting and any(_same(one, reasons, by) for one in waiting):
        return f"{job.run}: the redrive of {waiting[0].at} goes on."
    if waiting:
        raise ConfigError(
            f"A redrive of {waiting[0].at} waits to be carried out; start it again "
            f"({_words(waiting[0].reasons)}), or the build."
        )
    return ""


def _same(one: Redrive, reasons: list[Reason], by: str) -> bool:
    return [*one.reasons] == reasons or bool(by and one.by == by)


def _lines(run: str, chosen: Choice) -> list[str]:
    told = f"{run}: {len(chosen.items):,} are done again: {_counted(chosen.counts)}."
    return [told, _beyond(chosen)] if chosen.beyond else [told]


def _nobody(run: str, chosen: Choice) -> str:
    if chosen.beyond:
        return _beyond(chosen)
    return (
        f"The run {run!r} has given up nobody for these reasons; `editcorpus failures` lists all."
    )


def _beyond(chosen: Choice) -> str:
    """What there is to do about those for whom asking again is of no use."""
    return (
        f"Not done again: {_counted(chosen.beyond)}. The same request has the same answer, and so the "
        "same verdict; --sample (effort.redrive_sample) pays for another edit where there is one, and "
        "another run name takes other settings."
    )


def _counted(counts: Counter[Reason]) -> str:
    return ", ".join(f"{count:,} {reason.value}" for reason, count in counts.most_common())


def _words(reasons: tuple[str, ...]) -> str:
    return f"--reason {' '.join(reasons)}" if reasons else "without --reason"
