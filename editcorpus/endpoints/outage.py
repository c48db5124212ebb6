"""Tells an endpoint that nobody can reach from calls that have bad luck."""

import logging

from editcorpus.endpoints.classify import Verdict
from editcorpus.endpoints.rules import Kind

_log = logging.getLogger(__name__)
SEVERAL = 4
"""So many requests must be lost before the endpoint is to blame: one alone may be what breaks it."""
LOST: frozenset[Kind] = frozenset({"transport", "transport_unsent", "edge"})
"""Reset, refused, no such name, TLS, or a proxy that answers in the endpoint's place."""
_SAYS_NOTHING: frozenset[Kind] = LOST | {"timeout", "unknown"}


class Outage:
    """What is known of whether an endpoint can be reached.

    It counts as out of reach once several requests were lost and nothing of its own came back in
    between. From then on what waits shall stay waiting, at once: a minute of calls that are cut off
    would use up the tries of thousands of requests, and book each as possibly billed. A false alarm
    costs a second, since the first look is taken so soon.

    Args:
        name: Of the endpoint, for the log.

    Attributes:
        down: Whether it cannot be reached.
    """

    def __init__(self, name: str) -> None:
        self.down = False
        self._name = name
        self._lost: set[str] = set()
        self._sentence = ""
        self._told = False

    @property
    def told(self) -> bool:
        """Whether it cannot be reached, and somebody has looked."""
        return self._told

    def answered(self) -> None:
        """Something of the endpoint's own came back, be it an error."""
        self._lost.clear()
        self.down = False
        if self._told:
            self._told = False
            _log.warning("%s can be reached again: its calls go on.", self._name)

    def missed(self, key: str, verdict: Verdict) -> None:
        """A call for the request with this hash brought no good answer."""
        if verdict.kind in LOST:
            if len(self._lost) < SEVERAL:
                self._lost.add(key)
            self.down = len(self._lost) >= SEVERAL
            self._sentence = verdict.sentence
        elif verdict.kind not in _SAYS_NOTHING:
            self.answered()

    def looked(self) -> None:
        """Somebody has looked whether it is back; if not, that is told once."""
        if self.down and not self._told:
            self._told = True
            _log.warning(
                "%s cannot be reached: its calls wait, and one at a time tries until it answers. %s",
                self._name,
                self._sentence,
            )
