"""GPT-IMAGE-EDIT-1.5M itself: `UCSC-VLAA/GPT-Image-Edit-1.5M` on Hugging Face (arXiv 2507.21033).

1,553,575 records, as `gpt-edit/<source>/<task>/{input,output,metadata}`, or packed: split archives
`gpt-edit/{hqedit,omniedit,ultraedit}.tar.gz.partNNN`, of which the first parts alone serve, too; what is
in an archive is known once it was gone through. The input is the folder `gpt-edit`. A record of
`hqedit/generate` in fourteen has no picture (issue 9 of `wyhlovecpp/GPT-Image-Edit`), and is rejected.

Its usual variant is base: pairs as published, measured and judged anew without an image call. The kind of
an instruction and its text before rewriting are kept, and so is `dataset_source` among the facts; the
licence of a record is that of its own source, since the card's CC-BY-4.0 cannot free HQ-Edit's pictures.
An export of this project's own in this layout is read, too: it names `license` and `family`.
"""

import json
import re

from editcorpus.readers.arrays import ARRAYS, FOLDER
from editcorpus.records import Rejected, Triplet
from editcorpus.rows import Place, Row, Source, choose_instruction, identify, told_facts

NAME = "gpt-image-edit"
LICENSES = {"hqedit": "CC-BY-NC-4.0", "omniedit": "MIT", "ultraedit": "CC-BY-4.0"}
"""By `dataset_source`: the dataset cards of the three."""

_FACTS = ("dataset_source", "input_description", "instruction_original", "instruction_type")
_TASK = re.compile(r"[a-z][a-z0-9_-]{0,63}")


def to_triplet(row: Row, place: Place, seed: int) -> Triplet | Rejected:
    """A record as a triplet; a task of unknown form is left empty."""
    name = identify(NAME, row["id"], place)
    if isinstance(name, Rejected):
        return name
    chosen = choose_instruction([row["instruction"]], seed, name)
    if isinstance(chosen, Rejected):
        return chosen
    index, instruction = chosen
    return Triplet(
        id=name,
        dataset_source=NAME,
        task=_named(row["task"]),
        subtask=_named(row["family"]),
        instruction=instruction,
        instruction_index=index,
        license=LICENSES.get(row["dataset_source"] or "", row["license"] or "unknown"),
        file=place.file,
        row_group=place.row_group,
        row=place.row,
        facts=told_facts(row, {fact: fact for fact in _FACTS}),
        paths=json.dumps({"edited": _path(row, "output"), "source": _path(row, "input")}),
    )


def _named(text: str | None) -> str:
    return text if text and _TASK.fullmatch(text) else ""


def _path(row: Row, column: str) -> str:
    """Where a picture lies, from the root of the archive or the folder of the task on."""
    return f"{row[FOLDER]}{row[column]}" if row[column] else ""


SOURCE = Source(
    name=NAME,
    license="CC-BY-4.0",
    columns={
        **dict.fromkeys(("id", "dataset_source", "task", "input", "output", "instruction"), "text"),
        **dict.fromkeys((*_FACTS[1:], "license", "family", FOLDER), "text?"),
    },
    task_column="task",
    pictures={"source": "input", "edited": "output"},
    triplet=to_triplet,
    reader=ARRAYS,
    files=r"(/metadata/[^/]+\.json|(?<!\.json))$",
    keeps=True,
    variant="base",
    defaults={"rewrite": {"share": 0.0}},
)

RECIPES = {"": SOURCE}
