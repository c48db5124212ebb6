"""Where the engine records its calls."""

from collections.abc import Callable
from dataclasses import dataclass

from editcorpus.journal import Journal
from editcorpus.ledger import Ledger
from editcorpus.responses import Responses


@dataclass(frozen=True, slots=True)
class Books:
    """Where calls are recorded: the answers, the ledger, the journal, and who is writing.

    Attributes:
        process: Name of this process, unique over all that write to the store.
        clock: Gives the time of a record, ISO 8601, UTC.
    """

    run: str
    process: str
    responses: Responses
    ledger: Ledger
    journal: Journal
    clock: Callable[[], str]
