"""`/v1/batches`: making, reading, listing and cancelling them, as the published API has it."""

import json

from editcorpus.sandbox.batch_rules import wanted
from editcorpus.sandbox.batch_work import start, whole_fault
from editcorpus.sandbox.batches import ENDED, Batch, Status
from editcorpus.sandbox.file_calls import page
from editcorpus.sandbox.free_calls import Errand
from editcorpus.sandbox.jobs import json_body
from editcorpus.sandbox.refusals import ApiError, invalid
from editcorpus.sandbox.replies import Content
from editcorpus.sandbox.state import Sandbox

_MOST_LISTED, _USUALLY_LISTED = 100, 20


async def create(sandbox: Sandbox, errand: Errand) -> Content:
    """`POST /v1/batches`; the lines are checked in the background."""
    order = wanted(json_body(errand.incoming))
    stored = sandbox.find_file(order.input_file_id, "input_file_id")
    if stored.purpose != "batch":
        raise invalid(
            f"Invalid 'input_file_id': expected a file of purpose 'batch', not '{stored.purpose}'.",
            "input_file_id",
        )
    sandbox.check_quota()
    batch = sandbox.batches.new(stored.id, order.endpoint, int(sandbox.clock.now()))
    batch.metadata, batch.keeps_s = order.metadata, order.keeps_s
    batch.fault = str(whole_fault(sandbox, batch) or "")
    sandbox.batches.save(batch)
    start(sandbox, batch)
    return _json(batch)


async def described(sandbox: Sandbox, errand: Errand) -> Content:
    """`GET /v1/batches/{id}`."""
    return _json(sandbox.batches.find(errand.path["batch_id"]))


async def listed(sandbox: Sandbox, errand: Errand) -> Content:
    """`GET /v1/batches`, newest first."""
    limit = errand.number("limit", _USUALLY_LISTED, _MOST_LISTED)
    shown = [one.shown() for one in sandbox.batches.listed()]
    encoded = json.dumps(page(shown, errand.query.get("after"), limit)).encode()
    return Content(lambda: encoded)


async def cancel(sandbox: Sandbox, errand: Errand) -> Content:
    """`POST /v1/batches/{id}/cancel`; what is done by then can be had."""
    batch = sandbox.batches.find(errand.path["batch_id"])
    if batch.status in ENDED:
        raise ApiError(409, f"Cannot cancel a batch with status '{batch.status}'.")
    if batch.status in (Status.VALIDATING, Status.IN_PROGRESS):
        batch.reach(Status.CANCELLING, sandbox.clock.now())
        sandbox.batches.save(batch)
        if batch.id in sandbox.underway:
            sandbox.underway[batch.id].wake.set()
    return _json(batch)


def _json(batch: Batch) -> Content:
    encoded = json.dumps(batch.shown()).encode()
    return Content(lambda: encoded)
