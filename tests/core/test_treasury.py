"""All runs of a store together never pass its budget, whoever dies in between."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from decimal import Decimal

import pytest

from editcorpus.budgets import PATH, read_book
from editcorpus.conditions import Promise
from editcorpus.errors import BudgetExceeded, ConfigError, RunStopped, StorageError, Taken
from editcorpus.leases import LEASE_S, Owner, Times
from editcorpus.ledger import Ledger, read_totals
from editcorpus.runs import own_run
from editcorpus.storage import Store
from editcorpus.treasury import Treasury

WORKER = """
import asyncio, os, random, sys, threading
from decimal import Decimal
from concurrent.futures import ThreadPoolExecutor
from editcorpus.bookings import Intent, Record, to_fields
from editcorpus.errors import BudgetExceeded
from editcorpus.journal import Journal, encode
from editcorpus.leases import Owner
from editcorpus.ledger import Ledger, journal_folder, read_totals
from editcorpus.runs import own_run
from editcorpus.storage import Store
from editcorpus.treasury import Treasury

root, run, budget, calls, *options = sys.argv[1:]
store = Store(root, dict(zip(("key", "secret", "endpoint_url"), options)))
process = f"{run}-{os.getpid()}"
owner = Owner(process, "here", os.getpid())
loop = asyncio.new_event_loop()
threading.Thread(target=loop.run_forever, daemon=True).start()

async def opened():
    return Journal(store, journal_folder(run), process, 0.01)

with own_run(store, run, owner, print):
    treasury = Treasury(store, run, owner)
    treasury.join(Decimal(budget))
    past = read_totals(store, run)
    treasury.open(past.spent)
    ledger = Ledger(None, past)
    ledger.fund = treasury
    journal = asyncio.run_coroutine_threadsafe(opened(), loop).result()
    print("begun", flush=True)

    def durable(line):
        asyncio.run_coroutine_threadsafe(journal.durable(line), loop).result()

    def call(number):
        attempt, usd = f"{process}-{number}", Decimal(number % 7 + 3) / 100
        worst = usd * 2
        try:
            while not ledger.reserve(attempt, worst):
                ledger.draw()
        except BudgetExceeded:
            return False
        key = f"{number:064x}"
        intent = Intent(attempt, key, run, 0, "a", "align", 0, "m", worst, "now")
        durable(encode("intent", key, **to_fields(intent)))
        record = Record.of(intent, usd, "now", "settled" if number % 5 else "possibly")
        durable(encode("end", key, **to_fields(record)))
        ledger.book(record)
        return True

    with ThreadPoolExecutor(16) as pool:
        done = sum(pool.map(call, range(int(calls))))
    treasury.close(ledger.spent + ledger.reserved)
    print(done, ledger.spent, treasury.dry != "", flush=True)
"""


def options(store: Store, s3) -> list[str]:
    return [] if store.local else list(s3.options.values())


def drawing(store: Store, run: str, budget: str | None, spent: str = "0") -> Treasury:
    treasury = Treasury(store, run, Owner(run, "here", 1))
    assert treasury.join(None if budget is None else Decimal(budget))
    treasury.open(Decimal(spent))
    return treasury


def limits(store: Store) -> dict[str, tuple[str, str]]:
    book = read_book(store)
    assert book is not None
    return {run: (str(one.limit), one.process) for run, one in book.accounts.items()}


@pytest.fixture(params=["disk", pytest.param("s3", marks=pytest.mark.given_s3)])
def keeping(request: pytest.FixtureRequest) -> Store:
    """A store that honours conditional writes: a folder, or a bucket of a server that is given."""
    found: Store = request.getfixturevalue(f"{request.param}_store")
    assert found.promise().conditional
    return found


def test_three_processes_of_different_runs_never_pass_the_budget(keeping: Store, s3, start):
    words = ("6.01", "120", *options(keeping, s3))
    children = [start(WORKER, keeping.root, run, *words) for run in ("a", "b", "c")]
    ends = [child.communicate(timeout=240)[0].split()[1:] for child in children]
    assert [child.returncode for child in children] == [0, 0, 0]
    spent = sum(Decimal(end[1]) for end in ends)
    assert spent <= Decimal("6.01")
    assert spent > Decimal("4.5")
    assert {end[2] for end in ends} == {"True"}
    journals = sum(read_totals(keeping, run).spent for run in ("a", "b", "c"))
    assert journals == spent
    book = read_book(keeping)
    assert book is not None
    assert book.free == Decimal("6.01") - spent
    assert {one.process for one in book.accounts.values()} == {""}


def test_what_a_killed_process_had_drawn_comes_back_less_what_it_spent(keeping: Store, s3, start):
    words = ("5", "100000", *options(keeping, s3))
    child = start(WORKER, keeping.root, "killed", *words)
    assert child.stdout.readline() == "begun\n"
    pause = threading.Event()
    for _ in range(6000):
        if read_totals(keeping, "killed").spent:
            break
        pause.wait(0.01)
    child.kill()
    child.wait()
    spent = read_totals(keeping, "killed").spent
    assert 0 < spent <= 5
    treasury = drawing(keeping, "next", None)
    treasury.more(Decimal(100))
    assert treasury.ceiling == 5 - spent
    assert limits(keeping)["killed"] == (str(spent), "")


def test_a_run_draws_a_tenth_at_a_time_and_the_rest_at_last(disk_store: Store):
    treasury = drawing(disk_store, "a", "100")
    assert treasury.ceiling == 0
    treasury.more(Decimal("0.25"))
    assert treasury.ceiling == 10
    treasury.more(Decimal(30))
    assert (treasury.ceiling, treasury.dry) == (40, "")
    treasury.more(Decimal(61))
    assert treasury.ceiling == 100
    assert treasury.dry.startswith(
        "The budget of $100 for all runs of the store would be passed: $0.0000 of it is free, $0.0000"
    )


def test_a_ledger_waits_for_the_fund_and_stops_when_it_is_dry(disk_store: Store):
    ledger = Ledger(Decimal(50))
    ledger.fund = drawing(disk_store, "a", "1")
    assert ledger.free == 0
    assert not ledger.reserve("1", Decimal("0.6"))
    assert ledger.lacking == Decimal("0.6")
    ledger.draw()
    assert ledger.reserve("1", Decimal("0.6"))
    assert not ledger.reserve("2", Decimal("0.6"))
    ledger.draw()
    assert not ledger.reserve("2", Decimal("0.6"))
    assert ledger.lacking == 0
    ledger.release("1")
    assert ledger.reserve("2", Decimal("0.6"))
    ledger.release("2")
    with pytest.raises(BudgetExceeded, match="for all runs of the store"):
        ledger.reserve("3", Decimal("1.01"))


def test_the_budget_of_the_run_holds_beside_that_of_the_store(disk_store: Store):
    ledger = Ledger(Decimal("0.5"))
    ledger.fund = drawing(disk_store, "a", "1")
    with pytest.raises(BudgetExceeded, match=r"budget of \$0.5 would be passed"):
        ledger.reserve("1", Decimal("0.6"))


def test_a_run_obeys_a_budget_that_another_has_set(disk_store: Store):
    assert not Treasury(disk_store, "b", Owner("b", "here", 1)).join(None)
    drawing(disk_store, "a", "2").close(Decimal("1.5"))
    treasury = drawing(disk_store, "b", None)
    treasury.more(Decimal(1))
    assert (treasury.ceiling, bool(treasury.dry)) == (Decimal("0.5"), True)


def test_a_higher_budget_counts_for_those_at_work_and_a_lower_one_takes_nothing_back(
    disk_store: Store,
):
    treasury = drawing(disk_store, "a", "1")
    treasury.more(Decimal(1))
    drawing(disk_store, "b", "0.5").close(Decimal(0))
    treasury.more(Decimal(1))
    assert treasury.ceiling == 1
    drawing(disk_store, "b", "3").close(Decimal(0))
    treasury.more(Decimal(1))
    assert treasury.ceiling == 2


def test_a_store_that_ignores_conditions_gets_no_budget(any_store: Store):
    any_store._promise = Promise(conditional=False, why="it wrote over an object that was there")
    sentence = (
        "^This store ignores conditional writes, so nobody can promise a budget over all its runs"
    )
    for budget in (Decimal(1), None):
        if budget is None:
            any_store.write(PATH, b"{}")
        with pytest.raises(ConfigError, match=sentence):
            Treasury(any_store, "a", Owner("a", "here", 1)).join(budget)


@pytest.mark.parametrize(
    "data", [b"", b"[]", b'{"budget_usd": "x", "runs": {}}', b'{"budget_usd": "-1", "runs": {}}']
)
def test_a_damaged_budget_is_told(disk_store: Store, data: bytes):
    disk_store.write(PATH, data)
    with pytest.raises(
        StorageError, match=r"budget\.json is damaged, and holds the store's budget"
    ):
        Treasury(disk_store, "a", Owner("a", "here", 1)).join(None)


def never(sentence: str) -> None:
    raise AssertionError(sentence)


def test_a_run_that_began_before_there_was_a_budget_is_waited_for(
    disk_store: Store, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("editcorpus.treasury._JOINING_S", 0.0)
    outsider = Owner("z", "there", 1)
    with own_run(disk_store, "old", outsider, never):
        with pytest.raises(Taken, match="The run 'old' is at work in this store and began before"):
            drawing(disk_store, "a", "1")
        assert limits(disk_store) == {"a": ("0", "")}
        treasury = Treasury(disk_store, "old", outsider)
        assert treasury.join(None)
        drawing(disk_store, "b", None)


def test_a_process_whose_run_was_taken_over_draws_nothing_more(disk_store: Store):
    first = drawing(disk_store, "a", "1")
    second = Treasury(disk_store, "a", Owner("other", "here", 1))
    assert second.join(None)
    second.open(Decimal(0))
    with pytest.raises(RunStopped, match="has taken over the account of run 'a'"):
        first.more(Decimal(1))
    first.close(Decimal("0.7"))
    assert limits(disk_store) == {"a": ("0", "other")}


def test_money_of_a_process_of_another_machine_is_free_once_its_lease_is_over(
    disk_store: Store,
):
    now = [1_000_000.0]
    owner = Owner("far", "there", 1)
    with own_run(disk_store, "far", owner, never, Times(lambda: now[0])):
        far = Treasury(disk_store, "far", owner, lambda: now[0])
        assert far.join(Decimal(1))
        far.open(Decimal(0))
        far.more(Decimal(1))
        near = Treasury(disk_store, "near", Owner("near", "here", 1), lambda: now[0])
        assert near.join(None)
        near.open(Decimal(0))
        near.more(Decimal("0.1"))
        assert (near.ceiling, bool(near.dry)) == (0, True)
        now[0] += LEASE_S + 1
        near.more(Decimal("0.1"))
        assert near.ceiling == Decimal("0.1")


def test_permits_of_a_dead_owner_keep_its_money_aside(disk_store: Store):
    drawing(disk_store, "dead", "1").more(Decimal(1))
    disk_store.write("runs/dead/permits/x.json", b"{}")
    near = drawing(disk_store, "near", None)
    near.more(Decimal("0.1"))
    assert near.ceiling == 0
    disk_store.remove("runs/dead/permits/x.json")
    near.more(Decimal("0.1"))
    assert near.ceiling == Decimal("0.1")


def test_sixteen_threads_over_one_account_lose_no_change(disk_store: Store):
    runs = [f"run-{number}" for number in range(4)]
    drawn: list[Treasury] = []

    def pull(number: int) -> None:
        drawn[number % 4].more(Decimal("0.5"))

    with ExitStack() as stack, ThreadPoolExecutor(16) as pool:
        for run in runs:
            stack.enter_context(own_run(disk_store, run, Owner(run, "there", 1), never))
            drawn.append(drawing(disk_store, run, "8"))
        list(pool.map(pull, range(32)))
    assert sum(one.ceiling for one in drawn) == 8
    assert json.loads(disk_store.read(PATH))["budget_usd"] == "8"
