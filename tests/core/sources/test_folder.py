"""Somebody's own data, in each form that it may have."""

import csv
import io
import json
import tarfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from editcorpus.errors import ConfigError, RowsDamaged, SourceError
from editcorpus.inputs import Inputs
from editcorpus.planning import Selection, check_columns, plan
from editcorpus.records import Reason, Rejected, Triplet
from editcorpus.rows import Found, Role, Source
from editcorpus.sources.folder import Config, configured
from editcorpus.storage import Store
from flows.parameters import Recipe
from flows.settling import settled
from flows.sources import source_named
from flows.starting import source_of

ROLES: tuple[Role, ...] = ("source", "edited", "mask")
COUNT = 3
Make = Callable[[Path], None]


def picture(number: int, role: str) -> bytes:
    return f"{role} of {number}".encode()


def rows() -> Iterator[dict[str, Any]]:
    for number in range(COUNT):
        yield {"id": f"r{number}", "instruction": f"Do {number}.", "task": "color_change"}


def files(folder: Path) -> Iterator[dict[str, Any]]:
    """Writes pictures into files; gives the rows with their paths."""
    (folder / "pictures").mkdir(parents=True)
    for number, row in enumerate(rows()):
        paths = {f"{role}_image": f"pictures/{number}.{role}.jpg" for role in ("source", "edited")}
        for role, path in zip(("source", "edited"), paths.values(), strict=True):
            (folder / path).write_bytes(picture(number, role))
        yield {**row, **paths}


def as_lines(folder: Path) -> None:
    text = "\n".join(json.dumps(row) for row in files(folder))
    (folder / "rows.jsonl").write_text(text, "utf-8")


def as_table_of_texts(folder: Path, separator: str = ",", name: str = "rows.csv") -> None:
    found = list(files(folder))
    with (folder / name).open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, found[0].keys(), delimiter=separator)
        writer.writeheader()
        writer.writerows(found)


def as_tabs(folder: Path) -> None:
    as_table_of_texts(folder, "\t", "rows.tsv")


def as_parquet_of_paths(folder: Path) -> None:
    pq.write_table(pa.Table.from_pylist(list(files(folder))), folder / "rows.parquet")


def with_pictures() -> list[dict[str, Any]]:
    return [
        {**row, "source_image": picture(n, "source"), "edited_image": picture(n, "edited")}
        for n, row in enumerate(rows())
    ]


def as_parquet_of_bytes(folder: Path) -> None:
    pq.write_table(pa.Table.from_pylist(with_pictures()), folder / "a.parquet", row_group_size=2)


def as_parquet_of_structs(folder: Path) -> None:
    found = [
        {
            **row,
            "source_image": {"bytes": row["source_image"], "path": "x.jpg"},
            "edited_image": {"bytes": row["edited_image"], "path": None},
        }
        for row in with_pictures()
    ]
    (folder / "data").mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(found), folder / "data" / "train-00000-of-00001.parquet")


def as_parquet_of_bytes_and_paths(folder: Path) -> None:
    found = [{**row, "source_image": picture(n, "source")} for n, row in enumerate(files(folder))]
    pq.write_table(pa.Table.from_pylist(found), folder / "a.parquet")


def as_image_folder(folder: Path) -> None:
    found = [
        {
            "file_name": row.pop("source_image"),
            "edited_image_file_name": row.pop("edited_image"),
            **row,
        }
        for row in files(folder / "train")
    ]
    text = "\n".join(json.dumps(row) for row in found)
    (folder / "train" / "metadata.jsonl").write_text(text, "utf-8")


def as_web_dataset(folder: Path) -> None:
    with tarfile.open(folder / "shard-000000.tar", "w") as tar:
        for number, row in enumerate(rows()):
            members = {
                "json": json.dumps(row).encode(),
                "source_image.jpg": picture(number, "source"),
                "edited_image.png": picture(number, "edited"),
            }
            for name, data in members.items():
                member = tarfile.TarInfo(f"{number:06}.{name}")
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))


FORMS = [
    as_lines,
    as_table_of_texts,
    as_tabs,
    as_parquet_of_paths,
    as_parquet_of_bytes,
    as_parquet_of_structs,
    as_parquet_of_bytes_and_paths,
    as_image_folder,
    as_web_dataset,
]


def planned(source: Source, where: object, **members: Any) -> list[Triplet | Rejected]:
    inputs = Inputs.find(str(where), {}, source.kind)
    shards = list(plan(source, inputs, Selection(**members)))
    return [one for shard in shards for one in (*shard.triplets, *shard.rejected)]


def pictures(
    source: Source, where: object, triplets: Sequence[Triplet], store: Path
) -> dict[str, Found]:
    inputs = Inputs.find(str(where), {}, source.kind)
    with closing(source.reader.shelf(source, inputs, Store.on_disk(store))) as shelf:
        return {one.id: found for one, found in shelf.read(triplets, ROLES)}


def triplets_of(found: Sequence[Triplet | Rejected]) -> list[Triplet]:
    assert all(isinstance(one, Triplet) for one in found), found
    return [one for one in found if isinstance(one, Triplet)]


def lines(folder: Path, *found: dict[str, Any], name: str = "rows.jsonl") -> Path:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("\n".join(json.dumps(row) for row in found), "utf-8")
    return folder


def usual(**members: str) -> Source:
    return source_named("folder", columns=Config(**members))


@pytest.mark.parametrize("make", FORMS)
def test_the_same_rows_come_out_of_each_form(make: Make, tmp_path: Path) -> None:
    where = tmp_path / "mine"
    where.mkdir()
    make(where)
    source = usual()
    check_columns(source, (inputs := Inputs.find(str(where), {}, source.kind)), inputs.files[0])
    triplets = triplets_of(planned(source, where))
    told = [(one.id, one.instruction, one.task, one.license) for one in triplets]
    assert told == [(f"folder/r{n}", f"Do {n}.", "color_change", "unknown") for n in range(COUNT)]
    assert pictures(source, where, triplets[::-1], tmp_path / "store") == {
        f"folder/r{n}": {
            "source": picture(n, "source"),
            "edited": picture(n, "edited"),
            "mask": None,
        }
        for n in range(COUNT)
    }


@pytest.mark.parametrize("make", FORMS)
def test_a_sample_by_tasks_is_drawn_from_each_form(make: Make, tmp_path: Path) -> None:
    make(tmp_path)
    assert len(triplets_of(planned(usual(), tmp_path, limit=2))) == 2


@pytest.mark.parametrize("make", [as_lines, as_table_of_texts, as_parquet_of_bytes, as_web_dataset])
def test_a_missing_column_is_told_with_those_that_are_there_and_what_to_say(
    make: Make, tmp_path: Path
) -> None:
    make(tmp_path)
    source = usual(instruction="prompt")
    inputs = Inputs.find(str(tmp_path), {}, source.kind)
    with pytest.raises(ConfigError) as told:
        check_columns(source, inputs, inputs.files[0])
    assert re_all(
        str(told.value), "'prompt'", "instruction", "task", "--set folder.instruction=NAME"
    )


def re_all(text: str, *parts: str) -> bool:
    return all(part in text for part in parts)


def test_columns_may_be_called_otherwise(tmp_path: Path) -> None:
    (tmp_path / "x.jpg").write_bytes(b"picture")
    row = {"prompt": "Do it.", "before": "x.jpg", "rights": "MIT", "kind": "add", "key": 5}
    lines(tmp_path, row)
    named = {"instruction": "prompt", "source_image": "before", "license": "rights"}
    source = usual(**named, task="kind", id="key")
    (one,) = triplets_of(planned(source, tmp_path))
    assert (one.id, one.instruction, one.license, one.task) == (
        "folder/5",
        "Do it.",
        "MIT",
        "add",
    )
    found = pictures(source, tmp_path, [one], tmp_path / "store")
    assert found == {"folder/5": {"source": b"picture", "edited": None, "mask": None}}


def test_the_base_variant_needs_edited_images_and_says_so(tmp_path: Path) -> None:
    lines(tmp_path, {"instruction": "Do it.", "source_image": "x.jpg"})
    recipe = Recipe(run="r", input=str(tmp_path), variant="base")
    source = source_of("folder", recipe)
    assert settled(recipe, source).variant == "base"
    inputs = Inputs.find(str(tmp_path), {}, source.kind)
    with pytest.raises(ConfigError, match=r"'edited_image'.*folder\.edited_image=NAME"):
        check_columns(source, inputs, inputs.files[0])
    check_columns(source_of("folder", Recipe(run="r", input="x")), inputs, inputs.files[0])


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("../secret.jpg", Reason.PATH_OUTSIDE),
        ("a/../../secret.jpg", Reason.PATH_OUTSIDE),
        ("/etc/passwd", Reason.PATH_OUTSIDE),
        ("a\0.jpg", Reason.PATH_OUTSIDE),
        ("\ud800.jpg", Reason.PATH_OUTSIDE),
        ("https://example.org/a.jpg", Reason.IMAGE_IS_LINK),
        ("file:///etc/passwd", Reason.IMAGE_IS_LINK),
        ("data:image/png;base64,AAAA", Reason.IMAGE_IS_LINK),
    ],
)
def test_a_path_that_leads_out_is_rejected_before_anything_is_paid(
    path: str, reason: Reason, tmp_path: Path
) -> None:
    fine = {"instruction": "Do it.", "source_image": "x.jpg"}
    lines(
        tmp_path,
        {**fine, "source_image": path},
        {**fine, "mask": path},
        {**fine, "edited_image": path},
    )
    first, second, third = sorted(planned(usual(), tmp_path), key=lambda one: one.id)
    assert [getattr(one, "reason", None) for one in (first, second)] == [reason, reason]
    assert isinstance(third, Triplet)
    assert third.paths == '{"source": "x.jpg"}'


def test_what_is_no_picture_in_the_folder_is_not_there(tmp_path: Path) -> None:
    where = tmp_path / "mine"
    (where / "folder.jpg").mkdir(parents=True)
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    (where / "link.jpg").symlink_to(tmp_path / "secret.jpg")
    (where / "inside.jpg").symlink_to(where / "real.jpg")
    (where / "real.jpg").write_bytes(b"real")
    names = ["link.jpg", "folder.jpg", "missing.jpg", "inside.jpg"]
    lines(where, *({"instruction": "Do it.", "source_image": name, "id": name} for name in names))
    found = pictures(usual(), where, triplets_of(planned(usual(), where)), tmp_path / "store")
    assert [found[f"folder/{name}"]["source"] for name in names] == [None, None, None, b"real"]


def test_a_picture_larger_than_any_is_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from editcorpus.readers import own

    monkeypatch.setattr(own, "_MOST_BYTES", 5)
    as_web_dataset(tmp_path)
    found = pictures(usual(), tmp_path, triplets_of(planned(usual(), tmp_path)), tmp_path / "s")
    assert all(isinstance(one, SourceError) for one in found.values())


def test_rows_in_several_folders_get_different_ids_that_do_not_name_where_the_input_lies(
    tmp_path: Path,
) -> None:
    row = {"instruction": "Do it.", "file_name": "x.jpg"}
    for name in ("train/metadata.jsonl", "test/metadata.jsonl", "a b.jsonl"):
        lines(tmp_path, row, name=name)
    expected = ["folder/a%20b/0", "folder/test/metadata/0", "folder/train/metadata/0"]
    assert [one.id for one in planned(usual(), tmp_path)] == expected
    assert [one.id for one in planned(usual(), tmp_path / "train" / "metadata.jsonl")] == [
        "folder/metadata/0"
    ]
    by_glob = planned(usual(), tmp_path / "t*" / "*.jsonl")
    assert [one.id for one in by_glob] == expected[1:]


@pytest.mark.parametrize("beside", ["input", "named"])
def test_paths_lead_on_from_the_file_of_rows_or_the_input_or_where_one_says(
    beside: str, tmp_path: Path
) -> None:
    where, other = tmp_path / "mine", tmp_path / "elsewhere"
    lines(where, {"instruction": "Do it.", "source_image": "p/x.jpg", "id": 1}, name="r/a.jsonl")
    home = where if beside == "input" else other
    (home / "p").mkdir(parents=True)
    (home / "p" / "x.jpg").write_bytes(b"here")
    source = usual() if beside == "input" else usual(pictures=str(other))
    found = pictures(source, where, triplets_of(planned(source, where)), tmp_path / "store")
    assert found["folder/1"]["source"] == b"here"
    (where / "r" / "p").mkdir()
    (where / "r" / "p" / "x.jpg").write_bytes(b"beside")
    found = pictures(source, where, triplets_of(planned(source, where)), tmp_path / "store")
    assert found["folder/1"]["source"] == (b"beside" if beside == "input" else b"here")


@pytest.mark.parametrize(
    ("id_", "becomes"),
    [
        ("a/b.jpg", "folder/a/b.jpg"),
        (12, "folder/12"),
        (None, "folder/rows/0"),
        ("", "folder/rows/0"),
    ],
)
def test_an_id_may_be_a_path_or_a_number_or_none(id_: object, becomes: str, tmp_path: Path) -> None:
    lines(tmp_path, {"id": id_, "instruction": "Do it.", "source_image": "x.jpg"})
    assert [one.id for one in triplets_of(planned(usual(), tmp_path))] == [becomes]


@pytest.mark.parametrize(
    "id_", ["a b", "../x", "a//b", "/a", "x" * 129, ["a"], {"a": 1}, "ä", "\ud800"]
)
def test_an_id_that_names_no_file_is_refused(id_: object, tmp_path: Path) -> None:
    lines(tmp_path, {"id": id_, "instruction": "Do it.", "source_image": "x.jpg"})
    (one,) = planned(usual(), tmp_path)
    assert (one.id, getattr(one, "reason", None)) == ("folder/rows/0", Reason.MALFORMED_ID)


@pytest.mark.parametrize(
    "value", [None, 5, ["a"], {"a": 1}, True, "x\ny", "<b>", "\ud800", "x" * 200]
)
def test_odd_values_of_the_other_columns_do_no_harm(value: object, tmp_path: Path) -> None:
    row = {"instruction": "Do it.", "source_image": "x.jpg", "task": value, "license": value}
    lines(tmp_path, row)
    (one,) = triplets_of(planned(usual(default_license="CC0-1.0"), tmp_path))
    assert one.task == ""
    assert one.license == ("<b>" if value == "<b>" else "CC0-1.0")
    json.dumps(one.id).encode()


@pytest.mark.parametrize("value", [None, 5, "", [], [5, None], {"a": 1}])
def test_an_instruction_that_is_no_text_is_rejected(value: object, tmp_path: Path) -> None:
    lines(tmp_path, {"instruction": value, "source_image": "x.jpg"})
    (one,) = planned(usual(), tmp_path)
    assert isinstance(one, Rejected)
    assert one.reason is Reason.EMPTY_INSTRUCTION


@pytest.mark.parametrize("make", [as_parquet_of_bytes, as_parquet_of_structs, as_web_dataset])
@pytest.mark.parametrize("path", ["/elsewhere/a.jpg", "https://example.org/a.jpg", "a.jpg"])
def test_a_name_beside_a_picture_that_the_row_holds_plays_no_part(
    make: Make, path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = [{**row, "file_name": path} for row in rows()]
    monkeypatch.setitem(globals(), "rows", lambda: named)
    make(tmp_path)
    triplets = triplets_of(planned(usual(), tmp_path))
    assert [one.paths for one in triplets] == [""] * COUNT
    found = pictures(usual(), tmp_path, triplets, tmp_path / "store")
    assert found["folder/r1"]["source"] == picture(1, "source")


def test_a_damaged_row_group_costs_its_rows_alone(tmp_path: Path) -> None:
    found = with_pictures()
    for row in found:
        row["source_image"] = row["source_image"] * 500
    path = tmp_path / "a.parquet"
    pq.write_table(
        pa.Table.from_pylist(found),
        path,
        row_group_size=1,
        compression="none",
        use_dictionary=False,
    )
    triplets = triplets_of(planned(usual(), tmp_path))
    data = bytearray(path.read_bytes())
    column = pq.read_metadata(path).row_group(1)
    place = next(
        column.column(n).data_page_offset
        for n in range(column.num_columns)
        if column.column(n).path_in_schema == "source_image"
    )
    data[place : place + 12] = b"\xff" * 12
    path.write_bytes(data)
    made = pictures(usual(), tmp_path, triplets, tmp_path / "store")
    assert [isinstance(made[f"folder/r{n}"], RowsDamaged) for n in range(3)] == [False, True, False]


def test_a_dataset_as_save_to_disk_leaves_it_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "data-00000-of-00001.arrow").write_bytes(b"\xff\xff\xff\xff")
    with pytest.raises(ConfigError, match="to_parquet"):
        planned(usual(), tmp_path)


@pytest.mark.s3
@pytest.mark.parametrize("make", [as_lines, as_parquet_of_paths, as_web_dataset])
def test_rows_and_pictures_are_read_from_a_bucket(
    make: Make, tmp_path: Path, serve_s3: Callable[..., Any]
) -> None:
    (tmp_path / "root" / "bucket" / "mine").mkdir(parents=True)
    make(tmp_path / "root" / "bucket" / "mine")
    with serve_s3(tmp_path / "root", "hidden") as url:
        options = {"key": "access", "secret": "hidden", "endpoint_url": url}
        inputs = Inputs.find("s3://bucket/mine", options, usual().kind)
        found = [one for shard in plan(usual(), inputs, Selection()) for one in shard.triplets]
        assert [one.id for one in found] == [f"folder/r{n}" for n in range(COUNT)]
        store = Store.on_disk(tmp_path / "store")
        with closing(usual().reader.shelf(usual(), inputs, store)) as shelf:
            made = {one.id: pictures for one, pictures in shelf.read(found, ("source",))}
    assert made == {f"folder/r{n}": {"source": picture(n, "source")} for n in range(COUNT)}


def test_columns_of_another_source_are_not_for_it_to_name() -> None:
    with pytest.raises(ConfigError, match="knows its columns"):
        source_named("omniedit", columns=Config(instruction="prompt"))


def test_what_columns_are_called_is_part_of_what_a_run_is() -> None:
    recipe = Recipe.model_validate({"run": "r", "input": "x", "folder": {"instruction": "prompt"}})
    assert recipe.identity(source_of("folder", recipe))["folder"]["instruction"] == "prompt"
    plain = Recipe(run="r", input="x")
    assert "folder" not in plain.identity(source_named("omniedit"))


@pytest.mark.parametrize("members", [{"instruction": ""}, {"default_license": ""}, {"prompt": "x"}])
def test_names_that_cannot_be_are_refused(members: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Config(**members)


def test_without_a_name_a_column_plays_no_part() -> None:
    source = configured(Config(mask="", edited_image="", task="", id="", license=""))[""]
    assert {*source.pictures} == {"source"}
    assert not source.task_column
    assert {*source.columns} == {
        *("instruction", "source_image", "source_image_file_name", "file_name"),
    }
