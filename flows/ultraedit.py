"""UltraEdit, its edited images made anew.

As in GPT-IMAGE-EDIT-1.5M, section 3 and appendix A.1: pictures of 512 x 512 pixels are edited at
1024 x 1024 and brought back, bicubic both ways. A model tells from each instruction which of nine kinds
of edit it asks for; with a limit, as many rows of each kind are taken. Two recipes (`recipe.recipe`):
`free`, and `region`, whose masks go to the image model with each edit; what changed outside of them is
measured, and stands in the corpus as `outside_mask`. Instructions are not rewritten.

Needs the saved blocks that `endpoints` names. From a shell: `editcorpus build ultraedit --help`.
"""

from typing import Annotated, Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.task_runners import ThreadPoolTaskRunner

from flows.forms import FormOf
from flows.parameters import Recipe
from flows.recipe import build


@flow(
    name="ultraedit",
    flow_run_name="ultraedit-{recipe.run}",
    task_runner=ThreadPoolTaskRunner(max_workers=64),  # type: ignore[arg-type]
    cache_result_in_memory=True,
    persist_result=False,
)
def ultraedit(recipe: Annotated[Recipe, FormOf("ultraedit")]) -> State[Any]:
    """Build a corpus out of UltraEdit with its edited images made anew.

    Args:
        recipe: What is built, from what, and how.
    """
    return build("ultraedit", recipe)
