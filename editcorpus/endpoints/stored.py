"""What the store says of a request, before anybody is asked."""

from editcorpus.endpoints.requests import Answered, Ask, Dropped, ForImage, Unanswered
from editcorpus.records import Reason
from editcorpus.responses import Responses


def stored(responses: Responses, ask: Ask) -> Answered | Dropped | Unanswered | None:
    """What the store has: the answer, or that there will be none, whichever came last.

    An answer that was paid for and is damaged is none, and is asked for again; where that may not be
    paid, there is no answer for now.
    """
    found = responses.image if isinstance(ask.what, ForImage) else responses.text
    answer = found(ask.key)
    refusal = responses.refusal(ask.key)
    if refusal is None or (answer is not None and answer.record.at >= refusal.at):
        return _lost(responses, ask) if answer is None else Answered(ask, answer, paid=False)
    stands = not ask.since or refusal.at > ask.since
    return Dropped(ask, refusal.reason, refusal.sentence) if stands else None


def _lost(responses: Responses, ask: Ask) -> Unanswered | None:
    """That the paid answer is damaged, and paying again is forbidden."""
    sentence = "" if responses.repay else responses.lost(ask.key)
    if not sentence:
        return None
    told = f"{sentence} To ask again would cost about as much; --no-repay forbids it."
    return Unanswered(ask, Reason.NOT_REPAID, told)
