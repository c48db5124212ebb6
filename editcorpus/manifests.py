"""The manifest of one step over one shard: what makes its result valid, and what proves it.

A manifest carries a *fingerprint*, the hash of all that determines the result (the manifest before
it, the step's VERSION and Config): the same fingerprint means that the step is done. Its *digest* is
the hash of what came out, from which the next step's fingerprint is made; times and costs are in
neither.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from pydantic import BaseModel

from editcorpus.errors import ShardError
from editcorpus.records import Failed, Reason, Rejected

FORMAT = 2
"""Raised when the layout of shards or manifests changes."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is known of one step's columns over one shard.

    Attributes:
        entered: Number of ids that the step was given.
        kept: Number of ids in the column file.
        rejected: Final verdicts, in the order of the ids.
        failed: Ids without a verdict, in the order of the ids.
        sha256: Of the column file, in hex.
        size: Of the column file, in bytes.
        history: One entry a time that the step was done: when, how long, calls and dollars.
        pictures_sha256: Of the file with the pictures, in hex; empty where there is none.
        pictures_size: Of the file with the pictures, in bytes.
    """

    step: str
    version: int
    fingerprint: str
    entered: int
    kept: int
    rejected: tuple[Rejected, ...]
    failed: tuple[Failed, ...]
    sha256: str
    size: int
    history: tuple[dict[str, Any], ...] = ()
    pictures_sha256: str = ""
    pictures_size: int = 0

    @property
    def digest(self) -> str:
        """Hash of what came out; the same result has the same digest whenever it was made.

        Whom the step failed, and what it said of those that it rejected, is of no concern to the
        steps that follow.
        """
        gone = [[item["id"], item["reason"]] for item in _flat(self.rejected)]
        return hash_of([FORMAT, self.step, self.sha256, self.pictures_sha256, gone])

    @property
    def _seal(self) -> str:
        """Hash of the whole less its history: by it, a damaged manifest is known."""
        counts = [self.version, self.entered, self.kept, self.size, self.pictures_size]
        return hash_of([self.digest, self.fingerprint, *counts, self._gone()])

    @property
    def gone(self) -> list[str]:
        """Ids that are not in the column file."""
        return [item["id"] for item in self._gone()]

    def _gone(self) -> list[dict[str, str]]:
        return [*_flat(self.rejected), *_flat(self.failed)]

    def encode(self) -> bytes:
        """The manifest as JSON, for people too."""
        members = {name.name: getattr(self, name.name) for name in fields(self)}
        gone = {"rejected": _flat(self.rejected), "failed": _flat(self.failed)}
        marks = {"format": FORMAT, "digest": self.digest, "seal": self._seal}
        return json.dumps({**members, **gone, **marks}, indent=1).encode() + b"\n"

    @classmethod
    def decode(cls, data: bytes) -> "Manifest":
        """Read a manifest.

        Raises:
            ShardError: It is of another format, or damaged: no JSON, a member is missing or of
                another kind, the sum does not close, or the digest is not that of the members.
        """
        try:
            members = dict(json.loads(data))
            marks = members.pop("format"), members.pop("digest"), members.pop("seal")
            members["rejected"] = tuple(_verdict(Rejected, item) for item in members["rejected"])
            members["failed"] = tuple(_verdict(Failed, item) for item in members["failed"])
            members["history"] = tuple(members["history"])
            made = cls(**members)
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise ShardError(f"A manifest is damaged: {error!r}.") from error
        made.check()
        if marks != (FORMAT, made.digest, made._seal):
            raise ShardError("A manifest is damaged: its digest is not its own.")
        return made

    def check(self) -> None:
        """Prove that the members are of their kinds and that every id is in one place.

        Raises:
            ShardError: They are not.
        """
        texts = (self.step, self.fingerprint, self.sha256, self.pictures_sha256)
        counts = (self.version, self.entered, self.kept, self.size, self.pictures_size)
        if not all(isinstance(text, str) for text in texts):
            raise ShardError("A manifest is damaged: a name or hash is no text.")
        if not all(type(count) is int and count >= 0 for count in counts):
            raise ShardError(f"A manifest is damaged: its counts are {counts}.")
        if self.kept + len(self.rejected) + len(self.failed) != self.entered:
            raise ShardError(
                f"{self.entered} ids entered {self.step}, but {self.kept} were kept, "
                f"{len(self.rejected)} rejected and {len(self.failed)} failed."
            )


def fingerprint(before: str, step: str, version: int, config: BaseModel) -> str:
    """Hash of all that determines a step's result, given the digest of the step before."""
    return hash_of([FORMAT, before, step, version, config.model_dump(mode="json")])


def hash_of(members: Any) -> str:
    """SHA-256, in hex, of anything that JSON takes."""
    text = json.dumps(members, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _flat(items: tuple[Rejected, ...] | tuple[Failed, ...]) -> list[dict[str, str]]:
    names = ("id", "step", "reason", "detail")
    made = [{name: getattr(item, name) for name in names} for item in items]
    for one, item in zip(made, items, strict=True):
        if isinstance(item, Rejected) and item.measured:
            one["measured"] = item.measured
    return made


def _verdict(cls: type, item: dict[str, str]) -> Any:
    found = cls(item["id"], item["step"], Reason(item["reason"]), item["detail"])
    return replace(found, measured=item["measured"]) if "measured" in item else found


@dataclass(frozen=True, slots=True)
class ShardRef:
    """What a stage returns: which columns are done, and how it went; small enough for any log.

    Attributes:
        rejected_for: How many were rejected for which reason.
        failed_for: How many failed for which reason.
        example: What is on record about the first who failed, at most 200 characters.
    """

    run: str
    shard: int
    step: str
    entered: int
    kept: int
    rejected: int
    failed: int
    digest: str
    skipped: bool
    rejected_for: Mapping[str, int] = field(default_factory=dict)
    failed_for: Mapping[str, int] = field(default_factory=dict)
    example: str = ""


def ref(manifest: Manifest, run: str, shard: int, *, skipped: bool) -> ShardRef:
    """What a stage returns of its manifest."""
    return ShardRef(
        run,
        shard,
        manifest.step,
        manifest.entered,
        manifest.kept,
        len(manifest.rejected),
        len(manifest.failed),
        manifest.digest,
        skipped,
    )
