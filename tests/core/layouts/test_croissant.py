"""`croissant.json`: its own library takes it, and loads the corpus by it."""

import json
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from editcorpus.layouts.catalogue import LAYOUTS
from editcorpus.layouts.corpus import open_corpus
from editcorpus.layouts.croissant import NAME, Described, croissant_text, write_croissant
from editcorpus.layouts.export import export
from editcorpus.records import Published
from editcorpus.storage import Store

Build = Callable[..., Store]
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of what the library uses
TOLD = Described(
    name="spring",
    records=3,
    licences=("CC-BY-NC-4.0", "MIT", "research only"),
    sources=("hqedit", "omniedit"),
    models={"regenerate": "gpt-image-2.5-sunburst", "rewrite": ""},
)
ONLY_RECOMMENDED = {"citeAs", "datePublished"}
"""What the library recommends and a corpus on a disk does not know: who publishes it, and when."""


def opened(path: Path) -> Any:
    """A description, opened with the library, which raises where it is none."""
    return import_module("mlcroissant").Dataset(str(path))


def warnings_of(dataset: Any) -> set[str]:
    found = dataset.metadata.ctx.issues.warnings
    return {
        str(one).partition('Property "')[2].partition('"')[0].rpartition("/")[2] for one in found
    }


def test_its_library_finds_nothing_wrong_and_loads_every_record(build: Build, sample: Any) -> None:
    store = build()
    write_croissant(store, sample.folder, replace(TOLD, languages=("en", "zh")))
    file = store.local_file(f"{sample.folder}/{NAME}")
    assert file is not None
    dataset = opened(file)
    assert dataset.metadata.ctx.issues.errors == set()
    assert warnings_of(dataset) <= ONLY_RECOMMENDED
    rows = list(dataset.records("triplets"))
    assert {name.removeprefix("triplets/") for name in rows[0]} == set(Published.__annotations__)
    assert [row["triplets/id"].decode() for row in rows] == [one.id for one in sample.records]
    assert rows[0]["triplets/edited_image"].size == (24, 16)
    assert rows[0]["triplets/score"] == 0.8


def test_it_says_in_which_languages_instructions_are_and_whether_places_are_known() -> None:
    made = json.loads(croissant_text(TOLD))
    assert "inLanguage" not in made
    assert any("unknown" in one for one in made["rai:dataBiases"])
    told = replace(TOLD, languages=("en", "zh"), places=("Kenya",))
    made = json.loads(croissant_text(told))
    assert made["inLanguage"] == ["en", "zh"]
    assert any(one.endswith("where they were taken: Kenya.") for one in made["rai:dataBiases"])


def test_it_says_what_responsible_users_ask() -> None:
    made = json.loads(croissant_text(TOLD))
    assert made["conformsTo"] == [
        "http://mlcommons.org/croissant/1.1",
        "http://mlcommons.org/croissant/RAI/1.0",
    ]
    asked = ("dataCollection", "dataBiases", "dataLimitations", "personalSensitiveInformation")
    assert all(made[f"rai:{name}"] for name in (*asked, "dataUseCases", "dataSocialImpact"))
    assert made["rai:machineAnnotationTools"] == ["gpt-image-2.5-sunburst (regenerate)"]
    assert made["license"] == [
        "https://spdx.org/licenses/CC-BY-NC-4.0.html",
        "https://spdx.org/licenses/MIT.html",
        "research only",
    ]


@pytest.mark.parametrize(
    ("name", "before"),
    [*((name, "whole") for name in LAYOUTS), *(("kontext", text) for text in ("", "{", "[]"))],
)
def test_every_export_is_described_by_its_own_files(
    build: Build, sample: Any, tmp_path: Path, name: str, before: str
) -> None:
    store = build()
    if before:
        text = croissant_text(TOLD) if before == "whole" else before
        store.write(f"{sample.folder}/{NAME}", text.encode())
    target = Store.on_disk(tmp_path / "target")
    export(open_corpus(store, sample.folder), LAYOUTS[name], target, "out")
    dataset = opened(tmp_path / "target/out" / NAME)
    assert dataset.metadata.ctx.issues.errors == set()
    assert warnings_of(dataset) <= ONLY_RECOMMENDED
    made = json.loads(target.read(f"out/{NAME}"))
    for files in made["distribution"]:
        assert list((tmp_path / "target/out").glob(files["includes"])), files["includes"]
    assert ("recordSet" in made) == (name == "parquet")
    assert ("research only" in made["license"]) == (before == "whole")
