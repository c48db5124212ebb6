"""HQ-Edit, its edited images made anew, or both.

Three recipes (`recipe.recipe`), the first two as in GPT-IMAGE-EDIT-1.5M, appendix A.4. `edit`: each
source image is padded, edited at high quality, cut out and brought back to its size. `generate`: a new
source image is made from the caption, at one of three ratios that a hash draws, and the same edit is
then applied to it: two paid calls, the second of which needs the first. `inverse`: the published pair
the other way round, with its inverse instruction. Instructions are not rewritten.

The dataset's licence is not commercial, CC-BY-NC-4.0, and so is that of every record.

Needs the saved blocks that `endpoints` names. From a shell: `editcorpus build hqedit --help`.
"""

from typing import Annotated, Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.task_runners import ThreadPoolTaskRunner

from flows.forms import FormOf
from flows.parameters import Recipe
from flows.recipe import build


@flow(
    name="hqedit",
    flow_run_name="hqedit-{recipe.run}",
    task_runner=ThreadPoolTaskRunner(max_workers=64),  # type: ignore[arg-type]
    cache_result_in_memory=True,
    persist_result=False,
)
def hqedit(recipe: Annotated[Recipe, FormOf("hqedit")]) -> State[Any]:
    """Build a corpus out of HQ-Edit with its edited images, or both images, made anew.

    Args:
        recipe: What is built, from what, and how.
    """
    return build("hqedit", recipe)
