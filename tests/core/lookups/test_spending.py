"""Where the dollars went: every split adds up, to what the ledger, the audit and the card say."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal

from editcorpus.bookings import Intent, Record, to_fields
from editcorpus.journal import encode
from editcorpus.ledger import read_history
from editcorpus.lookups.calls import run_names
from editcorpus.lookups.spending import WAYS, Row, Spending, Sum, spend
from editcorpus.lookups.verdicts import is_emulated, run_verdicts
from editcorpus.stages.order import STAGES
from editcorpus.stages.stage import run_stage
from editcorpus.stages.workshop import Workshop
from editcorpus.storage import Store

Open = Callable[..., AbstractContextManager[Workshop]]


def spent(store: Store, *runs: str) -> tuple[Spending, list[Row]]:
    found = Spending()
    return found, list(spend(store, runs, found))


def sums(parts: dict[str, Sum]) -> tuple[int, Decimal, Decimal]:
    return (
        sum(part.calls for part in parts.values()),
        sum((part.usd for part in parts.values()), Decimal(0)),
        sum((part.wasted for part in parts.values()), Decimal(0)),
    )


def test_every_split_adds_up_to_what_the_ledger_and_the_card_say(built: Store) -> None:
    found, rows = spent(built, "spring")
    history = read_history(built, "spring")
    assert found.total.usd == history.spent > 0
    assert found.total.calls == len(rows) == len(history.records)
    for way in WAYS:
        assert sums(found.ways[way]) == (found.total.calls, found.total.usd, found.total.wasted)
    shown = found.total.usd.quantize(Decimal("0.0001"), ROUND_HALF_UP)
    assert shown < 1
    assert f"${shown}" in built.read("corpora/spring/README.md").decode()


def test_dollars_are_split_by_step_model_day_and_verdict(built: Store) -> None:
    found, rows = spent(built, "spring")
    assert set(found.ways["step"]) == {"regenerate", "rewrite", "align"}
    assert found.ways["step"]["align"].usd == 0
    assert set(found.ways["model"]) == {
        *("gpt-image-2.5-sunburst", "gpt-6-luna", "Qwen/Qwen2.5-VL-7B-Instruct"),
    }
    assert set(found.ways["day"]) == {"2026-11-20"}
    kept = {row.id for row in rows if row.verdict == "kept"}
    assert len(kept) == found.kept
    assert found.entered == 8
    assert found.usd_per_kept == found.total.usd / found.kept
    edit = next(row for row in rows if row.step == "regenerate")
    assert edit.image_in > 0 and edit.image_out > 0 and edit.text_in > 0


def test_what_was_paid_for_rejects_is_wasted(built: Store, open_run: Open) -> None:
    rejected = {
        item.id: item.reason.value for part in run_verdicts(built, "spring") for item in part.gone
    }
    found, rows = spent(built, "spring")
    wasted = [row for row in rows if row.id in rejected]
    assert found.total.wasted == sum((row.usd for row in wasted), Decimal(0))
    assert all(row.reason == rejected[row.id] for row in wasted)


def test_a_run_served_from_the_store_spent_nothing(built: Store) -> None:
    found, rows = spent(built, "strict")
    assert (rows, found.total.usd, found.kept, found.usd_per_kept) == ([], 0, 0, None)
    assert found.as_json()["usd_per_kept"] is None
    assert (is_emulated(built, "strict"), is_emulated(built, "nobody")) == (True, False)


def test_all_runs_together_are_the_sum_of_each(built: Store) -> None:
    assert run_names(built) == ["spring", "strict"]
    both, _ = spent(built, "spring", "strict")
    alone = [spent(built, run)[0] for run in ("spring", "strict")]
    assert both.total.usd == sum(one.total.usd for one in alone)
    assert (both.entered, both.kept) == (16, sum(one.kept for one in alone))


def booked(number: int, outcome: str, usd: str) -> Record:
    intent = Intent(
        f"p-{number}",
        f"{number:064x}",
        "odd",
        0,
        "x/1",
        "align",
        0,
        "m",
        Decimal(1),
        "2026-11-21",
    )
    return Record.of(intent, Decimal(usd), "2026-11-21T00:00:00Z", outcome)  # type: ignore[arg-type]


def test_possibly_billed_calls_are_named_and_not_wasted(disk_store: Store) -> None:
    lost = booked(1, "possibly", "0.25")
    open_ = replace(booked(2, "free", "0.125"))
    fields = {name: value for name, value in to_fields(open_).items() if name != "outcome"}
    disk_store.write(
        "journal/odd/p/0.jsonl",
        encode("end", lost.key, **to_fields(lost)) + encode("intent", open_.key, **fields),
    )
    found, rows = spent(disk_store, "odd")
    assert [row.outcome for row in rows] == ["possibly", "possibly"]
    assert [(row.request, row.usd) for row in found.possibly] == [
        (lost.key, Decimal("0.25")),
        (open_.key, Decimal("0.125")),
    ]
    assert (found.total.usd, found.total.wasted) == (Decimal("0.375"), 0)
    assert found.total.usd == read_history(disk_store, "odd").spent
    assert {row.verdict for row in rows} == {"undecided"}


def test_odd_usage_counts_as_none(disk_store: Store) -> None:
    made = replace(booked(1, "settled", "0.1"), usage={"text_in": "x", "image_in": 3})  # type: ignore[dict-item]
    disk_store.write("journal/odd/p/0.jsonl", encode("end", made.key, **to_fields(made)))
    _, (row,) = spent(disk_store, "odd")
    assert (row.text_in, row.image_in) == (0, 3)


def test_triplets_whose_turn_has_not_come_are_undecided(disk_store: Store, open_run: Open) -> None:
    with open_run(disk_store, "early") as shop:
        for stage in STAGES[:2]:
            run_stage(shop, 0, stage)
    found, rows = spent(disk_store, "early")
    assert {row.verdict for row in rows} == {"undecided"}
    assert found.total.usd == read_history(disk_store, "early").spent > 0
    assert sum(part.undecided for part in run_verdicts(disk_store, "early")) > 0
