"""Work on a partition of a run that another process owns, or that is this process' own."""

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from editcorpus.claims import living
from editcorpus.errors import AllowanceVoid, Interrupted, Taken
from editcorpus.leases import Owner, Times
from editcorpus.ledger import Ledger, journal_folder, read_totals
from editcorpus.permits import read_permit, seated
from editcorpus.records import Triplet
from editcorpus.shards import PLAN, Columns
from editcorpus.stages.claiming import claimed
from editcorpus.stages.opening import Job, working
from editcorpus.stages.wire import Wire
from editcorpus.stages.workshop import Workshop

_log = logging.getLogger(__name__)
_UNOWNED_LOOKS = 7
"""At how many looks in a row nobody owns the run before its partitions end: two minutes, in which a new
owner can take them over. What they may spend is on record all the time."""
_LOOK_S = 5.0
"""How often somebody looks whether triplets that are in work elsewhere are free, in seconds."""


@contextmanager
def opened_part(
    job: Job, name: str, shards: range, times: Times | None = None
) -> Iterator[Workshop]:
    """Hold an engine open for some shards of a run, under a permit that its owner gave.

    Args:
        job: The run as this process is to see it: itself as owner, under a name that nobody else ever
            has; the allowance as its budget, its share of the limits.
        name: Of the permit; the journal bears it. It serves once.
        shards: Which shards.
        times: The clock, and how often it is looked.

    Raises:
        AllowanceVoid: There is no such permit any more, it was used before, or is used now.
    """
    wire, clock = Wire(), times or Times()
    with ExitStack() as stack:
        try:
            stack.enter_context(seated(job.store, job.run, name, job.owner, wire.void, clock))
        except Taken as error:
            raise AllowanceVoid(str(error)) from error
        if void := _void(job, name):
            raise AllowanceVoid(void)
        part = replace(job, owner=replace(job.owner, process=name))
        history = read_totals(job.store, job.run)
        budget = None if job.budget_usd is None else history.spent + job.budget_usd
        shop = stack.enter_context(working(part, Ledger(budget, history), wire))
        shop.mine = shards
        stack.enter_context(_under(job, name, wire.void, clock))
        stack.enter_context(held(shop, part.owner, shop.redriving.among(shards), clock))
        yield shop


def _void(job: Job, name: str) -> str:
    """Why nobody may begin to work under a permit; empty where that is in order."""
    if revoked := _revoked(job, name):
        return revoked
    if job.store.list(f"{journal_folder(job.run)}/{name}"):
        return f"The permit {name!r} of the run {job.run!r} was used before."
    return ""


def _revoked(job: Job, name: str) -> str:
    permit = read_permit(job.store, job.run, name)
    if permit is not None and not permit.revoked:
        return ""
    return f"There is no permit {name!r} of the run {job.run!r} in {job.store.root} any more."


@contextmanager
def held(
    shop: Workshop,
    owner: Owner,
    shards: Sequence[int],
    times: Times | None = None,
    look_s: float = _LOOK_S,
) -> Iterator[None]:
    """Be the only one who pays for the triplets of some shards; waits until nobody else does.

    Args:
        shop: The run.
        owner: This process.
        shards: Which shards; none need no lease.
        times: The clock, and how often the lease is renewed.
        look_s: How often it is looked whether the triplets are free, in seconds.

    Raises:
        Interrupted: The run was interrupted while it waited.
    """
    wire = Wire()
    wire.engine = shop.engine
    ids = [
        item.id
        for number in shards
        for item in Columns(shop.store, shop.folder(number)).facts(PLAN, Triplet)
    ]
    with ExitStack() as stack:
        told = ""
        while ids:
            try:
                stack.enter_context(
                    claimed(shop.store, shop.run, ids, owner, wire.lost, times or Times())
                )
                break
            except Taken as error:
                told = _waits(shop, str(error), told, look_s)
        if told:
            shop.responses.read_index()  # what the others paid for need not be paid for again
        yield


def _waits(shop: Workshop, sentence: str, told: str, look_s: float) -> str:
    """Wait a little for those who pay for the same triplets; says so once a sentence."""
    if shop.engine.stopped is not None:
        raise shop.engine.stopped
    if sentence != told:
        _log.warning("%s This run waits for that.", sentence)
    if shop.stopping.wait(look_s):
        raise Interrupted("The run was interrupted.")
    return sentence


@contextmanager
def _under(job: Job, name: str, lost: Callable[[str], None], times: Times) -> Iterator[None]:
    """Look now and then whether a permit still holds."""
    done = threading.Event()
    watch = threading.Thread(target=_watch, args=(job, name, lost, times, done), daemon=True)
    watch.start()
    try:
        yield
    finally:
        done.set()
        watch.join()


def _watch(
    job: Job, name: str, lost: Callable[[str], None], times: Times, done: threading.Event
) -> None:
    """Tell once that a permit was revoked, or that nobody has owned the run for some looks."""
    unowned = 0
    while unowned < _UNOWNED_LOOKS:
        try:
            if void := _revoked(job, name):
                lost(void)
                return
            unowned = 0 if _owned(job, times) else unowned + 1
        except OSError as error:  # whoever cannot ask is told by its own lease, in time
            _log.warning("Nobody can say whether the permit %r holds: %s", name, error)
        if done.wait(times.renew_s):
            return
    lost(f"The process that owns the run {job.run!r} is gone, and nobody has taken its place.")


def _owned(job: Job, times: Times) -> bool:
    """Whether the run has an owner: the one that gave the permit, or one that let it stand."""
    return bool(living(job.store, f"runs/{job.run}/lock", job.owner.host, times.clock))
