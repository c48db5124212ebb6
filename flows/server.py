"""The Prefect server behind a build from a shell: started where there is none, watched, and left.

Task runs live in this process and reach the server as events, so that a build does not notice that
its server is gone, and Prefect never gives up by itself: it tries each event eleven times over seven
seconds (`PrefectEventsClient`, prefect/events/clients.py), one after the other, also while the
interpreter ends, which makes ten minutes of a hundred events. So the server is asked for its health.
"""

import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from prefect.context import refresh_global_settings_context
from prefect.settings import get_current_settings

from editcorpus.errors import RunStopped
from editcorpus.stages.plan import Plan
from editcorpus.stages.workshop import Workshop
from flows import own_server
from flows.outcome import Outcome
from flows.starting import answers, own_trust

_EVERY_S = 5.0
"""Between two looks: one takes some 20 ms of CPU."""
_GRACE_S = 20.0
"""How long any server may be away before the build stops."""
_LEAVE_S = 3.0
"""How long it may be away while Prefect sends what it still has."""


def start_own_server() -> None:
    """Have a server serve this process where Prefect's settings name none, as Prefect itself would.

    It is told to Prefect as a team's would be: so nothing of a server is imported here, which takes seconds.
    Prefect sends what it still has when the interpreter ends; then the server ends, too.

    Raises:
        ConfigError: The server does not start.
    """
    settings = get_current_settings()
    if settings.api.url or not settings.server.ephemeral.enabled:
        return
    os.environ["PREFECT_API_URL"] = own_server.used(
        settings.server.ephemeral.startup_timeout_seconds
    )
    refresh_global_settings_context()


def is_there() -> bool:
    """Whether the Prefect server of this process lives, as far as can be told from here."""
    own, url = own_server.lives(), get_current_settings().api.url
    if own is not None:
        return own
    return not url or own_trust(os.environ) or answers(url)


def patience_s() -> float:
    """How long the server may be away before the build stops, in seconds; at least 20.

    A team's server may be started anew: it is waited for as long as Prefect's client asks again, which
    pauses for 2, 4, 8, ... s (prefect/client/base.py), as often as `PREFECT_CLIENT_MAX_RETRIES` says.
    One that this process has started never comes back.
    """
    settings = get_current_settings()
    if not settings.api.url or own_server.lives() is not None:
        return _GRACE_S
    return max(_GRACE_S, 2.0 ** (settings.client.max_retries + 1) - 2)


@dataclass(slots=True)
class Away:
    """For how long something has been away, by looks at it.

    Attributes:
        grace_s: Seconds after which it counts as gone.
    """

    grace_s: float
    _since: float | None = None

    def gone(self, there: bool, now: float) -> bool:
        """Whether it counts as gone.

        Args:
            there: Whether it is there now.
            now: Seconds of a clock that only goes forward.
        """
        if there:
            self._since = None
            return False
        self._since = now if self._since is None else self._since
        return now - self._since >= self.grace_s


@dataclass(slots=True)
class Vigil:
    """Stops a build whose Prefect server is gone; use it as a context manager.

    It follows the build as a listener does. What is in flight is still taken and stored.
    """

    look: Callable[[], bool] = is_there
    grace_s: float = field(default_factory=patience_s)
    every_s: float = _EVERY_S
    _shop: Workshop | None = None
    _over: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._keep, name="editcorpus-vigil", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()

    def opened(self, shop: Workshop) -> None:
        """Know whom to stop."""
        self._shop = shop

    def begun(self, shards: int) -> None:
        """Nothing to do."""

    def planned(self, plan: Plan) -> None:
        """Nothing to do."""

    def shard_ended(self, number: int) -> None:
        """Nothing to do."""

    def ended(self, _outcome: Outcome) -> None:
        """There is nothing left to stop."""
        self._over.set()

    def _keep(self) -> None:
        away = Away(self.grace_s)
        while not self._over.wait(self.every_s):
            gone = away.gone(self.look(), time.monotonic())
            if gone and (shop := self._shop) is not None:
                shop.stopping.set()
                shop.engine.stop(
                    RunStopped(
                        f"The Prefect server has been gone for {self.grace_s:.0f} s; what is finished "
                        "is kept. Run the same again once it is back.",
                        kind="Prefect server",
                    )
                )
                return


def leave(code: int) -> None:
    """See to it that this process, which has nothing left to do, ends though its server is gone.

    For the very end of a command: the run's store and its lock are closed, and all has been said.
    Prefect still sends what it has, for as long as there is a server to take it. There is no setting
    that bounds this, so that where the server is gone the process ends without it.

    Args:
        code: Exit code of the command.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    threading.Thread(target=_leave, args=(code,), name="editcorpus-leave", daemon=True).start()


def _leave(code: int) -> None:
    away = Away(_LEAVE_S)
    while not away.gone(is_there(), time.monotonic()):
        time.sleep(_LEAVE_S / 3)
    os._exit(code)
