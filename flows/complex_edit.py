"""Complex-Edit over OmniEdit: complex instructions, and edited images made after them.

As in GPT-IMAGE-EDIT-1.5M, appendix A.3, and Complex-Edit: of each source image of OmniEdit a vision-language
model plans a sequence of atomic edits, simplifies each, and compounds the first three (C3; `compose.level`)
into one instruction; the image model carries it out, and the result is filtered more strictly, where any
padding that is left discards it, and judged against the composed instruction. Records have
`instruction_type` complex and the source's own text as `instruction_original`.

Needs the saved blocks that `endpoints` names. From a shell: `editcorpus build complex-edit --help`.
"""

from typing import Annotated, Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.task_runners import ThreadPoolTaskRunner

from flows.forms import FormOf
from flows.parameters import Recipe
from flows.recipe import build


@flow(
    name="complex-edit",
    flow_run_name="complex-edit-{recipe.run}",
    task_runner=ThreadPoolTaskRunner(max_workers=64),  # type: ignore[arg-type]
    cache_result_in_memory=True,
    persist_result=False,
)
def complex_edit(recipe: Annotated[Recipe, FormOf("complex-edit")]) -> State[Any]:
    """Build a corpus out of Complex-Edit over OmniEdit.

    Args:
        recipe: What is built, from what, and how.
    """
    return build("complex-edit", recipe)
