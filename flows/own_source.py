"""Any source that has no flow of its own: one of this project's, or a Python file of yours.

A file describes a source as those in `editcorpus/sources` do (CONTRIBUTING.md, "Add a source"); it has
to lie on every machine that builds from it.
"""

from typing import Annotated, Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.task_runners import ThreadPoolTaskRunner

from flows.forms import FormOf
from flows.parameters import Recipe
from flows.recipe import build


@flow(
    name="own-source",
    flow_run_name="own-source-{recipe.run}",
    task_runner=ThreadPoolTaskRunner(max_workers=64),  # type: ignore[arg-type]
    cache_result_in_memory=True,
    persist_result=False,
)
def own_source(source: str, recipe: Annotated[Recipe, FormOf()]) -> State[Any]:
    """Build a corpus from a source by its name, or by the path of a file that describes it.

    Args:
        source: Such as `folder`, or a path that ends in `.py`.
        recipe: What is built, from what, and how.
    """
    return build(source, recipe)
