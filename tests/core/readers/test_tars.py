"""WebDataset files: rows out of the members of one key."""

import io
import json
import tarfile
from collections.abc import Sequence

import pytest

from editcorpus.errors import ShardError, SourceError
from editcorpus.readers import tars
from editcorpus.readers.lines import PROBLEM
from editcorpus.readers.tars import KEY, MOST_TEXT, TarRows

MOST = 1000
ROW = {"00.json": b'{"a": 1}', "00.source.jpg": b"first", "00.edited.png": b"second"}


class Counted(io.BytesIO):
    """A file that counts the bytes that are read of it."""

    taken = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.taken += len(data)
        return data


def packed(members: dict[str, bytes], links: Sequence[str] = (), form: int = 2) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as tar:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
        for name in links:
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
            tar.addfile(member)
    return out.getvalue()


def opened(data: bytes) -> TarRows:
    return TarRows(io.BytesIO(data), "x.tar")


def test_a_row_has_texts_by_their_names_and_pictures_by_theirs() -> None:
    table = opened(packed({**ROW, "dir/01.c.txt": b"word", "dir/01.jpg": b"third"}))
    assert table.sizes == [2]
    assert table.names() == [KEY, "a", "source", "edited", "c", "jpg"]
    assert list(table.records(0, ["a", "c", KEY])) == [
        {"a": 1, "c": None, KEY: "00", PROBLEM: None},
        {"a": None, "c": "word", KEY: "dir/01", PROBLEM: None},
    ]
    assert table.picture(0, "source", MOST) == b"first"
    assert table.picture(0, "edited", MOST) == b"second"
    assert table.picture(1, "jpg", MOST) == b"third"
    assert table.picture(1, "source", MOST) is None
    assert table.picture(0, "json", MOST) is None


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_long_names_are_read_in_each_format(form: int) -> None:
    key = "folder/" * 12 + "k" * 80
    table = opened(packed({f"{key}.json": b"{}", f"{key}.source.jpg": b"x"}, form=form))
    assert [row[KEY] for row in table.records(0, [KEY])] == [key]
    assert table.picture(0, "source", MOST) == b"x"


def test_planning_reads_no_picture() -> None:
    large = {
        f"{n:02}.{name}": data
        for n in range(8)
        for name, data in (("json", b'{"a": 2}'), ("jpg", bytes(3 << 20)))
    }
    file = Counted(packed(large))
    table = TarRows(file, "x.tar")
    assert [row["a"] for row in table.records(0, ["a"])] == [2] * 8
    assert file.taken < 8 * (1 << 20)
    assert table.picture(7, "jpg", 4 << 20) == bytes(3 << 20)


def test_of_a_file_that_is_cut_short_the_rows_before_are_read_and_the_loss_is_told() -> None:
    data = packed({**ROW, "01.json": b'{"a": 2}', "01.source.jpg": bytes(5000)})
    table = opened(data[: data.index(bytes(1000)) + 600])
    found = [(row["a"], row[PROBLEM]) for row in table.records(0, ["a"])]
    assert found[:2] == [(1, None), (2, None)]
    assert "breaks off behind row 2" in found[2][1]
    assert table.sizes == [3]
    assert table.picture(1, "source", MOST) is None


def test_what_is_no_tar_is_refused() -> None:
    with pytest.raises(ShardError, match="not a whole tar file"):
        opened(b"PK\3\4" + bytes(range(256)) * 8).names()


def test_links_and_names_that_lead_out_are_no_members() -> None:
    table = opened(packed({"../00.json": b"{}", "/00.jpg": b"x", **ROW}, ["00.mask.png"]))
    assert table.sizes == [1]
    assert table.picture(0, "mask", MOST) is None


@pytest.mark.parametrize(
    ("member", "told"),
    [
        (b"{", "cannot be read"),
        (b"[1]", "no JSON object"),
        (b'"\xff"', "cannot be read"),
        (b" " * (MOST_TEXT + 1), "1,048,576"),
    ],
)
def test_a_text_that_is_none_costs_its_row_alone(member: bytes, told: str) -> None:
    table = opened(packed({"00.json": member, "00.jpg": b"x", "01.json": b'{"a": 5}'}))
    first, second = table.records(0, ["a"])
    assert told in first[PROBLEM]
    assert second == {"a": 5, PROBLEM: None}


def test_a_picture_that_is_too_large_is_not_read() -> None:
    with pytest.raises(SourceError, match="more than 4"):
        opened(packed(ROW)).picture(0, "source", 4)


def test_rows_that_are_gone_are_noticed() -> None:
    table = opened(packed(ROW))
    with pytest.raises(ShardError, match="fewer rows"):
        table.picture(1, "source", MOST)
    with pytest.raises(ShardError, match="fewer rows"):
        next(table.records(1, ["a"]))


def test_groups_hold_all_rows_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tars, "GROUP_ROWS", 3)
    data = packed({f"{n}.json": json.dumps({"a": n}).encode() for n in range(7)})
    table = opened(data)
    assert table.sizes == [3, 3, 1]
    assert [row["a"] for group in range(3) for row in table.records(group, ["a"])] == [*range(7)]
    assert [table.first_row(group) for group in range(3)] == [0, 3, 6]
    cut = opened(data[: -20 * 512])
    assert sum(cut.sizes) == len(
        [row for group in range(len(cut.sizes)) for row in cut.records(group, ["a"])]
    )


def test_a_file_of_too_many_rows_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tars, "_MOST_SAMPLES", 2)
    table = opened(packed({f"{n}.json": b"{}" for n in range(4)}))
    with pytest.raises(ShardError, match="more than 2 rows"):
        _ = table.sizes
