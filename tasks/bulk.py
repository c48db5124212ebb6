"""Tasks that ask in bulk: put what a step lacks over a shard into batches, ahead of the step."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from prefect.client.schemas.objects import State
from prefect.states import Completed
from prefect.tasks import Task

from editcorpus.stages.batching import ask_ahead
from editcorpus.stages.order import STAGES
from editcorpus.stages.stage import Stage
from tasks.options import stage_task
from tasks.workshop import WORKSHOP


def waiting(count: int) -> State[Any]:
    """The state of whatever asked in bulk."""
    return Completed(name=f"{count} wait for a batch" if count else "Nothing to ask", data=count)


def _task(stage: Stage) -> Task[[int], State[Any]]:
    @stage_task(f"{stage.name}-in-bulk")
    def ask(shard: int) -> State[Any]:
        """Put what the step lacks over the shard into batches."""
        return waiting(ask_ahead(WORKSHOP.get(), shard, stage))

    return ask


IN_BULK: Mapping[str, Task[[int], State[Any]]] = MappingProxyType(
    {stage.name: _task(stage) for stage in STAGES if stage.asks is not None}
)
"""The task of each step that asks a model, by the step's name."""
