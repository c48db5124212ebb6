"""The columns of one triplet, step by step, as far as its run has come."""

from collections.abc import Container
from dataclasses import asdict, dataclass, fields
from typing import Any, TypeVar

from editcorpus.shards import Columns, shard_folder
from editcorpus.stages.filter import Filtered
from editcorpus.steps import (
    align,
    caption,
    compose,
    embed,
    pad,
    regenerate,
    rewrite,
    synthesize,
    view,
)
from editcorpus.steps import filter as filter_step
from editcorpus.storage import Store

_Row = TypeVar(
    "_Row",
    view.Viewed,
    caption.Captioned,
    synthesize.Synthesized,
    pad.Padded,
    compose.Composed,
    regenerate.Regenerated,
    Filtered,
    rewrite.Rewritten,
    align.Aligned,
    embed.Embedded,
)


@dataclass(frozen=True, slots=True)
class Facts:
    """The columns of one triplet, as far as its run has come."""

    viewed: view.Viewed | None
    captioned: caption.Captioned | None
    synthesized: synthesize.Synthesized | None
    padded: pad.Padded | None
    composed: compose.Composed | None
    regenerated: regenerate.Regenerated | None
    filtered: Filtered | None
    rewritten: rewrite.Rewritten | None
    aligned: align.Aligned | None
    embedded: embed.Embedded | None


def read_triplet(store: Store, run: str, shard: int, wanted: str, done: Container[str]) -> Facts:
    """The columns of one triplet, of those steps that are done; pictures are left empty.

    Raises:
        ShardError: A column file is damaged.
    """
    columns = Columns(store, shard_folder(run, shard))

    def row(step: str, cls: type[_Row]) -> _Row | None:
        rows = columns.facts(step, cls) if step in done else []
        return next((item for item in rows if item.id == wanted), None)

    return Facts(
        row(view.NAME, view.Viewed),
        row(caption.NAME, caption.Captioned),
        row(synthesize.NAME, synthesize.Synthesized),
        row(pad.NAME, pad.Padded),
        row(compose.NAME, compose.Composed),
        row(regenerate.NAME, regenerate.Regenerated),
        row(filter_step.NAME, Filtered),
        row(rewrite.NAME, rewrite.Rewritten),
        row(align.NAME, align.Aligned),
        row(embed.NAME, embed.Embedded),
    )


def columns_of(row: Any) -> dict[str, Any]:
    """The members of a row but its id and its pictures."""
    hidden = {item.name for item in fields(row) if item.type in (bytes, bytes | None)} | {"id"}
    return {name: value for name, value in asdict(row).items() if name not in hidden}
