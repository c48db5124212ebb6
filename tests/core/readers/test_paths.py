"""Pictures by path near a file of rows: on a bucket, on the Hub's terms, in several archives at once."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from editcorpus.archives.archive import Archive
from editcorpus.archives.parts import archives_among
from editcorpus.demo.packed import write_parts
from editcorpus.demo.seed_data_edit import write_seed_data_edit
from editcorpus.errors import ConfigError, Interrupted
from editcorpus.inputs import Inputs
from editcorpus.planning import Selection, plan
from editcorpus.readers.stock import Near, Stock, near
from editcorpus.rows import Source
from editcorpus.sources.seed_data_edit import RECIPES
from editcorpus.storage import Store

NAMED = {f"{kind}_images/{n}.jpg": f"{kind}{n}".encode() * 999 for kind in "ab" for n in range(4)}


@pytest.fixture
def lists(tmp_path: Path) -> Store:
    return Store.on_disk(tmp_path / "lists")


def packed(folder: Path, *kinds: str) -> None:
    for kind in kinds:
        members = {path: data for path, data in NAMED.items() if path.startswith(kind)}
        write_parts(folder, f"{kind}_images.tar.gz", members, ("part-aa", "part-ab"))


def pictures(source: Source, inputs: Inputs) -> dict[str, Any]:
    shelf = source.reader.shelf(source, inputs, inputs.store)
    triplets = [one for shard in plan(source, inputs, Selection()) for one in shard.triplets]
    try:
        return {one.id: found for one, found in shelf.read(triplets, ("source", "edited"))}
    finally:
        shelf.close()


@pytest.mark.s3
@pytest.mark.parametrize("recipe", ["multi-turn", "real", "unsplash", "openimages"])
def test_a_bucket_gives_what_the_same_folder_gives(
    s3: Any, s3_numbers: Any, lists: Store, tmp_path: Path, recipe: str
) -> None:
    source, where = RECIPES[recipe], write_seed_data_edit(tmp_path / "seed")
    name = s3.bucket(f"seed-{next(s3_numbers)}")
    for path in sorted(one for one in where.rglob("*") if one.is_file()):
        s3.files.pipe_file(f"{name}/seed/{path.relative_to(where)}", path.read_bytes())
    far = Inputs.find(f"s3://{name}/seed", s3.options, source.kind)
    near_by = Inputs.find(str(where), {}, source.kind)
    found = [pictures(source, replace(one, store=lists)) for one in (far, near_by)]
    assert found[0] == found[1]
    assert len(found[0]) >= 3


@pytest.mark.parametrize("recipe", ["multi-turn", "real"])
def test_the_hub_gives_what_the_same_folder_gives(
    hub: Any, lists: Store, tmp_path: Path, recipe: str
) -> None:
    source, where = RECIPES[recipe], write_seed_data_edit(tmp_path / "seed")
    files = [one for one in where.rglob("*") if one.is_file()]
    hub.dataset("team/seed").commit(
        {f"top/{path.relative_to(where)}": path.read_bytes() for path in files}
    )
    options = {"hub": {"endpoint": hub.url}}
    far = Inputs.find("hf://datasets/team/seed/top", options, source.kind)
    near_by = Inputs.find(str(where), {}, source.kind)
    found = [pictures(source, replace(one, store=lists)) for one in (far, near_by)]
    assert found[0] == found[1]


def test_only_the_archive_is_gone_through_that_a_path_names(tmp_path: Path, lists: Store) -> None:
    packed(tmp_path / "images", "a", "b")
    stock = Stock(near(str(tmp_path / "images"), [], Inputs()), Inputs(), lists)
    assert stock.find(["a_images/1.jpg"]) == []
    assert stock.read("a_images/1.jpg") == NAMED["a_images/1.jpg"]
    assert len({path.split("/")[1] for path in lists.list("inputs")}) == 1
    assert stock.find(["a_images/9.jpg", "b_images/0.jpg"]) == ["a_images/9.jpg"]
    assert stock.read("b_images/0.jpg") == NAMED["b_images/0.jpg"]
    assert stock.read("a_images/9.jpg") is None
    assert stock.problem == ""
    stock.close()


def test_a_folder_comes_before_an_archive(tmp_path: Path, lists: Store) -> None:
    packed(tmp_path / "images", "a", "b")
    (tmp_path / "images/a_images").mkdir()
    (tmp_path / "images/a_images/0.jpg").write_bytes(b"unpacked")
    stock = Stock(near(str(tmp_path / "images"), [], Inputs()), Inputs(), lists)
    assert stock.find(["a_images/0.jpg", "b_images/3.jpg"]) == []
    assert stock.read("a_images/0.jpg") == b"unpacked"
    assert stock.read("b_images/3.jpg") == NAMED["b_images/3.jpg"]
    stock.close()


def test_archives_beside_the_folder_of_pictures_are_found(tmp_path: Path, lists: Store) -> None:
    packed(tmp_path / "top", "a")
    found = near(str(tmp_path / "images"), [str(tmp_path / "top"), str(tmp_path / "no")], Inputs())
    assert (found.folder, len(found.archives)) == ("", 1)
    stock = Stock(found, Inputs(), lists)
    assert stock.find(["a_images/2.jpg"]) == []
    stock.close()


def test_archives_need_a_store_for_their_lists(tmp_path: Path) -> None:
    packed(tmp_path, "a")
    with pytest.raises(ConfigError, match="need a store"):
        Stock(near(str(tmp_path), [], Inputs()), Inputs(), None)
    assert Stock(Near(""), Inputs(), None).find(["x"]) == ["x"]


def test_a_pass_ends_where_nobody_waits_for_it(tmp_path: Path, lists: Store) -> None:
    packed(tmp_path, "a")
    stock = Stock(near(str(tmp_path), [], Inputs()), Inputs(), lists)
    stock.close()
    with pytest.raises(Interrupted):
        stock.find(["a_images/0.jpg"])


def test_how_far_a_long_pass_is_is_told(
    tmp_path: Path, lists: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    packed(tmp_path, "a")
    monkeypatch.setattr("editcorpus.readers.stock._TOLD_EVERY", 1)
    stock = Stock(near(str(tmp_path), [], Inputs()), Inputs(), lists)
    with caplog.at_level(logging.INFO):
        stock.find(["a_images/0.jpg", "a_images/none.jpg"])
    stock.close()
    assert any("a_images.tar.gz: " in one.getMessage() for one in caplog.records)
    [parts] = archives_among(str(path) for path in tmp_path.iterdir())
    assert len(Archive.opened(parts, Inputs(), lists)) == 4
