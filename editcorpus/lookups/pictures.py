"""The pictures of one triplet: source, canvas, what the API gave, and the edited image."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from editcorpus.errors import ConfigError, ShardError
from editcorpus.layouts.parquet import extension, read_shard
from editcorpus.lookups.triplet import Story
from editcorpus.names import safe_name
from editcorpus.records import Published
from editcorpus.responses import Responses
from editcorpus.runs import corpus_file
from editcorpus.shards import Columns, shard_folder
from editcorpus.steps import filter as filter_step
from editcorpus.steps import pad, regenerate
from editcorpus.storage import Store


def save_pictures(store: Store, story: Story, folder: Path) -> Iterator[str]:
    """Write the pictures of a triplet as files, and give the path of each.

    A file is named after run, id (`safe_name`) and role: `source` (of a kept triplet the very bytes
    that are in the corpus), or `source-view` where only the view that judges see is there, `canvas`,
    `answer` and `edited`. Pictures that are not in the store any more are left out.

    Raises:
        ConfigError: The folder cannot be written.
        ShardError: A file of facts is damaged.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for role, data in triplet_pictures(store, story):
            name = f"{safe_name(story.id)}-{safe_name(story.run)}-{role}.{extension(data)}"
            (folder / name).write_bytes(data)
            yield str(folder / name)
    except (NotADirectoryError, FileExistsError, PermissionError) as error:
        raise ConfigError(f"{folder} cannot be written: {error.strerror}.") from error


def triplet_pictures(store: Store, story: Story) -> Iterator[tuple[str, bytes]]:
    """Role and bytes of each picture that the store has of a triplet.

    Raises:
        ShardError: A file of facts is damaged.
    """
    record = _record(store, story) if story.verdict == "kept" else None
    yield from _of_source(store, story, record)
    yield from _of_answers(store, story)
    edited = record.edited_image if record else _column(store, story, filter_step.NAME, "edited")
    if edited:
        yield "edited", edited


def _of_source(store: Store, story: Story, record: Published | None) -> Iterator[tuple[str, bytes]]:
    source = record.source_image if record else _column(store, story, pad.NAME, "source_png")
    view = None if source else _column(store, story, pad.NAME, "source_view")
    canvas = _column(store, story, pad.NAME, "canvas")
    named = {"source": source, "source-view": view, "canvas": canvas}
    yield from ((role, data) for role, data in named.items() if data)


def _of_answers(store: Store, story: Story) -> Iterator[tuple[str, bytes]]:
    answers = Responses(store)
    keys = {one.request for one in story.requests if one.step == regenerate.NAME}
    for number, key in enumerate(sorted(key for key in keys if answers.image(key) is not None)):
        data = b""
        with suppress(ShardError):  # it is damaged, and set aside
            data = answers.picture(key)
        if data:
            yield f"answer{number or ''}", data


def _column(store: Store, story: Story, step: str, column: str) -> bytes | None:
    """A picture among the columns of a step; None where it is not there, or is there no more."""
    row = {pad.NAME: story.facts.padded, filter_step.NAME: story.facts.filtered}[step]
    if row is None:
        return None
    columns = Columns(store, shard_folder(story.run, story.shard))
    ids = [item.id for item in columns.facts(step, type(row))]
    try:
        with columns.pictures(step, column) as found:
            return found[ids.index(story.id)]
    except ShardError:
        return None


def _record(store: Store, story: Story) -> Published | None:
    """The triplet's record in the corpus; None where its file is missing or damaged."""
    try:
        records = read_shard(store, corpus_file(story.run, story.shard))
        return next((item for item in records if item.id == story.id), None)
    except ShardError:
        return None
