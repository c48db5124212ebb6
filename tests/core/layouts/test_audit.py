"""The audit finds every kind of damage, names it, and never raises."""

import json
from collections.abc import Callable, Iterable
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from editcorpus.errors import ShardError
from editcorpus.layouts import audit as audit_module
from editcorpus.layouts.audit import audit
from editcorpus.layouts.manifest import CorpusManifest
from editcorpus.ledger import image_path
from editcorpus.records import Reason, Rejected
from editcorpus.storage import Store

RUN = "spring"
FOLDER = f"corpora/{RUN}"
FIRST = f"{FOLDER}/data/train-00000.parquet"


def problems(store: Store) -> str:
    return "\n".join(audit(store, RUN).problems)


def test_a_whole_corpus_has_no_problem(build) -> None:
    found = audit(build(), RUN)
    assert found.problems == []
    assert {**found.counts, "bytes": 0} == {
        "files": 4,
        "bytes": 0,
        "records": 3,
        "pictures": 6,
        "rejected": 2,
        "failed": 1,
    }


def test_an_empty_corpus_has_no_problem(build) -> None:
    assert audit(build(shards=(), rejected=(), failed=()), RUN).problems == []


def test_no_manifest_is_no_corpus(store: Store) -> None:
    assert problems(store) == "manifest.json: it is missing, so corpora/spring is not finished."


def damage_manifest(store: Store) -> None:
    store.write(f"{FOLDER}/manifest.json", b"{")


def damage_other_run(store: Store) -> None:
    change_manifest(store, run="autumn")


def damage_missing_shard(store: Store) -> None:
    store.remove(FIRST)


def damage_cut_shard(store: Store) -> None:
    store.write(FIRST, store.read(FIRST)[:-100])


def damage_flipped_byte(store: Store) -> None:
    data = bytearray(store.read(FIRST))
    data[len(data) // 2] ^= 1
    store.write(FIRST, bytes(data))


def damage_sums(store: Store) -> None:
    change_manifest(store, entered=7)


def damage_reasons(store: Store) -> None:
    change_manifest(store, rejected={"no_edit": 2})


def damage_tasks(store: Store) -> None:
    change_manifest(store, tasks={"removal": 3})


def damage_records(store: Store) -> None:
    files = json.loads(store.read(f"{FOLDER}/manifest.json"))["files"]
    files[0]["records"], files[1]["records"] = 1, 2
    change_manifest(store, files=files)


def damage_path(store: Store) -> None:
    files = json.loads(store.read(f"{FOLDER}/manifest.json"))["files"]
    files[0]["path"] = "../../../etc/passwd"
    change_manifest(store, files=files)


def damage_twice(store: Store) -> None:
    files = json.loads(store.read(f"{FOLDER}/manifest.json"))["files"]
    change_manifest(store, files=[*files, files[-1]])


def damage_loose_file(store: Store) -> None:
    store.write(f"{FOLDER}/data/train-00099.parquet", store.read(FIRST))


def damage_card(store: Store) -> None:
    store.remove(f"{FOLDER}/README.md")


def damage_answer(store: Store) -> None:
    store.remove(image_path(f"{1:064x}"))


def damage_rejects(store: Store) -> None:
    store.write(f"{FOLDER}/rejects.parquet", b"PAR1 and nothing PAR1")


def damage_null(store: Store) -> None:
    table = pq.read_table(store.local_file(FIRST))
    nulls = pa.array([None, None], pa.string())
    place = table.column_names.index("license")
    pq.write_table(table.set_column(place, "license", nulls), store.local_file(FIRST))


def damage_null_id(store: Store) -> None:
    columns = {"id": [None, "a"], "step": ["s", None], "reason": ["r", "r"], "detail": ["", ""]}
    schema = pa.schema([(name, pa.string()) for name in columns])
    table = pa.table(columns, schema)
    pq.write_table(table, store.local_file(f"{FOLDER}/rejects.parquet"))


def damage_reason(store: Store) -> None:
    columns = {"id": ["a"], "step": ["pad"], "reason": ["mood"], "detail": [""]}
    pq.write_table(pa.table(columns), store.local_file(f"{FOLDER}/rejects.parquet"))


def change_manifest(store: Store, **changes: object) -> None:
    path = f"{FOLDER}/manifest.json"
    members = {**json.loads(store.read(path)), **changes}
    store.write(path, json.dumps(members).encode())


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (damage_manifest, "manifest.json: The manifest of the corpus is damaged"),
        (damage_other_run, "manifest.json: it belongs to the run 'autumn', not 'spring'."),
        (damage_missing_shard, "data/train-00000.parquet: it is missing."),
        (damage_cut_shard, "train-00000.parquet is not a whole parquet file"),
        (damage_cut_shard, "data/train-00000.parquet: it has"),
        (damage_flipped_byte, "data/train-00000.parquet: its SHA-256 is"),
        (damage_sums, "manifest.json: 7 ids entered, but 3 were kept"),
        (damage_reasons, "it counts 2 times 'no_edit'; the files hold 1"),
        (damage_reasons, "it counts 0 times 'image_unreadable'; the files hold 1"),
        (damage_tasks, "of the tasks, it counts 0 times 'addition'; the files hold 3"),
        (damage_records, "data/train-00000.parquet: it holds 2 records, not 1."),
        (damage_path, "manifest.json: '../../../etc/passwd' is not a file of a corpus."),
        (damage_path, "data/train-00000.parquet: loaders read it, but the manifest does not"),
        (damage_twice, "manifest.json: it names 'rejects.parquet' 2 times."),
        (damage_twice, "rejects.parquet: 'omniedit/r0' occurs more than once."),
        (damage_loose_file, "data/train-00099.parquet: loaders read it, but the manifest"),
        (damage_card, "README.md: it is missing."),
        (damage_answer, "'omniedit/task_obj_add_1' has no paid answer at responses/00/"),
        (damage_rejects, "rejects.parquet is not a whole parquet file"),
        (damage_null, "train-00000.parquet: 'omniedit/task_obj_add_0' has null in license."),
        (damage_null_id, "rejects.parquet: None is no id."),
        (damage_null_id, "rejects.parquet: 'a' has null in step."),
        (damage_reason, "rejects.parquet: 'a' has the unknown reason 'mood'."),
        (damage_reason, "rejects.parquet: it holds 1 rows, not 2."),
    ],
)
def test_damage_to_files_is_named(build, damage: Callable[[Store], None], sentence: str) -> None:
    store = build()
    damage(store)
    assert sentence in problems(store)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"id": ""}, "'' is no id."),
        ({"id": "omniedit/task_obj_add_0"}, "'omniedit/task_obj_add_0' occurs more than once."),
        ({"instruction": "  "}, "has no text in instruction."),
        ({"license": ""}, "has no text in license."),
        ({"instruction_original": ""}, "is a rewrite without instruction_original."),
        ({"score": 1.01}, "has 1.01 in score, which is not within 0 to 1."),
        ({"dino_sim": 1.5}, "has 1.5 in dino_sim, which is neither null nor within -1 to 1."),
        ({"score_done": float("nan")}, "has nan in score_done"),
        ({"border_fraction": -0.1}, "has -0.1 in border_fraction"),
        ({"scale_x": float("inf")}, "has inf in scale_x."),
        ({"box_width": 1537}, "has a box of width 1537 at 0, outside its canvas of 1536."),
        ({"box_y": -1}, "has a box of height 1024 at -1"),
        ({"box_height": 0}, "has a box of height 0"),
        ({"registration": "sideways"}, "has 'sideways' in registration, which is no verdict."),
        ({"crop_left": 2}, "has 0.0 in lost_share, though [2, 0, 0, 0] px were cut off its sides."),
        ({"lost_share": 0.02}, "has 0.02 in lost_share, though [0, 0, 0, 0] px were"),
        ({"width": 25}, "has in source_image 24 x 16 pixels, not 25 x 16."),
        ({"edited_image": b""}, "has in edited_image a picture that does not decode"),
        ({"edited_image": b"<svg/>"}, "has in edited_image a picture that does not decode"),
        ({"response": "../../../etc/passwd"}, "'../../../etc/passwd', which is no hash"),
    ],
)
def test_damage_to_a_record_is_named(
    build, sample, change: dict[str, object], sentence: str
) -> None:
    damaged = replace(sample.records[1], **change)
    found = problems(build(shards=((sample.records[0], damaged),)))
    assert sentence in found
    assert "data/train-00000.parquet: " in found


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_picture_that_is_cut_short_is_named(build, sample, kind: str) -> None:
    picture = sample.draw(9, (240, 160), kind)
    size = {"width": 240, "height": 160, "edited_width": 240, "edited_height": 160}
    whole = sample.published(9, source_image=picture, edited_image=picture, **size)
    assert problems(build(shards=((whole,),))) == ""
    cut = replace(whole, edited_image=picture[: len(picture) * 2 // 3])
    found = problems(build(shards=((cut,),)))
    assert "'omniedit/task_obj_add_9' has in edited_image a picture that does not decode" in found


def test_a_size_bomb_is_named_without_being_decoded(build, sample) -> None:
    small = sample.draw(3)
    bomb = small[:16] + (60_000).to_bytes(4, "big") * 2 + small[24:]
    found = problems(build(shards=((sample.published(3, edited_image=bomb),),)))
    assert "has in edited_image a picture that does not decode" in found


def test_pictures_of_different_sizes_are_named(build, sample) -> None:
    other = sample.published(3, edited_image=sample.draw(3, (48, 32)))
    found = problems(build(shards=((other,),)))
    assert "has in edited_image 48 x 32 pixels, not 24 x 16." in found


def test_the_same_id_in_two_files_is_named(build, sample) -> None:
    twice = Rejected(sample.records[0].id, "pad", Reason.IMAGE_BLANK, "")
    found = problems(build(rejected=(twice,)))
    assert f"rejects.parquet: {sample.records[0].id!r} occurs more than once." in found


def test_further_checks_are_asked_and_cannot_crash_it(build) -> None:
    def ledger(store: Store, run: str, manifest: CorpusManifest) -> Iterable[str]:
        yield f"ledger: {run} has {manifest.kept} kept, {store.exists('nothing')}"

    def torn(store: Store, run: str, manifest: CorpusManifest) -> Iterable[str]:
        raise ShardError("a journal is torn.")
        yield

    def at_once(store: Store, run: str, manifest: CorpusManifest) -> Iterable[str]:
        raise ShardError("a journal is gone.")

    found = audit(build(), RUN, [ledger, torn, at_once]).problems
    assert found == ["ledger: spring has 3 kept, False", "a journal is torn.", "a journal is gone."]


def test_what_it_remembers_is_bounded(build, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_module, "MAX_PROBLEMS", 2)
    store = build()
    for path in store.list("responses"):
        store.remove(path)
    found = audit(store, RUN).problems
    assert len(found) == 3
    assert found[-1] == "And 1 more problems."
