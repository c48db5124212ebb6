"""Tasks that ask in bulk: put what a step lacks over a shard into batches, ahead of the step."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from prefect.client.schemas.objects import State
from prefect.states import Completed
from prefect.tasks import Task

from editcorpus.stages.batching import ask_ahead
from editcorpus.stages.order import KNOWN
from tasks.options import stage_task
from tasks.workshop import WORKSHOP


def waiting(count: int) -> State[Any]:
    """The state of whatever asked in bulk."""
    return Completed(name=f"{count} wait for a batch" if count else "Nothing to ask", data=count)


def _task(step: str) -> Task[[int], State[Any]]:
    @stage_task(f"{step}-in-bulk")
    def ask(shard: int) -> State[Any]:
        """Put what the step lacks over the shard into batches."""
        shop = WORKSHOP.get()
        return waiting(ask_ahead(shop, shard, shop.stage(step)))

    return ask


IN_BULK: Mapping[str, Task[[int], State[Any]]] = MappingProxyType(
    {stage.name: _task(stage.name) for stage in KNOWN.values() if stage.asks is not None}
)
"""The task of each step that asks a model, by the step's name."""
