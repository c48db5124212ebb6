"""The flow that unites runs: its form, and what a person sees of it on a real Prefect server."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from prefect.deployments.runner import RunnerDeployment

from blocks.corpus_store import CorpusStore
from editcorpus.layouts.corpus import open_corpus
from editcorpus.layouts.manifest import CorpusManifest, commit_manifest
from editcorpus.layouts.parquet import write_outcomes, write_shard
from editcorpus.records import Published
from editcorpus.similar.hashfile import Item, known, write_known
from editcorpus.storage import Store
from flows.corpus import Unification, corpus

FILE = Path(__file__).parents[2] / "deployments" / "prefect.yaml"
KINDS: dict[type, Any] = {
    str: "text",
    int: 16,
    float: 0.5,
    bool: True,
    bytes: b"\x89PNG",
    float | None: None,
}


def record(number: int) -> Published:
    members = {name: KINDS[kind] for name, kind in Published.__annotations__.items()}
    own = {"id": f"omniedit/{number}", "instruction": f"Add bird {number}.", "previous": ""}
    return Published(**members | own | {"edited_image": b"\x89PNG %d" % number})


def write_run(store: Store, name: str, numbers: range) -> None:
    folder, rows = f"corpora/{name}", [record(number) for number in numbers]
    files = (
        write_shard(store, f"{folder}/data/train-00000.parquet", rows),
        write_outcomes(store, f"{folder}/rejects.parquet", ()),
        write_outcomes(store, f"{folder}/failed.parquet", ()),
    )
    store.write(f"{folder}/README.md", b"# x\n")
    commit_manifest(store, folder, CorpusManifest(name, len(rows), len(rows), {}, {}, files))


def test_the_deployment_names_the_flow_and_parameters_that_it_takes() -> None:
    declared = yaml.safe_load(FILE.read_text("utf-8"))["deployments"]
    own = next(one for one in declared if one["name"] == "corpus")
    assert own["entrypoint"] == "editcorpus_flows.corpus"
    assert isinstance(corpus.validate_parameters(own["parameters"])["unification"], Unification)
    made = RunnerDeployment.from_flow(corpus, "corpus", parameters=own["parameters"])
    assert made.parameters == own["parameters"]


def test_every_field_of_the_form_has_a_description() -> None:
    models = corpus.parameters.model_dump()["definitions"]
    fields = {
        f"{model}.{name}": field.get("description", "")
        for model, members in models.items()
        for name, field in members["properties"].items()
    }
    assert {"Unification.runs", "Terms.licenses", "Terms.most_per_family"} <= fields.keys()
    assert [name for name, said in fields.items() if not said] == []


@pytest.mark.prefect
def test_each_batch_is_a_task_run_of_each_step_and_the_state_says_how_many_are_in(
    prefect_api: str,
    store_members: Callable[[], dict[str, Any]],
    api_of: Callable[..., Any],
    tmp_path: Path,
) -> None:
    members = store_members()
    CorpusStore(**members).save("union-store", overwrite=True)
    store = Store.on_disk(members["root"])
    write_run(store, "a", range(8))
    write_run(store, "b", range(5, 12))
    item = Item("1", ("whole",), np.ones((1, 12), "<u8"), "Add bird 3.")
    write_known(known("bench", [item]), tmp_path / "bench.parquet")
    against = (str(tmp_path / "bench.parquet"),)
    asked = Unification(name="all", runs=("a", "b"), against=against, store="union-store")
    state = corpus(asked, return_state=True)
    assert (state.name, state.type.value) == ("12 kept", "COMPLETED")
    assert "12 of 15 triplets of 2 runs" in (state.message or "")
    assert "3 duplicate_triplet" in (state.message or "")
    assert len(list(open_corpus(store, "corpora/all").shards)) >= 1
    api = api_of(state.state_details.flow_run_id).once(_all_recorded)
    assert api.flow_run()["name"] == "corpus-all"
    names = Counter(run["name"].split("-")[1] for run in api.task_runs())
    assert names == {"digest": 2, "against": 2, "copy": 2}
    assert "| `bench` | 1 | 0 | 0 | 1 |" in open_corpus(store, "corpora/all").card()
    refused = corpus(asked.model_copy(update={"name": "a"}), return_state=True)
    assert (refused.name, refused.type.value) == ("Could not start", "FAILED")
    assert "is the name of a run" in (refused.message or "")


def _all_recorded(api: Any) -> bool:
    found = api.task_runs()
    return len(found) == 6 and all(run["state_type"] == "COMPLETED" for run in found)
