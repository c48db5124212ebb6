"""Vectors as a second scorer: what is measured, what it costs, and what becomes of whom nobody measures."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from editcorpus.demo.hqedit import write_hqedit
from editcorpus.endpoints.endpoint import endpoint_from
from editcorpus.errors import ConfigError, RunStopped
from editcorpus.inputs import Inputs
from editcorpus.layouts.audit import audit
from editcorpus.layouts.parquet import read_shard
from editcorpus.ledger import read_history
from editcorpus.likeness import Limits
from editcorpus.lookups.search import find_triplet
from editcorpus.lookups.triplet import tell
from editcorpus.planning import Selection
from editcorpus.records import Published, Reason
from editcorpus.runs import corpus_file
from editcorpus.sandbox import Running
from editcorpus.sandbox.personas import POOLING_MODELS
from editcorpus.shards import ShardRef, need_manifest, read_facts
from editcorpus.sources.hqedit import RECIPES
from editcorpus.stages import embedding
from editcorpus.stages.filter import Config as FilterConfig
from editcorpus.stages.finish import finish
from editcorpus.stages.opening import Job, check, opened
from editcorpus.stages.plan import make_plan
from editcorpus.stages.stage import run_stage
from editcorpus.stages.workshop import Workshop
from editcorpus.steps import embed, pad, publish, rewrite

Open = Callable[..., AbstractContextManager[Workshop]]
Make = Callable[..., Job]
QWEN, CLIP, DINO = POOLING_MODELS
ALL = embed.Config(model=QWEN, clip_model=CLIP, dino_model=DINO)
PAIRS = 2
EACH = 5 + 4 + 2
"""Vectors of a pair with two captions, by three models."""
CENTS = {"text_in": "100", "image_in": "100"}
PRICES = {
    "as_of": "2026-11-20",
    "models": {
        name: {
            "kind": "chat",
            "prices": CENTS,
            "input_tokens": {"rule": "patches", "factor": "2"},
            "source": "a contract",
        }
        for name in POOLING_MODELS
    },
}
OPEN = publish.Config(min_done=0, min_preserved=0, min_clean=0)


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_hqedit(tmp_path_factory.mktemp("hqedit"))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store")


@pytest.fixture
def make_embedding(make_job: Make, rows: Path, server: Running) -> Make:
    """Describes a run over rows with captions, whose vectors have a price."""

    def made(store: Path, run: str, config: embed.Config = ALL, **configs: Any) -> Job:
        told = {"pad": pad.Config(), "filter": FilterConfig(), "rewrite": rewrite.Config(share=0)}
        job = make_job(store, run, embed=config, **told, **configs)
        members = {
            "base_url": server.pooling_url,
            "provider": "sandbox",
            "in_flight": 8,
            "call_attempts": 2,
            "prices": PRICES,
        }
        return replace(
            job,
            source=RECIPES["edit"],
            inputs=Inputs.find(str(rows)),
            endpoints={**job.endpoints, "embed": endpoint_from("embedder", members)},
        )

    return made


@pytest.fixture
def open_embedding(make_embedding: Make) -> Open:
    @contextmanager
    def made(*where: Any, **members: Any) -> Iterator[Workshop]:
        with opened(make_embedding(*where, **members)) as shop:
            make_plan(
                shop.store, shop.run, shop.source, shop.inputs, Selection(limit=PAIRS, seed=2)
            )
            yield shop

    return made


def run_all(shop: Workshop) -> list[ShardRef]:
    return [run_stage(shop, 0, stage) for stage in shop.stages]


def billed(server: Running) -> int:
    return int(server.admin("summary")["billed"])


def published(shop: Workshop) -> list[Published]:
    return list(read_shard(shop.store, corpus_file(shop.run, 0)))


def test_nobody_is_asked_where_no_model_is_named(make_embedding: Make, tmp_path: Path):
    job = make_embedding(tmp_path, "off", embed.Config())
    assert "embed" not in job.steps
    assert "embed" not in job.asking
    assert make_embedding(tmp_path, "on", ALL).steps == (*job.steps[:-1], "embed", "publish")


def test_every_kept_pair_is_measured_and_its_vectors_are_paid_for(
    store: Path, open_embedding: Open, server: Running
):
    server.admin("reset", {})
    with open_embedding(store, "e") as shop:
        refs = run_all(shop)
        records = published(shop)
        finish(shop, 1, {}, emulated=True)
        spent = shop.ledger.spent
        assert audit(shop.store, "e").problems == []
    assert [ref.step for ref in refs][-3:] == ["align", "embed", "publish"]
    assert refs[-2].kept == refs[-3].kept == len(records) == PAIRS
    for record in records:
        measured = {name: getattr(record, name) for name in embed.MEASURES}
        assert all(-1 <= value <= 1 for value in measured.values()), measured
        assert record.embed_image > 0.3
        assert record.embed_model == ",".join(POOLING_MODELS)
    calls = server.admin("journal")["calls"]
    vectors = [call for call in calls if call["endpoint"] == "/pooling/v1/embeddings"]
    assert len(vectors) == EACH * len(records)
    billed_usd = {
        call["request_id"]: call["usage"]["prompt_tokens"] * Decimal("0.0001") for call in vectors
    }
    with open_embedding(store, "e") as shop:
        booked = read_history(shop.store, "e").records
    assert billed_usd == {one.request_id: one.usd for one in booked if one.step == "embed"}
    others = sum(Decimal(call["usd"]) for call in calls)
    assert spent == others + sum(billed_usd.values()), "to the cent"


def test_the_same_again_pays_nothing(store: Path, open_embedding: Open, server: Running):
    before = billed(server)
    with open_embedding(store, "e") as shop:
        assert all(ref.skipped for ref in run_all(shop))
        records = published(shop)
    with open_embedding(store, "again") as shop:
        refs = run_all(shop)
        assert published(shop) == records
        (event,) = need_manifest(shop.store, shop.folder(0), "embed").history
    assert not any(ref.skipped for ref in refs)
    assert event["cached"] == EACH * len(records)
    assert billed(server) == before


def test_limits_of_ones_own_pay_nothing_and_name_what_was_missed(
    store: Path, open_embedding: Open, server: Running
):
    before = billed(server)
    limits = OPEN.model_copy(update={"likeness": Limits(published="ultraedit-free")})
    with open_embedding(store, "limits", publish=limits) as shop:
        run_all(shop)
        gone = need_manifest(shop.store, shop.folder(0), "publish").rejected
        rows = read_facts(shop.store, shop.folder(0), "embed", embed.Embedded)
    free = Limits(published="ultraedit-free").least
    missed = {
        row.id
        for row in rows
        if any((getattr(row, name) or 0) < least for name, least in free.items())
    }
    assert {item.id for item in gone} == missed != set()
    assert {item.reason for item in gone} == {Reason.UNLIKE}
    assert all(" or more." in item.detail for item in gone)
    assert billed(server) == before


def test_only_what_is_asked_for_is_measured(store: Path, open_embedding: Open, server: Running):
    before = billed(server)
    with open_embedding(store, "dino", config=embed.Config(dino_model=DINO)) as shop:
        run_all(shop)
        for record in published(shop):
            assert None not in {record.dino_sim, record.ssim}
            others = set(embed.MEASURES) - {"dino_sim", "ssim"}
            assert {getattr(record, name) for name in others} == {None}
            assert record.embed_model == DINO
    assert billed(server) == before, "these vectors lie in the store"


def test_a_model_that_takes_no_text_leaves_its_pairs_without_measures(
    store: Path, open_embedding: Open, monkeypatch: pytest.MonkeyPatch
):
    with open_embedding(store, "wrong", config=embed.Config(clip_model=DINO)) as shop:
        for stage in shop.stages[:-2]:
            run_stage(shop, 0, stage)
        with monkeypatch.context() as few:
            few.setattr(embedding, "MOST_UNREADABLE", PAIRS)
            with pytest.raises(RunStopped, match=f"check that {DINO} take messages of pictures"):
                run_stage(shop, 0, embedding.STAGE)
        run_all(shop)
        rows = read_facts(shop.store, shop.folder(0), "embed", embed.Embedded)
        records = published(shop)
    assert len(records) == len(rows) == PAIRS, "they are paid for, and go on"
    assert all("takes pictures, and no text" in row.embed_note for row in rows)
    assert all(row.clip_sim_image is None and row.ssim is not None for row in rows)


def test_who_has_no_answer_fails_and_the_next_start_asks_again(
    store: Path, open_embedding: Open, server: Running
):
    config = embed.Config(model=QWEN, max_pixels=500_000)
    with open_embedding(store, "later", config=config) as shop:
        for stage in shop.stages[:-2]:
            run_stage(shop, 0, stage)
        server.admin("config", {"faults": {"server_error": 1.0}})
        try:
            ref = run_stage(shop, 0, shop.stage("embed"))
        finally:
            server.admin("config", {"faults": {}})
        assert (ref.kept, ref.failed) == (0, PAIRS)
        assert run_stage(shop, 0, shop.stage("publish")).kept == 0
    with open_embedding(store, "later", config=config) as shop:
        ref = run_all(shop)[-1]
        assert (ref.kept, ref.failed) == (PAIRS, 0)


def test_a_damaged_vector_is_asked_for_again(store: Path, open_embedding: Open, server: Running):
    config = embed.Config(clip_model=QWEN)
    before = int(server.admin("summary")["calls"])
    strikes = [{"fault": "truncated_b64", "first": before + 1, "last": before + 2}]
    with open_embedding(store, "damaged", config=config) as shop:
        server.admin("config", {"strikes": strikes})
        try:
            run_all(shop)
        finally:
            server.admin("config", {"strikes": []})
        rows = read_facts(shop.store, shop.folder(0), "embed", embed.Embedded)
        outcomes = [one.outcome for one in read_history(shop.store, "damaged").records]
    assert all(row.clip_sim_dir is not None for row in rows)
    assert outcomes.count("damaged") == 2


def test_a_model_that_is_not_served_is_told_before_anything_is_paid(
    tmp_path: Path, make_embedding: Make
):
    check(make_embedding(tmp_path, "r"))
    gone = ALL.model_copy(update={"dino_model": "facebook/dinov3"})
    unpriced = replace(
        (job := make_embedding(tmp_path, "r", gone)),
        endpoints={
            **job.endpoints,
            "embed": job.endpoints["embed"].model_copy(update={"tariff": "free"}),
        },
    )
    with pytest.raises(ConfigError, match="does not serve 'facebook/dinov3'"):
        check(unpriced)
    with pytest.raises(ConfigError, match="has no model 'facebook/dinov3'"):
        check(job)


def test_the_story_of_a_triplet_tells_its_vectors(store: Path, open_embedding: Open):
    with open_embedding(store, "e") as shop:
        wanted = published(shop)[0].id
        place = [one for one in find_triplet(shop.store, wanted, ["e"]) if one.run == "e"]
        (story,) = tell(shop.store, place, wanted)
    vectors = [one for one in story.requests if one.step == embed.NAME]
    assert len(vectors) == EACH
    assert {one.said for one in vectors} == {"a vector of 768 numbers"}
    assert {"pair-query", "clip-edited-text", "dino-edited"} < {one.question for one in vectors}
    assert story.as_json()["embedded"]["clip_sim_image"] > 0
