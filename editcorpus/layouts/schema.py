"""The columns of a corpus' shard, and the options under which it is written: all fixed here."""

import json
from typing import Any

import pyarrow as pa

from editcorpus.records import Published
from editcorpus.tables import schema_of

PICTURES = ("source_image", "edited_image")
"""The columns that hold pictures."""

OPTIONAL = frozenset(column.name for column in schema_of(Published) if column.nullable)
"""The columns that may hold null: of what was not measured."""

GROUP_BYTES = 16 * 2**20
"""Picture bytes after which a row group is closed, so that shards written side by side fit into
memory. The Hugging Face viewer asks for row groups below 300 MB; a group here passes 16 MiB only
where a single record does."""

GROUP_ROWS = 1_000
"""Rows after which a row group is closed whatever their size."""

PICTURE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
"""The type of a picture column, as `datasets` stores an `Image`."""


def shard_schema() -> pa.Schema:
    """The columns of `Published`; under `huggingface` the schema says which ones are pictures."""
    columns = [
        pa.field(column.name, PICTURE) if column.name in PICTURES else column
        for column in schema_of(Published)
    ]
    features = {column.name: _feature(column) for column in columns}
    told = json.dumps({"info": {"features": features}}, separators=(",", ":"))
    return pa.schema(columns, metadata={"huggingface": told})


def _feature(column: pa.Field) -> dict[str, str]:
    if column.name in PICTURES:
        return {"_type": "Image"}
    return {"dtype": str(column.type).replace("double", "float64"), "_type": "Value"}


def shard_options(schema: pa.Schema) -> dict[str, Any]:
    """What `ParquetWriter` takes: equal rows give equal bytes under the same pyarrow."""
    text = [column.name for column in schema if column.name not in PICTURES]
    pictures = [f"{name}.{part}" for name in PICTURES for part in ("bytes", "path")]
    return {
        "compression": {**dict.fromkeys(text, "ZSTD"), **dict.fromkeys(pictures, "NONE")},
        "compression_level": dict.fromkeys(text, 3),
        "use_dictionary": [column.name for column in schema if column.type == pa.string()],
        "write_statistics": text,
        "version": "2.6",
        "data_page_version": "1.0",
        "store_schema": True,
    }
