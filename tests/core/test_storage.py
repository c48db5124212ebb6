"""The store: whole or not at all, on a folder and on a bucket."""

import hashlib
import io
import os
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from random import Random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from editcorpus.errors import ConfigError, StorageError, StorageFull
from editcorpus.storage import Store, safe_name


def names_in(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


NAMES = ["a", "b/c", "b/d e+f%20=~.json", "ü/日本/🙂", "a'b\"c&<d>?#[x]*!"]


def test_what_is_written_is_read_listed_measured_and_removed(any_store: Store):
    for name in NAMES:
        assert not any_store.exists(f"x/{name}")
        any_store.write(f"x/{name}", name.encode())
    assert any_store.list("x") == sorted(f"x/{name}" for name in NAMES)
    assert any_store.list("x/b") == ["x/b/c", "x/b/d e+f%20=~.json"]
    for name in NAMES:
        assert any_store.exists(f"x/{name}")
        assert any_store.read(f"x/{name}") == name.encode()
        assert any_store.size(f"x/{name}") == len(name.encode())
        any_store.remove(f"x/{name}")
        any_store.remove(f"x/{name}")
    assert any_store.list("x") == []
    assert any_store.list("nothing") == []


def test_a_folder_is_no_file_and_a_sibling_is_not_inside(any_store: Store):
    any_store.write("run/a", b"1")
    any_store.write("run2/a", b"2")
    assert not any_store.exists("run")
    assert any_store.list("run") == ["run/a"]
    assert any_store.list("run/a") == []


def test_writing_again_replaces_and_nothing_may_be_empty(any_store: Store):
    any_store.write("a", b"long before")
    any_store.write("a", b"")
    assert any_store.read("a") == b""
    assert any_store.read_range("a", 0, 10) == b""


@pytest.mark.parametrize("call", ["read", "size", "open"])
def test_what_is_not_there_is_not_found(any_store: Store, call: str):
    with pytest.raises(FileNotFoundError):
        getattr(any_store, call)("a/b")
    with pytest.raises(FileNotFoundError):
        any_store.read_range("a/b", 0, 1)


def test_ranges_end_where_the_file_ends(any_store: Store):
    any_store.write("a", bytes(range(100)))
    assert any_store.read_range("a", 10, 5) == bytes(range(10, 15))
    assert any_store.read_range("a", 95, 50) == bytes(range(95, 100))
    assert any_store.read_range("a", 100, 5) == b""
    assert any_store.read_range("a", 10, 0) == b""


def test_an_opened_file_seeks_and_reads(any_store: Store):
    any_store.write("a", bytes(range(100)))
    with any_store.open("a") as file:
        assert file.seek(-10, io.SEEK_END) == 90
        assert file.read(4) == bytes(range(90, 94))
        assert file.seek(2, io.SEEK_CUR) == 96
        assert file.read() == bytes(range(96, 100))
        assert file.read(1) == b""
        assert file.seek(0) == file.tell() == 0
        assert file.readable()
        with pytest.raises(OSError, match=r"no byte at -1|Invalid argument"):
            file.seek(-101, io.SEEK_END)
    assert file.closed


def test_parquet_is_read_from_an_opened_file(any_store: Store):
    table = pa.table(
        {"n": list(range(1000)), "blob": [bytes([n % 256]) * 100 for n in range(1000)]}
    )
    with any_store.upload("t.parquet") as file:
        pq.write_table(table, file, row_group_size=100)
    with any_store.open("t.parquet") as opened:
        assert pq.read_table(opened, columns=["n"])["n"].to_pylist() == list(range(1000))


@pytest.mark.s3
def test_an_opened_object_is_read_in_ranges_only(s3_store: Store):
    s3_store.write("big", bytes(3_000_000))
    asked = []
    fetch = s3_store.read_range
    s3_store.read_range = lambda *what: asked.append(what[1:]) or fetch(*what)  # type: ignore[method-assign]
    with s3_store.open("big") as file:
        file.seek(1_000_000)
        assert len(file.read(10)) == 10
        buffer = bytearray(5)
        assert file.readinto(buffer) == 5  # type: ignore[attr-defined]
        file.seek(-3, io.SEEK_END)
        assert file.readall() == bytes(3)  # type: ignore[attr-defined]
    assert asked == [(1_000_000, 10), (1_000_010, 5), (2_999_997, 3)]


def test_an_upload_appears_when_its_block_ends_well(any_store: Store):
    with any_store.upload("a/b") as file:
        file.write_bytes(b"half")
        assert not any_store.exists("a/b")
        assert any_store.list("a") == []
        file.write_bytes(b"whole")
    assert any_store.read("a/b") == b"whole"
    assert not file.exists()


def test_an_upload_that_raises_leaves_nothing_and_what_was_there_stays(any_store: Store):
    any_store.write("a", b"before")
    with pytest.raises(ZeroDivisionError), any_store.upload("a") as file:
        file.write_bytes(b"after")
        raise ZeroDivisionError
    assert any_store.read("a") == b"before"
    assert not file.exists()


@pytest.mark.s3
def test_a_column_of_many_pictures_is_uploaded_in_parts(s3_store: Store):
    block = Random(1).randbytes(1 << 20)
    with s3_store.upload("column") as file, file.open("wb") as out:
        for _ in range(120):
            out.write(block)
    assert s3_store.size("column") == 120 << 20
    digest = hashlib.sha256()
    with s3_store.open("column") as found:
        while chunk := found.read(16 << 20):
            digest.update(chunk)
    assert digest.hexdigest() == hashlib.sha256(block * 120).hexdigest()
    assert s3_store.list("x") == []


@pytest.mark.s3
def test_an_upload_to_a_bucket_needs_a_spool(s3_store: Store, s3):
    bare = Store(s3_store.root, s3.options)
    bare.write("a", b"1")
    bare.check()
    with pytest.raises(ConfigError, match="needs a local spool folder"), bare.upload("a"):
        pass


def test_temporary_files_are_never_listed(disk_store: Store):
    disk_store.write("a/b", b"1")
    left = disk_store.local_file("a/b").parent / ".0123.tmp"
    left.write_bytes(b"left by a kill")
    assert disk_store.list("a") == ["a/b"]
    with pytest.raises(ConfigError, match="not a path inside the store"):
        disk_store.read("a/.0123.tmp")


@pytest.mark.parametrize(
    "path",
    [
        *("", "/", "/etc/passwd", "..", "../a", "a/../../b", "a/..", ".", "./a", "a//b", "a/"),
        *("a\0b", "a\nb", "a/\x1b[31m", "\ud800", ".x.tmp"),
    ],
)
def test_path_tricks_are_refused(any_store: Store, path: str):
    for call in (any_store.read, any_store.exists, any_store.remove, any_store.size, any_store.url):
        if call != any_store.url or any_store.local:
            with pytest.raises(ConfigError, match="is not a path inside the store"):
                call(path)
    with pytest.raises(ConfigError, match="is not a path inside the store"):
        any_store.write(path, b"1")


def test_names_that_no_disk_takes_are_refused(any_store: Store):
    any_store.write("ü" * 127, b"1")
    with pytest.raises(ConfigError, match="more than 255 bytes"):
        any_store.write("ü" * 128, b"1")


def test_create_writes_once(any_store: Store):
    assert any_store.create("a/b", b"first")
    assert not any_store.create("a/b", b"second")
    assert any_store.read("a/b") == b"first"
    assert any_store.list("a") == ["a/b"]


def test_exactly_one_of_16_threads_creates(disk_store: Store):
    with ThreadPoolExecutor(16) as pool:
        for turn in range(20):
            made = list(
                pool.map(lambda n, t=turn: disk_store.create(f"a/{t}", b"%d" % n), range(16))
            )
            assert sum(made) == 1
            assert disk_store.read(f"a/{turn}") == b"%d" % made.index(True)
    assert len(list(disk_store.local_file("a/0").parent.iterdir())) == 20


WRITER = """
import sys, hashlib, random
from pathlib import Path
from editcorpus.storage import Store
root, spool, seed, *options = sys.argv[1:]
names = ("key", "secret", "endpoint_url")
store = Store(root, dict(zip(names, options)), Path(spool))
draw = random.Random(int(seed))
print("ready", flush=True)
for number in range(1_000_000):
    data = draw.randbytes(draw.choice((10, 10_000, 3_000_000)))
    body = hashlib.sha256(data).digest() + data
    name = f"k/{draw.randrange(20)}"
    if draw.random() < 0.5:
        store.write(name, body)
    else:
        with store.upload(name) as file:
            file.write_bytes(body)
    print(name, hashlib.sha256(body).hexdigest(), flush=True)
"""


def test_a_kill_at_any_moment_leaves_each_name_whole(any_store: Store, s3, start, tmp_path: Path):
    draw, seen = Random(4), 0
    options = [] if any_store.local else list(s3.options.values())
    for turn in range(6 if any_store.local else 3):
        child = start(WRITER, any_store.root, str(tmp_path / "spool"), str(turn), *options)
        assert child.stdout.readline() == "ready\n"
        told, most = {}, draw.randrange(1, 12)
        for line in child.stdout:
            name, digest = line.split()
            told[name] = digest
            if len(told) >= most:
                break
        child.kill()
        last = {line.split()[0] for line in child.stdout if line.endswith("\n")}
        child.wait()
        names = set(any_store.list("k"))
        assert set(told) <= names
        for name in names:
            body = any_store.read(name)
            seen += 1
            assert hashlib.sha256(body[32:]).digest() == body[:32]
        same = [
            name for name in told if hashlib.sha256(any_store.read(name)).hexdigest() == told[name]
        ]
        assert len(set(told) - set(same) - last) <= 1  # the one that was under way
    assert seen >= 10


STEPWISE = """
import os, signal, sys
from itertools import count
from editcorpus.storage import Store

store = Store(sys.argv[1])
old, new = b"old" * 9, b"new" * 9
path = store.local_file("k/a")


def upload():
    with store.upload("k/a") as file:
        file.write_bytes(new)


def dying(work, number):
    left = [number]

    def step(*_):
        left[0] -= 1
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.setprofile(step)
    work()
    sys.setprofile(None)
    os._exit(0)


works = {
    "write": lambda: store.write("k/a", new),
    "upload": upload,
    "create": lambda: store.create("k/a", new),
}
for name, work in works.items():
    found = set()
    for number in count(1):
        path.unlink(missing_ok=True)
        if name != "create":
            store.write("k/a", old)
        child = os.fork()
        if not child:
            dying(work, number)
        status = os.waitpid(child, 0)[1]
        names = store.list("k")
        found.add((names == ["k/a"] and store.read("k/a"), bool(status)))
        assert len(names) <= 1
        if not status:
            break
    before = False if name == "create" else old
    assert found == {(before, True), (new, True), (new, False)}, [name, *found]
    print(name, number, flush=True)
"""


def test_a_kill_between_any_two_steps_of_a_local_write_leaves_old_or_new(tmp_path: Path, start):
    child = start(STEPWISE, str(tmp_path / "store"))
    steps = dict(line.split() for line in child.stdout)
    assert child.wait() == 0
    assert set(steps) == {"write", "upload", "create"}
    assert min(map(int, steps.values())) > 30


@pytest.fixture
def tiny(tmp_path: Path):
    """A disk of one megabyte; needs root, as build machines have."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip("no right to mount a small disk")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_is_one_sentence_and_leaves_nothing(tiny: Path):
    store = Store.on_disk(tiny / "store")
    store.write("a/old", b"1" * 1000)
    for _ in range(3):
        with pytest.raises(StorageFull, match=r"^No space is left for /.*/store/a/new\.$"):
            store.write("a/new", bytes(2_000_000))
        with pytest.raises(StorageFull), store.upload("a/new") as file:
            pq.write_table(pa.table({"x": [os.urandom(2_000_000)]}), file)
        with pytest.raises(StorageFull):
            store.create("a/new", bytes(2_000_000))
    assert names_in(tiny / "store/a") == ["old"]
    store.write("a/new", bytes(500_000))
    with suppress(OSError):
        (tiny / "fill").write_bytes(bytes(1_000_000))
    with pytest.raises(StorageFull, match=r"^No space is left for /.*/store/probe-"):
        store.check()


@pytest.mark.s3
def test_a_full_spool_names_the_spool(tiny: Path, s3_store: Store, s3):
    store = Store(s3_store.root, s3.options, tiny / "spool")
    sentence = r"for s3://.*/a in the spool folder .*/spool\."
    with pytest.raises(StorageFull, match=sentence), store.upload("a") as file:
        file.write_bytes(bytes(2_000_000))
    assert not store.exists("a")
    assert names_in(tiny / "spool") == []


def test_check_leaves_nothing(any_store: Store, tmp_path: Path):
    any_store.check()
    any_store.check()
    if any_store.local:
        assert names_in(any_store.local) == []
    else:
        assert names_in(tmp_path / "spool") == []


def test_many_processes_may_check_at_once(disk_store: Store):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: disk_store.check(), range(64)))


def test_a_root_that_is_a_file_is_one_sentence(tmp_path: Path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(
        ConfigError, match=r"The store .*/file/a cannot be used: .*File exists"
    ) as e:
        Store.on_disk(tmp_path / "file/a").check()
    assert "\n" not in str(e.value)


def test_a_folder_without_rights_is_a_storage_error(disk_store: Store):
    disk_store.write("a/b", b"1")
    with pytest.raises(StorageError, match=r"a: .*[Nn]ot a directory|Is a directory"):
        disk_store.read("a")


@pytest.mark.parametrize("root", ["nope://x/y", "s3://"])
def test_a_root_that_cannot_be_opened_is_one_sentence(root: str):
    with pytest.raises(ConfigError, match=r"No store can be opened|names no bucket"):
        Store(root)


def test_a_root_may_end_in_a_slash_or_begin_with_file(tmp_path: Path):
    store = Store(f"file://{tmp_path}/a/")
    store.write("b", b"1")
    assert (tmp_path / "a/b").read_bytes() == b"1"
    assert store.url("b") == f"{tmp_path}/a/b"


@pytest.mark.s3
@pytest.mark.parametrize(
    ("root", "change", "sentence"),
    [
        ("s3://no-such-bucket/x", {}, "bucket does not exist"),
        ("s3://taken/x", {"secret": "wr0ng-of-test"}, "signature"),
        ("s3://taken/x", {"key": "n0body-of-test"}, "Access|not exist"),
        ("s3://taken/x", {"endpoint_url": "http://127.0.0.1:1"}, "connect"),
        ("s3://taken/x", {"endpoint_url": "http://me:pw-of-test@127.0.0.1:1"}, "URL"),
    ],
)
def test_an_unusable_bucket_is_one_sentence_within_seconds(s3, tmp_path, root, change, sentence):
    if not s3.files.exists("taken"):
        s3.bucket("taken")
    began = time.monotonic()
    with pytest.raises(ConfigError, match=sentence) as caught:
        Store(root, {**s3.options, **change}, tmp_path).check()
    assert time.monotonic() - began < 8
    text = str(caught.value)
    assert text.startswith(f"The store {root} cannot be used: ")
    assert "of-test" not in text
    assert "\n" not in text
    assert names_in(tmp_path) == []


@pytest.mark.s3
def test_a_spool_that_cannot_be_made_is_found_by_the_check(s3_store: Store, s3, tmp_path: Path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(ConfigError, match=r"cannot be used: .*File exists"):
        Store(s3_store.root, s3.options, tmp_path / "file/spool").check()


@pytest.mark.s3
def test_a_bucket_that_goes_away_is_a_storage_error(s3, tmp_path: Path):
    s3.bucket("leaving")
    store = Store("s3://leaving/x", s3.options, tmp_path)
    store.write("a", b"1")
    store.remove("a")
    s3.files.rmdir("leaving")
    with pytest.raises(StorageError, match=r"s3://leaving/x/b: .*bucket"):
        store.write("b", b"1")
    with (
        pytest.raises(StorageError, match=r"s3://leaving/x/b: .*bucket"),
        store.upload("b") as file,
    ):
        file.write_bytes(b"1")
    with pytest.raises(StorageError, match=r"s3://leaving/x/y: .*bucket"):
        store.list("y")


def test_safe_names_keep_what_is_harmless():
    assert safe_name("omniedit/task_obj_add-12.3~x") == "omniedit%2Ftask_obj_add-12.3~x"
    assert safe_name("ü 🙂") == "%C3%BC%20%F0%9F%99%82"
    assert [safe_name(text) for text in ("", ".", "..", ".x.tmp")] == [
        *("=", "%2E", "%2E."),
        "%2Ex.tmp",
    ]


def test_safe_names_are_distinct_and_fit_on_any_disk(disk_store: Store):
    texts = [
        "",
        ".",
        "..",
        "=",
        "%2E",
        "a/b",
        "a%2Fb",
        "\0",
        "\ud800",
        *("日" * n for n in range(1, 300)),
    ]
    names = {safe_name(text) for text in texts}
    assert len(names) == len(texts)
    for name in names:
        assert len(name) <= 152
        disk_store.write(f"x/{name}", b"1")
    assert len(disk_store.list("x")) == len(texts)
