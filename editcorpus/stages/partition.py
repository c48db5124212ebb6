"""Work on a partition of a run that another process owns, or that is this process' own."""

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

from editcorpus.errors import Interrupted, Taken
from editcorpus.leases import LEASE_S, Owner, Times, is_held
from editcorpus.ledger import Ledger, read_totals
from editcorpus.records import Triplet
from editcorpus.shards import PLAN, Columns
from editcorpus.stages.claiming import claimed
from editcorpus.stages.opening import Job, Wire, working
from editcorpus.stages.workshop import Workshop
from editcorpus.storage import Store

_log = logging.getLogger(__name__)
_LOOK_S = 5.0
"""How often somebody looks whether triplets that are in work elsewhere are free, in seconds."""


@contextmanager
def opened_part(
    job: Job, parent: str, shards: range, times: Times | None = None
) -> Iterator[Workshop]:
    """Hold an engine open for some shards of a run, on an allowance that its owner gave.

    Args:
        job: The run as this process is to see it: its own owner, the allowance as its budget, its
            share of the limits.
        parent: Name of the process that owns the run; once that is gone, no further call goes out.
        shards: Which shards.
        times: The clock, and how often it is looked.

    Raises:
        RunStopped: The parent does not own the run.
    """
    wire, clock = Wire(), times or Times()
    history = read_totals(job.store, job.run)
    budget = None if job.budget_usd is None else history.spent + job.budget_usd
    with (
        working(job, Ledger(budget, history), wire) as shop,
        _under(job, parent, wire.lost, clock),
        held(shop, job.owner, shop.redriving.among(shards), clock),
    ):
        yield shop


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
    if sentence != told:
        _log.warning("%s This run waits for that.", sentence)
    if shop.stopping.wait(look_s):
        raise Interrupted("The run was interrupted.")
    return sentence


@contextmanager
def _under(job: Job, parent: str, lost: Callable[[str], None], times: Times) -> Iterator[None]:
    """Look now and then whether the parent still owns the run."""
    done = threading.Event()
    watch = threading.Thread(target=_watch, args=(job, parent, lost, times, done), daemon=True)
    watch.start()
    try:
        yield
    finally:
        done.set()
        watch.join()


def _watch(
    job: Job, parent: str, lost: Callable[[str], None], times: Times, done: threading.Event
) -> None:
    while _owns(job.store, job.run, parent, times):
        if done.wait(times.renew_s):
            return
    lost(f"The process that owns the run {job.run!r} gave no sign of life for {LEASE_S:.0f} s.")


def _owns(store: Store, run: str, parent: str, times: Times) -> bool:
    try:
        return is_held(store, f"runs/{run}/lock", parent, times.clock)
    except OSError as error:  # whoever cannot ask is told by its own lease, in time
        _log.warning("Nobody can say who owns the run: %s", error)
        return True
