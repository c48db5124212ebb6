"""HQ-Edit: `UCSC-VLAA/HQ-Edit` on Hugging Face, CC-BY-NC-4.0 (arXiv 2404.09990).

98,675 rows of about 3.2 MB, in row groups of more than 300 MB; the 200,000 edits of its paper count each
`inverse_edit`, too. Rows have no id: ids say where a row lies, and by which recipe it is taken, so that
one row can be in a corpus three times. Pictures are structs or, in the demo set, plain bytes; the two of
a pair differ in size (728x1019 and 717x1022 in the first row), which a base pair keeps. Figures: the
dataset card at 3730500, issues 3, 9 and 12.

Recipes: `edit` and `generate` are those of GPT-IMAGE-EDIT-1.5M, appendix A.4; in `generate`, and in the
variant `pair` of the others, the source image is made anew from its caption. `inverse` takes a pair the
other way round, with `inverse_edit`.
Instructions stay as they are (section 3.2 rewrites those of OmniEdit alone). What kind of edit a row asks
for is not told, so that it may change light and colour of the whole picture.
"""

from functools import partial

from editcorpus.readers.parquet import PARQUET
from editcorpus.records import Rejected, Triplet
from editcorpus.rows import Place, Role, Row, Source, choose_instruction, placed_id, told_facts

NAME = "hqedit"
LICENSE = "CC-BY-NC-4.0"

_FACTS = {"input": "input_description", "output": "output_description"}
_INVERSE_FACTS = {"output": "input_description", "input": "output_description"}


def to_triplet(row: Row, place: Place, seed: int, *, recipe: str = "edit") -> Triplet | Rejected:
    """A row as a triplet of one of the recipes."""
    name, inverse = placed_id(NAME, place, recipe), recipe == "inverse"
    chosen = choose_instruction([row["inverse_edit" if inverse else "edit"]], seed, name)
    if isinstance(chosen, Rejected):
        return chosen
    index, instruction = chosen
    return Triplet(
        id=name,
        dataset_source=NAME,
        task=recipe,
        subtask="",
        instruction=instruction,
        instruction_index=index,
        license=LICENSE,
        file=place.file,
        row_group=place.row_group,
        row=place.row,
        caption=row["output" if inverse else "input"] or "",
        facts=told_facts(row, _INVERSE_FACTS if inverse else _FACTS),
    )


def _source(recipe: str, pictures: dict[Role, str]) -> Source:
    used = {name: "image" if role == "source" else "image?" for role, name in pictures.items()}
    wording = "inverse_edit" if recipe == "inverse" else "edit"
    return Source(
        name=NAME,
        license=LICENSE,
        columns={wording: "text", "input": "text?", "output": "text?", **used},
        task_column="",
        pictures=pictures,
        triplet=partial(to_triplet, recipe=recipe),
        reader=PARQUET,
        recipe=recipe,
        synthesises=recipe == "generate",
        captioned=True,
        defaults={"rewrite": {"share": 0.0}, "filter": {"judge": {"whole_tasks": [recipe]}}},
    )


RECIPES = {
    "edit": _source("edit", {"source": "input_image", "edited": "output_image"}),
    "inverse": _source("inverse", {"source": "output_image", "edited": "input_image"}),
    "generate": _source("generate", {}),
}
