"""A store with two finished runs over eight rows, built once against the sandbox."""

import os
import shutil
import socket
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from editcorpus.endpoints.endpoint import endpoint_from
from editcorpus.inputs import Inputs
from editcorpus.leases import Owner
from editcorpus.planning import Selection
from editcorpus.sandbox import Running
from editcorpus.sources.omniedit import SOURCE
from editcorpus.stages.filter import Config as FilterConfig
from editcorpus.stages.finish import finish
from editcorpus.stages.opening import Job, opened
from editcorpus.stages.order import STAGES
from editcorpus.stages.page import make_gallery
from editcorpus.stages.plan import make_plan, read_plan
from editcorpus.stages.stage import run_stage
from editcorpus.stages.workshop import Clocks, Workshop
from editcorpus.steps import align, pad, publish, regenerate, rewrite
from editcorpus.storage import Store

AT = "2026-11-20T23:59:59.000+00:00"
Open = Callable[..., AbstractContextManager[Workshop]]


@pytest.fixture(scope="session")
def owner() -> Owner:
    return Owner(uuid.uuid4().hex, socket.gethostname(), os.getpid())


@pytest.fixture(scope="session")
def open_run(one_sandbox: Running, few: Path, key: str) -> Open:
    """Opens a run over the eight rows in a store, planned; `configs` replace those of steps."""

    def job(store: Store, run: str, budget: str | None, configs: dict[str, Any]) -> Job:
        members = {
            "base_url": one_sandbox.url,
            "api_key": SecretStr(key),
            "provider": "sandbox",
            "in_flight": 8,
        }
        judge = {**members, "base_url": one_sandbox.vllm_url, "tariff": "free"}
        configs = {
            "pad": pad.Config(),
            "regenerate": regenerate.Config(quality="low"),
            "filter": FilterConfig(),
            "rewrite": rewrite.Config(share=0.5),
            "align": align.Config(),
            "publish": publish.Config(min_done=0, min_preserved=0, min_clean=0),
            **configs,
        }
        return Job(
            run=run,
            store=store,
            source=SOURCE,
            inputs=Inputs.find(str(few)),
            recipe={name: config.model_dump(mode="json") for name, config in configs.items()},
            configs=configs,
            endpoints={
                "regenerate": endpoint_from("images", members),
                "rewrite": endpoint_from("writer", members),
                "align": endpoint_from("judge", judge),
            },
            budget_usd=Decimal(budget) if budget else None,
            owner=Owner(uuid.uuid4().hex, socket.gethostname(), os.getpid()),
            clocks=Clocks(lambda: AT, time.monotonic),
            today=date(2026, 11, 20),
        )

    @contextmanager
    def made(
        store: Store, run: str, budget: str | None = None, **configs: Any
    ) -> Iterator[Workshop]:
        with opened(job(store, run, budget, configs)) as shop:
            make_plan(store, run, shop.source, shop.inputs, Selection(shard_size=3))
            yield shop

    return made


def carry_out(shop: Workshop) -> None:
    """Take a run through all its stages, and finish it."""
    plan = read_plan(shop.store, shop.run)
    assert plan is not None
    for shard in range(plan.shards):
        for stage in STAGES:
            run_stage(shop, shard, stage)
    finish(shop, plan.shards, {}, emulated=True)


@pytest.fixture(scope="session")
def carried_out() -> Callable[[Workshop], None]:
    return carry_out


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory, open_run: Open) -> Store:
    """The runs `spring`, which paid, and `strict`, which took its answers; not to be changed."""
    store = Store.on_disk(tmp_path_factory.mktemp("built"))
    with open_run(store, "spring") as shop:
        carry_out(shop)
    make_gallery(store, "spring", 10)
    nobody = publish.Config(min_done=1, min_preserved=0, min_clean=0)
    with open_run(store, "strict", publish=nobody) as shop:
        carry_out(shop)
    return store


@pytest.fixture
def copied(built: Store, tmp_path: Path) -> Store:
    """The same store once more, to be changed."""
    shutil.copytree(built.root, tmp_path / "copied")
    return Store.on_disk(tmp_path / "copied")
