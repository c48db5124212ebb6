"""Synthesize a shard: one paid picture per caption; what comes back is recorded, its pixels stay put."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from editcorpus.endpoints.requests import Answered, ImageMake
from editcorpus.records import Rejected, Triplet
from editcorpus.responses import ImageAnswer
from editcorpus.shards import FETCH, PLAN
from editcorpus.stages.asking import Again, Inquiry, answers_whole, ask_all, dropped_by
from editcorpus.stages.stage import columns_of
from editcorpus.stages.workshop import Piece, Stage
from editcorpus.steps import caption, synthesize


def _rows(piece: Piece) -> Iterator[synthesize.Synthesized]:
    triplets = _captioned(piece)
    later = _later(piece, triplets)
    made = dict(_made(piece, {key: one for key, one in triplets.items() if key not in later}))
    for key in triplets:
        if key in later:
            yield synthesize.unmade(key)
        elif key in made:
            yield made[key]


def _made(
    piece: Piece, triplets: Mapping[str, Triplet]
) -> Iterator[tuple[str, synthesize.Synthesized]]:
    config = piece.shop.config(synthesize.NAME, synthesize.Config)
    makes: dict[str, ImageMake] = {}
    for key, triplet in triplets.items():
        make = synthesize.request(triplet, config)
        if isinstance(make, Rejected):
            piece.tally.rejected.append(make)
        else:
            makes[key] = make

    def read(
        key: str, answers: Mapping[str, Answered], _last: bool
    ) -> synthesize.Synthesized | Rejected | Again:
        answer = answers[""].answer
        if not isinstance(answer, ImageAnswer):
            raise TypeError(f"{key}: a caption was answered with text.")
        return synthesize.synthesized(triplets[key], makes[key], answer, config)

    questions = {key: {"": make} for key, make in makes.items()}
    inquiry = Inquiry(synthesize.NAME, questions, read, dropped_by(synthesize.NAME))
    yield from ask_all(piece.shop, piece.shard, inquiry, piece.tally)


def _captioned(piece: Piece) -> dict[str, Triplet]:
    """The triplets that enter, each with the caption that its source image is made from."""
    triplets = {item.id: item for item in piece.columns.facts(PLAN, Triplet)}
    if not piece.shop.goes_through(caption.NAME):
        return triplets
    rows = piece.columns.facts(caption.NAME, caption.Captioned)
    return {row.id: replace(triplets[row.id], caption=row.caption) for row in rows}


def _later(piece: Piece, triplets: Mapping[str, Triplet]) -> set[str]:
    """Later turns of a conversation: their source images are edits of the turns before them."""
    if not piece.shop.goes_through(FETCH):
        return set()
    return {key for key, one in triplets.items() if one.previous}


STAGE = Stage(
    synthesize.NAME,
    synthesize.VERSION,
    PLAN,
    columns_of(synthesize.NAME, synthesize.Synthesized, _rows),
    answers_whole(synthesize.NAME),
    _rows,
)
