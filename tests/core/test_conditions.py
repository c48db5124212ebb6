"""Whether a store honours conditional writes, and whether it can fool who asks."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from hashlib import md5
from threading import Lock

import pytest

from editcorpus.conditions import Promise, probed
from editcorpus.errors import StorageError
from editcorpus.storage import Store


class Server:
    """Objects in memory, behind conditions that may be kept or not."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.lock = Lock()

    def read(self, path: str) -> bytes:
        return self.objects[path]

    def remove(self, path: str) -> None:
        self.objects.pop(path, None)

    def tag(self, path: str) -> str:
        found = self.objects.get(path)
        return "" if found is None else md5(found).hexdigest()

    def swap(self, path: str, data: bytes, tag: str) -> bool:
        with self.lock:
            if self.tag(path) != tag:
                return False
            self.objects[path] = data
            return True


class Ignoring(Server):
    """Says 200 to everything, as rclone 1.75 does."""

    def swap(self, path: str, data: bytes, tag: str) -> bool:
        self.objects[path] = data
        return True


class Lying(Server):
    """Says that the condition does not hold, and writes all the same."""

    def swap(self, path: str, data: bytes, tag: str) -> bool:
        done = super().swap(path, data, tag)
        self.objects[path] = data
        return done


class CreatesOnly(Server):
    """Keeps If-None-Match, and ignores If-Match."""

    def swap(self, path: str, data: bytes, tag: str) -> bool:
        return super().swap(path, data, self.tag(path) if tag else "")


class NeverMatches(Server):
    """Keeps If-None-Match, and finds no ETag to match."""

    def swap(self, path: str, data: bytes, tag: str) -> bool:
        return not tag and super().swap(path, data, tag)


class Unknowing(Server):
    """Answers 501 to a condition."""

    def swap(self, path: str, data: bytes, tag: str) -> bool:
        raise StorageError(
            f"{path}: A header you provided implies functionality that is not there."
        )


class Sloppy(Server):
    """Lets two who create the same name at once have it."""

    def __init__(self) -> None:
        super().__init__()
        self.let = 0

    def swap(self, path: str, data: bytes, tag: str) -> bool:
        done = super().swap(path, data, tag)
        with self.lock:
            if not done and not tag and not self.let:
                self.let, self.objects[path] = 1, data
                return True
        return done


class Undeleting(Server):
    """Lets nobody delete."""

    def remove(self, path: str) -> None:
        raise StorageError(f"{path}: Access Denied.")


def test_a_server_that_keeps_its_conditions_is_believed():
    server = Server()
    assert probed(server) == Promise(conditional=True)
    assert server.objects == {}


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        (Ignoring, "8 of 8 who created the same name"),
        (Lying, "wrote over an object that was there"),
        (CreatesOnly, "wrote over an object that was not the one named"),
        (NeverMatches, "did not write over the object that was named"),
        (Sloppy, "2 of 8 who created the same name"),
        (Unknowing, "A header you provided implies"),
    ],
)
def test_a_server_that_does_not_is_found_out(kind: Callable[[], Server], why: str):
    server = kind()
    promise = probed(server)
    assert not promise.conditional
    assert why in promise.why
    assert promise.sentence.startswith("One payer per request: by leases with a settling time;")
    assert promise.sentence.endswith(".") and not promise.sentence.endswith("..")
    assert server.objects == {}


def test_a_store_without_the_right_to_delete_is_probed_all_the_same():
    server = Undeleting()
    assert probed(server).conditional
    assert len(server.objects) == 1


def test_many_probes_at_once_do_not_disturb_each_other(any_store: Store):
    def fresh(_: int) -> Promise:
        return Store(any_store.root, any_store._options, any_store.spool).promise()

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(fresh, range(4)))
    assert len({promise.conditional for promise in found}) == 1
    if any_store.local:
        assert list(any_store.local.iterdir()) == []


def test_a_folder_keeps_its_conditions(disk_store: Store):
    assert disk_store.promise().sentence == (
        "One payer per request: by conditional writes, which this store honours."
    )


def test_what_is_swapped_is_what_was_read(disk_store: Store):
    assert disk_store.tag("a/b") == ""
    assert disk_store.swap("a/b", b"1", "")
    assert not disk_store.swap("a/b", b"2", "")
    tag = disk_store.tag("a/b")
    assert disk_store.swap("a/b", b"2", tag)
    assert not disk_store.swap("a/b", b"3", tag)
    assert disk_store.read("a/b") == b"2"
    disk_store.remove("a/b")
    assert not disk_store.swap("a/b", b"3", tag)


def test_of_16_threads_that_count_none_is_lost(disk_store: Store):
    def count(_: int) -> None:
        while True:
            tag = disk_store.tag("count")
            seen = int(disk_store.read("count")) if tag else 0
            if disk_store.swap("count", str(seen + 1).encode(), tag):
                return

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(count, range(64)))
    assert disk_store.read("count") == b"64"


def test_a_bucket_says_which_promise_holds(s3_store: Store):
    promise = s3_store.promise()
    assert promise.conditional or "told that they did" in promise.why
    assert s3_store.promise() is promise
