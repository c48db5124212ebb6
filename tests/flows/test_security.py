"""What a run reads and leaves is data: nothing of it is ever unpickled, and no page shows a key.

Each file of a store is replaced by a pickle that makes a folder when it is loaded, and a run over it is
watched by an audit hook, which hears of every object that a pickle asks for, whoever loads it.
"""

import base64
import os
import pickle
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from itertools import chain
from pathlib import Path
from pkgutil import walk_packages
from typing import Any, get_args

import pytest
from prefect import Flow, Task, flow
from prefect.blocks.core import Block
from prefect.serializers import PickleSerializer
from prefect.settings import (
    PREFECT_LOCAL_STORAGE_PATH,
    PREFECT_RESULTS_PERSIST_BY_DEFAULT,
    PREFECT_TASKS_DEFAULT_PERSIST_RESULT,
    temporary_settings,
)
from prefect.types import SecretDict
from pydantic import SecretStr

import blocks
import flows
import tasks
from editcorpus.layouts.accounts import check_accounts
from editcorpus.layouts.audit import audit
from editcorpus.storage import Store
from flows.omniedit import omniedit
from flows.parameters import Recipe

ROWS = ("task_obj_add_42250", "task_attr_mod_color_11750")
KINDS = {
    "answers": ("responses/*/*",),
    "columns": ("runs/*/shards/*/*.parquet",),
    "manifests": ("runs/*/shards/*/*.json", "runs/*/rollups/*"),
    "plan": ("runs/*/*.json", "runs/*/plan/*"),
    "journal": ("journal/**/*",),
    "corpus": ("corpora/**/*",),
}


def members(*packages: Any) -> Iterator[tuple[str, Any]]:
    """Every name of every module, with what it stands for."""
    for package in packages:
        for found in walk_packages(package.__path__, f"{package.__name__}."):
            for name, value in vars(import_module(found.name)).items():
                yield f"{found.name}.{name}", value


@dataclass
class Bomb:
    """A pickle that makes a folder when it is loaded."""

    folder: Path

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, (str(self.folder),)

    def bytes(self) -> bytes:
        return pickle.dumps(self)


@dataclass
class Ear:
    """Hears which objects pickles ask for; an audit hook stays for as long as the process does."""

    heard: list[str] = field(default_factory=list)
    awake: bool = False

    def __call__(self, event: str, words: tuple[Any, ...]) -> None:
        if self.awake and event == "pickle.find_class":
            self.heard.append(".".join(map(str, words)))

    @contextmanager
    def listening(self) -> Iterator[list[str]]:
        self.heard, self.awake = [], True
        try:
            yield self.heard
        finally:
            self.awake = False


@pytest.fixture(scope="module")
def ear() -> Ear:
    made = Ear()
    sys.addaudithook(made)
    return made


@dataclass(frozen=True)
class Run:
    """A run that ended well, in a folder, while Prefect was told to keep every result."""

    recipe: Recipe
    state: Any
    store: Path
    results: Path
    unpickled: list[str]

    def again(self) -> Any:
        with keeping(self.results):
            return omniedit(self.recipe, return_state=True)


@contextmanager
def keeping(results: Path) -> Iterator[None]:
    """Prefect's settings as of somebody who has results kept, pickled, in a folder."""
    settings = {
        PREFECT_RESULTS_PERSIST_BY_DEFAULT: True,
        PREFECT_TASKS_DEFAULT_PERSIST_RESULT: True,
        PREFECT_LOCAL_STORAGE_PATH: results,
    }
    with temporary_settings(settings):
        yield


@pytest.fixture(scope="module")
def run(
    tmp_path_factory: pytest.TempPathFactory,
    write_rows: Callable[..., Path],
    save_blocks: Callable[..., dict[str, str]],
    store_members: Callable[[], dict[str, Any]],
    ear: Ear,
) -> Run:
    folder, members = tmp_path_factory.mktemp("secure"), store_members()
    recipe = Recipe.model_validate(
        {
            "run": "secure",
            "input": str(write_rows(folder / "rows.parquet", ROWS, 2)),
            "selection": {"shard_size": 2},
            "endpoints": save_blocks("secure", members),
            "effort": {"retry_delay_s": 0},
        }
    )
    results = folder / "results"
    with keeping(results), ear.listening() as heard:
        state: Any = omniedit(recipe, return_state=True)
    assert state.name == "Completed", state
    return Run(recipe, state, Path(members["root"]), results, heard)


def test_no_flow_and_no_task_has_its_result_kept_by_prefect() -> None:
    """What is not kept is neither pickled nor loaded, whatever the settings of a server or worker are."""
    found = {name: one for name, one in members(flows, tasks) if isinstance(one, Flow | Task)}
    assert sum(isinstance(one, Flow) for one in found.values()) >= 10
    assert sum(isinstance(one, Task) for one in found.values()) >= 15
    assert [name for name, one in found.items() if one.persist_result is not False] == []


def test_secrets_of_a_block_stand_where_the_api_masks_them() -> None:
    """In a field of its own, or in Prefect's dictionary of secrets: it shows those in any other."""
    kinds = {one for _, one in members(blocks) if isinstance(one, type) and issubclass(one, Block)}
    ours = [kind for kind in kinds if kind.__module__.startswith("blocks.")]
    fields = chain.from_iterable(kind.model_fields.values() for kind in ours)
    secret = [one.annotation for one in fields if "Secret" in repr(one.annotation)]
    assert len(ours) >= 3
    assert len(secret) >= 3
    masked = {SecretStr, SecretDict, type(None)}
    assert [one for one in secret if not {*(get_args(one) or (one,))} <= masked] == []


def test_the_pickle_does_what_it_is_for(ear: Ear, tmp_path: Path) -> None:
    """Or it would prove nothing; Prefect itself would load it."""
    bomb = Bomb(tmp_path / "loaded")
    with ear.listening() as heard:
        PickleSerializer().loads(base64.encodebytes(bomb.bytes()))
    assert bomb.folder.is_dir()
    assert heard == [f"{os.mkdir.__module__}.mkdir"]


@pytest.mark.prefect
def test_a_run_leaves_no_result_with_prefect_and_loads_none(run: Run, tmp_path: Path) -> None:
    """Under settings by which Prefect keeps what any other flow gives."""

    @flow
    def other() -> list[int]:
        return [1]

    with keeping(tmp_path):
        other()
    assert len(list(tmp_path.iterdir())) == 1
    assert run.unpickled == []
    assert not run.results.exists() or list(run.results.iterdir()) == []


@pytest.mark.prefect
@pytest.mark.parametrize("kind", KINDS)
def test_a_pickle_in_the_store_is_never_loaded(
    kind: str, run: Run, ear: Ear, tmp_path: Path, sandbox: Any
) -> None:
    """Whether the run ends, makes anew what it has lost, or stops with a sentence."""
    bomb, before = Bomb(tmp_path / "loaded"), {}
    for path in chain.from_iterable(run.store.glob(pattern) for pattern in KINDS[kind]):
        if path.is_file():
            before[path] = path.read_bytes()
            path.write_bytes(bomb.bytes())
    assert before, kind
    done = run.store / "runs" / "secure" / "done.json"
    if done not in before and done.exists():
        before[done] = done.read_bytes()
        done.unlink()  # or a run that has ended would look at none of them
    with ear.listening() as heard:
        state = run.again()
        proved = audit(Store.on_disk(run.store), "secure", [check_accounts])
    for path, content in before.items():
        path.write_bytes(content)
    assert state.is_final(), state
    assert proved.counts is not None
    assert heard == []
    assert not bomb.folder.exists()


@pytest.mark.prefect
def test_no_page_of_a_server_shows_a_key(run: Run, api_of: Callable[..., Any], key: str) -> None:
    """Those of the run, of its events, and every way to a block that does not ask for its secrets."""
    api = api_of(run.state.state_details.flow_run_id)
    api.once(lambda it: {"plan", "finish"} <= {one["name"] for one in it.task_runs()})
    names = {*run.recipe.endpoints.model_dump().values()} - {"", None}
    found = [one for one in api.ask("block_documents") if one["name"] in names]
    assert len(found) == len(names)
    paths = [f"/flow_runs/{api.run}/graph-v2", f"/flow_runs/{api.run}", "/admin/settings"]
    for one in found:
        kind = f"/block_types/slug/{one['block_type']['slug']}/block_documents"
        paths += [f"/block_documents/{one['id']}", kind, f"{kind}/name/{one['name']}"]
    pages = {path: api.client.get(path).raise_for_status().text for path in paths}
    of_run = {"flow_run_id": {"any_": [api.run]}}
    asked: dict[str, Any] = {
        "task_runs": {"flow_runs": {"id": {"any_": [api.run]}}},
        "logs": {"logs": of_run},
        "artifacts": {"artifacts": of_run},
        "events": {"filter": {"related": {"id": [f"prefect.flow-run.{api.run}"]}}},
        **{one: {} for one in ("block_documents", "deployments", "variables", "automations")},
    }
    for what, words in asked.items():
        pages[what] = api.client.post(f"/{what}/filter", json=words).raise_for_status().text
    empty = {path for path, page in pages.items() if page == "[]"}
    assert empty <= {"deployments", "variables", "automations"}
    assert api.run in pages["events"]
    assert "********" in pages["block_documents"]
    assert [path for path, page in pages.items() if key in page] == []
