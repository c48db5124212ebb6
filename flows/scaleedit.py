"""ScaleEdit-12M, its edited images made anew.

As in GPT-IMAGE-EDIT-1.5M, section 3, over the pictures and instructions of ScaleEdit (arXiv 2603.20644).
Each of its files is one row group of 32 GB, so that the pictures of a shard are copied into the run
first (`fetch`), in one pass over each file; then they are padded, edited, filtered, judged and published
as those of any source. Its own scores stand in `source_facts`. They decide over the base variant alone,
by its publisher's rule, since they speak of the picture that the other variants replace.

Needs the saved blocks that `endpoints` names. From a shell: `editcorpus build scaleedit --help`.
"""

from typing import Annotated, Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.task_runners import ThreadPoolTaskRunner

from flows.forms import FormOf
from flows.parameters import Recipe
from flows.recipe import build


@flow(
    name="scaleedit",
    flow_run_name="scaleedit-{recipe.run}",
    task_runner=ThreadPoolTaskRunner(max_workers=64),  # type: ignore[arg-type]
    cache_result_in_memory=True,
    persist_result=False,
)
def scaleedit(recipe: Annotated[Recipe, FormOf("scaleedit")]) -> State[Any]:
    """Build a corpus out of ScaleEdit-12M.

    Args:
        recipe: What is built, from what, and how.
    """
    return build("scaleedit", recipe)
