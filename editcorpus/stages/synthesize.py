"""Synthesize a shard: one paid picture per caption; what comes back is recorded, its pixels stay put."""

from collections.abc import Iterator, Mapping

from editcorpus.endpoints.requests import Answered, ImageMake
from editcorpus.records import Rejected, Triplet
from editcorpus.responses import ImageAnswer
from editcorpus.shards import PLAN
from editcorpus.stages.asking import Again, Inquiry, answers_whole, ask_all, dropped_by
from editcorpus.stages.stage import Piece, Stage, columns_of
from editcorpus.steps import synthesize


def _rows(piece: Piece) -> Iterator[synthesize.Synthesized]:
    config = piece.shop.config(synthesize.NAME, synthesize.Config)
    triplets = {item.id: item for item in piece.columns.facts(PLAN, Triplet)}
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
    for _, row in ask_all(piece.shop, piece.shard, inquiry, piece.tally):
        yield row


STAGE = Stage(
    synthesize.NAME,
    synthesize.VERSION,
    PLAN,
    columns_of(synthesize.NAME, synthesize.Synthesized, _rows),
    answers_whole(synthesize.NAME),
    _rows,
)
