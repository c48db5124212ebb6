"""Tells a wrong setting from bad luck: request after request given up for one and the same reason."""

from editcorpus.endpoints.classify import Verdict
from editcorpus.errors import EndpointStopped
from editcorpus.records import Reason

LONGEST = 20
"""So many requests of one step in a row, none answered in between, are no chance: canvases are
normalised before they are sent, and a damaged answer was asked for three times by then."""
_SUSPECT = frozenset({Reason.REQUEST_REFUSED, Reason.ANSWER_DAMAGED})
"""What the safety system refuses is not suspect: sources are sorted, and a task may be one of those."""


class Streaks:
    """Counts requests of each step that were given up alike, one after the other.

    Args:
        name: Name of the endpoint, for the sentence.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._alike: dict[str, tuple[tuple[str, str], int]] = {}

    def answered(self, step: str) -> None:
        """A request of this step has got a good answer."""
        self._alike.pop(step, None)

    def dropped(self, step: str, verdict: Verdict) -> None:
        """A request of this step was given up for good.

        Raises:
            EndpointStopped: It is one too many: the settings are wrong, or the endpoint is.
        """
        if verdict.reason not in _SUSPECT:
            return
        sort = (verdict.kind, verdict.code)
        before, count = self._alike.get(step, (sort, 0))
        count = count + 1 if before == sort else 1
        self._alike[step] = (sort, count)
        if count >= LONGEST:
            raise EndpointStopped(
                f"{self._name}: {count} requests of {step} in a row failed alike, so a setting or "
                f"the endpoint must be wrong. The last one: {verdict.sentence}"
            )
