"""The flow that unites runs: its form, and what a person sees of it on a real Prefect server."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from plain_corpus import plain_record, write_plain_corpus
from prefect.deployments.runner import RunnerDeployment

from blocks.corpus_store import CorpusStore
from editcorpus.layouts.corpus import open_corpus
from editcorpus.similar.hashfile import Item, known, write_known
from editcorpus.storage import Store
from flows.corpus import Unification, corpus

FILE = Path(__file__).parents[2] / "deployments" / "prefect.yaml"


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
    for name, numbers in {"a": range(8), "b": range(5, 12)}.items():
        write_plain_corpus(store, name, [plain_record(number) for number in numbers])
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
