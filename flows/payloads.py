"""What each event of a run tells: the payloads, and the labels of the resource.

docs/events.md is written out of this module by `make docs`.
"""

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType

from pydantic import BaseModel, ConfigDict, Field


class Told(BaseModel):
    """What every event tells."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    run: str = Field(description="Name of the run.")


class Counts(Told):
    """What the end of a run tells."""

    entered: int = Field(description="Triplets of the run.")
    kept: int = Field(description="In the corpus.")
    rejected: int = Field(description="Given up for good.")
    failed: int = Field(description="Without a verdict: the next start does them again.")
    spent_usd: Decimal = Field(description="Dollars booked for the run in all its starts.")
    emulated: bool = Field(description="Whether the sandbox answered, so that nothing was paid.")


class RunStarted(Told):
    """The work is known, and begins."""

    entered: int = Field(description="Triplets of the run; 0 while they are still being counted.")
    shards: int = Field(description="In how many shards; likewise.")
    budget_usd: Decimal | None = Field(description="What the run may cost in all; null: no limit.")
    emulated: bool = Field(description="Whether the sandbox answers, so that nothing is paid.")


class ShardFinished(Told):
    """A shard went through its stages; with unanswered calls it comes once more."""

    shard: int = Field(description="Its number, from 0.")
    times: int = Field(description="1, or 2 where it went through once more in the same start.")
    entered: int = Field(description="Triplets of the shard.")
    kept: int = Field(description="In the corpus.")
    rejected: dict[str, int] = Field(description="Given up for good, by reason.")
    failed: dict[str, int] = Field(description="Without a verdict, by reason.")
    usd: Decimal = Field(description="Dollars booked for it since this start of the run.")


class BudgetThreshold(Told):
    """So much of the run's budget is booked."""

    percent: int = Field(description="The threshold: 50, 95, 100 or the recipe's own (80).")
    spent_usd: Decimal = Field(description="Dollars booked.")
    reserved_usd: Decimal = Field(description="Set aside for calls that are out.")
    budget_usd: Decimal = Field(description="What the run may cost in all.")


class FailureShare(Told):
    """More of those that ended lately were given up than before."""

    failed_percent: float = Field(description="Of those that ended: without a verdict.")
    gone_percent: float = Field(description="Likewise: rejected or without a verdict.")
    ended: int = Field(description="Triplets that ended within the window.")
    minutes: float = Field(description="How long the window is.")


class EndpointDown(Told):
    """An endpoint cannot be reached: its calls wait, and nothing is lost."""

    endpoint: str = Field(description="Name of its saved block.")


class EndpointUp(Told):
    """It can be reached again, and its calls go on."""

    endpoint: str = Field(description="Name of its saved block.")


class RunStopped(Counts):
    """The run ended early; what is finished is kept, and starting it again goes on."""

    kind: str = Field(description="What stopped it: budget, key, quota, blocked, disk, ...")
    sentence: str = Field(description="Why, for people.")


class RunFinished(Counts):
    """The run went to its end; there is a corpus."""

    corpus: str = Field(description="Where it lies.")


KINDS: Mapping[str, type[Told]] = MappingProxyType(
    {
        "editcorpus.run.started": RunStarted,
        "editcorpus.shard.finished": ShardFinished,
        "editcorpus.budget.threshold": BudgetThreshold,
        "editcorpus.failures.share": FailureShare,
        "editcorpus.endpoint.down": EndpointDown,
        "editcorpus.endpoint.up": EndpointUp,
        "editcorpus.run.stopped": RunStopped,
        "editcorpus.run.finished": RunFinished,
    }
)
"""The payload of each event, by the event's name."""
LABELS: Mapping[str, str] = MappingProxyType(
    {
        "editcorpus.percent": "of budget.threshold: the threshold",
        "editcorpus.warns": "of budget.threshold: `true` from the share on that the recipe warns at",
        "editcorpus.failed-percent": "of failures.share: the highest step passed by failed ones; 0: none",
        "editcorpus.gone-percent": "of failures.share: likewise, by those that failed or were rejected",
        "editcorpus.endpoint": "of endpoint.down and endpoint.up: name of the endpoint",
        "editcorpus.stop": "of run.stopped: what stopped it",
    }
)
"""Labels of the resource, beside its id and name."""
