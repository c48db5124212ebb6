import gzip
import tarfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from editcorpus.archives.archive import Archive
from editcorpus.archives.members import Joined, missing
from editcorpus.archives.parts import archives_among
from editcorpus.errors import SourceError, StorageError
from editcorpus.inputs import Inputs
from editcorpus.storage import Store

MOST = 1 << 24
PARTS = ("x.tar.gz.part-aa", "x.tar.gz.part-ab", "x.tar.gz.part-ac")


def info(
    name: str, kind: bytes = tarfile.REGTYPE, size: int = 0, link: str = ""
) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.size, made.linkname = kind, size, link
    return made


@pytest.mark.parametrize("packing", [False, True])
@pytest.mark.parametrize(
    "names", [("x.tar",), ("x.tar.split.000", "x.tar.split.001"), ("x.tar.1", "x.tar.2", "x.tar.3")]
)
def test_any_member_is_read_by_its_path_in_any_order(bench, some, tarred, packed, packing, names):
    bench.lay(packed if packing else tarred(some), *names)
    archive = bench.open()
    assert len(archive) == len(some)
    assert archive.complete
    assert archive.problem == ""
    for path in sorted(some, key=lambda path: zlib.crc32(path.encode())):
        assert archive.read(path, MOST) == some[path]
    assert archive.read("images/none.jpg", MOST) is None
    assert list(missing(archive, ["images/00001.jpg", "images/none.jpg"])) == ["images/none.jpg"]
    archive.close()


def test_what_is_listed_is_not_read_through_again(bench, packed, some):
    bench.lay(packed, *PARTS)
    told = []
    first = bench.open(progress=lambda *facts: told.append(facts))
    assert told[-1][1:] == (len(packed), len(some))
    assert [facts[0] for facts in told] == sorted(facts[0] for facts in told)
    second = bench.open(progress=lambda *_: pytest.fail("a second pass"))
    path = "images/00059.jpg"
    assert second.read(path, MOST) == first.read(path, MOST) == some[path]
    first.close()
    second.close()


def test_the_list_is_kept_in_any_store(any_store: Store, bench, packed, some):
    [parts] = archives_among(bench.lay(packed, *PARTS))
    for _ in range(2):
        archive = Archive.opened(parts, Inputs(), any_store)
        assert archive.read("images/00033.jpg", MOST) == some["images/00033.jpg"]
        archive.close()
    assert all(path.startswith("inputs/") for path in any_store.list("inputs"))


def test_a_missing_last_part_leaves_the_members_before(bench, packed, some):
    files = bench.lay(packed, *PARTS)
    archive = bench.open(*files[:2])
    assert not archive.complete
    assert archive.problem.startswith("The archive breaks off at the end of ")
    assert archive.problem.endswith("x.tar.gz.part-ab: it is cut short.")
    there = [path for path in some if path in archive]
    assert there == list(some)[: len(there)]
    assert 0.6 < len(there) / len(some) < 0.7
    assert all(archive.read(path, MOST) == some[path] for path in there[-3:])
    assert len(list(missing(archive, some))) == len(some) - len(there)
    archive.close()


def test_a_missing_part_between_is_told_by_its_neighbours(bench, packed, some):
    files = bench.lay(packed, *PARTS)
    archive = bench.open(files[0], files[2])
    assert (
        archive.problem
        == f"A part of {files[0][:-8]} is missing between {files[0]} and {files[2]}."
    )
    assert archive.read("images/00001.jpg", MOST) == some["images/00001.jpg"]
    archive.close()


def test_without_its_first_part_an_archive_has_no_members(bench, packed):
    files = bench.lay(packed, *PARTS)
    archive = bench.open(*files[1:])
    assert len(archive) == 0
    assert "The first part of" in archive.problem
    assert archive.read("images/00001.jpg", MOST) is None
    archive.close()


@pytest.mark.parametrize("packing", [False, True])
def test_an_archive_that_is_cut_within_a_member_says_where(bench, tarred, some, packing):
    data = tarred(some)
    data = gzip.compress(data)[:5_000_000] if packing else data[:5_000_000]
    bench.lay(data, "x.tar.001", "x.tar.002")
    archive = bench.open()
    assert "x.tar.002: it " in archive.problem
    assert 25 < len(archive) < 45
    archive.close()


def test_a_damaged_stream_gives_all_members_before_the_damage(bench, tarred, some):
    data = bytearray(gzip.compress(tarred(some), mtime=0))
    middle = len(data) // 2
    data[middle : middle + 2_000] = b"\xff" * 2_000
    bench.lay(bytes(data), "x.tar.gz")
    archive = bench.open()
    assert archive.problem.startswith("The archive breaks off at byte ")
    whole = [path for path in some if path in archive]
    assert len(whole) >= 28
    assert [archive.read(path, MOST) for path in whole[:28]] == [some[path] for path in whole[:28]]
    archive.close()


def test_a_changed_byte_that_only_the_checksum_shows_is_told(bench, tarred, some):
    data = bytearray(gzip.compress(tarred(some), 0))
    place = data.index(some["images/00031.jpg"][100:200])
    data[place] ^= 1
    bench.lay(bytes(data), "x.tar.gz")
    archive = bench.open()
    assert len(archive) == len(some)
    assert archive.problem.endswith("incorrect data check).")
    archive.close()


@pytest.mark.parametrize(
    "content", [b"", b"PK\x03\x04 a zip", b"\x1f\x8b\x08", b"\xfd7zXZ\0" * 200]
)
def test_what_is_no_tar_is_said_to_be_none(bench, content):
    bench.lay(content, "x.tar")
    archive = bench.open()
    assert len(archive) == 0
    assert archive.problem.startswith("The archive breaks off at ")
    archive.close()


def test_an_empty_tar_is_complete(bench, tarred):
    bench.lay(tarred({}), "x.tar")
    archive = bench.open()
    assert archive.complete
    assert len(archive) == 0
    archive.close()


def test_of_two_members_with_one_path_the_last_counts(bench, tarred):
    bench.lay(tarred([(info("a", size=3), b"old"), (info("./a", size=3), b"new")]), "x.tar")
    archive = bench.open()
    assert archive.read("a", MOST) == archive.read(".//a", MOST) == b"new"
    archive.close()


def test_names_that_leave_the_folder_are_no_members(bench, tarred):
    names = ["../a", "/etc/passwd", "x/../../a", "ok/./b", ".."]
    bench.lay(tarred([(info(name, size=1), b"1") for name in names]), "x.tar")
    archive = bench.open()
    assert len(archive) == 1
    assert archive.refused == 4
    assert archive.complete
    for path in (*names[:3], "a", "etc/passwd", "\udc80", "a\0b", "", "x" * 9_000):
        assert archive.read(path, MOST) is None
        assert path not in archive
    assert archive.read("ok/b", MOST) == b"1"
    archive.close()


def test_links_devices_and_pipes_are_no_members(bench, tarred):
    kinds = [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE]
    links = [(info(f"l{n}", kind, link="real"), b"") for n, kind in enumerate(kinds)]
    bench.lay(
        tarred([(info("real", size=4), b"real"), *links, (info("end", size=3), b"end")]), "x.tar"
    )
    archive = bench.open()
    assert len(archive) == 2
    assert archive.refused == len(kinds)
    assert not any(f"l{n}" in archive for n in range(len(kinds)))
    assert archive.read("end", MOST) == b"end"
    archive.close()


def test_a_member_above_the_limit_is_refused_and_not_read(bench, tarred):
    bench.lay(tarred({"big": b"x" * 1_000}), "x.tar")
    archive = bench.open()
    with pytest.raises(SourceError, match=r"'big' has 1,000 bytes or more, and 999 are the most"):
        archive.read("big", 999)
    assert archive.read("big", 1_000) == b"x" * 1_000
    archive.close()


@pytest.mark.parametrize("packing", [False, True])
def test_parts_that_changed_behind_the_list_are_told(bench, tarred, some, packing):
    data = gzip.compress(tarred(some), 0) if packing else tarred(some)
    [file] = bench.lay(data, "x.tar")
    bench.open().close()
    changed = data.replace(some["images/00031.jpg"][1_000:2_000], bytes(1_000))
    Path(file).write_bytes(changed)
    archive = bench.open(file)
    assert archive.read("images/00030.jpg", MOST) == some["images/00030.jpg"]
    with pytest.raises(StorageError, match=r"images/00031\.jpg of .*x\.tar is not what it was"):
        archive.read("images/00031.jpg", MOST)
    archive.close()


def test_a_part_that_shrank_is_told(bench, tarred, some):
    [file] = bench.lay(tarred(some), "x.tar")
    archive = bench.open()
    Path(file).write_bytes(b"")
    with pytest.raises(StorageError, match="is shorter than when its archive was listed"):
        archive.read("images/00031.jpg", MOST)
    archive.close()


def test_many_threads_read_at_once(bench, packed, some):
    bench.lay(packed, *PARTS)
    archive = bench.open()
    paths = sorted(some, key=lambda path: zlib.crc32(path.encode())) * 2
    with ThreadPoolExecutor(8) as pool:
        read = list(pool.map(lambda path: archive.read(path, MOST), paths))
    assert read == [some[path] for path in paths]
    archive.close()


@pytest.mark.parametrize("packing", [False, True])
def test_a_member_of_any_size_comes_in_pieces(bench, tarred, packing):
    lines = b"".join(b'{"id": %d}\n' % number for number in range(400_000))
    data = tarred({"a": b"1", "records.jsonl": lines, "empty": b""})
    bench.lay(gzip.compress(data) if packing else data, "x.tar")
    archive = bench.open()
    pieces = list(archive.chunks("records.jsonl"))
    assert b"".join(pieces) == lines
    assert max(map(len, pieces)) <= 1 << 20
    assert list(archive.chunks("empty")) == list(archive.chunks("none")) == []
    assert list(archive.paths()) == ["a", "records.jsonl", "empty"]
    archive.close()


def test_paths_are_ordered_as_they_lie(bench, tarred):
    bench.lay(tarred({"c": b"1", "a": b"2", "b": b"3"}), "x.tar")
    archive = bench.open()
    assert archive.in_order(["a", "none", "b", "c"]) == ["c", "a", "b", "none"]
    archive.close()


def test_the_first_place_that_has_a_path_gives_it(bench, tarred):
    bench.lay(tarred({"a": b"one"}), "x.tar")
    bench.lay(tarred({"a": b"two", "b": b"two"})[:2_048], "y.tar")
    both = [
        Archive.opened(one, Inputs(), bench.store)
        for one in archives_among(map(str, bench.folder.iterdir()))
    ]
    joined = Joined(both)
    assert [joined.read(path, MOST) for path in ("a", "b", "c")] == [b"one", b"two", None]
    assert "b" in joined
    assert "c" not in joined
    assert joined.in_order(["c", "b", "a"]) == ["a", "b", "c"]
    assert not joined.complete
    assert joined.problem == both[1].problem
    for one in both:
        one.close()
