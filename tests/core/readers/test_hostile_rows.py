"""Whatever bytes a file has, its rows are rows or damage that is told."""

import contextlib
import io
import tarfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from editcorpus.errors import ShardError
from editcorpus.readers.lines import PROBLEM, LineRows
from editcorpus.readers.tars import TarRows

BITS = st.sampled_from([b'{"a": 1}', b"\n", b'"', b",", b"\\", b"[", b"\xff", b"\0", b"a", b"\r"])
BYTES = st.one_of(st.binary(max_size=300), st.lists(BITS, max_size=60).map(b"".join))


@pytest.mark.parametrize("ending", ["jsonl", "csv", "tsv"])
@settings(max_examples=150)
@given(data=BYTES)
def test_lines_of_any_bytes_are_rows(ending: str, data: bytes) -> None:
    with contextlib.suppress(ShardError):
        table = LineRows(io.BytesIO(data), f"x.{ending}")
        table.names()
        groups = [[*table.records(group, ["a"])] for group in range(len(table.sizes))]
        assert [len(rows) for rows in groups] == [*table.sizes]
        assert all({"a", PROBLEM} == row.keys() for rows in groups for row in rows)


@settings(max_examples=150)
@given(head=st.binary(max_size=520), place=st.integers(0, 511), data=BYTES)
def test_a_tar_of_any_bytes_is_rows_up_to_its_damage(head: bytes, place: int, data: bytes) -> None:
    whole = bytearray(_header() + bytes(512))
    whole[place : place + len(head)] = head
    with contextlib.suppress(ShardError):
        table = TarRows(io.BytesIO(bytes(whole) + data), "x.tar")
        groups = [[*table.records(group, ["a"])] for group in range(len(table.sizes))]
        assert [len(rows) for rows in groups] == [*table.sizes]
        table.names()


def _header() -> bytes:
    member = tarfile.TarInfo("00.json")
    member.size = 8
    return member.tobuf(tarfile.USTAR_FORMAT)
