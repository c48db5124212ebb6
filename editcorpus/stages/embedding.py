"""Embed a shard: have vectors made of each pair that was judged, and keep how they lie to each other.

The stage is there where a model is named for it. A pair of which a model makes no vector, ever, goes on
without its measures: they are a second opinion, and the pair is paid for.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from PIL import Image

from editcorpus import images
from editcorpus.endpoints.requests import Answered, Dropped, Picture
from editcorpus.errors import RunStopped
from editcorpus.likeness import ssim
from editcorpus.records import Triplet
from editcorpus.shards import PLAN
from editcorpus.stages.asking import MOST_UNREADABLE, Inquiry, ask_all
from editcorpus.stages.judging import Views, text_of, views
from editcorpus.stages.stage import columns_of
from editcorpus.stages.workshop import Piece, Stage
from editcorpus.steps import align, caption, embed, rewrite
from editcorpus.steps.embed import Captions, Embedded

_SHORT_SIDE = 512
"""SSIM is measured where the short side has so many pixels, as UltraEdit does, but over the whole picture;
a smaller one stays as it is."""


def _rows(piece: Piece) -> Iterator[Embedded]:
    config = piece.shop.config(embed.NAME, embed.Config)
    judged = piece.columns.facts(align.NAME, align.Aligned)
    texts = {
        row.id: row.instruction for row in piece.columns.facts(rewrite.NAME, rewrite.Rewritten)
    }
    told = _captions(piece)

    def read(key: str, answers: Mapping[str, Answered], _last: bool) -> Embedded:
        given = {name: text_of(answers[name]) for name in questions[key]}
        try:
            return embed.embedded(key, given, config)
        except ValueError as error:
            raise RunStopped(f"{key}: {error}", kind="settings") from error

    def dropped(key: str, outcome: Dropped) -> Embedded:
        return embed.without(key, outcome.detail, config)

    with views(piece) as seen:
        questions = {
            row.id: embed.requests(
                texts[row.id], told[row.id], seen.source[row.id], seen.edited[row.id], config
            )
            for row in judged
        }
        inquiry = Inquiry(embed.NAME, questions, read, dropped)
        made = [row for _, row in ask_all(piece.shop, piece.shard, inquiry, piece.tally)]
        _check_models(piece, config, made)
        yield from piece.shop.in_order(piece.shard, partial(_compared, seen), made)


def _captions(piece: Piece) -> dict[str, Captions]:
    """What each pair shows, in words; those of a pair whose edit was composed here say nothing of it."""
    triplets = {one.id: one for one in piece.columns.facts(PLAN, Triplet)}
    if piece.shop.goes_through("compose"):
        return dict.fromkeys(triplets, Captions())
    if piece.shop.goes_through(caption.NAME):
        for row in piece.columns.facts(caption.NAME, caption.Captioned):
            facts = caption.told(triplets[row.id].facts, row)
            triplets[row.id] = replace(triplets[row.id], facts=facts)
    return {key: embed.captions(one.facts) for key, one in triplets.items()}


def _compared(seen: Views, row: Embedded) -> Embedded:
    """The same with SSIM, of the pictures as judges see them."""
    first, second = (_pixels(side[row.id]) for side in (seen.source, seen.edited))
    if second.size != first.size:
        second = second.resize(first.size, Image.Resampling.BICUBIC)
    return replace(row, ssim=ssim(np.asarray(first), np.asarray(second)))


def _pixels(picture: Picture) -> Image.Image:
    image = images.decode(picture.load())
    scale = _SHORT_SIDE / min(image.size)
    if scale >= 1:
        return image
    width, height = (max(1, round(side * scale)) for side in image.size)
    return image.resize((width, height), Image.Resampling.BICUBIC)


def _check_models(piece: Piece, config: embed.Config, made: Sequence[Embedded]) -> None:
    """Stop before it counts as measured that nothing could be measured.

    Raises:
        RunStopped: Too many pairs, and not one of them with vectors.
    """
    if len(made) >= MOST_UNREADABLE and all(row.embed_note for row in made):
        raise RunStopped(
            f"No vectors were made of the {len(made)} pairs of shard {piece.shard:05d}: check that "
            f"{', '.join(config.models)} take messages of pictures and texts, and use another run name. "
            f"The first: {made[0].embed_note}",
            kind="settings",
        )


STAGE = Stage(
    embed.NAME,
    embed.VERSION,
    align.NAME,
    columns_of(embed.NAME, Embedded, _rows),
)
