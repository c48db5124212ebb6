"""Write a small input for Complex-Edit: six rows in the layout of OmniEdit, over whose files it is built."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from editcorpus.demo.rows import published_schema
from editcorpus.demo.scenes import Scene, cut_short, jpeg, recoloured

GROUP_ROWS = 3
_SIZE = (448, 336)
_ROWS = (
    ("task_obj_add_50001", "addition", "coffee", "Add a small biscuit on the saucer."),
    ("task_obj_remove_50002", "removal", "photographer", "Remove the tripod."),
    ("task_attr_mod_color_50003", "attribute_modification", "astronaut", "Make the suit green."),
    ("task_env_weather_50004", "env", "raccoon", "Let it snow."),
    ("task_style_50005", "style", "cat", "Make it look like a watercolour."),
    ("task_obj_swap_50006", "swap", "rocket", "Replace the rocket with a lighthouse."),
)
"""Id, task, photograph and instruction of each row; the picture of the last one is cut short."""


def write_complex_edit(folder: Path) -> Path:
    """Write the rows below a folder, which is what `Inputs.find` takes; always the same bytes."""
    path = folder / "data/train-00000-of-00001.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [_row(number) for number in range(len(_ROWS))]
    table = pa.Table.from_pylist(rows, published_schema())
    pq.write_table(table, path, row_group_size=GROUP_ROWS, compression="snappy")
    return folder


def _row(number: int) -> dict[str, Any]:
    name, task, photo, instruction = _ROWS[number]
    source = Scene(photo, _SIZE).shown()
    data = jpeg(source)
    return {
        "omni_edit_id": name,
        "task": task,
        "src_img": cut_short(data) if number == len(_ROWS) - 1 else data,
        "edited_img": jpeg(recoloured(source), 80),
        "edited_prompt_list": [instruction],
        "width": source.width,
        "height": source.height,
        "sc_score_1": 9,
        "sc_score_2": 9,
        "sc_reasoning": "The edit follows the instruction and keeps the rest.",
        "pq_score": 9,
        "pq_reasoning": "The picture looks natural.",
        "o_score": 9.0,
    }
