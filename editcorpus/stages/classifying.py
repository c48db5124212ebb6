"""Ask of what kind the edits of rows are, while a run is planned; what was told is never paid for again."""

from collections.abc import Mapping, Sequence
from functools import partial

from editcorpus.balancing import Kinds
from editcorpus.endpoints.requests import Answered, Dropped
from editcorpus.errors import RunStopped
from editcorpus.records import Rejected, Triplet
from editcorpus.responses import TextAnswer
from editcorpus.shards import Tally
from editcorpus.stages.asking import Again, Inquiry, ask_all
from editcorpus.stages.workshop import Workshop
from editcorpus.steps import classify

_SHARD = 0
"""The shard that the calls are booked on: there are none yet."""


def kinds_of(shop: Workshop) -> Kinds:
    """The kinds of edit, as the endpoint of the run tells them."""
    return Kinds(tuple(classify.CATEGORIES), partial(_told, shop))


def _told(shop: Workshop, triplets: Sequence[Triplet]) -> Mapping[str, str]:
    """The kind of each row's edit; one that nobody can tell is of another kind.

    Raises:
        RunStopped: Some calls were not answered: the plan waits for them.
    """
    config = shop.config(classify.NAME, classify.Config)

    def read(key: str, answers: Mapping[str, Answered], last: bool) -> str | Rejected | Again:
        answer = answers[""].answer
        if not isinstance(answer, TextAnswer):
            raise TypeError(f"{key}: a question was answered with a picture.")
        return classify.read(answer) or (classify.OTHERS if last else Again(("",)))

    def dropped(_key: str, _outcome: Dropped) -> str | Rejected:
        return classify.OTHERS

    questions = {one.id: {"": classify.request(one.instruction, config)} for one in triplets}
    tally = Tally()
    told = dict(ask_all(shop, _SHARD, Inquiry(classify.NAME, questions, read, dropped), tally))
    if tally.failed:
        raise RunStopped(
            f"The kinds of {len(tally.failed)} edits were not told: {tally.failed[0].detail} "
            "Run the same again to go on; what was told is kept."
        )
    return told
