import io
import json
import tarfile
from collections import Counter
from typing import ClassVar

import pytest

from editcorpus.archives.archive import Archive
from editcorpus.archives.listing import Grain, Listing
from editcorpus.archives.parts import archives_among
from editcorpus.errors import Interrupted
from editcorpus.inputs import Inputs

MOST = 1 << 24
PARTS = ("x.tar.gz.part-aa", "x.tar.gz.part-ab", "x.tar.gz.part-ac")
SCRIPT = """
import sys
from editcorpus.archives.archive import Archive
from editcorpus.archives.listing import Grain, Listing
from editcorpus.archives.parts import archives_among
from editcorpus.failpoints import open_store
from editcorpus.inputs import Inputs
store = open_store(sys.argv[1], {}, None, sys.argv[2])
[parts] = archives_among(sys.argv[3:])
grain = Grain(spacing=1 << 20, stretch_members=10, stretch_points=2)
Archive.opened(parts, Inputs(), store, Listing(grain=grain))
"""


@pytest.mark.parametrize("when", ["before", "during", "after"])
@pytest.mark.parametrize("pattern", ["inputs/*.members:3", "inputs/*.windows:2"])
def test_a_pass_that_is_killed_goes_on_where_it_was(bench, packed, some, start, when, pattern):
    files = bench.lay(packed, *PARTS)
    process = start(SCRIPT, bench.store.root, f"{when}:{pattern}", *files)
    assert process.wait(60) != 0
    told = []
    archive = bench.open(progress=lambda *facts: told.append(facts))
    assert told[0][0] > len(packed) // 8
    assert len(archive) == len(some)
    assert archive.complete
    assert all(archive.read(path, MOST) == some[path] for path in archive.in_order(some))
    archive.close()


def test_a_pass_can_be_stopped_by_who_is_told_of_it(bench, packed, some):
    bench.lay(packed, *PARTS)

    def stop(_done: int, _whole: int, members: int) -> None:
        if members == 35:
            raise Interrupted("Somebody asked the run to stop.")

    with pytest.raises(Interrupted):
        bench.open(progress=stop)
    seen = []
    archive = bench.open(progress=lambda *facts: seen.append(facts[2]))
    assert seen[0] > 1
    assert seen[-1] == len(some)
    archive.close()


def test_two_passes_at_once_make_one_list(bench, packed, some):
    """The second begins when the first has written three stretches, and ends before it goes on."""
    bench.lay(packed, *PARTS)
    done = []

    def meanwhile(_done: int, _whole: int, members: int) -> None:
        if members == 31 and not done:
            done.append(True)
            other = bench.open()
            assert len(other) == len(some)
            other.close()

    archive = bench.open(progress=meanwhile)
    assert len(archive) == len(some)
    assert all(archive.read(path, MOST) == some[path] for path in some)
    archive.close()


def test_a_pass_pauses_when_what_is_needed_is_found(bench, packed, some):
    bench.lay(packed, *PARTS)
    told = []
    first = bench.open(
        needed=["images/00007.jpg", "./images/00003.jpg"], progress=lambda *x: told.append(x)
    )
    assert len(first) == 8
    assert not first.complete
    assert first.problem.startswith("The first ")
    assert first.problem.endswith("x.tar.gz are listed so far.")
    assert first.read("images/00003.jpg", MOST) == some["images/00003.jpg"]
    count = len(told)
    again = bench.open(needed=["images/00005.jpg"], progress=lambda *x: told.append(x))
    assert len(told) == count
    further = bench.open(needed=["images/00005.jpg", "images/00012.jpg"])
    assert len(further) == 13
    whole = bench.open(needed=["images/none.jpg"])
    assert whole.complete
    assert list(whole.paths()) == list(some)
    for one in (first, again, further, whole):
        one.close()


def test_the_list_of_another_version_is_made_anew(bench, packed, some):
    bench.lay(packed, *PARTS)
    bench.open().close()
    for path in bench.store.list("inputs"):
        if path.endswith(".json"):
            facts = json.loads(bench.store.read(path)) | {"version": 0}
            bench.store.write(path, json.dumps(facts).encode())
    archive = bench.open()
    assert len(archive) == len(some)
    assert archive.complete
    archive.close()


def test_the_number_of_points_does_not_grow_with_the_stream():
    grain = Grain()
    assert grain.between(1) == 4 << 20
    assert (2 << 40) // grain.between(2 << 40) * 32_768 <= 256 << 20


class Counted(io.RawIOBase):
    """A file that counts what is read of it."""

    def __init__(self, file, counts: Counter[str]) -> None:
        super().__init__()
        self._file, self._counts = file, counts

    def seek(self, place: int, whence: int = 0, /) -> int:
        return int(self._file.seek(place, whence))

    def read(self, size: int = -1, /) -> bytes:
        data = self._file.read(size)
        self._counts["bytes"] += len(data)
        return data

    def close(self) -> None:
        self._file.close()
        super().close()


class CountedInputs(Inputs):
    """Inputs that count."""

    counts: ClassVar[Counter[str]] = Counter()

    def open(self, url: str):
        return Counted(Inputs.open(self, url), self.counts)


@pytest.mark.s3
def test_a_read_from_a_bucket_takes_no_more_than_the_spacing(s3, s3_numbers, bench, packed, some):
    name = s3.bucket(f"archives-{next(s3_numbers)}")
    step = len(packed) // 3 + 1
    urls = [f"s3://{name}/seed/{part}" for part in PARTS]
    for number, url in enumerate(urls):
        s3.files.pipe_file(url.removeprefix("s3://"), packed[number * step : (number + 1) * step])
    [parts] = archives_among(urls)
    inputs = CountedInputs(tuple(urls), s3.options)
    archive = Archive.opened(parts, inputs, bench.store, Listing(grain=Grain(spacing=1 << 20)))
    assert inputs.counts["bytes"] <= len(packed) + 512
    archive.close()
    again = Archive.opened(parts, inputs, bench.store)
    for path in list(some)[::-7]:
        inputs.counts.clear()
        assert again.read(path, MOST) == some[path]
        piece, looked_for = 1 << 18, 1 << 20  # a point lies within a piece of the pass
        assert inputs.counts["bytes"] <= (1 << 20) + looked_for + len(some[path]) + piece
    again.close()


def test_memory_does_not_follow_the_members(bench, tarred):
    """5,000 members: 36 bytes each and no text stay."""
    made = bytearray()
    for number in range(5_000):
        one = tarfile.TarInfo(f"some/rather/long/folder/names/{number:08}.jpg")
        one.size = 3
        made += one.tobuf() + b"abc".ljust(512, b"\0")
    bench.lay(bytes(made) + bytes(1_024), "x.tar")
    [parts] = archives_among([str(bench.folder / "x.tar")])
    archive = Archive.opened(parts, Inputs(), bench.store)
    assert len(archive) == 5_000
    table = archive._table
    held = [table._high, table._low, table._at, table._size, table._crc]
    assert sum(one.nbytes for one in held) == 36 * 5_000
    assert archive.read("some/rather/long/folder/names/00004999.jpg", 3) == b"abc"
    archive.close()
