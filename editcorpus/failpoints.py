"""Death at a chosen moment, to prove that a run survives it.

Whoever starts a process with `EDITCORPUS_FAILPOINT=during:runs/*/publish.json:2` has it killed, as by
`kill -9`, while it writes the second file that the pattern fits. Without the variable a plain `Store`
is opened, and nothing of this exists.

| when | what has happened when the process dies |
|---|---|
| `before` | nothing of this write |
| `during` | locally half the bytes lie under a temporary name; on a bucket the request is on its way |
| `after` | the write is durable, and nobody has been told |
"""

import os
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from threading import Lock, Timer
from typing import Any, NamedTuple

from editcorpus.errors import ConfigError
from editcorpus.storage import Store

VARIABLE = "EDITCORPUS_FAILPOINT"
"""The environment variable that arms a process; whoever opens a store for it hands its value on."""
DEATH = b"\nThe failpoint was reached.\n"
"""What a process says to standard error when it dies."""
_WHEN = ("before", "during", "after")
_INTO_A_PUT_S = 0.002
"""How long after its begin a request to a bucket is cut: on one machine a PUT takes 3 ms and more."""


class Failpoint(NamedTuple):
    """Where to die: at the n-th write, from 1, of a path that the pattern fits."""

    when: str
    pattern: str
    nth: int

    @classmethod
    def parse(cls, text: str) -> "Failpoint":
        """A failpoint out of `WHEN:PATTERN:N`.

        Raises:
            ConfigError: It is none.
        """
        when, _, rest = text.partition(":")
        pattern, _, nth = rest.rpartition(":")
        if when not in _WHEN or not pattern or not nth.isdecimal() or int(nth) < 1:
            raise ConfigError(
                f"{VARIABLE} takes WHEN:PATTERN:N, where WHEN is before, during or after and N a "
                f"number from 1; not {text!r:.200}."
            )
        return cls(when, pattern, int(nth))


def open_store(root: str, options: Mapping[str, Any], spool: Path | None, failpoint: str) -> Store:
    """A store, with a failpoint in it if there is one to be.

    Args:
        root: As `Store` takes it, and so are options and spool.
        options: What fsspec's filesystem takes.
        spool: Local folder for files on their way to a bucket.
        failpoint: The value of the environment variable; empty for a plain store.

    Raises:
        ConfigError: The root or the failpoint is none.
    """
    if not failpoint:
        return Store(root, options, spool)
    return FragileStore(Failpoint.parse(failpoint), _die, root, options, spool)


class FragileStore(Store):
    """A store whose process dies at its failpoint.

    Args:
        point: Where.
        die: Ends the process and does not return; a test may take something softer.
        root: As `Store` takes it, and so are options and spool.
        options: What fsspec's filesystem takes.
        spool: Local folder for files on their way to a bucket.
    """

    def __init__(
        self,
        point: Failpoint,
        die: Callable[[], None],
        root: str,
        options: Mapping[str, Any] | None = None,
        spool: Path | None = None,
    ) -> None:
        super().__init__(root, options, spool)
        self._point = point
        self._die = die
        self._seen = 0
        self._counting = Lock()

    def write(self, path: str, data: bytes) -> None:
        """As a store does it, or die."""
        if self.local is not None:
            super().write(path, data)  # which uploads
            return
        with self._watched(path) as during:
            if during:
                Timer(_INTO_A_PUT_S, self._die).start()
            super().write(path, data)

    @contextmanager
    def upload(self, path: str) -> Iterator[Path]:
        """As a store does it, or die."""
        with self._watched(path) as during, super().upload(path) as file:
            yield file
            if during and self.local is not None:
                os.truncate(file, file.stat().st_size // 2)
                self._die()
            elif during:
                Timer(_INTO_A_PUT_S, self._die).start()

    def append(self, path: str, handle: int, data: bytes) -> None:
        """As a store does it, or die."""
        with self._watched(path) as during:
            if during:
                os.write(handle, data[: len(data) // 2])
                self._die()
            super().append(path, handle, data)

    @contextmanager
    def _watched(self, path: str) -> Iterator[bool]:
        when = self._reached(path)
        if when == "before":
            self._die()
        yield when == "during"
        if when == "after":
            self._die()

    def _reached(self, path: str) -> str:
        if not fnmatchcase(path, self._point.pattern):
            return ""
        with self._counting:
            self._seen += 1
            return self._point.when if self._seen == self._point.nth else ""


def _die() -> None:
    os.write(2, DEATH)
    os.kill(os.getpid(), signal.SIGKILL)
