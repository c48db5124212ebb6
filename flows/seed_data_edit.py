"""SEED-Data-Edit, its edited images made anew, turn by turn where people edited on.

Recipes (`recipe.recipe`) are the parts of the dataset. `multi-turn`: the first edit of each sequence is
made anew from its source image, the second from what came of the first, and so on, five at most; a turn
that is rejected ends its sequence, and the turns before it stay. `real`, `unsplash` and `openimages` are
single edits, made anew as those of other sources; `unsplash-gpt4v` and `openimages-gpt4v` take the wording
that a model gave them later. In the base variant all pairs are as published.

Pictures are taken out of the split archives that lie beside the annotations: each archive is gone through
once, and a list of what lies where is kept in the store. The licence is not commercial, CC-BY-NC-4.0.

Needs the saved blocks that `endpoints` names. From a shell: `editcorpus build seed-data-edit --help`.
"""

from typing import Annotated, Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.task_runners import ThreadPoolTaskRunner

from flows.forms import FormOf
from flows.parameters import Recipe
from flows.recipe import build


@flow(
    name="seed-data-edit",
    flow_run_name="seed-data-edit-{recipe.run}",
    task_runner=ThreadPoolTaskRunner(max_workers=64),  # type: ignore[arg-type]
    cache_result_in_memory=True,
    persist_result=False,
)
def seed_data_edit(recipe: Annotated[Recipe, FormOf("seed-data-edit")]) -> State[Any]:
    """Build a corpus out of a part of SEED-Data-Edit with its edited images made anew.

    Args:
        recipe: What is built, from what, and how.
    """
    return build("seed-data-edit", recipe)
