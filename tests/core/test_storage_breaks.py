"""The store when a process is killed, a disk is full, or a bucket goes away."""

import hashlib
import os
import subprocess
from contextlib import suppress
from pathlib import Path
from random import Random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from editcorpus.checks import check_store
from editcorpus.errors import StorageError, StorageFull
from editcorpus.storage import Store


def names_in(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


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
        refuse = pytest.fail if os.environ.get("CI") else pytest.skip
        refuse("No right to mount a small disk.")
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
        check_store(store)


@pytest.mark.s3
def test_a_full_spool_names_the_spool(tiny: Path, s3_store: Store, s3):
    store = Store(s3_store.root, s3.options, tiny / "spool")
    sentence = r"for s3://.*/a in the spool folder .*/spool\."
    with pytest.raises(StorageFull, match=sentence), store.upload("a") as file:
        file.write_bytes(bytes(2_000_000))
    assert not store.exists("a")
    assert names_in(tiny / "spool") == []


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
