"""The layout of ScaleEdit-12M, written and read back."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from editcorpus.errors import ShardError
from editcorpus.layouts import scaleedit
from editcorpus.layouts.corpus import open_corpus
from editcorpus.layouts.export import export
from editcorpus.layouts.scaleedit import LAYOUT, NARROW, PROVENANCE, folder_of, read_scaleedit
from editcorpus.storage import Store
from editcorpus.taxonomy import Family

CARD = {
    "id": pa.int64(),
    "edit_task": pa.string(),
    "edit_instruction": pa.string(),
    "source_image": pa.binary(),
    "edited_image": pa.binary(),
    **dict.fromkeys(
        [
            f"{picture}_image_{side}"
            for picture in ("source", "edited")
            for side in ("width", "height")
        ],
        pa.int64(),
    ),
    "instruction_following_score": pa.int64(),
    "editing_consistency_score": pa.int64(),
    "generation_quality_score": pa.int64(),
}
RELEASE = CARD | dict.fromkeys(
    ["source_image_url", "source_image_sha256", "source_image_fetch_date"], pa.string()
)


def written(build, sample, tmp_path: Path, layout=LAYOUT, shards=None) -> Store:
    target = Store.on_disk(tmp_path / "target")
    corpus = open_corpus(build(shards=shards) if shards else build(), sample.folder)
    export(corpus, layout, target, "out")
    return target


def mixed(sample):
    return (
        sample.published(0),
        sample.published(1, task="removal", subtask="obj_remove"),
        sample.published(2, task="style", subtask="style", score_done=1.0, score_clean=0.2),
        sample.published(
            3, dataset_source="hqedit", task="edit", subtask="", license="CC-BY-NC-4.0"
        ),
    )


@pytest.mark.parametrize("layout", [LAYOUT, NARROW], ids=["15 columns", "12 columns"])
def test_records_come_back_as_they_were(build, sample, tmp_path: Path, layout) -> None:
    records = mixed(sample)
    store = written(build, sample, tmp_path, layout, (records[:2], records[2:]))
    found = sorted(read_scaleedit(store, "out"), key=lambda pair: pair[0].id)
    assert len(found) == 4
    for number, ((row, told), record) in enumerate(zip(found, records, strict=True)):
        assert row.id == told["id"] == number
        assert (row.source_image, row.edited_image) == (record.source_image, record.edited_image)
        assert row.edit_instruction == record.instruction
        assert row.edit_task == told["edit_task"]
        assert (row.source_image_width, row.edited_image_height) == (24, 16)
        assert told["corpus_id"] == record.id
        same = ("dataset_source", "task", "subtask", "license", "model", "response")
        assert {name: told[name] for name in same} == {name: getattr(record, name) for name in same}
        assert (row.source_image_url, row.source_image_sha256) == ("", "")


@pytest.mark.parametrize(("layout", "columns"), [(LAYOUT, RELEASE), (NARROW, CARD)])
def test_columns_are_those_of_release_and_card(
    build, sample, tmp_path: Path, layout, columns: dict[str, pa.DataType]
) -> None:
    store = written(build, sample, tmp_path, layout)
    path = store.local_file("out/2.1_object_addition/object_addition_0000.parquet")
    schema = pq.read_schema(path)
    assert {field.name: field.type for field in schema} == columns


def test_a_record_lies_in_the_folder_of_its_family(build, sample, tmp_path: Path) -> None:
    store = written(build, sample, tmp_path, LAYOUT, (mixed(sample)[:1], mixed(sample)[1:]))
    assert [path for path in store.list("out") if path.count("/") == 2] == [
        "out/0.0_unclassified/unclassified_0001.parquet",
        "out/1.1_style_transfer/style_transfer_0001.parquet",
        "out/2.1_object_addition/object_addition_0000.parquet",
        "out/2.2_object_removal/object_removal_0001.parquet",
    ]


def test_every_family_has_its_folder() -> None:
    folders = [folder_of(family) for family in Family]
    assert folders[0] == "1.1_style_transfer"
    assert folders[-1] == "6.1_compositional_editing"
    assert len(set(folders)) == 23


def test_scores_are_whole_numbers_of_one_to_three(build, sample, tmp_path: Path) -> None:
    record = sample.published(0, score_done=1.0, score_preserved=0.5, score_clean=0.2)
    ((row, _),) = read_scaleedit(written(build, sample, tmp_path, LAYOUT, ((record,),)), "out")
    assert row.instruction_following_score == 3
    assert row.editing_consistency_score == 2
    assert row.generation_quality_score == 1


def test_rewrites_keep_the_text_of_the_source(build, sample, tmp_path: Path) -> None:
    told = [told for _, told in read_scaleedit(written(build, sample, tmp_path), "out")]
    assert [row["instruction_original"] for row in told] == ["", "Add.", ""]
    assert [row["instruction_type"] for row in told] == ["original", "rewrite", "original"]


def test_no_more_than_a_few_pictures_wait_to_be_written(
    build, sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scaleedit, "_HELD_BYTES", 5_000)
    records = tuple(
        sample.published(
            number,
            task="removal" if number % 3 == 2 else "addition",
            subtask="",
            edited_image=b"\x89PNG\r\n\x1a\n" + bytes(1_000),
        )
        for number in range(9)
    )
    store = written(build, sample, tmp_path, LAYOUT, (records,))
    path = store.local_file("out/2.1_object_addition/object_addition_0000.parquet")
    groups = pq.read_metadata(path)
    assert groups.num_rows == 6
    assert groups.num_row_groups > 1
    found = sorted(read_scaleedit(store, "out"), key=lambda pair: pair[0].id)
    assert [told["corpus_id"] for _, told in found] == [record.id for record in records]


def test_datasets_opens_all_folders_as_one_split(build, sample, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    store = written(build, sample, tmp_path, LAYOUT, (mixed(sample),))
    rows = datasets.load_dataset(store.url("out"), split="train", cache_dir=str(tmp_path / "cache"))
    assert sorted(rows["id"]) == [0, 1, 2, 3]
    shown = rows.cast_column("edited_image", datasets.Image())
    assert shown[0]["edited_image"].size == (24, 16)


@pytest.mark.parametrize("damage", ["cut", "no provenance", "unknown id"])
def test_reading_names_what_is_damaged(build, sample, tmp_path: Path, damage: str) -> None:
    store = written(build, sample, tmp_path)
    path = "out/2.1_object_addition/object_addition_0000.parquet"
    if damage == "cut":
        store.write(path, store.read(path)[:-50])
    elif damage == "no provenance":
        store.remove(f"out/{PROVENANCE}")
    else:
        table = pq.read_table(store.local_file(f"out/{PROVENANCE}"))
        pq.write_table(table.slice(2), store.local_file(f"out/{PROVENANCE}"))
    sentence = r"0000\.parquet|has no provenance|does not know the id 0"
    with pytest.raises(ShardError, match=sentence):
        list(read_scaleedit(store, "out"))


OWN = (
    '{"instruction_following_score": 3, "editing_consistency_score": 2, '
    '"generation_quality_score": 1}'
)
JUDGED = (3, 3, 2)


@pytest.mark.parametrize(
    ("variant", "facts", "scores"),
    [
        ("base", OWN, (3, 2, 1)),
        ("output", OWN, JUDGED),
        ("base", "", JUDGED),
        ("base", "{", JUDGED),
        ("base", "[]", JUDGED),
        ("base", OWN.replace("3", "true").replace("2", "4").replace("1", '"1"'), JUDGED),
    ],
)
def test_a_published_pair_keeps_the_scores_that_it_brought(
    build, sample, tmp_path: Path, variant: str, facts: str, scores: tuple[int, ...]
) -> None:
    record = sample.published(0, variant=variant, source_facts=facts)
    target = written(build, sample, tmp_path, shards=((record,),))
    ((row, provenance),) = read_scaleedit(target, "out")
    made = (
        row.instruction_following_score,
        row.editing_consistency_score,
        row.generation_quality_score,
    )
    assert made == scores
    assert (provenance["variant"], provenance["source_facts"]) == (variant, facts)


def test_a_published_pair_whose_pictures_differ_in_size_says_so(
    build, sample, tmp_path: Path
) -> None:
    record = sample.published(0, variant="base", edited_width=30, edited_height=20)
    target = written(build, sample, tmp_path, shards=((record,),))
    ((row, _),) = read_scaleedit(target, "out")
    assert (row.source_image_width, row.edited_image_width, row.edited_image_height) == (24, 30, 20)


def test_a_family_that_nobody_knows_is_told_from_the_task(build, sample, tmp_path: Path) -> None:
    record = sample.published(0, family="../escaped")
    target = written(build, sample, tmp_path, shards=((record,),))
    ((row, _),) = read_scaleedit(target, "out")
    assert row.edit_task == "object_addition"
