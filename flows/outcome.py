"""What came of a build: for the state of the flow run, the command line and the artifacts."""

from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from editcorpus.stages.finish import Finished
from editcorpus.stages.opening import SANDBOX
from editcorpus.stages.summary import Standing, stand
from editcorpus.stages.workshop import Workshop


@dataclass(frozen=True, slots=True)
class Outcome:
    """Where every id is, and what it cost.

    Attributes:
        stopped: Why the run stopped early; empty where it did not.
        emulated: Whether any answer comes from the sandbox, so that nothing was really paid.
        corpus: Where the corpus lies; empty where there is none yet.
        gallery: Where the page with its pictures lies; likewise.
    """

    run: str
    standing: Standing
    calls: dict[str, int]
    cost_usd: Decimal
    corpus: str
    gallery: str
    stopped: str
    emulated: bool = False

    @classmethod
    def of(cls, shop: Workshop, finished: Finished, gallery: str) -> "Outcome":
        """Of a run that went to its end."""
        return cls._made(shop, finished.standing, (finished.corpus, gallery), "")

    @classmethod
    def so_far(cls, shop: Workshop, shards: int, why: str) -> "Outcome":
        """Of a run that had to stop."""
        return cls._made(shop, stand(shop, shards), ("", ""), why)

    @classmethod
    def _made(
        cls, shop: Workshop, standing: Standing, places: tuple[str, str], stopped: str
    ) -> "Outcome":
        ledger = shop.ledger
        calls = {
            "paid": ledger.calls["settled"] + ledger.calls["damaged"],
            "cached": ledger.calls["cached"],
            "possibly_billed": ledger.possibly,
        }
        emulated = SANDBOX in shop.providers.values()
        return cls(shop.run, standing, calls, ledger.spent, *places, stopped, emulated)

    @property
    def failed(self) -> int:
        """Ids that the next run does again."""
        return len(self.standing.failed)

    def state(self, max_failed_share: float) -> State[Any]:
        """The final state of the flow run."""
        message = self.sentence()
        if self.stopped:
            return Failed(name="Stopped", message=f"{self.stopped} {message}", data=self)
        if self.failed > max_failed_share * self.standing.entered:
            return Failed(name=f"Failed ({self.failed} failed)", message=message, data=self)
        if self.failed:
            return Completed(name=f"Completed ({self.failed} failed)", message=message, data=self)
        return Completed(message=message, data=self)

    def sentence(self) -> str:
        """The funnel in one line."""
        return (
            f"{self.standing.entered} entered: {self.standing.kept} kept, "
            f"{len(self.standing.rejected)} rejected, {self.failed} failed; ${self.cost_usd:.4f}."
        )

    def as_json(self) -> dict[str, Any]:
        """What `--json` prints, less the seconds."""
        return {
            "run": self.run,
            "entered": self.standing.entered,
            "kept": self.standing.kept,
            "rejected": _counts(self.standing.rejected),
            "failed": _counts(self.standing.failed),
            "calls": self.calls,
            "cost_usd": format(self.cost_usd, "f"),
            "corpus": self.corpus,
        }


def _counts(items: list[Any]) -> dict[str, int]:
    return dict(sorted(Counter(str(item.reason) for item in items).items()))
