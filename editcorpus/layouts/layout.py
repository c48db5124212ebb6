"""What a layout is, to the export that writes it."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields
from typing import Any

from editcorpus.errors import RecordError, ShardError
from editcorpus.images import sniff
from editcorpus.layouts.corpus import Corpus, Shard
from editcorpus.layouts.output import Output
from editcorpus.layouts.parquet import extension
from editcorpus.layouts.schema import OPTIONAL, PICTURES
from editcorpus.records import Published
from editcorpus.taxonomy import Family, name_of_family

Line = dict[str, Any]
"""What a layout remembers of one record until the end: JSON members, never a picture."""

TEXTS = tuple(field.name for field in fields(Published) if field.name not in PICTURES)
"""The members of a record that are no pictures."""

_FAMILIES = frozenset(map(str, Family))

ShardWriter = Callable[[Shard, Output], Iterator[Line]]
"""Writes what belongs to one shard, and yields a line for each record, in their order."""


@dataclass(frozen=True, slots=True)
class Layout:
    """One form in which a corpus can lie in a folder.

    Attributes:
        name: As the command line takes it.
        writer: Looks at a corpus once, and gives what writes its shards.
        finish: Writes what speaks of all records, from all lines in the order of the corpus.
        data: Glob of the files that `datasets` is to load, with `{split}` for the name of a split;
            empty where it is not to load the folder.
        loading: How to load it, in Markdown, for the card.
        files: Globs of the files with records, and then of those beside them, for machines.
    """

    name: str
    writer: Callable[[Corpus], ShardWriter]
    finish: Callable[[Corpus, Iterable[Line], Output], None]
    data: str
    loading: str
    files: tuple[str, ...]


def always(write: ShardWriter) -> Callable[[Corpus], ShardWriter]:
    """The writer of a layout that writes the shards of every corpus alike."""
    return lambda _: write


def no_more(_: Corpus, lines: Iterable[Line], __: Output) -> None:
    """The end of a layout in which each shard stands for itself."""


def configured(path: str, splits: Iterable[str]) -> tuple[str, ...]:
    """The front matter's lines under `configs:`; none where there is no path.

    Args:
        path: A glob; `{split}` in it stands for the name of a split. Without that, all is `train`.
        splits: Of the corpus.
    """
    if not path:
        return ()
    named = list(splits) if "{split}" in path else ["train"]
    files = ((f"  - split: {one}", f'    path: "{path.format(split=one)}"') for one in named)
    return ("- config_name: default", "  data_files:", *(line for two in files for line in two))


def texts_of(record: Published) -> Line:
    """All members of a record but its pictures, and its family.

    Missing texts are empty, and figures that nobody asked for are left out: `datasets` cannot tell what
    a column is whose first values are null.
    """
    told = {name: getattr(record, name) for name in TEXTS}
    held = {name: value for name, value in told.items() if value is not None}
    return held | {"family": record.family or family_name(record)}


def published(texts: Line, source: bytes, edited: bytes) -> Published:
    """The record back again; members that a record does not have are ignored.

    Raises:
        ShardError: A member is missing.
    """
    members: dict[str, Any] = {name: texts.get(name) for name in TEXTS}
    missing = [name for name in TEXTS if members[name] is None and name not in OPTIONAL]
    if missing:
        raise ShardError(f"A record has no {', '.join(missing)}.")
    return Published(**members, source_image=source, edited_image=edited)


def family_name(record: Published) -> str:
    """The family of a record; empty where its source does not tell."""
    if record.family in _FAMILIES:
        return record.family
    return name_of_family(record, record.instruction_type)


def source_facts(record: Published) -> Line:
    """What the source itself says of a row, such as its own scores; nothing where it is no object."""
    try:
        told = json.loads(record.source_facts or "{}")
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def ending(record: Published, picture: bytes) -> str:
    """The file extension of a picture by its bytes.

    Raises:
        ShardError: They are no picture that a corpus may hold.
    """
    try:
        sniff(picture)
    except RecordError as error:
        raise ShardError(f"A picture of {record.id!r} is damaged: {error}") from error
    return extension(picture)


def encoded(line: Line) -> bytes:
    """A line of JSON; any text survives it, also as one line of a file."""
    return json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def write_lines(output: Output, name: str, lines: Iterable[Line]) -> None:
    """Write a file of JSON lines, whole or not at all."""
    with output.large(name) as file:
        for line in lines:
            file.write(encoded(line))
