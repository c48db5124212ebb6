"""The budget of a whole store, over all its runs: what each may spend stands in one object.

`budget.json` at the root of a store holds the budget and an account for each run: the most that the run
may have booked in all, and the process that draws on it, if any. The limits of all accounts together
never pass the budget, and no run books more than its limit; so the budget is never passed. A process
draws money in parts, and gives back what is left when it ends. Where it died, whoever comes next reads
from the run's journals what it spent, possibly billed calls included.

All changes are conditional writes (`Store.swap`): without them two processes could draw the same
dollar. Once a store has a budget, every run in it obeys.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from decimal import ROUND_DOWN, Decimal
from functools import partial
from threading import Lock

from editcorpus.adding import read_totals
from editcorpus.budgets import PATH, Account, Book, read_book
from editcorpus.claims import living
from editcorpus.errors import ConfigError, RunStopped, StorageError, Taken
from editcorpus.leases import Owner
from editcorpus.storage import Store

_PART = 10
"""A process that needs money draws a tenth of what is free: large runs ask seldom, and none takes all."""
_CENT = Decimal("0.01")
_TRIES = 200
"""How often a change is tried while others change the same object; one of them succeeds each time."""
_PAUSE_S = 0.02
_JOINING_S = 15.0
"""How long runs that have just begun are given to open their accounts, in seconds."""


class Treasury:
    """The store's budget as one process sees it, which owns a run.

    Args:
        store: Whose budget.
        run: Of this process.
        owner: This process; it holds the run's lock.
        clock: Seconds since 1970.
    """

    def __init__(
        self, store: Store, run: str, owner: Owner, clock: Callable[[], float] = time.time
    ) -> None:
        self._store = store
        self._run = run
        self._owner = owner
        self._clock = clock
        self._lock = Lock()
        self._open = False
        self._joined = False
        self.ceiling = Decimal(0)
        self.dry = ""

    def join(self, budget_usd: Decimal | None) -> bool:
        """Say that the run obeys the store's budget, if there is one or gets one now; whether there is.

        To be called once the run's lock is held, and before it is looked what the run has booked.

        Args:
            budget_usd: The new budget of the store; None leaves it as it is.

        Raises:
            ConfigError: The store does not honour conditional writes, so nobody can promise it.
            StorageError: The object is damaged.
        """
        if not check_budget(self._store, budget_usd):
            return False

        def announce(book: Book) -> None:
            book.budget = book.budget if budget_usd is None else budget_usd
            book.accounts[self._run] = Account(None, self._owner.process)

        self._changed(announce)
        self._open = True
        return True

    def open(self, spent: Decimal) -> None:
        """Open the run's account.

        Args:
            spent: Dollars that the run has booked so far in all, and those set aside in its name.

        Raises:
            Taken: A run is at work that began before the store had a budget.
            StorageError: The store fails, or the object is damaged.
        """
        self.ceiling = spent
        self._mine(Account(spent, self._owner.process))
        try:
            self._prove_joined()
        except BaseException:
            self.close(spent)
            raise

    def more(self, need: Decimal) -> None:
        """Draw money: at least so much if there is, else all that is left, and then it is `dry`.

        Args:
            need: Dollars, above the present `ceiling`.

        Raises:
            RunStopped: Somebody else has taken the account over.
            StorageError: The store fails, or the object is damaged.
        """
        with self._lock:
            if not self._open:
                return
            if self._read().free < need or not self._joined:
                self._settle()
                self._joined = True
            book = self._changed(lambda book: self._draw(book, need))
            limit = book.accounts[self._run].limit or Decimal(0)
            if limit - self.ceiling < need:
                self.dry = _dry(book, limit)
            self.ceiling = limit

    def close(self, spent: Decimal) -> None:
        """Give back what the run has not booked; nothing more is drawn.

        Args:
            spent: Dollars that the run has booked in all.
        """
        with self._lock:
            if self._open:
                self._open = False
                self._mine(Account(spent))

    def _mine(self, account: Account) -> None:
        """Change the run's account, unless somebody else has taken it over."""

        def change(book: Book) -> None:
            mine = book.accounts.get(self._run)
            if mine is not None and mine.process == self._owner.process:
                book.accounts[self._run] = account

        self._changed(change)

    def _draw(self, book: Book, need: Decimal) -> None:
        mine = book.accounts.get(self._run)
        if mine is None or mine.limit is None or mine.process != self._owner.process:
            raise RunStopped(
                f"Another process has taken over the account of run {self._run!r} in the store's "
                "budget; start the run again to go on.",
                kind="lease lost",
            )
        part = max(need, (book.free / _PART).quantize(_CENT, ROUND_DOWN))
        book.accounts[self._run] = replace(mine, limit=mine.limit + min(book.free, part))

    def _settle(self) -> None:
        """Open accounts for runs that have none, and close those whose process is gone."""
        runs = {path.split("/")[1] for path in self._store.list("journal")}
        accounts = self._read().accounts
        for run in sorted((runs | accounts.keys()) - {self._run}):
            before = accounts.get(run)
            at_work = before is not None and bool(before.process) and self._is_at_work(run)
            if before is not None and before.limit is not None and (at_work or not before.process):
                continue
            spent = read_totals(self._store, run).spent
            after = Account(spent, before.process if before is not None and at_work else "")
            self._changed(partial(_exchange, run, before, after))

    def _is_at_work(self, run: str) -> bool:
        """Whether anybody owns a run, or may spend under a permit that a dead owner left."""
        permits = self._store.list(f"runs/{run}/permits")
        return bool(self._owners(run) or permits)

    def _owners(self, run: str) -> set[str]:
        host, folder = self._owner.host, f"runs/{run}/lock"
        claims = living(self._store, folder, host, self._clock)
        return {str(claim.get("process")) for claim in claims}

    def _prove_joined(self) -> None:
        """Prove that whoever is at work in this store obeys its budget.

        A run takes its lock before it looks for a budget, and here the budget is there before one
        looks for locks: so either it sees the budget, or its lock is seen.
        """
        until = time.monotonic() + _JOINING_S
        while outside := self._outside():
            if time.monotonic() > until:
                raise Taken(
                    f"The run {outside!r} is at work in this store and began before the store had a "
                    "budget; wait until it ends."
                )
            time.sleep(0.2)

    def _outside(self) -> str:
        """A run that is at work without an account of its process; empty where there is none."""
        book = self._read()
        locks = [path.split("/") for path in self._store.list("runs") if "/lock/" in path]
        for run in sorted({names[1] for names in locks if len(names) == 4} - {self._run}):
            account = book.accounts.get(run)
            if self._owners(run) - {account.process if account else ""}:
                return run
        return ""

    def _read(self) -> Book:
        return read_book(self._store) or Book()

    def _changed(self, change: Callable[[Book], None]) -> Book:
        """Change the object; again where somebody else has changed it meanwhile."""
        for _ in range(_TRIES):
            tag = self._store.tag(PATH)
            book = self._read()
            change(book)
            if self._store.swap(PATH, book.encode(), tag):
                return book
            time.sleep(_PAUSE_S)
        raise StorageError(f"{self._store.url(PATH)} could not be changed {_TRIES} times.")


def check_budget(store: Store, budget_usd: Decimal | None) -> bool:
    """Whether a store has a budget, or is to get one; if so, that it can keep it.

    Raises:
        ConfigError: The store does not honour conditional writes, so nobody can promise it.
    """
    if budget_usd is None and not store.exists(PATH):
        return False
    promise = store.promise()
    if not promise.conditional:
        raise ConfigError(
            "This store ignores conditional writes, so nobody can promise a budget over all its runs: "
            f"{promise.why}. Leave --store-budget-usd out and set --budget-usd for each run, or use a "
            "folder, or an S3 server that honours them."
        )
    return True


def _exchange(run: str, before: Account | None, after: Account, book: Book) -> None:
    if book.accounts.get(run) == before:
        book.accounts[run] = after


def _dry(book: Book, mine: Decimal) -> str:
    others = book.at_work() - mine
    return (
        f"The budget of ${book.budget} for all runs of the store would be passed: ${book.free:.4f} of it "
        f"is free, ${others:.4f} is set aside for other runs at work, and the next call may cost more. "
        "Start the run again with a higher --store-budget-usd, or when they have ended, to go on."
    )
