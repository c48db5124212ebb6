"""Whether a table has the columns that a source needs."""

from collections.abc import Callable

import pyarrow as pa

from editcorpus.errors import ConfigError
from editcorpus.rows import Source


def check_schema(source: Source, schema: pa.Schema, url: str) -> None:
    """Refuse a file whose columns are not those of the source, naming what is missing and seen.

    Raises:
        ConfigError: A column is missing or holds something else.
    """
    wrong = [
        f"{name} ({kind.removesuffix('?')})"
        for name, kind in source.columns.items()
        if not _fits(schema, name, kind)
    ]
    if wrong:
        seen = ", ".join(f"{field.name} ({field.type})" for field in schema)
        raise ConfigError(
            f"{url} is not in the layout of {source.name}: it needs {', '.join(wrong)}; "
            f"it has {seen[:600] or 'no column'}."
        )


def _fits(schema: pa.Schema, name: str, kind: str) -> bool:
    optional = kind.endswith("?")
    if name not in schema.names:
        return optional
    found = schema.field(name).type
    return (optional and pa.types.is_null(found)) or _KINDS[kind.removesuffix("?")](found)


def _is_text(kind: pa.DataType) -> bool:
    inner = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(inner) or pa.types.is_large_string(inner))


def _is_texts(kind: pa.DataType) -> bool:
    is_list = pa.types.is_list(kind) or pa.types.is_large_list(kind)
    return bool(is_list and _is_text(kind.value_type))


def _is_image(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        names = [field.name for field in kind]
        return "bytes" in names and _is_image(kind.field(names.index("bytes")).type)
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


_KINDS: dict[str, Callable[[pa.DataType], bool]] = {
    "text": _is_text,
    "texts": _is_texts,
    "image": _is_image,
    "number": lambda kind: bool(pa.types.is_integer(kind) or pa.types.is_floating(kind)),
    "integer": lambda kind: bool(pa.types.is_integer(kind)),
}
