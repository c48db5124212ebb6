"""Tells of endpoints that cannot be reached, where a partition's calls are made apart from its parent."""

import contextvars
import threading
from types import TracebackType
from typing import Self

from editcorpus.stages.workshop import Workshop
from flows.channel import Channel, related
from flows.events import Herald

_EVERY_S = 5.0


class Lookout:
    """Looks at the endpoints of a partition; use it as a context manager. Its parent tells all else.

    Args:
        shop: Whose engine is watched.
    """

    def __init__(self, shop: Workshop) -> None:
        self._shop = shop
        self._herald = Herald(shop.run)
        self._channel = Channel()
        self._done = threading.Event()
        context = contextvars.copy_context()
        self._thread = threading.Thread(target=context.run, args=(self._keep,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._done.set()
        self._thread.join()

    def _keep(self) -> None:
        while not self._done.wait(_EVERY_S):
            away = self._shop.engine.standing().away
            if away and not self._herald.related:
                self._herald.related = self._channel.ask(related) or ()
            self._herald.endpoints(away)
            self._channel.post(self._herald.take())
