import pytest

from editcorpus.archives.parts import PackedStream, Parts, archives_among
from editcorpus.errors import StorageError
from editcorpus.inputs import Inputs


@pytest.mark.parametrize(
    "suffixes",
    [
        ["part-aa", "part-ab", "part-ac"],
        ["part-az", "part-ba"],
        ["part001", "part002", "part010"],
        ["split.000", "split.001"],
        ["000", "001"],
        ["part-1", "part-2", "part-9", "part-10"],
        ["part-yz", "part-zaaa", "part-zaab"],
        ["part_zyzz", "part_zzaaaa"],
    ],
)
def test_parts_come_in_their_order_whatever_they_are_named_by(suffixes):
    files = [f"s3://b/x.tar.gz.{suffix}" for suffix in suffixes]
    [parts] = archives_among(reversed(files))
    assert parts.name == "s3://b/x.tar.gz"
    whole = (*files,) if not parts.problem else None
    first = suffixes[0] in {"part-aa", "part001", "split.000", "000", "part-1"}
    if suffixes == ["part001", "part002", "part010"]:
        assert parts.files == tuple(files[:2])
        assert parts.problem == (
            "A part of s3://b/x.tar.gz is missing between s3://b/x.tar.gz.part002 and "
            "s3://b/x.tar.gz.part010."
        )
    elif suffixes == ["part-1", "part-2", "part-9", "part-10"]:
        assert parts.files == tuple(files[:2])
    elif first:
        assert parts.files == whole
    else:
        assert parts.files == ()
        assert parts.problem.startswith("The first part of s3://b/x.tar.gz is missing")


def letters(count: int) -> list[str]:
    """Suffixes as GNU `split` makes them."""
    made = [f"{one}{two}" for one in map(chr, range(97, 122)) for two in map(chr, range(97, 123))]
    made += [f"z{one}a{two}" for one in "ab" for two in map(chr, range(97, 123))]
    return made[:count]


@pytest.mark.parametrize("count", [1, 2, 27, 650, 651, 676])
def test_all_parts_that_split_makes_belong_together(count):
    files = [f"x.tar.part-{one}" for one in letters(count)]
    [parts] = archives_among(sorted(files, reverse=True))
    assert parts == Parts("x.tar", tuple(files))


def test_archives_are_told_apart_by_folder_and_name():
    files = ["a/x.tar", "b/x.tar", "b/x.tgz", "b/y.tar.gz.part-aa", "b/notes.txt", "b/y.tar.gz.md5"]
    found = archives_among(files)
    assert [one.name for one in found] == ["a/x.tar", "b/x.tar", "b/x.tgz", "b/y.tar.gz"]
    assert all(len(one.files) == 1 for one in found)


def test_a_whole_file_goes_before_parts_of_its_name():
    [parts] = archives_among(["x.tar", "x.tar.part-aa"])
    assert parts.files == ("x.tar",)


def test_ranges_go_over_the_borders_of_parts(tmp_path):
    for number, data in enumerate([b"012", b"", b"3456", b"7"]):
        (tmp_path / f"x.tar.{number}").write_bytes(data)
    [parts] = archives_among(map(str, tmp_path.iterdir()))
    stream = PackedStream(parts, Inputs())
    assert stream.size == 8
    for start in range(10):
        for length in range(10):
            assert stream.read(start, length) == b"01234567"[start : start + length]
    assert stream.place(3).startswith("byte 0 of ")
    assert stream.place(8).startswith("the end of ")
    stream.close()
    assert stream.read(2, 2) == b"23"
    stream.close()


def test_a_part_that_is_gone_is_one_sentence(tmp_path):
    (tmp_path / "x.tar").write_bytes(b"1")
    stream = PackedStream(Parts("x.tar", (str(tmp_path / "x.tar"),)), Inputs())
    (tmp_path / "x.tar").unlink()
    stream.close()
    with pytest.raises(StorageError, match=r"The input .*x\.tar cannot be read"):
        stream.read(0, 1)
