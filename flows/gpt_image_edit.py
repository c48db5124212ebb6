"""GPT-IMAGE-EDIT-1.5M itself: audited, measured and judged anew, its pictures as published.

The usual variant is base: no image model is asked, and no instruction is rewritten, so that only the
judge is needed. Records without pictures are rejected, and so are those whose pictures do not decode or
show no edit; the judge's thresholds decide over the others. The licence of each record is that of the
dataset it was made of. Unite the run (`editcorpus corpus`) to take out duplicates. The variant
`output` makes all edited images anew, from the published source images.

Needs the saved blocks that `endpoints` names. From a shell: `editcorpus build gpt-image-edit --help`.
"""

from typing import Annotated, Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.task_runners import ThreadPoolTaskRunner

from flows.forms import FormOf
from flows.parameters import Recipe
from flows.recipe import build


@flow(
    name="gpt-image-edit",
    flow_run_name="gpt-image-edit-{recipe.run}",
    task_runner=ThreadPoolTaskRunner(max_workers=64),  # type: ignore[arg-type]
    cache_result_in_memory=True,
    persist_result=False,
)
def gpt_image_edit(recipe: Annotated[Recipe, FormOf("gpt-image-edit")]) -> State[Any]:
    """Build a corpus out of GPT-IMAGE-EDIT-1.5M, its pairs as published unless told otherwise.

    Args:
        recipe: What is built, from what, and how.
    """
    return build("gpt-image-edit", recipe)
