"""One schema: tables of older and newer corpora with the columns of `Published`, in their order."""

from collections.abc import Callable
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from editcorpus.errors import ShardError
from editcorpus.language import written
from editcorpus.layouts.schema import OPTIONAL, PICTURES, shard_schema
from editcorpus.taxonomy import family_of

MEASURED_LATER = (
    "change_area",
    "psnr_outside",
    "ssim_outside",
    "tone_drift",
    "psnr_outside_mask",
    "ssim_outside_mask",
)
"""Figures that corpora of earlier versions do not have."""
_TASK = ("dataset_source", "task", "subtask", "instruction_type")


def _families(table: pa.Table) -> pa.Array:
    """The family of each row, looked up once for each task."""
    rows = list(zip(*(table.column(name).to_pylist() for name in _TASK), strict=True))
    known = {row: family_of(*row) or "" for row in set(rows)}
    return pa.array([known[row] for row in rows], pa.string())


def _variants(table: pa.Table) -> pa.Array:
    """What earlier versions made: new edited images, a share of them with a new instruction."""
    rewritten = pc.equal(table.column("instruction_type"), "rewrite")
    return pc.if_else(rewritten, "rewrite", "output")


def _written(part: Literal["language", "script"]) -> Callable[[pa.Table], pa.Array]:
    def found(table: pa.Table) -> pa.Array:
        texts = table.column("instruction").to_pylist()
        return pa.array([getattr(written(text or ""), part) for text in texts], pa.string())

    return found


def _same(value: str | float) -> Callable[[pa.Table], pa.Array]:
    kind = {str: pa.string(), int: pa.int64(), float: pa.float64()}[type(value)]
    return lambda table: pa.repeat(pa.scalar(value, kind), table.num_rows)


_LATER: dict[str, Callable[[pa.Table], pa.Array]] = {
    "family": _families,
    "variant": _variants,
    "edited_width": lambda table: table.column("width"),
    "edited_height": lambda table: table.column("height"),
    "outside_mask": _same(-1.0),
    "source_facts": _same(""),
    "previous": _same(""),
    "residual_padding": lambda table: table.column("border_fraction"),
    "registration": _same(""),
    "displacement_px": _same(-1.0),
    "lost_share": _same(0.0),
    **{f"crop_{side}": _same(0) for side in ("left", "top", "right", "bottom")},
    **dict.fromkeys(MEASURED_LATER, _same(-1.0)),
    **{f"change_{name}": _same(0) for name in ("x", "y", "width", "height")},
    "change_mask": _same(""),
    "doubts": _same(""),
    "language": _written("language"),
    "script": _written("script"),
    "model_version": _same(""),
    "rewrite_version": _same(""),
    "rewrite_prompt": _same(""),
    "judge_version": _same(""),
    "judge_prompt": _same(""),
    "source_model": _same(""),
    "source_response": _same(""),
    **dict.fromkeys(OPTIONAL, lambda table: pa.nulls(table.num_rows, pa.float64())),
    "embed_model": _same(""),
}
"""Columns that corpora of earlier versions lack, and what stands in their place."""

_SCHEMA = shard_schema()
NEEDED = frozenset(_SCHEMA.names) - _LATER.keys()
"""Columns without which there is no record; what stands for the others follows from them."""


def completed(table: pa.Table, wanted: pa.Schema) -> pa.Table:
    """A table with what stands in the place of columns that corpora of earlier versions lack.

    Args:
        table: Of a shard.
        wanted: Columns of `Published`, all of which it then has, in this order.

    Raises:
        ShardError: A column is missing that nothing can stand for.
    """
    columns = [
        table.column(name) if name in table.column_names else _later(table, name)
        for name in wanted.names
    ]
    return pa.Table.from_arrays(columns, names=wanted.names)


def _later(table: pa.Table, name: str) -> pa.Array:
    if name not in _LATER:
        raise ShardError(f"It has no column {name}.")
    return _LATER[name](table)


def present(schema: pa.Schema, names: frozenset[str] | None = None) -> list[str]:
    """The columns of a file that are read for a table of `unified`.

    Args:
        schema: Of the file.
        names: Those that are wanted; all where None.

    Raises:
        ShardError: One is missing that nothing can stand for.
    """
    wanted = [name for name in _SCHEMA.names if names is None or name in names]
    missing = [name for name in wanted if name not in schema.names and name in NEEDED]
    if missing:
        raise ShardError(f"It has no column {missing[0]}.")
    return [name for name in wanted if name in schema.names]


def unified(table: pa.Table, names: frozenset[str] | None = None) -> pa.Table:
    """A table with the columns of `Published` in their order and of their types.

    Args:
        table: Of a shard; columns that no record has are left out.
        names: Columns that are wanted; all where None. Whatever a column that is not there follows
            from must be in the table.

    Raises:
        ShardError: A column is missing, is of another type, or holds null.
    """
    columns = [column for column in _SCHEMA if names is None or column.name in names]
    arrays = [_column(table, column) for column in columns]
    metadata = _SCHEMA.metadata if names is None else None
    return pa.Table.from_arrays(arrays, schema=pa.schema(columns, metadata=metadata))


def _column(table: pa.Table, column: pa.Field) -> pa.ChunkedArray:
    place = table.schema.get_field_index(column.name)  # a list of all names for each would be slow
    found = _later(table, column.name) if place < 0 else table.column(place)
    if found.type != column.type:
        found = _cast(found, column)
    if (found.null_count and column.name not in OPTIONAL) or _bare(found, column):
        raise ShardError(f"Its column {column.name} holds null.")
    return found


def _bare(found: pa.ChunkedArray, column: pa.Field) -> bool:
    """Whether a picture has no bytes."""
    if column.name not in PICTURES:
        return False
    chunks = getattr(found, "chunks", [found])
    return any(chunk.field("bytes").null_count for chunk in chunks)


def _cast(found: pa.ChunkedArray, column: pa.Field) -> pa.ChunkedArray:
    try:
        return found.cast(column.type, safe=True)
    except (pa.ArrowException, ValueError) as error:
        raise ShardError(f"Its column {column.name} is {found.type}, not {column.type}.") from error
