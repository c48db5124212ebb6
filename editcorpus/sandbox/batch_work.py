"""What becomes of a batch: its lines are checked, done one by one on the scaled clock, and filed.

When which line is done follows from the clock's rate alone, never from the speed of this machine, so
that the same batch expires at the same line everywhere.
"""

import asyncio
import contextlib
from dataclasses import replace

from editcorpus.sandbox.batch_lines import answered, expired, line_job
from editcorpus.sandbox.batch_rules import LONGEST_S, Line, Plan, plan
from editcorpus.sandbox.batches import ENDED, Batch, Status
from editcorpus.sandbox.chance import digest
from editcorpus.sandbox.config import Fault
from editcorpus.sandbox.faults import Attempt, struck
from editcorpus.sandbox.files import Kept
from editcorpus.sandbox.jobs import Kind
from editcorpus.sandbox.personas import Persona
from editcorpus.sandbox.progress import Progress
from editcorpus.sandbox.refusals import ApiError
from editcorpus.sandbox.state import Sandbox, Underway

#: A wait is looked at anew after so many real seconds, since the clock's rate can be changed.
_LONGEST_NAP_S = 1.0


def start(sandbox: Sandbox, batch: Batch) -> None:
    """Work on a batch from where it stands, in the background."""
    wake = asyncio.Event()
    task = asyncio.get_running_loop().create_task(_Work(sandbox, batch, wake).run())
    sandbox.underway[batch.id] = Underway(task, wake)


def whole_fault(sandbox: Sandbox, batch: Batch) -> Fault | None:
    """What is to befall a batch as a whole; a marker in its metadata forces it.

    Raises:
        ApiError: A fault is forced that does not exist.
    """
    text = " ".join((batch.metadata or {}).values())
    return struck(sandbox.config, Attempt(batch.id, 1, Persona.OPENAI, Kind.BATCH, text, header=""))


class _Work:
    """The work on one batch."""

    def __init__(self, sandbox: Sandbox, batch: Batch, wake: asyncio.Event) -> None:
        self._sandbox = sandbox
        self._batch = batch
        self._rules = sandbox.config.batches
        self._wake = wake

    async def run(self) -> None:
        """From where the batch stands to its end."""
        batch, found = self._batch, Plan()
        if batch.status is Status.VALIDATING:
            await self._until(batch.created_at + self._rules.start_s)
        if batch.status in (Status.VALIDATING, Status.IN_PROGRESS):
            found = await self._validated()
        progress = Progress(self._sandbox.batches.folder, batch)
        if batch.status is Status.IN_PROGRESS:
            await self._do(found, progress)
        if batch.status not in ENDED:
            await self._finish(progress)
        self._sandbox.underway.pop(batch.id, None)

    async def _until(self, moment: float) -> bool:
        """Waits; False as soon as the batch is cancelled."""
        while (left := self._sandbox.clock.real_s(moment)) and not self._wake.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(left, _LONGEST_NAP_S)):
                    await self._wake.wait()
        return not self._wake.is_set()

    def _reach(self, status: Status, moment: float) -> None:
        self._batch.reach(status, moment)
        self._sandbox.batches.save(self._batch)

    async def _validated(self) -> Plan:
        batch, sandbox = self._batch, self._sandbox
        found = await sandbox.run(self._read)
        if batch.status is not Status.VALIDATING:
            return found  # cancelled meanwhile, or known to be sound from before a restart
        if batch.fault == Fault.BATCH_FAILED:
            found.fail("server_error", "The batch failed due to an internal error.")
        if self._rules.enqueued_tokens and not found.errors:
            await self._weigh(found)
        if self._wake.is_set():
            return found
        batch.total, batch.model, batch.errors = len(found.lines), found.model, found.errors
        moment = batch.created_at + self._rules.start_s
        self._reach(Status.FAILED if found.errors else Status.IN_PROGRESS, moment)
        return found

    def _read(self) -> Plan:
        batch, config = self._batch, self._sandbox.config
        try:
            with self._sandbox.files.path(batch.input_file_id).open("rb") as lines:
                return plan(lines, batch.endpoint, config.batches, config.today)
        except FileNotFoundError:
            gone = Plan()
            gone.fail("invalid_request", f"No such File object: {batch.input_file_id}")
            return gone

    async def _weigh(self, found: Plan) -> None:
        """Count the input tokens of all lines against the limit of their model."""
        tokens, limit = 0, self._rules.enqueued_tokens
        for line in found.lines:
            with contextlib.suppress(ApiError):  # told when the turn of the line comes
                job = await self._sandbox.run(line_job, self._sandbox, self._batch, line)
                tokens += job.call.tokens
        if self._sandbox.batches.enqueued(found.model) + tokens > limit:
            message = (
                f"Enqueued token limit reached for {found.model} in organization org-emulated. "
                f"Limit: {limit:,} enqueued tokens. Please try again once some in_progress batches "
                "have been completed."
            )
            found.fail("token_limit_exceeded", message)
            return
        self._batch.model, self._batch.tokens = found.model, tokens

    async def _do(self, found: Plan, progress: Progress) -> None:
        """All lines, in no order that a client could rely on, as far as the window allows."""
        batch, sandbox = self._batch, self._sandbox
        lines = sorted(found.lines, key=lambda one: digest(sandbox.config.seed, one.custom_id))
        reached = self._reached(len(lines))
        known = {
            one.custom_id: one.attempt
            for one in sandbox.journal.entries
            if one.batch_id == batch.id and one.attempt
        }
        for place, line in enumerate(lines[:reached], 1):
            if line.custom_id in progress.done:
                continue
            if not await self._until(self._due(place)):
                return
            try:
                answer = await answered(sandbox, batch, line, known.get(line.custom_id))
            except FileNotFoundError:
                reached = place - 1
                break
            progress.add(answer)
        await self._close(lines[reached:], progress)

    def _due(self, place: int) -> float:
        """The moment at which the line of that place, from 1, is done."""
        started = self._batch.created_at + self._rules.start_s
        return started + place * 60 / self._rules.lines_per_minute

    def _reached(self, lines: int) -> int:
        """How many lines are done before the window closes."""
        if self._batch.fault == Fault.BATCH_EXPIRED:
            return lines // 2
        return sum(self._due(place) <= self._batch.expires_at for place in range(1, lines + 1))

    async def _close(self, late: list[Line], progress: Progress) -> None:
        """Leave `in_progress`: all is done, or the window has closed over the rest."""
        batch = self._batch
        moment = self._due(batch.total)
        if late:
            moment = batch.expires_at
            if not await self._until(moment):
                return
            for line in late:
                if line.custom_id not in progress.done:
                    progress.add(expired(batch, line))
            batch.aim = Status.EXPIRED
        if batch.status is Status.IN_PROGRESS:
            self._reach(Status.FINALIZING, moment)

    async def _finish(self, progress: Progress) -> None:
        """Put both files where clients find them, and end."""
        batch = self._batch
        began = batch.stamps[f"{batch.status}_at"]
        moment = began + self._rules.finish_s
        self._wake.clear()
        await self._until(moment)
        if batch.status is Status.CANCELLING:
            batch.aim = Status.CANCELLED
        made = Kept("", "batch_output", int(moment), int(moment) + (batch.keeps_s or LONGEST_S))
        if batch.completed:
            name = "file-" + digest("output", batch.id)[:24]
            kept = replace(made, filename=f"{batch.id}_output.jsonl")
            batch.output_file_id = self._sandbox.files.adopt(progress.output, name, kept).id
        if batch.failed:
            name = "file-" + digest("errors", batch.id)[:24]
            kept = replace(made, filename=f"{batch.id}_error.jsonl")
            batch.error_file_id = self._sandbox.files.adopt(progress.errors, name, kept).id
        self._reach(batch.aim, moment)
        progress.forget()
