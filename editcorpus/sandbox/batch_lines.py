"""One line of a batch: the same request as online, at half the price, in a line of its own."""

import json
from functools import partial

from editcorpus.sandbox.batch_rules import Line
from editcorpus.sandbox.batches import Batch
from editcorpus.sandbox.calls import Intake
from editcorpus.sandbox.chance import digest
from editcorpus.sandbox.chat_calls import chat_intake
from editcorpus.sandbox.image_calls import edit_intake, generation_intake
from editcorpus.sandbox.jobs import Incoming, Job
from editcorpus.sandbox.outcomes import Asked, Outcome, attempt, entry
from editcorpus.sandbox.personas import Persona
from editcorpus.sandbox.progress import Answer
from editcorpus.sandbox.refusals import ApiError
from editcorpus.sandbox.state import Sandbox

INTAKES: dict[str, Intake] = {
    "/v1/images/edits": edit_intake,
    "/v1/images/generations": generation_intake,
    "/v1/chat/completions": partial(chat_intake, Persona.OPENAI),
}
"""What reads the requests of each paid endpoint, online and in batches alike."""

_EXPIRED = {
    "code": "batch_expired",
    "message": "This request could not be executed before the completion window expired.",
}


def line_job(sandbox: Sandbox, batch: Batch, line: Line) -> Job:
    """Reads the request of a line.

    Raises:
        ApiError: Something is wrong with it.
        FileNotFoundError: The input file was deleted.
    """
    with sandbox.files.path(batch.input_file_id).open("rb") as file:
        file.seek(line.start)
        members = json.loads(file.read(line.length))
    body = json.dumps(members["body"]).encode()
    return INTAKES[batch.endpoint](sandbox, Incoming(body, "application/json"))


async def answered(sandbox: Sandbox, batch: Batch, line: Line, known: int | None) -> Answer:
    """The answer to a line, journaled and billed.

    Args:
        sandbox: The server.
        batch: Whose line it is.
        line: The line.
        known: The attempt under which the journal has it from before a restart: it is answered
            again as it was, and not billed a second time.

    Raises:
        FileNotFoundError: The input file was deleted.
    """
    asked = Asked(Persona.OPENAI, batch.endpoint, batch_id=batch.id, custom_id=line.custom_id)
    outcome = Outcome(asked, sandbox.journal.number(), attempt=known or 0)
    async with sandbox.bench:
        try:
            job = await sandbox.run(line_job, sandbox, batch, line)
            outcome.call = job.call
            if known is None:
                sandbox.check_quota()
            await attempt(sandbox, job, outcome)
        except ApiError as error:
            outcome.error = error
        body = await sandbox.run(_body, outcome)
    if known is None:
        sandbox.journal.write(entry(outcome))
    status = outcome.error.status if outcome.error else 200
    usage = outcome.done.usage if outcome.done else {}
    return Answer(
        line.custom_id,
        outcome.error is None,
        _line(batch, line, {"status_code": status, "request_id": outcome.request_id}, body),
        usage.get("input_tokens", usage.get("prompt_tokens", 0)),
        usage.get("output_tokens", usage.get("completion_tokens", 0)),
    )


def _body(outcome: Outcome) -> bytes:
    if outcome.error is not None:
        return outcome.error.body(Persona.OPENAI)
    return outcome.done.body() if outcome.done else b"{}"


def expired(batch: Batch, line: Line) -> Answer:
    """What is said of a line that was not reached within the window."""
    members = {**_names(batch, line), "response": None, "error": _EXPIRED}
    return Answer(line.custom_id, False, json.dumps(members).encode())


def _line(batch: Batch, line: Line, response: dict[str, object], body: bytes) -> bytes:
    """The line of the output; the body is put in as bytes, since it may hold megabytes."""
    front = json.dumps({**_names(batch, line), "response": response}).encode()[:-2]
    return front + b', "body": ' + body + b'}, "error": null}'


def _names(batch: Batch, line: Line) -> dict[str, str]:
    name = "batch_req_" + digest(batch.id, line.custom_id)[:32]
    return {"id": name, "custom_id": line.custom_id}
