"""Your own pictures and instructions, the edited images made anew.

As `flows/omniedit.py`; pictures lie beside a file of rows, or in it (`editcorpus/sources/folder.py`). What
your columns are called is said in `folder`, as in `--set folder.instruction=prompt`. With the variant
`base`, and edited images of your own, nothing is made anew: pairs are measured, judged and published.

Needs the saved blocks that `endpoints` names. From a shell: `editcorpus build folder --help`.
"""

from typing import Annotated, Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.task_runners import ThreadPoolTaskRunner

from flows.forms import FormOf
from flows.parameters import Recipe
from flows.recipe import build


@flow(
    name="folder",
    flow_run_name="folder-{recipe.run}",
    task_runner=ThreadPoolTaskRunner(max_workers=64),  # type: ignore[arg-type]
    cache_result_in_memory=True,
    persist_result=False,
)
def folder(recipe: Annotated[Recipe, FormOf("folder")]) -> State[Any]:
    """Build a corpus out of your own pictures and instructions.

    Args:
        recipe: What is built, from what, and how.
    """
    return build("folder", recipe)
