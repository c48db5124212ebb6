"""Files of lines: rows in groups, whatever stands in them."""

import io
import json
from pathlib import Path

import pytest

from editcorpus.errors import ShardError
from editcorpus.inputs import Inputs
from editcorpus.readers import lines
from editcorpus.readers.lines import MOST_LINE, PROBLEM, LineRows, line_rows
from editcorpus.readers.scroll import Scroll


class Counted(io.BytesIO):
    """A file that counts how often, and how much at most, it is read."""

    reads = 0
    most = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.reads += 1
        self.most = max(self.most, len(data))
        return data


def rows_of(data: bytes, name: str, *columns: str) -> list[dict[str, object]]:
    table = LineRows(io.BytesIO(data), name)
    return [dict(row) for group in range(len(table.sizes)) for row in table.records(group, columns)]


def values(data: bytes, name: str = "rows.jsonl") -> list[object]:
    return [row[PROBLEM] or row["a"] for row in rows_of(data, name, "a")]


def test_lines_are_taken_out_of_large_pieces() -> None:
    file = Counted(b"".join(b"%d\n" % n for n in range(1000)))
    scroll = Scroll(file, 512)
    made = []
    while line := scroll.line(99):
        made.append(int(line))
    assert made == [*range(1000)]
    assert file.reads <= -(-scroll.size // 512) + 1
    assert scroll.exactly(2, 2) == b"1\n"


@pytest.mark.parametrize("piece", [1, 2, 3, 7, 100])
def test_a_line_is_the_same_however_it_lies_in_the_pieces(piece: int) -> None:
    scroll = Scroll(io.BytesIO(b"ab\n\nlonger than this\nend"), piece)
    assert [scroll.line(6) for _ in range(5)] == [b"ab\n", b"\n", b"longer", b"end", b""]
    assert scroll.exactly(20, 99) == b"\nend"


def test_what_is_no_json_is_one_row_that_says_so_and_the_rows_behind_it_are_read() -> None:
    data = b'\xef\xbb\xbf{"a": 1}\r\n\n{"a": \n[2]\n{"a": "\xff"}\n' + b"[" * 5000 + b'\n{"a": 3}'
    found = values(data)
    assert (found[0], found[-1], len(found)) == (1, 3, 6)
    assert all("JSON" in str(one) for one in found[1:-1])


def test_a_line_without_end_costs_no_memory_and_one_row() -> None:
    file = Counted(b'{"a": "' + b"x" * (20 * MOST_LINE) + b'"}\n{"a": 2}\n')
    table = LineRows(file, "rows.jsonl")
    assert table.sizes == [2]
    first, second = table.records(0, ["a"])
    assert "1,048,576" in first[PROBLEM]
    assert (second["a"], second[PROBLEM]) == (2, None)
    assert file.most <= 2 * MOST_LINE


@pytest.mark.parametrize(("ending", "separator"), [("csv", ","), ("tsv", "\t")])
def test_a_table_of_texts_may_hold_ends_of_lines_and_its_own_marks(
    ending: str, separator: str
) -> None:
    text = 'a,b\n"Say ""no"",\nthen go.",1\n\nplain,2\n'.replace(",", separator)
    assert values(text.encode(), f"x.{ending}") == [
        f'Say "no"{separator}\nthen go.',
        "plain",
    ]


def test_a_row_of_a_table_that_is_none_says_so() -> None:
    data = b'a,b\n1\n2,\xff\n"3,never ends\n' + b"y" * 140_000 + b"\n4,5\n"
    found = values(data, "x.csv")
    assert [str(one).split(":")[0] for one in found] == [
        "The row has 1 fields, where the first one names 2.",
        "The row is not UTF-8.",
        "The row cannot be read",
        "4",
    ]


def test_a_table_whose_first_row_is_none_is_refused() -> None:
    with pytest.raises(ShardError, match="first row"):
        LineRows(io.BytesIO(b'"' + b"x" * 140_000), "x.csv")
    assert LineRows(io.BytesIO(b""), "x.csv").sizes == []


@pytest.mark.parametrize("ending", ["jsonl", "csv"])
def test_any_group_is_found_again_and_all_rows_are_in_one(
    ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "GROUP_ROWS", 3)
    told = [json.dumps({"a": n}) if ending == "jsonl" else str(n) for n in range(8)]
    head = [] if ending == "jsonl" else ["a"]
    path = tmp_path / f"x.{ending}"
    path.write_text("\n".join([*head, *told]), "utf-8")
    with line_rows(Inputs.find(str(path), {}), str(path)) as table:
        assert table.names() == ["a"]
        assert table.sizes == [3, 3, 2]
        assert [table.first_row(group) for group in range(3)] == [0, 3, 6]
        found = [[int(row["a"]) for row in table.records(group, ["a"])] for group in (2, 0, 1)]
        assert found == [[6, 7], [0, 1, 2], [3, 4, 5]]
        with pytest.raises(ShardError, match="fewer rows"):
            next(table.records(3, ["a"]))
