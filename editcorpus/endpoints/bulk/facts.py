"""What people are told of a batch."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class BatchFacts:
    """One batch that is under way, or waits for room.

    Attributes:
        name: Of the batch, as the run has it.
        step: The step that asks.
        endpoint: Name of the endpoint.
        model: The one model of all its lines.
        status: `waiting` until the API has it; then the API's own word: `validating`, `in_progress`, ...
        batch_id: The API's name; empty while it waits.
        lines: Requests in it.
        done: Of those, how many the API says are answered.
        failed: Of those, how many it says went wrong.
        usd: Worst case that is reserved for it, in dollars.
        created: When it was made, ISO 8601, UTC.
    """

    name: str
    step: str
    endpoint: str
    model: str
    status: str
    batch_id: str
    lines: int
    done: int
    failed: int
    usd: Decimal
    created: str
