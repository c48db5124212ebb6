"""Where the engine records its calls, and who else is told of them."""

from collections.abc import Callable
from dataclasses import dataclass

from editcorpus.endpoints.endpoint import Endpoint
from editcorpus.journal import Journal
from editcorpus.ledger import Ledger, Record
from editcorpus.responses import Responses


@dataclass(frozen=True, slots=True)
class Told:
    """A call that has ended, for whoever measures.

    Attributes:
        endpoint: That was asked.
        record: As it is booked.
        operation: What was asked for: `chat`, `embeddings`, `image_edit` or `image_generation`.
        kind: The class of its error (`rules.Kind`); empty where there was none, or nobody knows.
        batch: Whether it was a line of a batch, so that its seconds say nothing.
    """

    endpoint: Endpoint
    record: Record
    operation: str
    kind: str
    batch: bool


def unheard(told: Told) -> None:
    """Nobody measures."""


@dataclass(frozen=True, slots=True)
class Books:
    """Where calls are recorded: the answers, the ledger, the journal, and who is writing.

    Attributes:
        process: Name of this process, unique over all that write to the store.
        clock: Gives the time of a record, ISO 8601, UTC.
        observer: Is told of each call that went out, once it has ended; on the engine's event loop, so
            that it must be quick, and it never raises.
    """

    run: str
    process: str
    responses: Responses
    ledger: Ledger
    journal: Journal
    clock: Callable[[], str]
    observer: Callable[[Told], None] = unheard
