"""Batches as they stand: one JSON page each on disk, written anew at every step of their lives."""

import json
import shutil
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from editcorpus.sandbox.chance import digest
from editcorpus.sandbox.refusals import ApiError

WINDOW_S = 24 * 3600
"""The one completion window that there is."""


class Status(StrEnum):
    """Where a batch stands."""

    VALIDATING = "validating"
    IN_PROGRESS = "in_progress"
    FINALIZING = "finalizing"
    COMPLETED = "completed"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"


ENDED = frozenset({Status.COMPLETED, Status.FAILED, Status.EXPIRED, Status.CANCELLED})

_STAMPS = (
    "in_progress_at", "finalizing_at", "completed_at", "failed_at", "expired_at", "cancelling_at",
    "cancelled_at",
)  # fmt: skip


@dataclass(slots=True)
class Batch:
    """One batch; times are emulated seconds since 1970.

    Attributes:
        number: From 1, in the order in which batches came.
        keeps_s: Seconds for which its files are kept; None keeps them 30 days.
        stamps: When it came to each status, by the names that the API has for that.
        model: Of all its lines; empty until they are read.
        tokens: Input tokens that it holds of the limit of enqueued tokens.
        fault: What is to befall it as a whole, or empty.
        aim: The status that it is to end in once its files are made.
    """

    id: str
    number: int
    input_file_id: str
    endpoint: str
    metadata: dict[str, str] | None
    created_at: int
    keeps_s: int | None = None
    status: Status = Status.VALIDATING
    stamps: dict[str, int] = field(default_factory=dict)
    model: str = ""
    tokens: int = 0
    fault: str = ""
    aim: Status = Status.COMPLETED
    errors: list[dict[str, Any]] = field(default_factory=list)
    total: int = 0
    completed: int = 0
    failed: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    output_file_id: str | None = None
    error_file_id: str | None = None

    @property
    def expires_at(self) -> int:
        """The moment at which what is not done will not be."""
        return self.created_at + WINDOW_S

    def reach(self, status: Status, moment: float) -> None:
        """Come to a status."""
        self.status = status
        self.stamps.setdefault(f"{status}_at", int(moment))

    def shown(self) -> dict[str, Any]:
        """As the API shows it."""
        return {
            "id": self.id,
            "object": "batch",
            "endpoint": self.endpoint,
            "model": self.model or None,
            "errors": {"object": "list", "data": self.errors} if self.errors else None,
            "input_file_id": self.input_file_id,
            "completion_window": "24h",
            "status": self.status,
            "output_file_id": self.output_file_id,
            "error_file_id": self.error_file_id,
            "created_at": self.created_at,
            "expires_at": self.expires_at,
            **{name: self.stamps.get(name) for name in _STAMPS},
            "request_counts": {
                "total": self.total,
                "completed": self.completed,
                "failed": self.failed,
            },
            "usage": self._usage(),
            "metadata": self.metadata,
        }

    def _usage(self) -> dict[str, Any]:
        return {
            "input_tokens": self.input_tokens,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": self.output_tokens,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": self.input_tokens + self.output_tokens,
        }


class Batches:
    """All batches of one server."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self._seed = seed
        self._all: dict[str, Batch] = {}
        folder.mkdir(parents=True, exist_ok=True)
        for page in folder.glob("batch_*.json"):
            members = json.loads(page.read_text())
            members |= {name: Status(members[name]) for name in ("status", "aim")}
            self._all[members["id"]] = Batch(**members)

    def new(self, input_file_id: str, endpoint: str, created_at: int) -> Batch:
        """A batch that is not yet kept; `save` does that."""
        number = 1 + max((one.number for one in self._all.values()), default=0)
        name = "batch_" + digest("batch", self._seed, number, input_file_id)[:32]
        batch = Batch(name, number, input_file_id, endpoint, None, created_at)
        self._all[name] = batch
        return batch

    def save(self, batch: Batch) -> None:
        """Write its page; a kill leaves the old one or the new one."""
        page = self.folder / f"{batch.id}.json"
        fresh = page.with_suffix(".new")
        fresh.write_text(json.dumps(asdict(batch)))
        fresh.replace(page)

    def find(self, batch_id: str) -> Batch:
        """A batch by its id.

        Raises:
            ApiError: 404.
        """
        if batch_id not in self._all:
            message = f"No batch found with id '{batch_id:.200}'."
            raise ApiError(404, message)
        return self._all[batch_id]

    def listed(self) -> Iterable[Batch]:
        """All of them, newest first."""
        return sorted(self._all.values(), key=lambda one: -one.number)

    def unfinished(self) -> Iterable[Batch]:
        """Those that are still worked on."""
        return [one for one in self._all.values() if one.status not in ENDED]

    def enqueued(self, model: str) -> int:
        """Input tokens of a model that unfinished batches hold."""
        return sum(one.tokens for one in self.unfinished() if one.model == model)

    def reset(self) -> None:
        """Drop all of them."""
        self._all.clear()
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True, exist_ok=True)

    def latest(self) -> float:
        """The last moment on record, in emulated seconds since 1970; 0 where there is none."""
        stamps = (moment for one in self._all.values() for moment in one.stamps.values())
        return max((*stamps, *(one.created_at for one in self._all.values())), default=0)
