"""The object that holds the budget of a whole store, and what each run may spend of it."""

import json
import uuid
from dataclasses import dataclass, field
from decimal import Decimal

from editcorpus.errors import StorageError
from editcorpus.storage import Store

MOST_DOLLARS = 10_000_000
"""Far above a full run, 1.5 million edits at $100k to $390k: more is a slip of the keyboard."""
PATH = "budget.json"
"""Where it lies, from the root of the store."""


@dataclass(frozen=True, slots=True)
class Account:
    """What one run may spend.

    Attributes:
        limit: Dollars that the run may have booked in all; None while nobody has looked yet what it
            has booked, and then nothing is drawn by anybody.
        process: Who draws on it; empty: nobody, and the run has booked exactly the limit.
    """

    limit: Decimal | None
    process: str = ""


@dataclass(slots=True)
class Book:
    """The content of the object.

    Attributes:
        budget: Dollars for all runs together; none as long as nobody has set it.
        accounts: By run.
    """

    budget: Decimal | None = None
    accounts: dict[str, Account] = field(default_factory=dict)

    @property
    def free(self) -> Decimal:
        """Dollars that no account holds; zero while some account is not known, or too much is held."""
        limits = [one.limit for one in self.accounts.values()]
        held = sum((limit for limit in limits if limit is not None), Decimal(0))
        return Decimal(0) if None in limits else max(Decimal(0), (self.budget or 0) - held)

    def at_work(self) -> Decimal:
        """Dollars in accounts that somebody draws on."""
        drawn = (one.limit for one in self.accounts.values() if one.process)
        return sum((limit for limit in drawn if limit is not None), Decimal(0))

    def encode(self) -> bytes:
        """As it is stored; no two are the same."""
        runs = {
            run: {
                "limit_usd": None if one.limit is None else format(one.limit, "f"),
                "process": one.process,
            }
            for run, one in sorted(self.accounts.items())
        }
        made = {"budget_usd": format(self.budget or 0, "f"), "runs": runs, "mark": uuid.uuid4().hex}
        return json.dumps(made, indent=1).encode() + b"\n"

    @classmethod
    def decode(cls, data: bytes) -> "Book":
        """What was stored.

        Raises:
            ValueError: It was not stored by us.
        """
        try:
            made = json.loads(data)
            runs = {
                str(run): Account(
                    None if one["limit_usd"] is None else _dollars(one["limit_usd"]),
                    str(one["process"]),
                )
                for run, one in made["runs"].items()
            }
            return cls(_dollars(made["budget_usd"]), runs)
        except (KeyError, TypeError, AttributeError, ArithmeticError) as error:
            raise ValueError(str(error)) from error


def read_book(store: Store) -> Book | None:
    """The store's budget and accounts; None where it has none.

    Raises:
        StorageError: The object is damaged.
    """
    try:
        return Book.decode(store.read(PATH))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise StorageError(
            f"{store.url(PATH)} is damaged, and holds the store's budget; mend it, or remove it while no "
            "run is at work and set the budget anew."
        ) from error


def _dollars(text: object) -> Decimal:
    made = Decimal(str(text))
    if not made.is_finite() or made < 0:
        raise ValueError(f"{text!r:.80} is no amount of dollars")
    return made
