"""A row of a source: where it lies, which columns it has, who it is and what it asks for.

A source file says these things of one published dataset; everything here serves all of them.
"""

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Any, Literal, NamedTuple, Protocol

from editcorpus.errors import RowsDamaged, SourceError
from editcorpus.inputs import Inputs, Kind
from editcorpus.names import safe_name
from editcorpus.records import Reason, Rejected, Triplet
from editcorpus.sampling import number
from editcorpus.storage import Store
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


Role = Literal["source", "edited", "mask"]
"""What a picture of a row is."""
Unread = RowsDamaged | SourceError
"""Why the pictures of a row cannot be read: its part of the file is damaged, or one is too large."""
Found = Mapping[Role, bytes | None] | Unread
"""The pictures of a row, encoded as published, None where it has none; or why they cannot be read."""
Items = Triplet | Rejected | Sequence[Triplet | Rejected]
"""What a row says: one triplet or reject, or the turns of a conversation in their order."""


class Rows(Protocol):
    """The rows of an open file, in groups that are read one at a time."""

    @property
    def sizes(self) -> Sequence[int]:
        """Rows in each group."""

    def check(self, source: "Source") -> None:
        """Refuse a file whose columns are not those of the source.

        Raises:
            ConfigError: A column is missing or holds something else.
        """

    def first_row(self, group: int) -> int:
        """Number of a group's first row in the file."""

    def only_text(self, group: int, column: str) -> str | None:
        """The one text that a column has in a group; None where nothing but reading it would tell."""

    def records(self, group: int, columns: Sequence[str]) -> Iterator[Row]:
        """The rows of a group in order, with these columns.

        Raises:
            RowsDamaged: The group is damaged.
        """


class Shelf(Protocol):
    """Where one process takes the pictures of rows from; it holds files and indexes open."""

    @property
    def ordered(self) -> bool:
        """Whether rows are cheap in their order alone: going back means to begin again."""

    def reached(self, file: str, group: int) -> int:
        """Number of the row that comes next in a group, where rows have an order; else 0."""

    def read(
        self, triplets: Sequence[Triplet], roles: Sequence[Role]
    ) -> Iterator[tuple[Triplet, Found]]:
        """The pictures of triplets, each triplet once, in an order that suits the input.

        Raises:
            StorageError: A file cannot be opened or read.
            ShardError: A file is not what it was when the run was planned.
        """

    def close(self) -> None:
        """Free what is held open."""


class Reader(Protocol):
    """How the files of a kind of input are read."""

    @property
    def endings(self) -> tuple[str, ...]:
        """How the names of files with rows end."""

    def rows(self, inputs: Inputs, url: str) -> AbstractContextManager[Rows]:
        """Open a file of rows.

        Raises:
            StorageError: It cannot be opened or read, also while the block runs.
            ShardError: It is damaged, also while the block runs.
        """

    def shelf(self, source: "Source", inputs: Inputs, store: Store | None) -> Shelf:
        """Where this process takes pictures from.

        Args:
            source: Says where a row has them.
            inputs: The files.
            store: Keeps what takes long to find out, such as what lies where in an archive.
        """


@dataclass(frozen=True, slots=True)
class Source:
    """One recipe of one published dataset: all that planning and reading have to know of it.

    Attributes:
        name: First part of every id, such as `omniedit`.
        license: SPDX id of its licence, or the publisher's own words.
        columns: The columns that are needed and what is in them: `text`, `texts`, `integer`, `number`
            or `image`; a `?` at its end says that a file may lack the column.
        task_column: By which a sample is stratified; empty where there is none.
        pictures: The column of each picture that a row has.
        triplet: Makes a row and its place, under a seed, a triplet, a reject, or the turns of a
            conversation.
        reader: How its files are read.
        recipe: Name of the recipe; empty where the dataset has one alone.
        files: What the path of a file of rows must match, for a dataset that lies in several parts.
        keeps: Whether pictures are read from the input once, since reading again costs a pass.
        rounds: Most turns of a conversation.
        synthesises: Whether the source image is made anew from the caption, too.
        captioned: Whether rows have captions, so that new source images can be made of them.
        describes: Whether a model describes the source image first, for want of a caption (see
            `steps/caption.py`).
        classes: Whether the task of a row is asked of a model (see `steps/classify.py`).
        composes: Whether the instruction is composed of several edits (see `steps/compose.py`).
        origin: Path of the file that describes it, where that is none of this project's.
        below: Says of a published pair's `facts` why its publisher's own rule leaves it out; empty
            where it does not. It decides over the base variant alone: other pictures replace the one
            that was scored.
        defaults: Settings by step that differ from those of other sources, where nobody sets them.
        variant: How its pairs are made where nobody says so (see `stages/workshop.py`).
    """

    name: str
    license: str
    columns: Mapping[str, str]
    task_column: str
    pictures: Mapping[Role, str]
    triplet: Callable[[Row, Place, int], Items]
    reader: Reader
    recipe: str = ""
    files: str = ""
    keeps: bool = False
    rounds: int = 1
    synthesises: bool = False
    captioned: bool = False
    describes: bool = False
    classes: bool = False
    composes: bool = False
    origin: str = ""
    below: Callable[[Mapping[str, Any]], str] = lambda _: ""
    defaults: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    variant: Literal["output", "base"] = "output"

    @property
    def kind(self) -> Kind:
        """Which files of an input hold its rows."""
        return Kind(self.reader.endings, self.files)

    @property
    def gives_pairs(self) -> bool:
        """Whether its source images can be made anew: a mask of a published picture fits no other."""
        masked = "mask" in self.pictures and not self.columns[self.pictures["mask"]].endswith("?")
        return self.captioned or self.synthesises or not masked

    def as_pair(self) -> "Source":
        """The same with its source images made anew.

        Where rows have captions, no published picture is looked at; else each is described first.
        """
        if not self.captioned:
            return replace(self, synthesises=True, describes=self.describes or not self.synthesises)
        texts = {name: kind for name, kind in self.columns.items() if not kind.startswith("image")}
        return replace(self, synthesises=True, columns=texts, pictures={})

    @property
    def plan_columns(self) -> list[str]:
        """The columns that planning reads: no picture among them."""
        return [name for name, kind in self.columns.items() if not kind.startswith("image")]


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


def placed_id(source: str, place: Place, part: str = "") -> str:
    """The id of a row that gives none: made of where it lies.

    Args:
        source: Name of the source.
        place: Of the row.
        part: What tells rows of one place apart: the split or recipe, where the source has several.
    """
    stem = safe_name(PurePosixPath(place.file).stem)[-100:]
    return "/".join(filter(None, (source, part, stem, str(place.row))))


def told_facts(row: Row, names: Mapping[str, str]) -> str:
    """The source's own scores and captions as `Triplet.facts` has them.

    What a row lacks, an empty text and a number that is not finite are left out.

    Args:
        row: Of the source.
        names: What each is called among the facts, by its column.
    """
    told = {name: row[column] for column, name in names.items() if _says(row[column])}
    return json.dumps(told, ensure_ascii=False, sort_keys=True) if told else ""


def _says(value: object) -> bool:
    return math.isfinite(value) if isinstance(value, int | float) else bool(value)


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
