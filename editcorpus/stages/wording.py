"""What is asked of the image model about each triplet: the source's own words, or composed ones."""

from collections.abc import Iterable
from dataclasses import replace

from editcorpus.records import Triplet
from editcorpus.shards import PLAN
from editcorpus.stages.workshop import Piece
from editcorpus.steps import compose, rewrite
from editcorpus.steps.compose import Composed
from editcorpus.steps.rewrite import Rewritten


class Wording:
    """The instructions of a shard.

    Args:
        piece: The shard, with its plan and, where instructions are composed, those.

    Attributes:
        triplets: The planned triplets, by their ids, each with the instruction that is carried out.
    """

    def __init__(self, piece: Piece) -> None:
        composes = piece.shop.goes_through(compose.NAME)
        rows = piece.columns.facts(compose.NAME, Composed) if composes else []
        self._composed = {row.id: row for row in rows}
        self.triplets = {one.id: one for one in self._worded(piece.columns.facts(PLAN, Triplet))}

    def own(self, key: str, note: str = "") -> Rewritten:
        """The columns of a triplet that keeps the instruction that was carried out."""
        row, made = self._composed.get(key), rewrite.original(self.triplets[key], note)
        if row is None:
            return made
        return replace(
            made,
            instruction_type=row.instruction_type,
            instruction_original=row.instruction_original,
        )

    def _worded(self, triplets: Iterable[Triplet]) -> Iterable[Triplet]:
        for one in triplets:
            row = self._composed.get(one.id)
            yield one if row is None else replace(one, instruction=row.instruction)
