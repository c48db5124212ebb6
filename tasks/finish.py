"""Task `finish`: make a corpus of what the shards published."""

from collections.abc import Mapping
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE

from editcorpus.stages.finish import Finished
from editcorpus.stages.finish import finish as finish_run
from tasks.workshop import WORKSHOP


@task(
    task_run_name="finish",
    cache_policy=NO_CACHE,
    cache_result_in_memory=True,
    persist_result=False,
)
def finish(shards: int, configuration: Mapping[str, Any], *, emulated: bool) -> Finished:
    """Write reject file, card and manifest."""
    return finish_run(WORKSHOP.get(), shards, configuration, emulated=emulated)
