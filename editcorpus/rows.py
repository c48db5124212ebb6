"""A row of a source: where it lies, which columns it has, who it is and what it asks for.

A source file says these things of one published dataset; everything here serves all of them.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, NamedTuple

import pyarrow as pa

from editcorpus.errors import ConfigError
from editcorpus.names import safe_name
from editcorpus.records import Reason, Rejected, Triplet
from editcorpus.sampling import number
from editcorpus.texts import clean_instruction

PLAN = "plan"
"""Name of this step in reject files."""

Row = Mapping[str, Any]
"""The planned columns of one row."""

_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.,=@+-]{0,127}")


class Place(NamedTuple):
    """Where a row lies: file as path or URL, row group and row in it, both from 0."""

    file: str
    row_group: int
    row: int


@dataclass(frozen=True, slots=True)
class Source:
    """One published dataset: all that planning has to know of it.

    Attributes:
        name: First part of every id, such as `omniedit`.
        license: SPDX id of its licence.
        columns: The columns that are needed and what is in them: `text`, `texts`, `integer` or
            `image`.
        task_column: By which a sample is stratified; empty where there is none.
        image_column: Holds the source picture; never read by planning.
        triplet: Makes a row and its place, under a seed, a triplet or a reject.
    """

    name: str
    license: str
    columns: Mapping[str, str]
    task_column: str
    image_column: str
    triplet: Callable[[Row, Place, int], Triplet | Rejected]

    @property
    def plan_columns(self) -> list[str]:
        """The columns that planning reads: no picture among them."""
        return [name for name, kind in self.columns.items() if kind != "image"]


def identify(source: str, native: str | int | None, place: Place) -> str | Rejected:
    """The id of a row: `<source>/<native id>`, or a reject under an id made of its place.

    A native id is at most 128 letters, digits and `_.,=@+-`, the first a letter, digit or `_`: no
    slash, blank or control character, so that it is safe as file name and key. `~` and `#` are
    kept for duplicates and turns.
    """
    if _ID.fullmatch(str(native if native is not None else "")):
        return f"{source}/{native}"
    shown = "missing" if native is None else repr(str(native)[:80])
    detail = f"The id is {shown}; expected at most 128 letters, digits and _.,=@+-."
    return Rejected(placed_id(source, place), PLAN, Reason.MALFORMED_ID, detail)


def placed_id(source: str, place: Place) -> str:
    """The id of a row that gives none: made of where it lies."""
    stem = safe_name(PurePosixPath(place.file).stem)[-100:]
    return f"{source}/{stem}/{place.row}"


def choose_instruction(
    texts: Sequence[str | None] | None, seed: int, id_: str
) -> tuple[int, str] | Rejected:
    """One of several paraphrases, by hash of seed and id: its index, from 0, and its clean text.

    Paraphrases that do not pass `clean_instruction` are not chosen; where none passes, the row is
    rejected for the reason of the first that is not empty.
    """
    cleaned = [clean_instruction(text) for text in texts or ()]
    usable = [(index, text) for index, (text, reason) in enumerate(cleaned) if reason is None]
    if usable:
        return usable[number(seed, "paraphrase", id_) % len(usable)]
    bad = next(((text, why) for text, why in cleaned if why and text), None)
    text, reason = bad or ("", Reason.EMPTY_INSTRUCTION)
    detail = f"{len(cleaned)} given, none usable; the first has {len(text)} characters."
    return Rejected(id_, PLAN, reason, detail)


def check_schema(source: Source, schema: pa.Schema, url: str) -> None:
    """Refuse a file whose columns are not those of the source, naming what is missing and seen.

    Raises:
        ConfigError: A column is missing or holds something else.
    """
    wrong = [
        f"{name} ({kind})"
        for name, kind in source.columns.items()
        if name not in schema.names or not _KINDS[kind](schema.field(name).type)
    ]
    if wrong:
        seen = ", ".join(f"{field.name} ({field.type})" for field in schema)
        raise ConfigError(
            f"{url} is not in the layout of {source.name}: it needs {', '.join(wrong)}; "
            f"it has {seen[:600] or 'no column'}."
        )


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
    "integer": lambda kind: bool(pa.types.is_integer(kind)),
}
