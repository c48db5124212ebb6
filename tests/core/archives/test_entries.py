import io
import tarfile
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from editcorpus.archives.entries import entries, member_path
from editcorpus.archives.parts import BrokenOff


class Bytes:
    """A stream in memory that gives odd amounts."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, most: int) -> memoryview:
        taken = memoryview(self.data)[self.at : self.at + min(most, 700)]
        self.at += len(taken)
        return taken


def made(form: int, *members: tuple[str, bytes]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=form) as archive:
        for name, data in members:
            header = tarfile.TarInfo(name)
            header.size = len(data)
            archive.addfile(header, io.BytesIO(data))
    return file.getvalue()


def header(
    name: str, size: int, kind: bytes = tarfile.REGTYPE, form: int = tarfile.GNU_FORMAT
) -> bytes:
    one = tarfile.TarInfo(name)
    one.size, one.type = size, kind
    return one.tobuf(form)


def padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 512)


def pax(**records: str) -> bytes:
    text = b""
    for key, value in records.items():
        body = f" {key.replace('_', '.')}={value}\n".encode()
        size = len(body) + 2
        text += b"%d" % size + body if len(b"%d" % size) == 2 else b""
    return header("pax", len(text), tarfile.XHDTYPE) + padded(text)


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_each_form_of_tar_gives_the_same_members(form):
    members = [("a/b.jpg", b"12"), ("c" * 90 + "/" + "d" * 60, b""), ("e", bytes(1_000))]
    data = made(form, *members)
    found = list(entries(Bytes(data)))
    assert [one.path for one in found] == [name for name, _ in members]
    for one, (_, content) in zip(found, members, strict=True):
        assert data[one.at : one.at + one.size] == content
        assert one.crc == zlib.crc32(content)


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_long_and_foreign_names_are_whole(form):
    names = ["x" * 90 + "/" + "y" * 200, "图片/编辑.jpg"]
    found = entries(Bytes(made(form, *((name, b"1") for name in names))))
    assert [one.path for one in found] == names


def test_a_name_that_is_no_text_is_listed_by_its_bytes():
    data = made(tarfile.GNU_FORMAT, ("\udcff\udcfe.jpg", b"1"))
    assert [one.path for one in entries(Bytes(data))] == ["\\xff\\xfe.jpg"]


def test_entries_can_be_begun_at_any_header():
    data = made(tarfile.PAX_FORMAT, *((f"{n}.jpg", bytes(n)) for n in range(5)))
    first = next(iter(entries(Bytes(data))))
    stream = Bytes(data)
    stream.at = first.end
    assert [one.path for one in entries(stream)] == [f"{n}.jpg" for n in range(1, 5)]


def test_sparse_files_are_no_members_and_what_is_behind_them_is():
    sparse = bytearray(header("s", 1_024, tarfile.GNUTYPE_SPARSE))
    sparse[482] = 1
    sparse[148:156] = b"%06o\0 " % (256 + sum(sparse[:148]) + sum(sparse[156:]))
    more = bytearray(512)
    end = header("end", 3) + padded(b"end") + bytes(1_024)
    found = list(entries(Bytes(bytes(sparse + more) + bytes(1_024) + end)))
    assert [(one.path, one.refused) for one in found] == [("", True), ("end", False)]
    newer = pax(GNU_sparse_major="1") + header("s", 512) + bytes(512) + end
    assert [one.path for one in entries(Bytes(newer))] == ["", "end"]


def test_a_header_of_names_of_many_megabytes_is_not_held():
    size = 3 << 20
    data = header("pax", size, tarfile.XHDTYPE) + bytes(size) + header("a", 1) + padded(b"1")
    found = list(entries(Bytes(data + header("b", 1) + padded(b"1") + bytes(512))))
    assert [(one.path, one.refused) for one in found] == [("", True), ("b", False)]


def test_a_size_from_a_pax_header_counts():
    data = pax(size="600") + header("a", 0) + padded(bytes(600)) + bytes(512)
    assert [one.size for one in entries(Bytes(data))] == [600]


@pytest.mark.parametrize("size", ["-1", "9" * 30, "1e9"])
def test_a_size_that_is_none_is_told(size):
    with pytest.raises(BrokenOff, match="a member has a size of"):
        list(entries(Bytes(pax(size=size) + header("a", 0) + bytes(512))))


@pytest.mark.parametrize("size", [1 << 20, 1 << 40, 1 << 62])
def test_a_size_beyond_the_end_is_told(size):
    with pytest.raises(BrokenOff, match="it ends within a member"):
        list(entries(Bytes(header("a", size) + bytes(1_024))))


def test_a_negative_size_is_told():
    one = bytearray(header("a", 0))
    one[124:136] = b"\xff" * 12
    one[148:156] = b"%06o\0 " % (256 + sum(one[:148]) + sum(one[156:]))
    with pytest.raises(BrokenOff, match="a member has a size of -1"):
        list(entries(Bytes(bytes(one) + bytes(512))))


def test_the_mark_of_the_end_may_not_be_missing():
    found = []
    with pytest.raises(BrokenOff, match="it ends without the mark of its end"):
        found.extend(one.path for one in entries(Bytes(header("a", 1) + padded(b"1"))))
    assert found == ["a"]


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("a/b", "a/b"),
        ("./a//./b/", "a/b"),
        ("..a/b..", "..a/b.."),
        ("a/../b", ""),
        ("/a", ""),
        ("", ""),
        (".", ""),
        ("a\0b", ""),
        ("\ud800", ""),
        ("é" * 2_048, "é" * 2_048),
        ("é" * 2_049, ""),
    ],
)
def test_a_path_is_known_by_one_name_or_none(name, path):
    assert member_path(name) == path


@settings(max_examples=150)
@given(
    st.lists(st.tuples(st.integers(0, 5_000), st.binary(max_size=40)), max_size=6),
    st.integers(0, 9_000),
)
def test_hostile_bytes_break_off_or_give_members_inside(changes, cut):
    data = bytearray(made(tarfile.PAX_FORMAT, ("x" * 200, b"1"), ("b", bytes(700)), ("ü", b"3")))
    for place, junk in changes:
        data[place : place + len(junk)] = junk
    stream = Bytes(bytes(data[:cut]))
    try:
        for one in entries(stream):
            assert one.path == member_path(one.path)
            assert 0 <= one.at <= one.at + one.size <= one.end <= len(data)
    except BrokenOff:
        pass
