"""Which rows enter, under which id, in which shard."""

from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from editcorpus.errors import ConfigError
from editcorpus.inputs import Inputs
from editcorpus.planning import Selection, check_columns, plan
from editcorpus.readers.parquet import PARQUET
from editcorpus.records import Reason, Rejected, Triplet
from editcorpus.rows import Source, choose_instruction, identify

TASKS = ("add", "remove", "style", "swap")


def to_triplet(row, place, seed) -> Triplet | Rejected:
    name = identify("toy", row["key"], place)
    if isinstance(name, Rejected):
        return name
    chosen = choose_instruction(row["texts"], seed, name)
    if isinstance(chosen, Rejected):
        return chosen
    return Triplet(name, "toy", row["task"] or "", "", chosen[1], chosen[0], "CC0-1.0", *place)


TOY = Source(
    name="toy",
    license="CC0-1.0",
    columns={"key": "text", "task": "text", "texts": "texts", "picture": "image"},
    task_column="task",
    pictures={"source": "picture"},
    triplet=to_triplet,
    reader=PARQUET,
)


def rows(count: int, task: str | None = "add", prefix: str = "k") -> list[dict]:
    return [
        {
            "key": f"{prefix}{n}",
            "task": task,
            "texts": [f"Paint picture {n}.", f"Colour picture {n}."],
            "picture": b"p%d" % n,
        }
        for n in range(count)
    ]


def write(path: Path, members: list[dict], group: int = 10) -> Path:
    schema = pa.schema(
        {
            "key": pa.string(),
            "task": pa.string(),
            "texts": pa.list_(pa.string()),
            "picture": pa.binary(),
        }
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(members, schema), path, row_group_size=group)
    return path


def planned(where: Path | str, **selection) -> list:
    return list(plan(TOY, Inputs.find(str(where)), Selection(**selection)))


def entered(shards) -> list[Triplet | Rejected]:
    return [item for shard in shards for item in (*shard.triplets, *shard.rejected)]


def sorted_by_task(folder: Path) -> Path:
    """Four tasks of 200, 100, 60 and 40 rows, sorted, over two files with row groups of 20."""
    all_rows = [
        row
        for task, count in zip(TASKS, (200, 100, 60, 40), strict=True)
        for row in rows(count, task, f"{task}_")
    ]
    write(folder / "a.parquet", all_rows[:210], 20)
    write(folder / "b.parquet", all_rows[210:], 20)
    return folder


def test_every_row_enters_in_file_order(tmp_path: Path):
    write(tmp_path / "b.parquet", rows(5, prefix="b"))
    write(tmp_path / "a.parquet", rows(25, prefix="a"))
    shards = planned(tmp_path)
    assert [shard.number for shard in shards] == [0, 1]
    assert [item.id for item in entered(shards)] == [
        *(f"toy/a{n}" for n in range(25)),
        *(f"toy/b{n}" for n in range(5)),
    ]
    last = shards[0].triplets[-1]
    assert (last.file, last.row_group, last.row) == (str(tmp_path / "a.parquet"), 2, 24)


def test_shards_follow_row_groups_and_never_cross_a_file(tmp_path: Path):
    write(tmp_path / "a.parquet", rows(45, prefix="a"))
    write(tmp_path / "b.parquet", rows(3, prefix="b"))
    assert [len(s.triplets) for s in planned(tmp_path, shard_size=20)] == [20, 20, 5, 3]
    assert [len(s.triplets) for s in planned(tmp_path, shard_size=25)] == [20, 25, 3]
    assert [len(s.triplets) for s in planned(tmp_path, shard_size=4)] == [
        *[3, 3, 4] * 4,
        *[2, 3],
        3,
    ]


def test_planning_reads_no_picture(tmp_path: Path):
    path = write(tmp_path / "a.parquet", rows(40))
    data = bytearray(path.read_bytes())
    meta = pq.ParquetFile(path).metadata
    for group in range(meta.num_row_groups):
        chunk = meta.row_group(group).column(meta.num_columns - 1)
        start = chunk.dictionary_page_offset or chunk.data_page_offset
        data[start : start + chunk.total_compressed_size] = b"\xff" * chunk.total_compressed_size
    path.write_bytes(data)
    assert len(entered(planned(tmp_path))) == 40
    assert len(entered(planned(tmp_path, limit=7))) == 7


def test_the_first_row_keeps_a_duplicate_id_over_all_files(tmp_path: Path):
    write(tmp_path / "a.parquet", [*rows(2), *rows(2)])
    write(tmp_path / "b.parquet", [*rows(3), *rows(3)])
    items = entered(planned(tmp_path))
    good = [item.id for item in items if isinstance(item, Triplet)]
    bad = {item.id: item.reason for item in items if isinstance(item, Rejected)}
    assert good == ["toy/k0", "toy/k1", "toy/k2"]
    assert set(bad) == {
        *("toy/k0~2", "toy/k1~3"),
        *("toy/k0~0", "toy/k1~1", "toy/k0~3", "toy/k1~4", "toy/k2~5"),
    }
    assert set(bad.values()) == {Reason.DUPLICATE_ID}


def test_no_two_rows_have_one_id_even_where_row_numbers_meet(tmp_path: Path):
    for name in "abc":
        write(tmp_path / f"{name}.parquet", rows(2))
    ids = [item.id for item in entered(planned(tmp_path))]
    assert ids == ["toy/k0", "toy/k1", "toy/k0~0", "toy/k1~1", "toy/k0~0~", "toy/k1~1~"]


TRICKY = ["../../etc/passwd", "a/b", "..", ".hidden", "a b", "a\nb", "a\x00b", "a\\b", "<b>", "-rf"]


@pytest.mark.parametrize("key", [*TRICKY, None, "", "k~1", "k#2", "x" * 129, "ключ"])
def test_a_tricky_id_is_rejected_under_a_safe_one(tmp_path: Path, key):
    write(tmp_path / "part one.parquet", [*rows(1), {**rows(1)[0], "key": key}])
    (shard,) = planned(tmp_path)
    assert [item.id for item in shard.triplets] == ["toy/k0"]
    (rejected,) = shard.rejected
    assert (rejected.id, rejected.reason) == ("toy/part%20one/1", Reason.MALFORMED_ID)


def test_malformed_ids_in_files_of_one_name_stay_apart(tmp_path: Path):
    for folder in ("x", "y"):
        write(tmp_path / folder / "a.parquet", [{**rows(1)[0], "key": "/"}])
    items = entered(planned(tmp_path))
    assert [item.id for item in items] == ["toy/a/0", "toy/a/0~0"]
    assert {item.reason for item in items} == {Reason.MALFORMED_ID}


def test_a_sample_has_every_task_in_proportion(tmp_path: Path):
    shards = planned(sorted_by_task(tmp_path), limit=40)
    found = Counter(item.task for item in entered(shards))
    assert found == {"add": 20, "remove": 10, "style": 6, "swap": 4}


def test_a_sample_is_the_same_each_time_and_another_for_another_seed(tmp_path: Path):
    sorted_by_task(tmp_path)
    assert planned(tmp_path, limit=40, seed=3) == planned(tmp_path, limit=40, seed=3)
    assert planned(tmp_path, limit=40, seed=3) != planned(tmp_path, limit=40, seed=4)


def test_a_sample_is_the_same_where_the_input_moves(tmp_path: Path):
    one, two = sorted_by_task(tmp_path / "one"), sorted_by_task(tmp_path / "two")
    ids = [[item.id for item in entered(planned(where, limit=40))] for where in (one, two)]
    assert ids[0] == ids[1]


@pytest.mark.parametrize("stratify", [True, False])
def test_the_sample_of_a_higher_limit_holds_that_of_a_lower_one(tmp_path: Path, stratify: bool):
    sorted_by_task(tmp_path)
    ids: set[str] = set()
    for limit in (1, 3, 10, 50, 51, 130, 399, 400, 1000):
        more = {i.id for i in entered(planned(tmp_path, limit=limit, stratify=stratify))}
        assert len(more) == min(limit, 400)
        assert ids <= more
        ids = more


def test_a_sparse_sample_reads_few_row_groups(tmp_path: Path):
    sorted_by_task(tmp_path)
    sparse = entered(planned(tmp_path, limit=16, rows_per_group=20))
    assert len({(item.file, item.row_group) for item in sparse}) <= 4
    broad = entered(planned(tmp_path, limit=16, rows_per_group=1))
    assert len({(item.file, item.row_group) for item in broad}) >= 12


def test_an_unstratified_sample_ignores_tasks(tmp_path: Path):
    sorted_by_task(tmp_path)
    found = entered(planned(tmp_path, limit=20, stratify=False, rows_per_group=20))
    assert len(found) == 20
    assert len({item.task for item in found}) <= 2


@pytest.mark.parametrize("statistics", [True, False])
def test_mixed_row_groups_and_missing_statistics_give_the_same_sample(
    tmp_path: Path, statistics: bool
):
    members = [row for n in range(30) for row in rows(1, TASKS[n % 3] if n % 5 else None, f"r{n}_")]
    table = pa.Table.from_pylist(members)
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=7, write_statistics=statistics)
    found = [item.task for item in entered(planned(tmp_path, limit=10))]
    assert Counter(found) == {"": 2, "add": 3, "remove": 3, "style": 2}


def test_rejected_rows_count_towards_the_limit(tmp_path: Path):
    write(tmp_path / "a.parquet", [{**row, "texts": []} for row in rows(10)])
    (shard,) = planned(tmp_path, limit=4)
    assert (len(shard.triplets), len(shard.rejected)) == (0, 4)


def test_an_empty_file_gives_no_shard(tmp_path: Path):
    write(tmp_path / "a.parquet", [])
    assert planned(tmp_path) == []
    assert planned(tmp_path, limit=3) == []


def test_missing_columns_are_named_with_those_seen(tmp_path: Path):
    pq.write_table(pa.table({"key": ["a"], "texts": ["b"]}), tmp_path / "a.parquet")
    inputs = Inputs.find(str(tmp_path))
    message = (
        r"a\.parquet is not in the layout of toy: it needs task \(text\), texts \(texts\), "
        r"picture \(image\); it has key \(string\), texts \(string\)\.$"
    )
    with pytest.raises(ConfigError, match=message):
        check_columns(TOY, inputs, inputs.files[0])
    with pytest.raises(ConfigError, match=message):
        planned(tmp_path)
    with pytest.raises(ConfigError, match=message):
        planned(tmp_path, limit=1)


@pytest.mark.parametrize("cut", [0, 3, 100, -5])
def test_a_damaged_file_is_named(tmp_path: Path, cut: int):
    path = write(tmp_path / "a.parquet", rows(30))
    path.write_bytes(path.read_bytes()[:cut])
    inputs = Inputs.find(str(tmp_path))
    with pytest.raises(ConfigError, match=r"a\.parquet is not a whole parquet file"):
        check_columns(TOY, inputs, inputs.files[0])
    with pytest.raises(ConfigError, match=r"a\.parquet is not a whole parquet file"):
        planned(tmp_path)


def spoilt(path: Path, group: int, column: int = 0) -> Path:
    """The file with rubbish where a column of a row group was."""
    data = bytearray(path.read_bytes())
    chunk = pq.ParquetFile(path).metadata.row_group(group).column(column)
    start = chunk.dictionary_page_offset or chunk.data_page_offset
    data[start : start + chunk.total_compressed_size] = b"\xff" * chunk.total_compressed_size
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("column", [0, 1, 2])
def test_rows_of_a_damaged_row_group_are_rejected_and_the_others_go_on(tmp_path: Path, column: int):
    write(tmp_path / "a.parquet", rows(5, prefix="first"))
    path = spoilt(write(tmp_path / "b.parquet", rows(30)), 1, column)
    shards = planned(tmp_path)
    assert shards == planned(tmp_path)
    rejected = [one for shard in shards for one in shard.rejected]
    assert [one.id for one in rejected] == [f"toy/b/{row}" for row in range(10, 20)]
    assert {one.reason for one in rejected} == {Reason.ROW_UNREADABLE}
    assert rejected[0].detail.startswith(f"{path} is damaged in row group 1, rows 10 to 19: ")
    kept = [one.row for shard in shards for one in shard.triplets if one.file == str(path)]
    assert kept == [*range(10), *range(20, 30)]


def test_damaged_ids_of_two_files_of_one_name_stay_apart(tmp_path: Path):
    for folder in "ab":
        write(tmp_path / folder / "x.parquet", rows(20, prefix=folder))
        spoilt(tmp_path / folder / "x.parquet", 0)
    items = entered(planned(tmp_path))
    assert len({one.id for one in items}) == len(items) == 40
    reasons = Counter(one.reason for one in items if isinstance(one, Rejected))
    assert reasons == {Reason.ROW_UNREADABLE: 20}


@pytest.mark.parametrize("column", [0, 1])
@pytest.mark.parametrize("stratify", [True, False])
def test_a_sample_of_a_damaged_input_is_as_large_as_asked_for(
    tmp_path, column: int, stratify: bool
):
    tasks = [*rows(15, "add"), *rows(15, "remove", "r")]
    spoilt(write(tmp_path / "a.parquet", tasks), 1, column)
    shards = planned(tmp_path, limit=20, stratify=stratify, rows_per_group=8)
    assert shards == planned(tmp_path, limit=20, stratify=stratify, rows_per_group=8)
    items = entered(shards)
    assert len(items) == 20
    unread = [one for one in items if isinstance(one, Rejected)]
    assert {one.reason for one in unread} == {Reason.ROW_UNREADABLE}


def test_where_no_row_can_be_read_the_first_row_group_is_named(tmp_path: Path):
    path = write(tmp_path / "a.parquet", rows(20))
    for group in (0, 1):
        spoilt(path, group)
    with pytest.raises(ConfigError, match=r"a\.parquet is damaged in row group 0, rows 0 to 9: "):
        planned(tmp_path)


def test_a_file_that_vanishes_is_named(tmp_path: Path):
    path = write(tmp_path / "a.parquet", rows(3))
    inputs = Inputs.find(str(path))
    path.unlink()
    with pytest.raises(ConfigError, match=r"The input .*a\.parquet cannot be read"):
        list(plan(TOY, inputs, Selection()))


def test_repacked_column_types_are_taken(tmp_path: Path):
    table = pa.table(
        {
            "key": pa.array(["a"], pa.large_string()),
            "task": pa.array(["add"]).dictionary_encode(),
            "texts": pa.array([["Paint."]], pa.large_list(pa.large_string())),
            "picture": pa.array(
                [{"bytes": b"p", "path": "p.png"}],
                pa.struct({"bytes": pa.large_binary(), "path": pa.string()}),
            ),
        }
    )
    pq.write_table(table, tmp_path / "a.parquet")
    assert [item.id for item in entered(planned(tmp_path, limit=1))] == ["toy/a"]


def test_unknown_parameters_are_refused():
    with pytest.raises(ValidationError):
        Selection(limitt=3)  # type: ignore[call-arg]
    with pytest.raises(ValidationError):
        Selection(limit=-1)
