"""A run of six rows through all stages: what it writes, what it skips, what it does again."""

import hashlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from editcorpus import images
from editcorpus.errors import BudgetExceeded, ConfigError, ShardError
from editcorpus.layouts.audit import audit
from editcorpus.layouts.parquet import read_shard
from editcorpus.planning import Selection
from editcorpus.records import Published, Reason
from editcorpus.runs import corpus_file
from editcorpus.sandbox import Running
from editcorpus.stages.exhibit import exhibits
from editcorpus.stages.filter import Config as FilterConfig
from editcorpus.stages.finish import finish
from editcorpus.stages.order import STAGES
from editcorpus.stages.plan import make_plan, read_plan
from editcorpus.stages.stage import run_stage
from editcorpus.stages.summary import stand
from editcorpus.stages.workshop import Workshop
from editcorpus.steps import publish

Open = Callable[..., AbstractContextManager[Workshop]]
SELECTION = Selection(shard_size=4)


def billed(server: Running) -> int:
    return int(server.admin("summary")["billed"])


def run_all(shop: Workshop) -> list[list[Any]]:
    return [[run_stage(shop, shard, stage) for stage in STAGES] for shard in range(2)]


def hashes(folder: Path) -> dict[str, str]:
    files = (file for file in folder.rglob("*") if file.is_file())
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in files
    }


def published(shop: Workshop) -> dict[str, Published]:
    found = {}
    for shard in range(2):
        path = corpus_file(shop.run, shard)
        if shop.store.exists(path):
            found |= {item.id: item for item in read_shard(shop.store, path)}
    return found


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store")


def test_every_id_is_kept_rejected_or_failed(first: Path, open_run: Open):
    with open_run(first) as shop:
        run_all(shop)
        standing = stand(shop, 2)
        finished = finish(shop, 2, {}, emulated=True)
    assert standing.entered == 6
    assert standing.kept + len(standing.rejected) == 6
    assert not standing.failed
    reasons = {item.id: item.reason for item in standing.rejected}
    assert reasons["omniedit/task_obj_add_4"] is Reason.IMAGE_UNREADABLE
    assert Path(finished.corpus).is_dir()


def test_the_audit_of_what_came_out_finds_nothing(first: Path, open_run: Open):
    with open_run(first) as shop:
        assert audit(shop.store, "r").problems == []


def test_edited_images_have_the_size_of_their_upright_source(first: Path, open_run: Open):
    with open_run(first) as shop:
        records = published(shop)
    turned = records.get("omniedit/task_obj_add_2")
    for record in records.values():
        for data in (record.source_image, record.edited_image):
            assert images.decode(data).size == (record.width, record.height)
    if turned is not None:
        assert (turned.width, turned.height) == (200, 300)
        assert images.sniff(turned.source_image) == "png"


def test_untouched_sources_keep_their_published_bytes(first: Path, open_run: Open):
    with open_run(first) as shop:
        records = published(shop)
    plain = records["omniedit/task_obj_add_0"]
    assert images.sniff(plain.source_image) == "jpeg"


def test_each_record_says_what_made_it_who_judged_it_and_its_language(first: Path, open_run: Open):
    with open_run(first) as shop:
        records = published(shop)
    assert records
    for record in records.values():
        assert (record.language, record.script) == ("en", "Latn")
        assert record.judge_prompt == "three-2"
        assert record.judge_version == record.judge_model  # as the sandbox answers
        assert record.model_version == ""  # the image API names no model in its answers
        assert (record.source_model, record.source_response) == ("", "")
        rewritten = record.instruction_type == "rewrite"
        assert record.rewrite_prompt == ("difference-1" if rewritten else "")
        assert record.rewrite_version == record.rewrite_model


def test_where_nothing_is_resampled_the_bytes_of_the_api_pass_through(first: Path, open_run: Open):
    with open_run(first) as shop:
        record = published(shop)["omniedit/task_obj_add_1"]
        assert record.edited_image == shop.responses.picture(record.response)


def test_a_second_run_pays_for_nothing_and_changes_no_byte(
    first: Path, open_run: Open, server: Running
):
    before, paid = hashes(first), billed(server)
    with open_run(first) as shop:
        refs = run_all(shop)
        finish(shop, 2, {}, emulated=True)
    assert all(ref.skipped for refs_of_shard in refs for ref in refs_of_shard)
    assert hashes(first) == before
    assert billed(server) == paid


def test_another_run_over_the_same_answers_gives_the_same_records(
    first: Path, open_run: Open, server: Running
):
    paid = billed(server)
    with open_run(first, run="again") as shop:
        run_all(shop)
        again = {
            path.name: path.read_bytes()
            for path in sorted((first / "corpora/again/data").iterdir())
        }
    old = {path.name: path.read_bytes() for path in sorted((first / "corpora/r/data").iterdir())}
    assert again == old
    assert billed(server) == paid


def test_another_threshold_is_served_from_the_store(first: Path, open_run: Open, server: Running):
    paid = billed(server)
    strict = FilterConfig.model_validate({"judge": {"residual_padding": 0.0001}})
    with open_run(first, run="strict", filter=strict) as shop:
        run_all(shop)
        assert shop.ledger.calls["settled"] == 0
    assert billed(server) == paid


def test_a_threshold_that_nobody_reaches_leaves_an_empty_shard(first: Path, open_run: Open):
    nobody = publish.Config(min_done=1.0, min_preserved=1.0, min_clean=1.0)
    with open_run(first, run="nobody", publish=nobody) as shop:
        run_all(shop)
        standing = stand(shop, 2)
        finish(shop, 2, {}, emulated=True)
        assert audit(shop.store, "nobody").problems == []
    assert standing.kept == 0


def test_a_corpus_file_that_was_deleted_is_written_again(first: Path, open_run: Open):
    path = first / corpus_file("r", 0)
    data = path.read_bytes()
    path.unlink()
    with open_run(first) as shop:
        assert not run_stage(shop, 0, STAGES[-1]).skipped
    assert path.read_bytes() == data


def test_the_gallery_shows_everybody_with_pictures(first: Path, open_run: Open):
    with open_run(first) as shop:
        entries = {entry.id: entry for entry in exhibits(shop.store, "r", 100)}
    assert len(entries) == 6
    kept = [entry for entry in entries.values() if entry.verdict == "kept"]
    assert all(entry.source and entry.edited and entry.mask for entry in kept)
    assert entries["omniedit/task_obj_add_4"].reason is Reason.IMAGE_UNREADABLE
    assert sum(entry.cost_usd or Decimal(0) for entry in kept) > 0


def test_a_budget_stops_the_run_and_a_higher_one_goes_on(
    tmp_path: Path, open_run: Open, server: Running
):
    asked = int(server.admin("summary")["calls"])
    with open_run(tmp_path, budget="0.03") as shop:
        run_stage(shop, 0, STAGES[0])
        with pytest.raises(BudgetExceeded, match="budget"):
            run_stage(shop, 0, STAGES[1])
        assert shop.ledger.spent <= Decimal("0.03")
        standing = stand(shop, 2)
    assert len(standing.failed) == 6 - len(standing.rejected)
    assert {item.reason for item in standing.failed} == {Reason.NOT_REACHED}
    with open_run(tmp_path, budget="5") as shop:
        run_all(shop)
        assert stand(shop, 2).failed == []
    journal = server.admin("journal")["calls"][asked:]
    keys = [call["key"] for call in journal if call["billed"]]
    assert len(keys) == len(set(keys))


def test_the_same_name_with_another_configuration_is_refused(first: Path, open_run: Open):
    other = publish.Config(min_done=0.9)
    with (
        pytest.raises(ConfigError, match="is another one"),
        open_run(first, publish=other),
    ):
        pass


def test_a_stage_without_the_one_before_it_is_refused(tmp_path: Path, open_run: Open):
    with open_run(tmp_path) as shop, pytest.raises(ShardError, match="run the step pad first"):
        run_stage(shop, 0, STAGES[1])


def test_the_plan_is_made_once(first: Path, open_run: Open):
    with open_run(first) as shop:
        old = read_plan(shop.store, "r")
        new = make_plan(shop.store, "r", shop.source, shop.inputs, SELECTION)
    assert old == new
    assert old is not None
    assert (old.shards, old.entered) == (2, 6)


def test_rejected_details_name_figure_and_limit(first: Path, open_run: Open):
    with open_run(first) as shop:
        assert all(item.detail for item in stand(shop, 2).rejected)


def test_views_are_at_most_a_thousand_pixels(first: Path, open_run: Open):
    with open_run(first) as shop:
        for entry in exhibits(shop.store, "r", 100):
            if entry.source:
                with Image.open(BytesIO(entry.source)) as view:
                    assert max(view.size) <= 1024


@pytest.mark.parametrize("damage", ["flipped", "gone"])
def test_a_paid_answer_that_was_damaged_is_asked_for_again(
    tmp_path: Path, open_run: Open, server: Running, damage: str
):
    with open_run(tmp_path) as shop:
        run_all(shop)
        before = published(shop)
        response = before["omniedit/task_obj_add_0"].response
        paid = billed(server)
    path = tmp_path / "responses" / response[:2] / response
    data = bytearray(path.read_bytes())
    data[-100] ^= 1
    path.write_bytes(bytes(data)) if damage == "flipped" else path.unlink()
    (tmp_path / "runs/r/shards/00000/filter.json").unlink()
    with open_run(tmp_path) as shop:
        refs = run_all(shop)
        assert refs[0][2].failed == 1
        run_all(shop)
        assert published(shop) == before
    assert billed(server) == paid + 1
