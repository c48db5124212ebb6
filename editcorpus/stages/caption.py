"""Caption a shard: have the source images described that are to be made anew, and have no caption."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial

from editcorpus.endpoints.requests import Answered, Chat, Picture
from editcorpus.records import Reason, Rejected, Triplet
from editcorpus.responses import TextAnswer
from editcorpus.shards import PLAN
from editcorpus.stages.asking import Again, Inquiry, ask_all, check_usable, dropped_by
from editcorpus.stages.stage import columns_of
from editcorpus.stages.workshop import Piece, Stage
from editcorpus.steps import caption, view
from editcorpus.steps.caption import Captioned


def _rows(piece: Piece) -> Iterator[Captioned]:
    config = piece.shop.config(caption.NAME, caption.Config)
    viewed = piece.columns.facts(view.NAME, view.Viewed)
    with _questions(piece, viewed, config) as questions:
        read = partial(_read, config)
        inquiry = Inquiry(caption.NAME, questions, read, dropped_by(caption.NAME))
        made = dict(ask_all(piece.shop, piece.shard, inquiry, piece.tally))
    if not made:
        check_usable(piece, caption.NAME, Reason.CAPTION_UNREADABLE, "captions")
    for row in viewed:
        if not row.view_hash:
            yield Captioned(row.id)
        elif row.id in made:
            yield made[row.id]


def _read(
    config: caption.Config, key: str, answers: Mapping[str, Answered], last: bool
) -> Captioned | Rejected | Again:
    answer = answers[""].answer
    if not isinstance(answer, TextAnswer):
        raise TypeError(f"{key}: a question was answered with a picture.")
    text, problem = caption.read(answer, config)
    if not problem:
        return caption.captioned(key, text, answer, config)
    if not last:
        return Again(("",))
    return Rejected(key, caption.NAME, Reason.CAPTION_UNREADABLE, problem)


@contextmanager
def _questions(
    piece: Piece, viewed: Sequence[view.Viewed], config: caption.Config
) -> Iterator[dict[str, dict[str, Chat]]]:
    """The question about each picture that is shown."""
    edits = _edits(piece)
    shown = piece.shop.config(view.NAME, view.Config)
    largest = (shown.longest, shown.longest)
    with piece.columns.pictures(view.NAME, "view") as column:
        yield {
            row.id: {
                "": caption.request(
                    Picture(
                        row.view_hash,
                        "image/jpeg",
                        shown.quality,
                        largest,
                        partial(column.need, number),
                    ),
                    edits[row.id],
                    config,
                )
            }
            for number, row in enumerate(viewed)
            if row.view_hash
        }


def _edits(piece: Piece) -> dict[str, str]:
    """What each new picture will be edited by; empty where that is composed after it is made."""
    composes = piece.shop.source.composes
    triplets = piece.columns.facts(PLAN, Triplet)
    return {one.id: "" if composes else one.instruction for one in triplets}


STAGE = Stage(
    caption.NAME,
    caption.VERSION,
    view.NAME,
    columns_of(caption.NAME, Captioned, _rows),
    asks=_rows,
)
