"""A person's own data: pictures, and rows in JSON Lines, CSV, parquet, WebDataset, or a `datasets` folder.

A row needs an `instruction` and a `source_image`; it may have an `edited_image`, which the base variant
needs, a `mask`, a `task`, a `license` and an `id`. Columns that are called otherwise are named in
`Config`. A task that is named after a family of `taxonomy.py` is of that family.

Without an id a row is called after its place: `folder/<file of rows>/<row>`.
"""

import json
import re
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from editcorpus.archives.entries import member_path
from editcorpus.readers.lines import HELD, PROBLEM
from editcorpus.readers.own import OwnReader
from editcorpus.readers.own_rows import WHERE, also
from editcorpus.records import Reason, Rejected, Triplet
from editcorpus.rows import PLAN, Place, Role, Row, Source, choose_instruction

NAME = "folder"

_TASK = re.compile(r"[a-z][a-z0-9_-]{0,63}")
_LICENSE = re.compile(r"[\x21-\x7e][\x20-\x7e]{0,99}")
_ID = re.compile(
    r"(?=.{1,128}\Z)[A-Za-z0-9_][A-Za-z0-9_.,=@+-]*(/[A-Za-z0-9_][A-Za-z0-9_.,=@+-]*)*"
)
_LINK = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


class Config(BaseModel):
    """What the columns of your data are called."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    instruction: str = Field(
        "instruction", min_length=1, description="Column of instructions: a text, or paraphrases."
    )
    source_image: str = Field(
        "source_image", min_length=1, description="Column of source images: bytes, or paths."
    )
    edited_image: str = Field(
        "edited_image", description="Column of edited images; the base variant needs one."
    )
    mask: str = Field("mask", description="Column of masks, white where the edit goes.")
    task: str = Field("task", description="Column of tasks; samples are stratified by it.")
    license: str = Field("license", description="Column of licences.")
    id: str = Field("id", description="Column of ids, unique over the input.")
    default_license: str = Field(
        "unknown", pattern=_LICENSE.pattern, description="Licence of rows that name none."
    )
    pictures: str = Field(
        "",
        description="Folder from which the paths of pictures lead on, as a path or URL; empty: the "
        "folder of the file of rows, else the input.",
    )

    @property
    def images(self) -> dict[Role, str]:
        """The column of each picture that rows may have."""
        named: dict[Role, str] = {
            "source": self.source_image,
            "edited": self.edited_image,
            "mask": self.mask,
        }
        return {role: name for role, name in named.items() if name}


def configured(config: Config, variant: str = "output") -> dict[str, Source]:
    """The source for data whose columns are called so.

    Args:
        config: Says what they are called.
        variant: Of the build: `base` needs edited images.
    """
    required = {"source", "edited"} if variant == "base" else {"source"}
    columns = {config.instruction: "text"}
    source = Source(
        name=NAME,
        license=config.default_license,
        columns=columns,
        task_column=config.task,
        pictures=config.images,
        triplet=partial(to_triplet, config=config),
        reader=OwnReader(_settings(config), config.pictures),
    )
    for role, name in config.images.items():
        columns[name] = "picture" if role in required else "picture?"
        columns |= dict.fromkeys(also(role, name)[1:], "text?")
    for name in filter(None, (config.task, config.license, config.id)):
        columns.setdefault(name, "text?")
    return {"": source}


def _settings(config: Config) -> Mapping[str, str]:
    return {name: f"{NAME}.{setting}" for setting, name in config.model_dump().items() if name}


def to_triplet(row: Row, place: Place, seed: int, *, config: Config) -> Triplet | Rejected:
    """A row as a triplet, or why it is none."""
    name = _name(row, place, config)
    if isinstance(name, Rejected):
        return name
    if row[PROBLEM]:
        return Rejected(name, PLAN, Reason.ROW_UNREADABLE, row[PROBLEM])
    paths = _paths(row, name, config)
    if isinstance(paths, Rejected):
        return paths
    chosen = choose_instruction(_texts(row[config.instruction]), seed, name)
    if isinstance(chosen, Rejected):
        return chosen
    index, instruction = chosen
    return Triplet(
        id=name,
        dataset_source=NAME,
        task=_fitting(_TASK, row, config.task) or "",
        subtask="",
        instruction=instruction,
        instruction_index=index,
        license=_fitting(_LICENSE, row, config.license) or config.default_license,
        file=place.file,
        row_group=place.row_group,
        row=place.row,
        paths=json.dumps(paths, sort_keys=True) if paths else "",
    )


def _name(row: Row, place: Place, config: Config) -> str | Rejected:
    native, placed = row[config.id] if config.id else None, f"{NAME}/{row[WHERE]}/{place.row}"
    if native is None or native in ("", HELD):
        return placed
    told = str(native) if isinstance(native, str | int) else repr(native)
    if _ID.fullmatch(told):
        return f"{NAME}/{told}"
    detail = f"The id is {told[:80]!r}; expected at most 128 letters, digits and _.,=@+-/."
    return Rejected(placed, PLAN, Reason.MALFORMED_ID, detail)


def _paths(row: Row, name: str, config: Config) -> dict[Role, str] | Rejected:
    """Where pictures lie that are named by their paths; only a published edit may be out of reach."""
    found: dict[Role, str] = {}
    for role, column in config.images.items():
        told = "" if row[column] == HELD else _first_path(row, also(role, column))
        if not told:
            continue
        inside = "" if _LINK.match(told) else member_path(told)
        if inside:
            found[role] = inside
        elif role != "edited":
            return _out_of_reach(name, role, told)
    return found


def _out_of_reach(name: str, role: Role, told: str) -> Rejected:
    if _LINK.match(told):
        detail = f"The {role} is an address, {told!r:.80}, and no picture."
        return Rejected(name, PLAN, Reason.IMAGE_IS_LINK, detail)
    detail = f"The path of the {role}, {told!r:.80}, leads out of the folder of pictures."
    return Rejected(name, PLAN, Reason.PATH_OUTSIDE, detail)


def _first_path(row: Row, columns: Iterable[str]) -> str:
    """The path in the first column that has one, as it is or in a struct; empty where none has."""
    values = (row.get(name) for name in columns)
    told = (one.get("path") if isinstance(one, Mapping) else one for one in values)
    return next((one.strip() for one in told if isinstance(one, str) and one.strip()), "")


def _texts(value: Any) -> list[str]:
    told = value if isinstance(value, list) else [value]
    return [one for one in told if isinstance(one, str)]


def _fitting(form: re.Pattern[str], row: Row, column: str) -> str | None:
    """A text of that form; None where a row has none."""
    value = row.get(column)
    return value if isinstance(value, str) and form.fullmatch(value) else None


RECIPES = configured(Config())
