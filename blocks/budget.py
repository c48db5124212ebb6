"""A saved budget that recipes name."""

from decimal import Decimal

from prefect.blocks.core import Block
from pydantic import Field, HttpUrl

from blocks.schemas import OneSchema
from editcorpus.budgets import MOST_DOLLARS


class Budget(OneSchema, Block):
    """What runs that name it may cost; the smaller of it and a run's own parameters counts.

    Example:
        Look at a saved budget:
        ```python
        from blocks.budget import Budget

        budget = Budget.load("BLOCK_NAME")
        print(budget.check() or budget.budget_usd)
        ```
    """

    _block_type_name = "Budget"
    _block_type_slug = "budget"
    _description = (
        "What each run that names it in endpoints.budget may cost. Beside a run's own effort.budget_usd "
        "the smaller one counts; an edit takes effect when a run is started, or started again."
    )
    _documentation_url = HttpUrl("https://docs.prefect.io/v3/concepts/blocks")

    budget_usd: float = Field(
        default=0,
        ge=0,
        le=MOST_DOLLARS,
        description="Dollars that each run may cost in all, from its first start on, 0 to 10,000,000; 0 is "
        "no limit. Where the run's own is smaller, that counts.",
    )
    store_budget_usd: float = Field(
        default=0,
        ge=0,
        le=MOST_DOLLARS,
        description="Dollars that all runs of the store may cost together, 0 to 10,000,000; 0 leaves what "
        "was set before. Where the run's own is smaller, that counts.",
    )
    warn_share: float = Field(
        default=0.8,
        ge=0.01,
        le=1,
        description="Share of the run's budget, 0.01 to 1, at which it sends a warning.",
    )

    def limits(self) -> tuple[Decimal | None, Decimal | None]:
        """Dollars of a run, and of all runs of the store; None where there is no limit here."""
        run, store = (Decimal(str(one)) or None for one in (self.budget_usd, self.store_budget_usd))
        return run, store

    def check(self) -> str:
        """Find out whether it limits anything.

        Returns:
            What is wrong, in one sentence; empty where nothing is.
        """
        run, store = self.limits()
        if run is None and store is None:
            return "It limits nothing: budget_usd and store_budget_usd are both 0."
        if run is not None and store is not None and run > store:
            return f"One run may cost ${run}, which is more than the ${store} of all runs together."
        return ""
