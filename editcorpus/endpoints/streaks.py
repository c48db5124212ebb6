"""Tells a wrong setting, and a danger to the account, from bad luck, by what calls have in common."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from editcorpus.endpoints.classify import Verdict
from editcorpus.endpoints.rules import Kind
from editcorpus.errors import EndpointStopped
from editcorpus.records import Reason

LONGEST = {Reason.REQUEST_REFUSED: 20, Reason.ANSWER_DAMAGED: 60}
"""So many calls of one step in a row, none answered in between, are no chance: pictures are normalised
before they are sent, and 60 damaged answers are all that 20 requests may have. What the safety system
refuses is no such streak: sources are sorted, and a whole task may be refused."""
WINDOW = 1000
"""Calls over which the share that the safety system blocked is taken."""
LEAST = 100
"""Calls below which a share says nothing."""
_STOPS: Mapping[Kind, str] = MappingProxyType(
    {"auth": "key", "access": "access", "quota": "quota", "dead_model": "model"}
)
"""What a call is about that shows that no further one can succeed, in a word."""
_BLOCKED = {Reason.MODERATION_INPUT, Reason.MODERATION_OUTPUT}


@dataclass(slots=True)
class _Streak:
    """Calls of one step that failed alike, and the hashes of their requests."""

    sort: tuple[str, str]
    keys: list[str] = field(default_factory=list)


class Streaks:
    """Looks back on the calls of one endpoint.

    Args:
        name: Name of the endpoint, for the sentence.
        max_blocked_share: Of the last calls, the safety system may block this share, 0 to 1.
    """

    def __init__(self, name: str, max_blocked_share: float) -> None:
        self._name = name
        self._max_blocked_share = max_blocked_share
        self._alike: dict[str, _Streak] = {}
        self._last: deque[bool] = deque(maxlen=WINDOW)
        self._blocked = 0

    def answered(self, step: str) -> None:
        """A call of this step has brought a good answer."""
        self._alike.pop(step, None)
        self._push(blocked=False)

    def failed(self, step: str, key: str, verdict: Verdict) -> None:
        """A call of this step has failed.

        Raises:
            EndpointStopped: No further call can succeed; or it is one too many: the settings are
                wrong, or the endpoint is, or the safety system has blocked too many.
        """
        if verdict.action == "stop":
            raise hopeless(self._name, verdict)
        if verdict.reason in _BLOCKED:
            self._push(blocked=True)
            self._check_blocked(verdict)
        longest = LONGEST.get(verdict.reason) if verdict.reason else None
        if longest is None:
            return
        self._push(blocked=False)
        sort = (verdict.kind, verdict.code)
        streak = self._alike.get(step)
        if streak is None or streak.sort != sort:
            streak = self._alike[step] = _Streak(sort)
        streak.keys.append(key)
        if len(streak.keys) >= longest:
            raise EndpointStopped(
                f"{self._name}: {len(streak.keys)} calls of {step} in a row failed alike, so a "
                f"setting or the endpoint must be wrong. The last one: {verdict.sentence}",
                kind="settings",
            )

    def broken(self, step: str) -> None:
        """The calls of this step that failed alike were in no order, so that they are no streak."""
        self._alike.pop(step, None)

    def doubtful(self, step: str) -> list[str]:
        """Hashes of the requests of a step that were refused in a row, the last one included."""
        streak = self._alike.get(step)
        return streak.keys if streak is not None else []

    def _push(self, *, blocked: bool) -> None:
        if len(self._last) == WINDOW:
            self._blocked -= self._last[0]
        self._last.append(blocked)
        self._blocked += blocked

    def _check_blocked(self, verdict: Verdict) -> None:
        seen = len(self._last)
        if seen >= LEAST and self._blocked > self._max_blocked_share * seen:
            raise EndpointStopped(
                f"{self._name}: the safety system blocked {self._blocked} of the last {seen} calls, "
                f"more than max_blocked_share allows ({self._max_blocked_share:g}); providers close "
                f"accounts over that. The last one: {verdict.sentence}",
                kind="blocked",
            )


def hopeless(name: str, verdict: Verdict) -> EndpointStopped:
    """That no call of an endpoint can succeed, as one that failed has shown."""
    return EndpointStopped(f"{name}: {verdict.sentence}", kind=_STOPS.get(verdict.kind, ""))
