"""One attempt at a paid request, online or as a line of a batch, and how it is journaled."""

from dataclasses import dataclass
from decimal import Decimal

from editcorpus.sandbox import latency
from editcorpus.sandbox.chance import digest
from editcorpus.sandbox.config import Fault
from editcorpus.sandbox.faults import SEVERED, Attempt, is_lost, struck
from editcorpus.sandbox.injected import PAGES, REFUSED, UNBILLED, refusal
from editcorpus.sandbox.jobs import Call, Done, Job
from editcorpus.sandbox.journal import Entry
from editcorpus.sandbox.personas import Persona
from editcorpus.sandbox.refusals import ApiError
from editcorpus.sandbox.state import Sandbox
from editcorpus.tariffs import price


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks, and how.

    Attributes:
        endpoint: Path of the API.
        header: Value of `x-emulate`, or empty.
        batch_id: The batch that the request is a line of, or empty.
        custom_id: The name of that line.
    """

    persona: Persona
    endpoint: str
    header: str = ""
    batch_id: str = ""
    custom_id: str = ""


@dataclass(slots=True)
class Outcome:
    """How a call ends, before it is journaled and answered.

    Attributes:
        place: Number of the call among all that are paid, from 1.
        delay_s: Emulated seconds that it takes.
    """

    asked: Asked
    place: int
    request_id: str = ""
    call: Call | None = None
    attempt: int = 0
    fault: Fault | None = None
    error: ApiError | None = None
    done: Done | None = None
    delay_s: float = 0.0

    def __post_init__(self) -> None:
        self.request_id = "req_" + digest("refused", self.place)[:32]


async def attempt(sandbox: Sandbox, job: Job, outcome: Outcome) -> None:
    """Do the work of an admitted call, or what a fault leaves of it; `outcome` takes it all down.

    Raises:
        ApiError: The fault is an error answer.
    """
    call, config, asked = job.call, sandbox.config, outcome.asked
    number = outcome.attempt = outcome.attempt or sandbox.journal.attempt(call.key)
    outcome.request_id = "req_" + digest(config.seed, call.key, number)[:32]
    outcome.fault = fault = struck(
        config,
        Attempt(
            call.key, number, asked.persona, call.kind, call.text, asked.header, outcome.place,
            bool(asked.batch_id),
        ),
    )  # fmt: skip
    names = (config.seed, call.key, number)
    fixed = config.latency_s
    outcome.delay_s = latency.seconds(call.pace, fault, *names) if fixed is None else fixed
    if fault in REFUSED:
        raise refusal(fault, asked.persona, call.model, outcome.request_id, config.time_scale)
    if fault not in UNBILLED and not is_lost(config, fault, outcome.request_id):
        outcome.done = await sandbox.run(job.work, fault)


def entry(outcome: Outcome) -> Entry:
    """The line of the journal for a call that has ended."""
    call, done, error, asked = outcome.call, outcome.done, outcome.error, outcome.asked
    return Entry(
        request_id=outcome.request_id,
        key=call.key if call else "",
        attempt=outcome.attempt,
        persona=asked.persona,
        endpoint=asked.endpoint,
        model=call.model if call else "",
        status=_status(outcome),
        fault=str(outcome.fault or (error.code or error.type if error else "")),
        billed=done is not None,
        usd=str(_dollars(call, done, batched=bool(asked.batch_id))),
        usage=dict(done.usage) if done else {},
        note=done.note if done else "",
        tariff="batch" if asked.batch_id else "standard",
        batch_id=asked.batch_id,
        custom_id=asked.custom_id,
        defect=done.defect if done else "",
    )


def _dollars(call: Call | None, done: Done | None, *, batched: bool) -> Decimal:
    if call is None or done is None or done.used is None:
        return Decimal(0)
    return price(call.model, done.used, batch=batched)


def _status(outcome: Outcome) -> int:
    """Of the answer; 0 where none is sent."""
    if outcome.error is not None:
        return outcome.error.status
    if outcome.fault in PAGES:
        return PAGES[outcome.fault][0]
    silent = (SEVERED | {Fault.RESET_EARLY}) - {Fault.CUT_BODY}
    return 0 if outcome.fault in silent else 200
