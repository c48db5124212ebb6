"""What came of a build: for the state of the flow run, the command line and the artifacts."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from editcorpus.stages.finish import Finished
from editcorpus.stages.opening import SANDBOX
from editcorpus.stages.rollup import run_standing
from editcorpus.stages.summary import Standing
from editcorpus.stages.workshop import Workshop

STOPPED = "Stopped"
_SHARDS, _GROUPS = 5, 5
"""Shards, and steps with their reasons, that the final state names."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Where every id is, and what it cost.

    Attributes:
        stopped: Why the run stopped early; empty where it did not.
        emulated: Whether any answer comes from the sandbox, so that nothing was really paid.
        corpus: Where the corpus lies; empty where there is none yet.
        gallery: Where the page with its pictures lies; likewise.
        kind: Of the stop, in a word or two; empty where there is none.
        repairs: What was paid once more, or was not, since it was damaged in the store: a sentence
            less its end, or nothing.
    """

    run: str
    standing: Standing
    calls: dict[str, int]
    cost_usd: Decimal
    corpus: str
    gallery: str
    stopped: str
    emulated: bool = False
    repairs: str = ""
    kind: str = ""

    @classmethod
    def of(cls, shop: Workshop, finished: Finished, gallery: str) -> "Outcome":
        """Of a run that went to its end."""
        return cls._made(shop, finished.standing, (finished.corpus, gallery), "")

    @classmethod
    def so_far(cls, shop: Workshop, shards: int, why: str, kind: str = "") -> "Outcome":
        """Of a run that had to stop."""
        made = cls._made(shop, run_standing(shop, shards), ("", ""), why)
        return replace(made, kind=kind)

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
        repairs = shop.responses.repairs()
        return cls(shop.run, standing, calls, ledger.spent, *places, stopped, emulated, repairs)

    @property
    def failed(self) -> int:
        """Ids that the next run does again."""
        return len(self.standing.failed)

    def state(self, max_failed_share: float, what_to_do: str = "") -> State[Any]:
        """The final state of the flow run: how it ended, who failed and where, what to do.

        Args:
            max_failed_share: Share of failed ids above which the run has failed.
            what_to_do: About those who failed, in a sentence.
        """
        sentence, lost = self.sentence(), self._lost()
        if self.stopped:
            message = _joined(self.stopped, sentence, lost)
            return Failed(name=stopped_name(self.kind), message=message, data=self)
        message = _joined(sentence, lost, what_to_do if self.failed else "")
        if self.failed > max_failed_share * self.standing.entered:
            limit = f"That is more than effort.max_failed_share, {max_failed_share:g}, allows."
            message = _joined(sentence, limit, lost, what_to_do)
            return Failed(name=f"Failed ({self.failed} failed)", message=message, data=self)
        if self.failed:
            return Completed(name=completed_name(self.failed), message=message, data=self)
        return Completed(message=message, data=self)

    def _lost(self) -> str:
        """Who failed, and in which shards; where all who are not in the corpus are told."""
        groups = Counter((item.step, item.reason.value) for item in self.standing.failed)
        told = ", ".join(
            f"{count} {reason} at {step}" for (step, reason), count in groups.most_common(_GROUPS)
        )
        shards = shards_in_words(sorted(self.standing.failed_by_shard), _SHARDS)
        where = f" (shards {shards})" if shards else ""
        failed = f"Failed: {told}{where}." if told else ""
        gone = failed or self.standing.rejected
        return _joined(failed, "Artifact editcorpus-failures tells more." if gone else "")

    def sentence(self) -> str:
        """The funnel in one line."""
        return f"{counted(self.standing)}; ${self.cost_usd:.4f}."

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


def counted(standing: Standing) -> str:
    """The funnel in words."""
    return (
        f"{standing.entered} entered: {standing.kept} kept, {len(standing.rejected)} rejected, "
        f"{len(standing.failed)} failed"
    )


def completed_name(failed: int) -> str:
    """What the state of a run is called that went to its end: `Completed (12 failed)`."""
    return f"Completed ({failed} failed)" if failed else "Completed"


def stopped_name(kind: str) -> str:
    """What the state of a run is called that something of a kind has stopped: `Stopped: budget`."""
    return f"{STOPPED}: {kind}" if kind else STOPPED


def stop_kind(name: str) -> str | None:
    """The kind in the name of a state; None where the name is not that of a stop."""
    stopped, _, kind = name.partition(": ")
    return kind if stopped == STOPPED else None


def shards_in_words(shards: Sequence[int], most: int) -> str:
    """Numbers of shards, the first of them where they are many."""
    more = f" and {len(shards) - most:,} more" if len(shards) > most else ""
    return ", ".join(f"{shard:05d}" for shard in shards[:most]) + more


def _joined(*sentences: str) -> str:
    return " ".join(one for one in sentences if one)


def _counts(items: list[Any]) -> dict[str, int]:
    return dict(sorted(Counter(str(item.reason) for item in items).items()))
