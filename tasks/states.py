"""What a stage's outcome is called in the Prefect UI, and what a person reads there."""

from collections.abc import Iterable, Mapping
from typing import Any

from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from editcorpus.layouts.markdown import one_line
from editcorpus.lookups.redrivable import redrive_command
from editcorpus.records import Reason
from editcorpus.shards import ShardRef

_LOOK = "the artifact editcorpus-failures of the flow run tells all at its end"


def verdict(ref: ShardRef, root: str) -> State[Any]:
    """The state of a stage: red, under the number of unanswered calls, where there are any.

    Args:
        ref: What the stage returned.
        root: Of the store, for the commands that are named.
    """
    if ref.failed:
        return Failed(name=f"{ref.failed} unanswered", message=_unanswered(ref, root), data=ref)
    if ref.skipped:
        return Completed(name="Done before", data=ref)
    if ref.rejected:
        told = f"{ref.rejected} rejected for good: {counted(ref.rejected_for)}; {_LOOK}."
        return Completed(name=f"{ref.kept} kept, {ref.rejected} rejected", message=told, data=ref)
    return Completed(name=f"{ref.kept} kept", data=ref)


def through(refs: Iterable[ShardRef]) -> str:
    """What a shard's stages leave to be done, in a sentence; empty where they leave nothing."""
    left = [f"{counted(ref.failed_for)} at {ref.step}" for ref in refs if ref.failed]
    if not left:
        return ""
    return f"No answer yet: {'; '.join(left)}. The red stages of this shard say more; {_LOOK}."


def counted(reasons: Mapping[str, int]) -> str:
    """How many for which reason."""
    return ", ".join(f"{count} {reason}" for reason, count in reasons.items())


def _unanswered(ref: ShardRef, root: str) -> str:
    many = "have" if ref.failed > 1 else "has"
    place = ("--store", root)
    found = (redrive_command(place, ref.run, Reason(one), "same") for one in ref.failed_for)
    commands = [f"`{one}`" for one in found if one]
    return " ".join(
        (
            f"{ref.failed} of {ref.entered} {many} no answer: {counted(ref.failed_for)}.",
            *([f"The first: {one_line(ref.example).rstrip('.')}."] if ref.example else []),
            "The run asks once more after its last shard, and so does every later start of it;",
            f"{_LOOK}.",
            *([f"Only these again: {' or '.join(commands)}."] if commands else []),
        )
    )
