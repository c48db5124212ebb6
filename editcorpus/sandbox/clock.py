"""The scaled clock of files and batches; it stands still while the server is down."""

import time


class Clock:
    """Emulated seconds since 1970, `1 / scale` of them in a real one."""

    def __init__(self, start: float, scale: float) -> None:
        self._start = start
        self._scale = scale
        self._began = time.monotonic()

    def now(self) -> float:
        """Emulated seconds since 1970."""
        return self._start + (time.monotonic() - self._began) / self._scale

    def forward(self, moment: float) -> None:
        """Go on from a moment that was on record before the server went down."""
        self._start += max(0.0, moment - self.now())

    def rescaled(self, scale: float) -> "Clock":
        """A clock that goes on from here at another pace."""
        return Clock(self.now(), scale)

    def real_s(self, moment: float) -> float:
        """Real seconds until a moment; 0 for one that is past."""
        return max(0.0, (moment - self.now()) * self._scale)
