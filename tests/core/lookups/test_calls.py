"""The calls of a run: each once, and the same dollars as the ledger counts."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from editcorpus.bookings import Intent, Record, to_fields
from editcorpus.errors import ConfigError, StorageError
from editcorpus.journal import encode
from editcorpus.ledger import read_history
from editcorpus.lookups.calls import journal_calls, read_calls, run_names, wanted_runs
from editcorpus.responses import Responses, text_line
from editcorpus.storage import Store

RUN = "spring"


def intent(number: int) -> Intent:
    return Intent(
        attempt=f"p-{number}",
        key=f"{number:064x}",
        run=RUN,
        shard=0,
        id=f"omniedit/r{number}",
        step="regenerate",
        sample=0,
        model="gpt-image-2.5-sunburst",
        usd=Decimal("0.05"),
        at="2026-11-20T00:00:00.000+00:00",
    )


def record(number: int, outcome: Any = "settled", usd: str = "0.0312500001") -> Record:
    return Record.of(intent(number), Decimal(usd), "2026-11-20T00:01:00.000+00:00", outcome)


def line(kind: str, item: Intent | Record) -> bytes:
    return encode(kind, item.key, **to_fields(item))


def write(store: Store, name: str, *lines: bytes, run: str = RUN) -> None:
    store.write(f"journal/{run}/{name}", b"".join(lines))


def attempts(store: Store) -> list[str]:
    return [call.attempt for call in read_calls(store, RUN)]


def same_as_the_ledger(store: Store) -> bool:
    return (
        sum((call.usd for call in read_calls(store, RUN)), Decimal(0))
        == read_history(store, RUN).spent
    )


def test_every_call_comes_once_and_open_ones_last(disk_store: Store) -> None:
    write(
        disk_store,
        "a",
        line("intent", intent(1)),
        line("intent", intent(2)),
        line("end", record(2)),
        line("intent", intent(3)),
        text_line(record(3, usd="0.001"), "{}"),
    )
    found = list(read_calls(disk_store, RUN))
    assert [call.attempt for call in found] == ["p-2", "p-3", "p-1"]
    assert isinstance(found[2], Intent)
    assert same_as_the_ledger(disk_store)


def test_a_call_that_is_on_record_twice_counts_as_it_last_stands(disk_store: Store) -> None:
    write(disk_store, "a", line("intent", intent(1)), text_line(record(1, usd="0.001"), "{}"))
    write(disk_store, "b", line("end", record(1, "possibly", "0.05")), line("end", record(2)))
    found = {call.attempt: call for call in read_calls(disk_store, RUN)}
    assert found["p-1"].usd == Decimal("0.05")
    assert len(found) == 2
    assert same_as_the_ledger(disk_store)


def test_a_lost_end_is_found_in_the_picture_but_not_by_the_journal_alone(
    disk_store: Store,
) -> None:
    write(disk_store, "a", line("intent", intent(1)))
    Responses(disk_store).keep_image(record(1), b"picture")
    (found,) = read_calls(disk_store, RUN)
    assert isinstance(found, Record)
    (told,) = journal_calls(disk_store, RUN)
    assert isinstance(told, Intent)
    assert same_as_the_ledger(disk_store)


def test_the_picture_of_another_call_settles_nothing(disk_store: Store) -> None:
    write(disk_store, "a", line("intent", intent(1)))
    Responses(disk_store).keep_image(replace(record(1), attempt="q-1"), b"picture")
    (found,) = read_calls(disk_store, RUN)
    assert isinstance(found, Intent)
    assert same_as_the_ledger(disk_store)


def test_an_end_may_stand_before_its_intent(disk_store: Store) -> None:
    write(disk_store, "a", line("end", record(1)))
    write(disk_store, "b", line("intent", intent(1)))
    assert attempts(disk_store) == ["p-1"]
    assert same_as_the_ledger(disk_store)


def test_a_damaged_line_is_told_with_its_place(disk_store: Store) -> None:
    write(disk_store, "a", line("end", record(1)), b"{}\n")
    with pytest.raises(StorageError, match=r"journal/spring/a is damaged at byte \d+"):
        list(read_calls(disk_store, RUN))


def test_a_line_with_odd_members_is_told_with_its_place(disk_store: Store) -> None:
    write(disk_store, "a", encode("end", "0" * 64, **{**to_fields(record(1)), "usd": "much"}))
    with pytest.raises(StorageError, match=r"'much' as dollars.*journal/spring/a at byte 0"):
        list(read_calls(disk_store, RUN))


def test_the_calls_about_one_id_are_found_without_parsing_the_others(disk_store: Store) -> None:
    write(disk_store, "a", line("end", record(1)), b"{}\n", line("end", record(2)))
    (found,) = read_calls(disk_store, RUN, "omniedit/r2")
    assert found.id == "omniedit/r2"


def test_runs_are_those_with_a_plan_or_a_journal(any_store: Store) -> None:
    write(any_store, "a", line("end", record(1)))
    any_store.write("runs/summer/plan.json", b"{}")
    any_store.write("runs/winter/shards/00000/plan.json", b"{}")
    assert run_names(any_store) == ["spring", "summer"]
    assert wanted_runs(any_store, "") == ["spring", "summer"]
    assert wanted_runs(any_store, "spring") == ["spring"]


@pytest.mark.parametrize(("run", "says"), [("", "has no run."), ("autumn", "has no run 'autumn'.")])
def test_no_run_is_one_sentence(disk_store: Store, run: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        wanted_runs(disk_store, run)
