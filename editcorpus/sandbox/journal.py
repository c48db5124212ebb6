"""The journal: every call, what became of it, and what was billed; attempts outlive the server.

A line is written and flushed before the answer goes out, so the file of a server that was killed
names every call that a client can have had an answer to. No key is ever in it.
"""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO


@dataclass(frozen=True, slots=True)
class Entry:
    """One call.

    Attributes:
        request_id: As in the header `x-request-id`.
        key: SHA-256, in hex, of the request's content: decoded pixels and parameters.
        attempt: How often, counting from 1, this content was admitted; 0 where it was refused
            before any work: key, limits, quota, an invalid request.
        persona: `openai` or `vllm`.
        endpoint: Path of the API.
        status: HTTP status of the answer; 0 where none was sent.
        fault: Name of the fault that struck, or of the error code; empty if all went well.
        billed: Whether the call cost money or would have.
        usd: Dollars billed, exact, as text.
        usage: The `usage` of the answer; empty where nothing was done.
        note: What was painted or judged, and the defect planted.
        tariff: `standard`, or `batch` at half the price.
        batch_id: The batch that the call is a line of; empty for one that is none.
        custom_id: The name of that line.
        defect: What was planted in the pictures (`Defect`); empty where nothing was.
    """

    request_id: str
    key: str
    attempt: int
    persona: str
    endpoint: str
    model: str
    status: int
    fault: str
    billed: bool
    usd: str
    usage: dict[str, Any]
    note: str
    tariff: str = "standard"
    batch_id: str = ""
    custom_id: str = ""
    defect: str = ""


class Journal:
    """All entries in memory and, where a path is given, in a file of JSON lines.

    Attributes:
        begun: Calls that began.
        resets: How often all was forgotten: a call that began before that is not written any more.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        self._attempts: Counter[str] = Counter()
        self.entries: list[Entry] = []
        self.billed_usd = Decimal(0)
        self.begun = 0
        self.resets = 0
        if path is not None:
            self._reopen(path)

    def attempt(self, key: str) -> int:
        """Count one more attempt at a request and give its number, from 1."""
        self._attempts[key] += 1
        return self._attempts[key]

    def number(self) -> int:
        """A number that no call of this journal had before."""
        self.begun += 1
        return self.begun

    def write(self, entry: Entry) -> None:
        """Add an entry; when this returns, killing the server no longer loses it."""
        self._take(entry)
        if self._file is not None:
            self._file.write(json.dumps(asdict(entry)).encode() + b"\n")
            self._file.flush()

    def reset(self) -> None:
        """Forget everything, attempts included, and empty the file."""
        self._attempts.clear()
        self.entries.clear()
        self.billed_usd = Decimal(0)
        self.begun = 0
        self.resets += 1
        if self._file is not None:
            self._file.seek(0)
            self._file.truncate()
            self._file.flush()

    def close(self) -> None:
        """Close the file; nothing more can be written."""
        if self._file is not None:
            self._file.close()

    def _take(self, entry: Entry) -> None:
        self.entries.append(entry)
        if entry.billed:
            self.billed_usd += Decimal(entry.usd)

    def _reopen(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        self._file = path.open("r+b")
        whole = 0
        for line, entry in _read(self._file):
            whole += len(line)
            self._take(entry)
            self._attempts[entry.key] = max(self._attempts[entry.key], entry.attempt)
        self.begun = len(self.entries)
        self._file.seek(whole)
        self._file.truncate()


def drawn(path: Path) -> dict[str, str]:
    """What was planted in each answer with pictures, by the id of its call; empty for nothing.

    Args:
        path: Of a journal; one that is not there holds no answers.
    """
    if not path.is_file():
        return {}
    with path.open("rb") as file:
        entries = [entry for _, entry in _read(file)]
    pictures = (one for one in entries if one.billed and one.endpoint.startswith("/v1/images/"))
    return {one.request_id: one.defect for one in pictures}


def _read(file: BinaryIO) -> Iterator[tuple[bytes, Entry]]:
    """Whole lines from the start; stops at one that a kill cut short."""
    for line in file:
        try:
            members = json.loads(line) if line.endswith(b"\n") else None
            entry = Entry(**members) if isinstance(members, dict) else None
        except (ValueError, TypeError):
            return
        if entry is None:
            return
        yield line, entry
