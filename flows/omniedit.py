"""OmniEdit, its edited images made anew.

As in GPT-IMAGE-EDIT-1.5M, section 3 and appendix A.2: each source image is laid on the nearest of
three canvases and padded with white; the image model carries out the instruction at high quality; the
padding is cut off, and results with a bar of it left, with no change, or displaced are refused; for a
tenth a vision-language model rewrites the instruction after what was really done; Qwen-VL judges each
triplet; what passes is brought back to the source's size and published.

Needs the saved blocks that `endpoints` names. From a shell: `editcorpus build omniedit --help`.
"""

from typing import Annotated, Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.task_runners import ThreadPoolTaskRunner

from flows.forms import FormOf
from flows.parameters import Recipe
from flows.recipe import build


@flow(
    name="omniedit",
    flow_run_name="omniedit-{recipe.run}",
    task_runner=ThreadPoolTaskRunner(max_workers=64),  # type: ignore[arg-type]
    cache_result_in_memory=True,
    persist_result=False,
)
def omniedit(recipe: Annotated[Recipe, FormOf("omniedit")]) -> State[Any]:
    """Build a corpus out of OmniEdit with its edited images made anew.

    Args:
        recipe: What is built, from what, and how.
    """
    return build("omniedit", recipe)
