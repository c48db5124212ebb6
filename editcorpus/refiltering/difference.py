"""What other thresholds change: who stays, who is lost, who is won, and who would have to be paid for."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import islice
from typing import Any

from editcorpus.records import Reason
from editcorpus.refiltering.basis import Basis
from editcorpus.refiltering.deciding import Decided, Move
from editcorpus.responses import Responses
from editcorpus.shards import Columns, shard_folder
from editcorpus.stages.publish import Joined, joined

_NOT_JUDGED = Reason.NOT_JUDGED.value
_SAMPLE = 64
"""Triplets by which the price of a judgement is told."""
WAYS = ("kept", "lost", "won", "unjudged")
"""What can become of a triplet that is in a corpus, or could be."""


@dataclass(slots=True)
class Difference:
    """What other thresholds change in a corpus.

    Attributes:
        moves: How many triplets went which way.
    """

    moves: Counter[Move] = field(default_factory=Counter)

    @classmethod
    def of(cls, decided: Iterable[Decided]) -> "Difference":
        """The difference over all shards."""
        made = cls()
        for one in decided:
            made.add(one)
        return made

    def add(self, decided: Decided) -> None:
        """Add a shard's."""
        self.moves.update(decided.moves)

    @property
    def kept(self) -> int:
        """Triplets that are in both."""
        return self._by_reason("kept").total()

    @property
    def lost(self) -> Counter[str]:
        """Triplets that are in no more, by the reason."""
        return self._by_reason("lost")

    @property
    def won(self) -> Counter[str]:
        """Triplets that come in, by the reason for which they were not."""
        return self._by_reason("won")

    @property
    def unjudged(self) -> Counter[str]:
        """Triplets that nobody has judged and that would be now, by the reason for which nobody has."""
        return self._by_reason("unjudged")

    def families(self) -> dict[str, dict[str, int]]:
        """Triplets by family and way; the empty family is not told by the source."""
        made: dict[str, dict[str, int]] = {}
        for move, count in sorted(self.moves.items()):
            way, _ = way_of(move)
            if way:
                made.setdefault(move.family, dict.fromkeys(WAYS, 0))[way] += count
        return made

    def as_json(self) -> dict[str, Any]:
        """The counts as JSON takes them."""
        reasons = {way: dict(sorted(self._by_reason(way).items())) for way in WAYS[1:]}
        return {"kept": self.kept, **reasons, "families": self.families()}

    def _by_reason(self, wanted: str) -> Counter[str]:
        made: Counter[str] = Counter()
        for move, count in self.moves.items():
            way, reason = way_of(move)
            if way == wanted:
                made[reason] += count
        return made


def way_of(move: Move) -> tuple[str, str]:
    """One of `WAYS` and the reason for it; both empty where somebody was out, and is."""
    if move.after == _NOT_JUDGED:
        return "unjudged", move.before
    if not move.before:
        return ("lost", move.after) if move.after else ("kept", "")
    return ("", "") if move.after else ("won", move.before)


def usd_a_judgement(basis: Basis) -> Decimal:
    """What was paid to judge one triplet that passed the filter, in dollars: the mean over some.

    Whichever run paid for an answer, its record says what it cost.

    Raises:
        ShardError: Columns are missing or damaged.
        StorageError: A journal is damaged, so that nobody can say.
    """
    answers = Responses(basis.store)
    answers.read_index(keep=False)
    some = list(islice(_judged(basis), _SAMPLE))
    keys = [key for item in some for key in _answers(item)]
    records = [found.record for key in keys if (found := answers.text(key)) is not None]
    usd = sum((record.usd for record in records), Decimal(0))
    return usd / len(some) if some else Decimal(0)


def _judged(basis: Basis) -> Iterator[Joined]:
    for shard in range(basis.shards):
        yield from joined(Columns(basis.store, shard_folder(basis.run, shard)), basis.steps)


def _answers(item: Joined) -> Iterator[str]:
    """Hashes of all that was asked about a triplet once it had passed the filter."""
    judged, vectors = item.aligned, item.embedded
    named = (judged.response_done, judged.response_preserved, judged.response_clean)
    of_vectors = vectors.embed_responses.split("+") if vectors is not None else ()
    yield from filter(None, (item.rewritten.rewrite_response, *named, *of_vectors))
