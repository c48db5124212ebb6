"""The index files of a benchmark: which pictures belong to which instruction.

Benchmarks are published as folders of pictures beside JSON, and no two have the same names in it:

- ImgEdit: `{"1082": {"id": "animal/000342021.jpg", "prompt": ...}}`; in its multi-turn suite `turn1` to
  `turn3` in place of `prompt`.
- KRIS-Bench: an `annotation.json` in each folder, `{"1": {"ori_img": ..., "gt_img": "1_gt.jpg", "ins_en":
  ...}}`, where `ori_img` is a path or a list of them.
- RISEBench: `[{"index": "temporal_reasoning_1", "instruction": ..., "image":
  "temporal_reasoning_images/1.png", "reference_img": ...}]`, with the pictures in `data/`.
- Complex-Edit: a `metadata.jsonl`, `{"file_name": "images/0000.png", "edit": {"compound":
  [{"compound_instruction": ...}]}}`, with eight instructions of growing complexity.

So whatever ends like the name of a picture is one, under any key; the instruction has one of a few names. A
picture is only ever one of the files that were found, whatever a path says.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from posixpath import dirname, join, normpath
from typing import Any

from editcorpus.errors import ConfigError, ShardError, SourceError
from editcorpus.readers.json_array import text_of
from editcorpus.union.benchmark_files import Files

PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff")
INSTRUCTIONS = ("instruction", "prompt", "edit_prompt", "ins_en", "text", "edit")
"""Names that are looked for, the first that says something."""
IDS = ("key", "id", "index", "image_id")
INDEXES = (".json", ".jsonl")
_TURN = re.compile(r"turn[0-9]{1,2}")
_INSIDE = ("compound", "compound_instruction", "instruction")
"""Where the texts are, of an instruction that is said in a structure of its own."""
_MOST_INDEX = 64 * 2**20
_MOST_PATH = 1000
_MOST_TEXT = 20_000
_MOST_TEXTS = 16
_MOST_ALIKE = 64


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns of a table, or members of an index, hold what; empty: found by their names and types.

    Attributes:
        pictures: Pictures, lists of pictures, or paths of them.
        instruction: Texts.
        id: Texts or numbers.
    """

    pictures: tuple[str, ...] = ()
    instruction: str = ""
    id: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """What an index says of one item.

    Attributes:
        id: As the index names it, behind the folder of the index where there are several.
        instructions: All that is asked of the same pictures.
        pictures: Name of the member, and address of the picture.
        missing: A sentence for each picture that is named and not there.
    """

    id: str
    instructions: tuple[str, ...]
    pictures: tuple[tuple[str, str], ...]
    missing: tuple[str, ...]


def read_indexes(files: Files, columns: Columns) -> list[Entry]:
    """All that the indexes among files say; JSON that names no picture is none.

    Raises:
        ConfigError: An index names pictures of which none is there, or says no instruction.
        ShardError: A file is no JSON, or too long.
        StorageError: It cannot be read.
    """
    lookup = _Lookup(files)
    found = [(name, _entries(name, files, columns, lookup)) for name in files.places if _is(name)]
    indexes = [(name, entries) for name, entries in found if entries]
    shared = common_folder([name for name, _ in indexes])
    made = []
    for name, entries in indexes:
        folder = dirname(name.removeprefix(shared))
        made += [_within(folder, entry) for entry in entries]
    return made


def is_picture(name: str) -> bool:
    """Whether a file is a picture, by its name."""
    return name.lower().endswith(PICTURES)


def common_folder(names: Sequence[str]) -> str:
    """The folder that all files lie in, as their addresses begin."""
    made: list[str] = []
    for parts in zip(*(dirname(one).split("/") for one in names), strict=False):
        if len(set(parts)) > 1:
            break
        made.append(parts[0])
    return "/".join(made) + "/"


def _is(name: str) -> bool:
    return name.lower().endswith(INDEXES)


def _within(folder: str, entry: Entry) -> Entry:
    name = f"{folder}/{entry.id}" if folder and entry.id else entry.id
    return Entry(name, entry.instructions, entry.pictures, entry.missing)


def _entries(name: str, files: Files, columns: Columns, lookup: "_Lookup") -> list[Entry]:
    """The items of an index; none where the file is something else."""
    named = []
    members: set[str] = set()
    for key, record in _records(name, _text(name, files)):
        paths = list(_paths(record, columns))
        if paths:
            named.append(_entry(name, key, record, paths, columns, lookup))
            members |= {str(one)[:40] for one in record}
    if named and not any(entry.pictures for entry in named):
        raise ConfigError(
            f"{name} names pictures and none of them is there: {named[0].missing[0]} "
            "Name the folder that holds both, or both of them."
        )
    if named and not any(entry.instructions for entry in named):
        raise ConfigError(
            f"{name} names pictures and says no instruction of them: its members are "
            f"{', '.join(sorted(members)):.300}. Say which one by --instruction, or leave the file out."
        )
    return sorted(named, key=lambda entry: entry.pictures)


def _entry(
    name: str,
    key: str,
    record: Mapping[str, Any],
    paths: Sequence[tuple[str, str]],
    columns: Columns,
    lookup: "_Lookup",
) -> Entry:
    pictures: dict[str, str] = {}
    missing = []
    for member, path in paths:
        address = lookup.find(dirname(name), path)
        if address:
            pictures.setdefault(address, member)
        else:
            missing.append(f"{path!r:.200} is not there, or at several places.")
    shown = tuple((member, address) for address, member in pictures.items())
    name_of = identity(record, columns) or key
    return Entry(name_of, tuple(instructions(record, columns)), shown, tuple(missing))


def _text(name: str, files: Files) -> str:
    try:
        return files.read(name, _MOST_INDEX).decode("utf-8-sig", "replace")
    except SourceError as error:
        raise ShardError(f"{name} is larger than an index can be: {error}") from error


def _records(name: str, text: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each record with its key: of lines, of an array, of an object of objects, or of one object."""
    if name.lower().endswith(".jsonl"):
        for number, line in enumerate(text.splitlines(), 1):
            record = _parsed(f"{name} is damaged in line {number}", line) if line.strip() else {}
            if not isinstance(record, dict):
                raise ShardError(f"{name} is damaged in line {number}: it is no JSON object.")
            yield "", record
        return
    whole = _parsed(f"{name} is damaged", text)
    if isinstance(whole, dict) and any(map(_is_path, whole.values())):
        whole = [whole]
    pairs = whole.items() if isinstance(whole, dict) else [("", whole)]
    for key, value in pairs:
        for record in value if isinstance(value, list) else [value]:
            if isinstance(record, dict):
                yield text_of(key) or "", record


def _parsed(sentence: str, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ShardError(f"{sentence}: it is no JSON.") from error


def _paths(record: Mapping[str, Any], columns: Columns) -> Iterator[tuple[str, str]]:
    """What a record names that is a picture, and under which name."""
    said = {columns.instruction} if columns.instruction else {*INSTRUCTIONS}
    names = columns.pictures or [one for one in record if one not in said]
    for member in names:
        value = record.get(member)
        for path in value if isinstance(value, list) else [value]:
            if _is_path(path):
                yield text_of(member) or "", text_of(path) or ""


def _is_path(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= _MOST_PATH and is_picture(value)


def identity(record: Mapping[str, Any], columns: Columns) -> str:
    """What a record calls itself; empty where it does not."""
    for name in (columns.id,) if columns.id else IDS:
        value = record.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)[:_MOST_PATH] if abs(value) < 1 << 64 else ""
        text = text_of(value)
        if text and not is_picture(text):
            return text[:_MOST_PATH]
    return ""


def instructions(record: Mapping[str, Any], columns: Columns) -> list[str]:
    """What a record asks for: an instruction, several in a structure, or those of its turns."""
    for name in (columns.instruction,) if columns.instruction else INSTRUCTIONS:
        if texts := [*_texts(record.get(name))]:
            return texts[:_MOST_TEXTS]
    turns = sorted(name for name in record if _TURN.fullmatch(name))
    return [text for name in turns for text in _texts(record[name])][:_MOST_TEXTS]


def _texts(value: Any, depth: int = 0) -> Iterator[str]:
    """The texts of an instruction, which may be several, or in a structure of their own."""
    if isinstance(value, str) and value.strip():
        yield (text_of(value) or "")[:_MOST_TEXT]
    elif depth < len(_INSIDE) + 1 and isinstance(value, list):
        for one in value[:_MOST_TEXTS]:
            yield from _texts(one, depth + 1)
    elif depth < len(_INSIDE) + 1 and isinstance(value, dict):
        name = next((one for one in _INSIDE if one in value), "")
        yield from _texts(value.get(name), depth + 1)


class _Lookup:
    """Finds the file that a path in an index means."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._by_end: dict[str, list[str]] = {}
        for address in filter(is_picture, files.places):
            parts = address.split("/")
            for first in range(1, len(parts)):
                self._by_end.setdefault("/".join(parts[first:]), []).append(address)

    def find(self, folder: str, path: str) -> str:
        """The address of a picture that an index in a folder names; empty where it is not clear.

        Beside the index first, then wherever a file's address ends like that, the nearest of several.
        """
        beside = _joined(folder, path)
        if beside in self._files.places:
            return beside
        likely = self._by_end.get(normpath(path), [])[: _MOST_ALIKE + 1]
        near = sorted((-_shared(folder, one), one) for one in likely)
        if not near or len(near) > _MOST_ALIKE or [one for one, _ in near[:2]] == [near[0][0]] * 2:
            return ""
        return near[0][1]


def _joined(folder: str, path: str) -> str:
    """The address of a file by its path from a folder."""
    scheme, mark, rest = folder.rpartition("://")
    return f"{scheme}{mark}{normpath(join(rest, path))}"


def _shared(folder: str, address: str) -> int:
    """How many folders an address has in common with a folder, from the first on."""
    pairs = zip(folder.split("/"), address.split("/"), strict=False)
    return next((place for place, (one, other) in enumerate(pairs) if one != other), 1 << 10)
