"""What a stage's outcome is called in the Prefect UI."""

from typing import Any

from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from editcorpus.shards import ShardRef


def verdict(ref: ShardRef) -> State[Any]:
    """The state of a stage: red, under the number of unanswered calls, where there are any."""
    if ref.failed:
        message = f"{ref.failed} of {ref.entered} have no answer; run again to redo them."
        return Failed(name=f"{ref.failed} unanswered", message=message, data=ref)
    if ref.skipped:
        return Completed(name="Done before", data=ref)
    if ref.rejected:
        return Completed(name=f"{ref.kept} kept, {ref.rejected} rejected", data=ref)
    return Completed(name=f"{ref.kept} kept", data=ref)
