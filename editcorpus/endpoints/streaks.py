"""Tells a wrong setting from bad luck: call after call is useless for one and the same reason."""

from editcorpus.endpoints.classify import Verdict
from editcorpus.errors import EndpointStopped
from editcorpus.records import Reason

LONGEST = {Reason.REQUEST_REFUSED: 20, Reason.ANSWER_DAMAGED: 60}
"""So many calls of one step in a row, none answered in between, are no chance: pictures are normalised
before they are sent, and 60 damaged answers are all that 20 requests may have. What the safety system
refuses is never counted: sources are sorted, and a whole task may be refused."""


class Streaks:
    """Counts calls of each step that failed alike, one after the other.

    Args:
        name: Name of the endpoint, for the sentence.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._alike: dict[str, tuple[tuple[str, str], int]] = {}

    def answered(self, step: str) -> None:
        """A call of this step has brought a good answer."""
        self._alike.pop(step, None)

    def failed(self, step: str, verdict: Verdict) -> None:
        """A call of this step has failed.

        Raises:
            EndpointStopped: It is one too many: the settings are wrong, or the endpoint is.
        """
        longest = LONGEST.get(verdict.reason) if verdict.reason else None
        if longest is None:
            return
        sort = (verdict.kind, verdict.code)
        before, count = self._alike.get(step, (sort, 0))
        count = count + 1 if before == sort else 1
        self._alike[step] = (sort, count)
        if count >= longest:
            raise EndpointStopped(
                f"{self._name}: {count} calls of {step} in a row failed alike, so a setting or the "
                f"endpoint must be wrong. The last one: {verdict.sentence}"
            )
