"""What is said to whoever takes a partition, and what it says at its end."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from editcorpus.permits import Permit
from flows.outcome import STOPPED
from flows.parameters import Recipe


@dataclass(frozen=True, slots=True)
class Order:
    """What partitions are handed out of.

    Attributes:
        source: Name of the dataset.
        recipe: What is built, with the saved blocks that each opens for itself.
    """

    source: str
    recipe: Recipe

    @property
    def parameters(self) -> dict[str, Any]:
        """The recipe as JSON takes it."""
        return self.recipe.model_dump(mode="json")


class Share(BaseModel):
    """Which part of a run is taken, and what may be spent on it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str = Field(description="Name of the dataset.")
    permit: str = Field(description="Name of the permit that the run's owner gave for it.")
    number: int = Field(ge=0, description="Of the partition, from 0.")
    first: int = Field(ge=0, description="Its first shard.")
    stop: int = Field(ge=0, description="The first shard that is not its own any more.")
    usd: Decimal | None = Field(None, description="Dollars that it may spend; none is no limit.")
    hands: int = Field(1, ge=1, description="Among how many the endpoints' limits are shared.")


class End(BaseModel):
    """How the work on a partition ended."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    how: Literal["done", "short", "void", "stopped", "interrupted"] = Field(
        description="All shards are through; the allowance is used up; it holds no more; the run must "
        "not go on; or somebody stopped it."
    )
    sentence: str = Field("", description="Why it ended early, or what came of it.")
    kind: str = Field("", description="What stopped it, in a word or two.")
    failed: int = Field(0, ge=0, description="Ids without a verdict, of one that is done.")


NAMES = {
    "short": "Out of allowance",
    "void": "Void",
    "stopped": STOPPED,
    "interrupted": "Interrupted",
}
"""What the final state of a partition's flow run is called that did not do its part."""


def share_of(order: Order, permit: Permit) -> dict[str, Any]:
    """A share, as JSON takes it."""
    made = Share(
        source=order.source,
        permit=permit.name,
        number=permit.number,
        first=permit.first,
        stop=permit.stop,
        usd=permit.usd,
        hands=permit.hands,
    )
    return made.model_dump(mode="json")
