"""How an engine hears from other threads that its run must not go on."""

from typing import TYPE_CHECKING

from editcorpus.errors import AllowanceVoid, RunStopped

if TYPE_CHECKING:
    from editcorpus.endpoints.engine import Engine


class Wire:
    """The way by which an engine is told that its run must not go on."""

    def __init__(self) -> None:
        self.engine: Engine | None = None

    def lost(self, sentence: str) -> None:
        """The lease that the engine works under is lost; from any thread."""
        if self.engine is not None:
            self.engine.stop(RunStopped(sentence, kind="lease lost"))

    def void(self, sentence: str) -> None:
        """The allowance that the engine works on holds no more; from any thread."""
        if self.engine is not None:
            self.engine.stop(AllowanceVoid(sentence))
