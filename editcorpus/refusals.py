"""Refusals: what an API will never answer is on record with its reason, in a line of the journal.

The line carries the ledger record of the call as well, so that nothing can be refused but not booked.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from sys import intern
from typing import Any

from editcorpus.bookings import Record, to_fields, to_record
from editcorpus.errors import StorageError
from editcorpus.journal import Line, encode
from editcorpus.records import Reason

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Refusal:
    """That the API will never answer a request.

    Attributes:
        reason: Under which the triplet is filed.
        sentence: For people; the same whenever the API says the same.
        at: When it was said, ISO 8601, UTC.
    """

    reason: Reason
    sentence: str
    at: str = ""


def refusal_line(record: Record, refusal: Refusal) -> bytes:
    """The journal line that holds a refusal together with the record of its call."""
    said = {"reason": refusal.reason, "sentence": refusal.sentence}
    return encode("refusal", record.key, **to_fields(record), **said)


def revoked_line(key: str, at: str) -> bytes:
    """The journal line that takes a refusal back."""
    return encode("revoked", key, at=at)


class Refusals:
    """What the journals say of refusals; reasons and sentences that are alike are held once."""

    def __init__(self) -> None:
        self._found: dict[str, Refusal | None] = {}
        self._at: dict[str, str] = {}

    def take(self, line: Line) -> None:
        """Note a refusal, or that it is revoked, unless something later was seen."""
        try:
            members = line.fields()
            refusal = None if line.kind == "revoked" else _refusal(members)
        except StorageError as error:
            _log.warning("A stored refusal does not count: %s", error)
            return
        at = refusal.at if refusal else str(members.get("at"))
        if at >= self._at.get(line.key, ""):
            self._at[line.key] = at
            self._found[line.key] = refusal

    def standing(self) -> dict[str, Refusal]:
        """Those that were not revoked, by the hash of the request."""
        return {key: found for key, found in self._found.items() if found is not None}


def _refusal(members: Mapping[str, Any]) -> Refusal:
    record = to_record(members)
    try:
        reason = Reason(str(members.get("reason")))
    except ValueError as error:
        raise StorageError(f"It has {members.get('reason')!r:.80} as reason.") from error
    return Refusal(reason, intern(str(members.get("sentence"))), intern(record.at))
