"""Which layout a corpus has, found out from the names of its files and of the columns of the first."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from editcorpus.errors import ConfigError, ShardError, StorageError
from editcorpus.inputs import Inputs, Kind
from editcorpus.linting.forms import FOLDER, FORMS, Form, guessed
from editcorpus.linting.own import columns_source
from editcorpus.readers.own_rows import Table, ending_of, opening_of
from editcorpus.readers.parquet import PARQUET
from editcorpus.rows import Source
from editcorpus.signatures import unsigned
from editcorpus.sources.folder import Config
from editcorpus.storage import Store

_ENDINGS = tuple(
    dict.fromkeys(
        ending
        for source in (*(form.source for form in FORMS.values()), columns_source(Config()))
        for ending in source.reader.endings
    )
)
ROWS = Kind(_ENDINGS)
"""Files that hold the rows of any layout."""
_ASIDE = re.compile(
    r"(^|/)(rejects|failed|provenance)[^/]*\.parquet$|(?<!/metadata)/[^/]+\.json$|^[^/]+\.json$"
)
"""Tables that lie beside the records of a corpus, and JSON that holds no rows."""


@dataclass(frozen=True, slots=True)
class Recognised:
    """A layout that was found.

    Attributes:
        name: Of the layout.
        told: What it was recognised by.
        columns: What holds what, where names were guessed or given.
        source: Reads it.
        inputs: Its files of rows.
        others: How many files that may hold rows are not in it.
    """

    name: str
    told: str
    columns: Mapping[str, str]
    source: Source
    inputs: Inputs
    others: int = 0


def find_rows(where: str, options: Mapping[str, Any], store: Store | None = None) -> Inputs:
    """All files at a path or URL that may hold rows; none is opened.

    Args:
        where: As `Inputs.find` takes it.
        options: For URLs, likewise.
        store: Keeps lists of what lies in archives.

    Raises:
        ConfigError: There is none, or the place cannot be reached.
    """
    try:
        found = replace(Inputs.find(where, options, ROWS), store=store)
    except ConfigError as error:
        if "is found at" not in str(error):
            raise
        raise ConfigError(f"No corpus is found at {unsigned(where)!r}: {_WANTED}.") from None
    rows = [one for one in found.files if not _ASIDE.search(one)]
    if not rows:
        raise ConfigError(f"No corpus is found at {unsigned(where)!r}: {_WANTED}.")
    return _only(found, rows)


def recognise(inputs: Inputs, layout: str, columns: Mapping[str, str]) -> Recognised:
    """The layout that fits the files.

    Args:
        inputs: From `find_rows`.
        layout: Its name; empty where it is to be found out.
        columns: Names of columns by what they hold, such as `instruction`; they make it `folder`.

    Raises:
        ConfigError: None fits, or the named one does not, where the sentence says what was looked for and
            what is there; or a file cannot be opened.
    """
    if layout and layout != FOLDER and layout not in FORMS:
        raise ConfigError(f"There is no layout {layout!r:.60}; there are {', '.join(NAMES)}.")
    try:
        found = _recognised(inputs, layout, columns)
    except StorageError as error:
        raise ConfigError(str(error)) from error
    return replace(found, others=len(inputs.files) - len(found.inputs.files))


def _recognised(inputs: Inputs, layout: str, columns: Mapping[str, str]) -> Recognised:
    if columns or layout == FOLDER:
        return _by_columns(inputs, columns)
    if layout:
        why = _misfit(inputs, FORMS[layout])
        if why:
            raise ConfigError(f"This is not in the layout {layout}: {why}")
        return _as(inputs, FORMS[layout])
    for form in FORMS.values():
        if not _misfit(inputs, form):
            return _as(inputs, form)
    return _by_columns(inputs, {})


NAMES = (*FORMS, FOLDER)
"""The names of all layouts."""
_WANTED = (
    "looked for files of rows (parquet, JSON lines, CSV, TSV, tar, or gpt-edit's metadata/*.json and "
    "archives)"
)


def _as(inputs: Inputs, form: Form) -> Recognised:
    return Recognised(form.name, form.told, {}, form.source, _files(inputs, form.source))


def _files(inputs: Inputs, source: Source) -> Inputs:
    return _only(inputs, [one for one in inputs.files if source.kind.means(one)])


def _only(inputs: Inputs, files: Sequence[str]) -> Inputs:
    kept = set(files)
    sizes = {name: size for name, size in inputs.sizes.items() if name in kept}
    signed = {name: url for name, url in inputs.signed.items() if name in kept}
    return replace(inputs, files=tuple(files), sizes=sizes, signed=signed)


def _misfit(inputs: Inputs, form: Form) -> str:
    """Why a layout does not fit, as a sentence; empty where it does."""
    files = _files(inputs, form.source)
    if not files.files:
        return f"it is recognised by {form.told}; there are {_counted(inputs)}."
    first = files.files[0]
    try:
        with form.source.reader.rows(files.hasty(), first) as rows:
            rows.check(form.source)
        return _unmarked(files, form) if form.marks else ""
    except (ConfigError, ShardError) as error:
        return str(error)


def _unmarked(files: Inputs, form: Form) -> str:
    """What a table lacks of the columns that tell a layout from others, as a sentence."""
    first = files.files[0]
    with PARQUET.rows(files.hasty(), first) as table:
        missing = [mark for mark in form.marks if mark not in table.schema.names]
    return f"{unsigned(first)} has no {', '.join(missing)}." if missing else ""


def _by_columns(inputs: Inputs, given: Mapping[str, str]) -> Recognised:
    """The rows of the first kind of file that has what is needed."""
    own = columns_source(Config()).kind
    problems = []
    for files in _by_ending(_only(inputs, [one for one in inputs.files if own.means(one)])):
        found, problem = _looked_at(files, given)
        if not problem:
            named = {what: name for what, name in found.items() if name}
            told = "the names of its columns" if not given else "the columns that were named"
            return Recognised(FOLDER, told, named, columns_source(_config(found)), files)
        problems.append(problem)
    why = problems[0] if problems else f"there are {_counted(inputs)}."
    raise ConfigError(
        f"No layout that is read fits: {why} Layouts: {', '.join(NAMES)}. Name one with --layout, or "
        "columns with --columns instruction=NAME,source_image=NAME,edited_image=NAME."
    )


def _by_ending(inputs: Inputs) -> Iterator[Inputs]:
    for ending in dict.fromkeys(sorted(map(ending_of, inputs.files), key=_preferred)):
        yield _only(inputs, [one for one in inputs.files if ending_of(one) == ending])


def _preferred(ending: str) -> int:
    order = (".parquet", ".tar", ".jsonl", ".ndjson", ".csv", ".tsv")
    return order.index(ending) if ending in order else len(order)


def _looked_at(files: Inputs, given: Mapping[str, str]) -> tuple[dict[str, str], str]:
    """What the columns of the first file hold, and why that is not enough."""
    first = files.files[0]
    try:
        with opening_of(first)(files.hasty(), first) as rows:
            names = rows.names()
            texts, pictures = names, list[str]()
            if isinstance(rows, Table):
                texts, pictures = rows.columns("text"), rows.columns("image")
    except (ConfigError, ShardError) as error:
        return {}, str(error)
    found, missing = guessed(texts, pictures)
    found |= given
    missing = [what for what in missing if not found[what]]
    absent = [name for name in given.values() if name not in {*texts, *pictures}]
    shown = ", ".join(names)[:600] or "no column"
    if absent:
        return found, f"{unsigned(first)} has no column {', '.join(absent)}; it has {shown}."
    if missing:
        return (
            found,
            f"{unsigned(first)} has no column of known name for {_and(missing)}; it has {shown}.",
        )
    return found, ""


def _config(found: Mapping[str, str]) -> Config:
    try:
        return Config(mask="", **{what: name for what, name in found.items() if what != "mask"})
    except ValidationError as error:
        told = error.errors(include_url=False)[0]
        raise ConfigError(f"--columns is wrong at {told['loc'][0]}: {told['msg']}.") from None


def _and(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _counted(inputs: Inputs) -> str:
    """What files there are, by their endings."""
    counts = Counter(ending_of(one) for one in inputs.files)
    return ", ".join(f"{count} {ending} files" for ending, count in counts.most_common(6))
