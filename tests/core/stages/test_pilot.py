"""What a run has come to, as its manifests and journals say, and what follows for a larger one."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from decimal import Decimal
from pathlib import Path

import pytest

from editcorpus.endpoints.endpoint import Endpoint, endpoint_from
from editcorpus.errors import ConfigError
from editcorpus.inputs import Inputs
from editcorpus.intervals import wilson
from editcorpus.ledger import read_history
from editcorpus.records import Triplet
from editcorpus.selection import count_tasks
from editcorpus.shards import read_facts
from editcorpus.sources.omniedit import SOURCE
from editcorpus.stages.order import STAGES
from editcorpus.stages.pilot import Calls, Pilot, forecast, read_pilot
from editcorpus.stages.stage import run_stage
from editcorpus.stages.workshop import Workshop
from editcorpus.steps import publish
from editcorpus.storage import Store

Open = Callable[..., AbstractContextManager[Workshop]]
TASKS = {"addition": 3, "env": 1, "removal": 1, "style": 1}


def finish(shop: Workshop, shards: tuple[int, ...] = (0, 1)) -> None:
    for shard in shards:
        for stage in STAGES:
            run_stage(shop, shard, stage)


def endpoints(**pace: int) -> dict[str, Endpoint]:
    names = {"regenerate": "images", "rewrite": "writer", "align": "judge"}
    return {step: endpoint_from(name, pace) for step, name in names.items()}


def made_up(**tasks: tuple[int, int, float]) -> Pilot:
    """Of each task so many triplets, of which so many were accepted, each at a price."""
    pilot = Pilot("made-up")
    for task, (count, kept, usd) in tasks.items():
        pilot.usd[task] = [usd] * count
        pilot.kept[task] = [1.0] * kept + [0.0] * (count - kept)
        pilot.entered += count
    return pilot


def test_a_finished_run_is_read_to_the_cent_and_the_byte(open_run: Open, tmp_path: Path) -> None:
    with open_run(tmp_path) as shop:
        finish(shop)
        spent = shop.ledger.spent
        calls = {step: shop.ledger.settled(step) for step in ("regenerate", "rewrite", "align")}
    pilot = read_pilot(Store.on_disk(tmp_path), "r")
    assert {task: len(found) for task, found in pilot.kept.items()} == TASKS
    assert (pilot.entered, pilot.judged, pilot.open, pilot.refused) == (6, 6, 0, 0)
    usd = sum(value for found in pilot.usd.values() for value in found)
    assert usd == pytest.approx(float(spent))
    assert {step: found.made for step, found in pilot.calls.items()} == calls
    assert pilot.bytes_a_row is not None
    folders = ("runs/r/shards", "responses", "corpora/r/data")
    files = [path for folder in folders for path in (tmp_path / folder).rglob("*")]
    disk = sum(path.stat().st_size for path in files if path.is_file())
    assert pilot.bytes_a_row * 6 == pytest.approx(disk)
    assert pilot.acceptance("addition") == wilson(2, 3)  # one of them was cut short


def test_what_has_no_verdict_yet_counts_for_nothing(open_run: Open, tmp_path: Path) -> None:
    with open_run(tmp_path) as shop:
        finish(shop, (0,))
        run_stage(shop, 1, STAGES[0])
        run_stage(shop, 1, STAGES[1])
        first = {item.id for item in read_facts(shop.store, shop.folder(0), "plan", Triplet)}
        booked = sum(
            (call.usd for call in read_history(shop.store, "r").records if call.id in first),
            Decimal(0),
        )
    pilot = read_pilot(Store.on_disk(tmp_path), "r")
    assert pilot.judged == len(first) + 1  # of the second shard, one picture was refused at once
    assert pilot.entered == 6
    assert pilot.open == 6 - pilot.judged
    usd = sum(value for found in pilot.usd.values() for value in found)
    assert usd == pytest.approx(float(booked))


def test_edits_that_were_served_count_at_the_price_once_paid(
    open_run: Open, tmp_path: Path
) -> None:
    with open_run(tmp_path) as shop:
        finish(shop)
    with open_run(tmp_path, run="again") as shop:
        finish(shop)
        assert shop.ledger.spent == 0
    store = Store.on_disk(tmp_path)
    first, again = read_pilot(store, "r"), read_pilot(store, "again")
    assert (first.served, again.served) == (0, 5)
    assert again.calls["regenerate"].made == first.calls["regenerate"].made
    edits = [sum(sum(found) for found in each.usd.values()) for each in (first, again)]
    assert edits[1] == pytest.approx(edits[0], rel=0.05)  # less the rewrites


def test_a_pilot_that_accepts_nothing_has_no_price_of_an_accepted_one(
    open_run: Open, tmp_path: Path
) -> None:
    none = publish.Config(min_done=1, min_preserved=1, min_clean=1)
    with open_run(tmp_path, publish=none) as shop:
        finish(shop)
    pilot = read_pilot(Store.on_disk(tmp_path), "r")
    assert sum(sum(found) for found in pilot.kept.values()) == 0
    assert pilot.bytes_a_row is not None
    assert pilot.whole(TASKS).usd_per_kept is None


@pytest.mark.parametrize("run", ["r", "other"])
def test_a_run_that_is_not_there_is_refused(tmp_path: Path, run: str) -> None:
    store = Store.on_disk(tmp_path)
    store.write("runs/r/run.json", b'{"source": "omniedit"}')
    said = "has no plan yet" if run == "r" else "does not exist"
    with pytest.raises(ConfigError, match=f"The run '{run}' {said}"):
        read_pilot(store, run)


def test_a_pilot_without_a_verdict_is_refused() -> None:
    with pytest.raises(ConfigError, match="no triplet with a verdict yet"):
        forecast(Pilot("p", entered=9, open=9), TASKS, endpoints())


def test_each_task_is_extrapolated_by_its_own() -> None:
    pilot = made_up(addition=(40, 30, 0.05), style=(40, 10, 0.2))
    found = forecast(pilot, {"addition": 1000, "style": 100}, endpoints())
    assert found.total == 1100
    assert found.whole.usd.mid == pytest.approx(1000 * 0.05 + 100 * 0.2)
    assert found.whole.kept.mid == pytest.approx(750 + 25)
    price = found.whole.usd_per_kept
    assert price is not None
    assert price.mid == pytest.approx(70 / 775)
    assert price.low < price.mid < price.high
    assert (found.unseen, found.bytes, found.days) == (0, None, 0)


def test_tasks_that_were_not_seen_are_like_all_that_were() -> None:
    pilot = made_up(addition=(30, 30, 0.1), style=(10, 0, 0.3))
    found = forecast(pilot, {"addition": 300, "swap": 100}, endpoints())
    assert found.unseen == 100
    assert found.whole.usd.mid == pytest.approx(300 * 0.1 + 100 * 0.15)
    assert found.whole.kept.mid == pytest.approx(300 + 75)


def test_rows_refused_for_their_text_are_extrapolated_too() -> None:
    pilot = made_up(addition=(8, 4, 0.1))
    pilot.entered, pilot.refused = 10, 2
    found = forecast(pilot, {"addition": 1000}, endpoints())
    assert found.whole.usd.mid == pytest.approx(80)
    assert found.whole.kept.mid == pytest.approx(400)


def test_days_and_bytes_follow_limits_and_rows() -> None:
    pilot = made_up(addition=(100, 90, 0.1))
    pilot.bytes_a_row = 4e6
    pilot.calls = {"regenerate": Calls(110, 100.0, 1300.0), "align": Calls(300, 0.5, 2000.0)}
    rows = {"addition": 1_500_000}
    found = forecast(pilot, rows, endpoints(in_flight=256))
    assert found.bytes == pytest.approx(6e12)
    assert found.days == pytest.approx(1.1 * 1_500_000 * 100 / 256 / 86400)
    slow = forecast(pilot, rows, endpoints(in_flight=256, input_images_per_minute=100))
    assert slow.hours["regenerate"] == pytest.approx(1.1 * 1_500_000 / 100 / 60)
    assert slow.hours["align"] == pytest.approx(3 * 2 * 1_500_000 / 100 / 60)


def test_the_tasks_of_an_input_are_counted(source: Path) -> None:
    assert count_tasks(SOURCE, Inputs.find(str(source))) == TASKS
