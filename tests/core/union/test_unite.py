"""Runs come together without duplicates, once, and what is in never changes."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from editcorpus.errors import ConfigError, ShardError
from editcorpus.layouts.audit import audit
from editcorpus.layouts.corpus import open_corpus
from editcorpus.layouts.manifest import read_manifest
from editcorpus.layouts.parquet import read_outcomes
from editcorpus.records import Published, Rejected
from editcorpus.storage import Store


def rejects(world: Any, name: str = "all") -> dict[str, tuple[str, str]]:
    rows = read_outcomes(world.store, f"corpora/{name}/rejects.parquet", Rejected)
    return {row.id: (row.reason.value, row.detail) for row in rows}


def ids(rows: list[Published]) -> list[str]:
    return sorted(row.id for row in rows)


def test_every_record_comes_in_once_with_all_that_it_holds(world: Any, made: Any) -> None:
    world.run("a", made(range(20)), made(range(20, 30)))
    world.run("b", made(range(25, 40)))
    done = world.unite("a", "b")
    assert (done.entered, done.kept, done.rejected) == (45, 40, {"duplicate_triplet": 5})
    assert sorted(world.kept(), key=lambda row: row.source_row) == made(range(40))
    assert rejects(world)["omniedit/25~b"] == (
        "duplicate_triplet",
        "omniedit/25 of the run a has the same pictures and the same instruction.",
    )


def test_the_sums_close_and_the_audit_finds_only_that_pictures_are_none(
    world: Any, made: Any
) -> None:
    world.run("a", made(range(9), license="CC-BY-NC-4.0"), made(range(9, 20)))
    world.unite("a", licenses=("commercial",), validation_share=0.3)
    found = audit(world.store, "all").problems
    odd = [one for one in found if "does not decode" not in one and "paid answer" not in one]
    assert [one for one in odd if "box" not in one] == []


def test_pictures_and_instruction_make_a_duplicate_and_case_and_space_do_not_differ(
    world: Any, one: Any
) -> None:
    first = one(0, instruction="Add a café.")
    same = one(1, instruction=" add  A cafe\u0301. ", source_image=first.source_image)
    other = one(2, instruction=first.instruction, source_image=first.source_image)
    twin = one(3, instruction="ADD A CAFÉ.", source_image=first.source_image)
    pair = {"edited_image": first.edited_image}
    world.run("a", [first, one(1, **pair), other])
    assert world.unite("a").kept == 3
    rows = [first, *(Published(**{**_members(row), **pair}) for row in (same, twin))]
    world.run("b", rows)
    assert world.unite("b", name="more").kept == 1


def _members(row: Published) -> dict[str, Any]:
    return {name: getattr(row, name) for name in Published.__annotations__}


def test_an_id_belongs_to_the_first_and_another_triplet_of_it_is_refused(
    world: Any, one: Any
) -> None:
    world.run("a", [one(1), one(2)])
    world.run("b", [one(3, id="omniedit/1"), one(4)])
    assert world.unite("a", "b").rejected == {"id_taken": 1}
    assert rejects(world) == {
        "omniedit/1~b": ("id_taken", "The run a has another triplet of this id.")
    }


def test_what_is_refused_leaves_its_id_to_the_next(world: Any, one: Any) -> None:
    world.run("a", [one(1, license="CC-BY-NC-4.0"), one(2)])
    world.run("b", [one(3, id="omniedit/1")])
    assert world.unite("a", "b", licenses=("MIT",)).kept == 2
    assert rejects(world) == {
        "omniedit/1~a": ("licence_left_out", "CC-BY-NC-4.0 is not among MIT.")
    }


def test_a_new_run_adds_files_and_changes_none(world: Any, made: Any) -> None:
    world.run("a", made(range(200)))
    world.run("b", made(range(150, 300)))
    world.unite("a", shard_records=64)
    before = world.data()
    done = world.unite("a", "b", shard_records=64)
    after = world.data()
    assert (done.version, done.runs, done.added) == ("1.1.0", ("a", "b"), ("b",))
    assert before.items() <= after.items()
    assert len(after) > len(before)
    assert ids(world.kept()) == sorted(f"omniedit/{number}" for number in range(300))
    assert done.kept == 300


def test_a_run_alone_may_be_named_to_add_it(world: Any, made: Any) -> None:
    world.run("a", made(range(5)))
    world.run("b", made(range(5, 8)))
    world.unite("a")
    assert world.unite("b").runs == ("a", "b")
    assert len(world.kept()) == 8


def test_what_is_in_is_passed_over_and_nothing_is_written(world: Any, made: Any) -> None:
    world.run("a", made(range(30)))
    first = world.unite("a")
    folder = Path(world.store.root)
    before = {file: file.stat().st_mtime_ns for file in folder.rglob("*.parquet")}
    again = world.unite("a", "a")
    assert (again.added, again.version, again.kept) == ((), "1.0.0", first.kept)
    assert {file: file.stat().st_mtime_ns for file in folder.rglob("*.parquet")} == before


def test_a_run_that_has_changed_is_refused_until_all_is_made_anew(world: Any, made: Any) -> None:
    world.run("a", made(range(10)))
    world.unite("a")
    world.run("a", made(range(12)))
    with pytest.raises(ConfigError, match="'a' has changed since it came into 'all'"):
        world.unite("a")
    assert len(world.kept()) == 10
    done = world.unite("a", anew=True)
    assert (done.version, done.kept) == ("2.0.0", 12)


def test_other_terms_are_refused_with_the_difference(world: Any, made: Any) -> None:
    world.run("a", made(range(10)))
    world.unite("a", seed=1)
    with pytest.raises(ConfigError, match="seed was 1 and is now 2"):
        world.unite("a", seed=2)
    assert world.unite("a", seed=2, anew=True).version == "2.0.0"


@pytest.mark.parametrize("name", ["a", "b"])
def test_the_name_of_a_run_is_none_for_a_corpus(world: Any, made: Any, name: str) -> None:
    world.run("a", made(range(3)))
    world.store.write("runs/b/run.json", b"{}")
    with pytest.raises(ConfigError, match="is the name of a run"):
        world.unite("a", name=name)


@pytest.mark.parametrize("name", ["", "A", "../a", "a/b", ".a", "a" * 65])
def test_a_name_that_is_none_is_refused(world: Any, made: Any, name: str) -> None:
    world.run("a", made(range(3)))
    with pytest.raises(ConfigError, match="no name of a corpus"):
        world.unite("a", name=name)


def test_a_corpus_of_another_store_comes_in_and_its_answers_cannot_be_proved(
    world: Any, made: Any, tmp_path: Path
) -> None:
    other = type(world)(Store.on_disk(tmp_path / "other"))
    world.run("a", made(range(4)))
    other.run("a", made(range(4, 9)))
    from editcorpus.leases import Owner
    from editcorpus.union.hands import Threads
    from editcorpus.union.terms import Terms
    from editcorpus.union.unite import Wish, unite

    corpora = (open_corpus(world.store, "corpora/a"), open_corpus(other.store, "corpora/a"))
    wish = Wish("all", corpora, Terms())
    done = unite(world.store, wish, Owner("me", "here", 1), Threads(1, lambda *_: None))
    assert (done.kept, done.runs) == (9, ("a", "a.2"))
    manifest = read_manifest(world.store, "corpora/all")
    assert manifest is not None
    assert manifest.elsewhere == ("a.2",)
    assert str(tmp_path) not in json.dumps(dict(manifest.runs))
    assert audit(world.store, "all").unproven == [
        "9 records name paid answers that lie in the store of another run: of a.2."
    ]


def test_a_united_corpus_can_be_united_again(world: Any, made: Any) -> None:
    world.run("a", made(range(100)))
    world.run("b", made(range(100, 110)))
    world.unite("a", name="half")
    assert world.unite("half", "b").kept == 110
    assert Counter(world.unite("half", "b").splits) == Counter(
        shard.stem.split("-")[0]
        for shard in open_corpus(world.store, "corpora/all").shards
        for _ in range(shard.file.records)
    )


def test_it_cannot_be_united_with_itself(world: Any, made: Any) -> None:
    world.run("a", made(range(4)))
    world.unite("a")
    with pytest.raises(ConfigError, match="cannot be united with itself"):
        world.unite("all")


def test_older_corpora_get_what_they_lack(world: Any, made: Any) -> None:
    world.run("a", made(range(6), subtask="obj_add"))
    path = "corpora/a/data/train-00000.parquet"
    file = world.store.local_file(path)
    lacking = ["family", "variant", "edited_width", "outside_mask", "previous", "source_facts"]
    lacking += ["change_area", "change_x", "change_mask", "psnr_outside", "doubts"]
    table = pq.read_table(file).drop_columns(lacking)
    pq.write_table(table, file)
    _told_again(world, path)
    world.unite("a")
    row = world.kept()[0]
    assert (row.family, row.variant, row.previous) == ("object_addition", "output", "")
    assert (row.edited_width, row.outside_mask) == (row.width, -1.0)
    assert (row.change_area, row.psnr_outside) == (-1.0, -1.0)
    assert (row.change_x, row.change_mask, row.doubts) == (0, "", "")


def _told_again(world: Any, path: str) -> None:
    """Let the manifest name the file as it is now."""
    told = json.loads(world.store.read("corpora/a/manifest.json"))
    for file in told["files"]:
        if path.endswith(file["path"]):
            file["bytes"] = world.store.size(path)
    world.store.write("corpora/a/manifest.json", json.dumps(told).encode())


@pytest.mark.parametrize(
    ("column", "sentence"),
    [("license", "It has no column license"), ("source_image", "It has no column source_image")],
)
def test_a_column_without_which_there_is_no_record_is_missed(
    world: Any, made: Any, column: str, sentence: str
) -> None:
    world.run("a", made(range(6)))
    path = "corpora/a/data/train-00000.parquet"
    file = world.store.local_file(path)
    pq.write_table(pq.read_table(file).drop_columns([column]), file)
    _told_again(world, path)
    with pytest.raises(ShardError, match=sentence):
        world.unite("a")
    assert read_manifest(world.store, "corpora/all") is None


def test_a_file_that_is_gone_or_cut_is_told(world: Any, made: Any) -> None:
    world.run("a", made(range(6)), made(range(6, 9)))
    path = "corpora/a/data/train-00001.parquet"
    world.store.write(path, world.store.read(path)[:-9])
    with pytest.raises(ShardError, match=r"train-00001\.parquet"):
        world.unite("a")
    world.store.remove(path)
    with pytest.raises(ShardError, match=r"train-00001\.parquet is missing"):
        world.unite("a")


def test_versions_rise(world: Any, made: Any) -> None:
    for place, name in enumerate("abc"):
        world.run(name, made(range(10 * place, 10 * place + 10)))
    assert world.unite("a", release="0.1.0-alpha").version == "0.1.0-alpha"
    with pytest.raises(ConfigError, match="not above the present one"):
        world.unite("b", release="0.0.9")
    with pytest.raises(ConfigError, match="no version"):
        world.unite("b", release="two")
    with pytest.raises(ConfigError, match="No run is new"):
        world.unite("a", release="0.2.0")
    assert world.unite("b", release="0.1.0").version == "0.1.0"
    assert world.unite("c").version == "0.2.0"


def test_the_card_counts_what_is_in_it(world: Any, made: Any) -> None:
    world.run("a", made(range(40)))
    world.run("b", made(range(30, 60), dataset_source="hqedit", license="CC-BY-NC-4.0"))
    world.unite("a", "b")
    card = open_corpus(world.store, "corpora/all").card()
    assert "| `object_addition` | `hqedit` | `CC-BY-NC-4.0` | 20 | 0.500 |" in card
    assert "| rejected | `filter` | `no_edit` The result shows no change" in card
    assert "These licences differ in what they allow" in card
    assert "| `subject-add` | 60 | 0.500 |" in card
    assert '    path: "data/train-*.parquet"' in card
    assert "| **kept** | | | **60** |" in card
    assert "EMULATED" not in card


def test_an_emulated_run_makes_the_whole_corpus_emulated(world: Any, made: Any) -> None:
    world.run("a", made(range(4)))
    world.store.write("corpora/a/README.md", b"---\ntags:\n- x\n- emulated\n---\n")
    world.unite("a")
    assert "EMULATED" in open_corpus(world.store, "corpora/all").card()


def test_the_same_runs_and_terms_give_the_same_bytes(world: Any, made: Any, tmp_path: Path) -> None:
    other = type(world)(Store.on_disk(tmp_path / "other"))
    for each in (world, other):
        each.run("a", made(range(90)), made(range(90, 130)))
        each.unite("a", validation_share=0.2)
    assert world.data() == other.data()
    for name in ("rejects.parquet", "README.md", "manifest.json"):
        path = f"corpora/all/{name}"
        assert world.store.read(path) == other.store.read(path)


def test_on_any_store_a_run_is_added_and_nothing_else_is_left(
    world: Any, made: Any, any_store: Store
) -> None:
    there = type(world)(any_store)
    there.run("a", made(range(30)))
    there.run("b", made(range(20, 50)))
    there.unite("a")
    before = there.data()
    assert there.unite("a", "b").kept == 50
    assert before.items() <= there.data().items()
    assert len(there.kept()) == 50
    folders = Counter(path.split("/")[1] for path in any_store.list("unions"))
    assert {"facets.json", "quality.json"} < {
        path.split("/")[2] for path in any_store.list("unions")
    }
    assert folders == {"all": 3, "digests": 4, "pairs": 2}
