"""A batch while it is filled, and while it is under way."""

import asyncio
import tempfile
from dataclasses import dataclass, field
from decimal import Decimal
from typing import IO

from editcorpus.endpoints.bulk.facts import BatchFacts
from editcorpus.endpoints.bulk.lines import Line
from editcorpus.endpoints.bulk.page import Page

MOST_BYTES = 190_000_000
"""Of an input file: the API takes 200 MB (OpenAI's guide to the Batch API); some is left to be safe."""
WAITING = "waiting"
"""The status of a batch that the API does not have yet."""


class Tray:
    """A batch that is being filled; its input file grows on this machine's disk.

    Args:
        name: Of the batch.
        most_lines: That it may have.
        most_tokens: Input tokens that all its lines may have; 0 is no limit.
    """

    def __init__(self, name: str, most_lines: int, most_tokens: int) -> None:
        self.name = name
        self.file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - the batch closes it
        self.lines: list[Line] = []
        self.tokens = 0
        self._bytes = 0
        self._most_lines = most_lines
        self._most_tokens = most_tokens

    def takes(self, size: int, tokens: int) -> bool:
        """Whether it has room for one more line of so many bytes and input tokens."""
        if not self.lines:
            return True
        crowded = self._most_tokens and self.tokens + tokens > self._most_tokens
        return not crowded and self._bytes + size <= MOST_BYTES and not self.full

    @property
    def full(self) -> bool:
        """Whether it has as many lines as it may have."""
        return len(self.lines) >= self._most_lines

    def add(self, line: Line, data: bytes, tokens: int) -> None:
        """Add a line."""
        self.file.write(data)
        self.lines.append(line)
        self.tokens += tokens
        self._bytes += len(data)


@dataclass(slots=True, eq=False)
class Batch:
    """A batch that is on record.

    Attributes:
        page: How far it got, as it is on record.
        open: The lines that have not ended, by their name in the batch.
        path: The API that its lines ask, as batches name it.
        tokens: Input tokens of all its lines, estimated.
        file: Its input file, as long as it may have to be uploaded; not of an earlier process' batch.
        files: The API's names of the pictures that it needs.
        status: `waiting`, or what the API said last.
        doubt: Whether the API may have made it, and nobody knows.
        not_before: The moment, by the event loop, before which the API is not asked to make it.
        crowded: How often the API had no room for it though no other batch was under way.
    """

    page: Page
    open: dict[str, Line]
    path: str
    tokens: int
    files: tuple[str, ...]
    file: IO[bytes] | None = None
    status: str = WAITING
    done: int = 0
    failed: int = 0
    doubt: bool = False
    not_before: float = 0.0
    crowded: int = 0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def facts(self) -> BatchFacts:
        """What people are told of it."""
        page = self.page
        return BatchFacts(
            name=page.name,
            step=page.step,
            endpoint=page.endpoint,
            model=page.model,
            status=self.status,
            batch_id=page.batch_id,
            lines=page.lines,
            done=self.done,
            failed=self.failed,
            usd=sum((line.intent.usd for line in self.open.values()), Decimal(0)),
            created=page.created,
        )

    def close(self) -> None:
        """Let the input file go."""
        if self.file is not None:
            self.file.close()
            self.file = None
