"""The two stages that show a model the source and the edited image: rewrite and align."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from editcorpus.endpoints.requests import Answered, Dropped, Picture
from editcorpus.errors import RunStopped
from editcorpus.pictures import Pictures
from editcorpus.records import Reason, Rejected, Triplet
from editcorpus.responses import TextAnswer
from editcorpus.shards import PLAN, Tally
from editcorpus.stages.asking import MOST_UNREADABLE, Again, Inquiry, ask_all
from editcorpus.stages.filter import Config as FilterConfig
from editcorpus.stages.filter import Filtered
from editcorpus.stages.stage import columns_of
from editcorpus.stages.wording import Wording
from editcorpus.stages.workshop import Piece, Stage
from editcorpus.steps import align, pad, restore, rewrite
from editcorpus.steps import filter as filter_step
from editcorpus.taxonomy import name_of_family


@dataclass(frozen=True, slots=True)
class Views:
    """The pair of pictures that judges see, of every triplet of a shard that passed the filter."""

    source: Mapping[str, Picture]
    edited: Mapping[str, Picture]


@contextmanager
def views(piece: Piece) -> Iterator[Views]:
    """The pictures that judges see, while the block lasts."""
    columns = piece.columns
    before = piece.shop.config(pad.NAME, pad.Config)
    after = piece.shop.config(filter_step.NAME, FilterConfig).restore
    padded = columns.facts(pad.NAME, pad.Padded)
    filtered = columns.facts(filter_step.NAME, Filtered)
    with (
        columns.pictures(pad.NAME, "source_view") as sources,
        columns.pictures(filter_step.NAME, "cropped_view") as crops,
        columns.pictures(filter_step.NAME, "edited_view") as edits,
    ):
        whole = {
            item.id: _view(before, item.source_view_hash, sources, row)
            for row, item in enumerate(padded)
        }
        parts = {
            item.id: _view(before, item.cropped_view_hash, crops, row)
            for row, item in enumerate(filtered)
            if item.cropped_view_hash
        }
        yield Views(
            {item.id: parts.get(item.id, whole[item.id]) for item in filtered},
            {
                item.id: _view(after, item.edited_view_hash, edits, row)
                for row, item in enumerate(filtered)
            },
        )


def _view(config: pad.Config | restore.Config, pixels: str, column: Pictures, row: int) -> Picture:
    """A view as the step with this Config encoded it."""
    largest = (config.view_longest, config.view_longest)
    load = partial(column.need, row)
    return Picture(pixels, "image/jpeg", config.view_quality, largest, load)


def text_of(answer: Answered) -> TextAnswer:
    """The text that was answered.

    Raises:
        TypeError: It is a picture.
    """
    if not isinstance(answer.answer, TextAnswer):
        raise TypeError(f"{answer.ask.id}: a question was answered with a picture.")
    return answer.answer


def _rewrite_rows(piece: Piece) -> Iterator[rewrite.Rewritten]:
    columns = piece.columns
    config = piece.shop.config(rewrite.NAME, rewrite.Config)
    wording = Wording(piece)
    triplets = wording.triplets
    filtered = columns.facts(filter_step.NAME, Filtered)
    wanted = [item.id for item in filtered if rewrite.chosen(item.id, config)]

    def read(
        key: str, answers: Mapping[str, Answered], last: bool
    ) -> rewrite.Rewritten | Rejected | Again:
        text, note = rewrite.read(text_of(answers[""]), config)
        if note:
            return wording.own(key, note) if last else Again(("",))
        return rewrite.rewritten(triplets[key], text, text_of(answers[""]), config)

    def dropped(key: str, outcome: Dropped) -> rewrite.Rewritten:
        return wording.own(key, outcome.detail)

    with views(piece) as seen:
        questions = {
            key: {"": rewrite.request(triplets[key], seen.source[key], seen.edited[key], config)}
            for key in wanted
        }
        inquiry = Inquiry(rewrite.NAME, questions, read, dropped)
        made = dict(ask_all(piece.shop, piece.shard, inquiry, piece.tally))
    gone = {item.id for item in piece.tally.failed}
    for item in filtered:
        if item.id not in gone:
            yield made.get(item.id) or wording.own(item.id)


def _align_rows(piece: Piece) -> Iterator[align.Aligned]:
    config = piece.shop.config(align.NAME, align.Config)
    texts = piece.columns.facts(rewrite.NAME, rewrite.Rewritten)
    families = _families(piece, texts)

    def read(
        key: str, answers: Mapping[str, Answered], last: bool
    ) -> align.Aligned | Rejected | Again:
        verdicts = {name: align.read(text_of(answer)) for name, answer in answers.items()}
        usable = {name: verdict for name, verdict in verdicts.items() if verdict is not None}
        missing = tuple(name for name in align.ASPECTS if name not in usable)
        if not missing:
            said = {name: text_of(answer) for name, answer in answers.items()}
            return align.aligned(key, usable, said, config)
        if not last:
            return Again(missing)
        detail = f"No usable answer to: {', '.join(missing)}."
        return Rejected(key, align.NAME, Reason.JUDGE_UNREADABLE, detail)

    with views(piece) as seen:
        questions = {
            item.id: align.requests(
                item.instruction,
                seen.source[item.id],
                seen.edited[item.id],
                config,
                families[item.id],
            )
            for item in texts
        }
        inquiry = Inquiry(align.NAME, questions, read, _judge_dropped)
        made = [row for _, row in ask_all(piece.shop, piece.shard, inquiry, piece.tally)]
    if not made:
        _check_judge(config, piece.shard, piece.tally)
    yield from made


def _families(piece: Piece, texts: Sequence[rewrite.Rewritten]) -> dict[str, str]:
    """The family of each edit; empty where its source does not tell."""
    triplets = {item.id: item for item in piece.columns.facts(PLAN, Triplet)}
    return {text.id: name_of_family(triplets[text.id], text.instruction_type) for text in texts}


def _check_judge(config: align.Config, shard: int, tally: Tally) -> None:
    """Stop before verdicts become final that no judge has given.

    Raises:
        RunStopped: Too many answers, with no readable one among them.
    """
    if len(tally.rejected) >= MOST_UNREADABLE:
        raise RunStopped(
            f"None of the {len(tally.rejected)} verdicts on shard {shard:05d} is readable: check "
            f"align.model ({config.model}) and align.token_ids, and use another run name.",
            kind="judge",
        )


def _judge_dropped(key: str, outcome: Dropped) -> Rejected:
    return Rejected(key, align.NAME, Reason.JUDGE_UNREADABLE, outcome.detail)


REWRITE = Stage(
    rewrite.NAME,
    rewrite.VERSION,
    filter_step.NAME,
    columns_of(rewrite.NAME, rewrite.Rewritten, _rewrite_rows),
    asks=_rewrite_rows,
)
ALIGN = Stage(
    align.NAME,
    align.VERSION,
    rewrite.NAME,
    columns_of(align.NAME, align.Aligned, _align_rows),
    asks=_align_rows,
)
