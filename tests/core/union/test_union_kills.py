"""A death at any moment leaves no half corpus, and the same call makes the very same one."""

import errno
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from editcorpus.errors import ConfigError, RunStopped, StorageFull, Taken
from editcorpus.layouts.corpus import open_corpus
from editcorpus.layouts.manifest import read_manifest
from editcorpus.leases import Owner, Times
from editcorpus.storage import Store
from editcorpus.union.hands import Guard, Threads
from editcorpus.union.terms import Terms
from editcorpus.union.unite import Wish, unite

pytestmark = pytest.mark.long

TERMS = Terms(validation_share=0.2, test_share=0.2, shard_records=64)


class Died(BaseException):
    """The process is gone: nothing catches this."""


class Mortal(Store):
    """A store whose process dies before its n-th change, which is after the one before."""

    left = 10**9

    @contextmanager
    def upload(self, path: str) -> Iterator[Path]:
        with self._counted(path), super().upload(path) as file:
            yield file

    def remove(self, path: str) -> None:
        with self._counted(path):
            super().remove(path)

    @contextmanager
    def _counted(self, path: str) -> Iterator[None]:
        if "/lock/" in path or path.startswith("probe-"):
            yield
            return
        self.left -= 1
        if self.left == 0:
            raise Died
        yield


def united(store: Store, *runs: str, name: str = "all", terms: Terms = TERMS) -> Any:
    corpora = tuple(open_corpus(store, f"corpora/{run}") for run in runs)
    hands = Threads(1, lambda *_: None)
    return unite(store, Wish(name, corpora, terms), Owner("me", "here", 1), hands)


def files(store: Store) -> dict[str, bytes]:
    paths = [*store.list("corpora/all"), "unions/all/union.json"]
    return {path: store.read(path) for path in paths}


def mortal(store: Store, left: int) -> Mortal:
    made = Mortal(store.root)
    made.left = left
    return made


@pytest.fixture
def runs(world: Any, made: Any) -> Any:
    world.run("a", made(range(40)), made(range(40, 60)))
    world.run("b", made(range(50, 90)))
    return world


def changes(world: Any, *named: str) -> int:
    """How many changes of the store it takes."""
    counting = mortal(world.store, 10**9)
    united(counting, *named, name="all")
    return 10**9 - counting.left


def test_a_death_at_any_change_leaves_none_or_a_whole_one(runs: Any) -> None:
    total = changes(runs, "a", "b")
    wanted = files(runs.store)
    assert total > 12
    for place in range(1, total + 1):
        _empty(runs.store)
        with pytest.raises(Died):
            united(mortal(runs.store, place), "a", "b")
        if read_manifest(runs.store, "corpora/all") is not None:
            _check_whole(runs.store)
        united(runs.store, "a", "b")
        assert files(runs.store) == wanted, place


def test_a_death_while_a_run_is_added_can_be_mended_or_taken_back(runs: Any) -> None:
    united(runs.store, "a")
    alone, before = files(runs.store), _all(runs.store)
    total = changes(runs, "b")
    both = files(runs.store)
    for place in range(1, total + 1):
        then, wanted = (("b", both), ("a", alone))[place % 2]
        _empty(runs.store)
        for path, data in before.items():
            runs.store.write(path, data)
        with pytest.raises(Died):
            united(mortal(runs.store, place), "b")
        if read_manifest(runs.store, "corpora/all") is not None:
            _check_whole(runs.store)
        united(runs.store, then)
        assert files(runs.store) in (wanted, both), place


def _all(store: Store) -> dict[str, bytes]:
    """All that the union has left in its store."""
    return {path: store.read(path) for path in [*store.list("corpora/all"), *store.list("unions")]}


def _empty(store: Store) -> None:
    for path in [*store.list("corpora/all"), *store.list("unions")]:
        store.remove(path)


def _check_whole(store: Store) -> None:
    manifest = read_manifest(store, "corpora/all")
    assert manifest is not None
    for file in manifest.files:
        assert store.size(f"corpora/all/{file.path}") == file.bytes


def test_it_goes_on_behind_the_last_whole_file(runs: Any) -> None:
    total = changes(runs, "a", "b")
    _empty(runs.store)
    with pytest.raises(Died):
        united(mortal(runs.store, total - 6), "a", "b")
    data = [Path(runs.store.url(path)) for path in runs.store.list("corpora/all/data")]
    written = {file: file.stat().st_ino for file in data}
    assert len(written) > 3
    united(runs.store, "a", "b")
    assert {file: file.stat().st_ino for file in written} == written


def test_a_disk_that_is_full_stops_it_and_names_the_place(runs: Any) -> None:
    class Full(Store):
        @contextmanager
        def upload(self, path: str) -> Iterator[Path]:
            with super().upload(path) as file:
                yield file
                if "/data/" in path:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(StorageFull, match=r"No space is left for .*data/train-00000"):
        united(Full(runs.store.root), "a")
    assert read_manifest(runs.store, "corpora/all") is None
    assert united(runs.store, "a").kept == 60


def test_two_at_once_do_not_come_into_each_others_way(runs: Any) -> None:
    corpora = (open_corpus(runs.store, "corpora/a"),)

    class Meets:
        """Hands that meet another process in the middle of their work."""

        def over(self, step: str, work: Any, count: int, stop: Any) -> None:
            other = Owner("other", "there", 2)
            with pytest.raises(Taken, match="The corpus 'all' is being united by process 1"):
                unite(runs.store, Wish("all", corpora, TERMS), other, self)
            Threads(1, lambda *_: None).over(step, work, count, stop)

    owner = Owner("me", "here", 1)
    assert unite(runs.store, Wish("all", corpora, TERMS), owner, Meets()).kept == 60


def test_who_loses_the_lock_stops_and_writes_no_manifest(runs: Any) -> None:
    corpora = (open_corpus(runs.store, "corpora/a"),)

    class Loses:
        """Hands that find out between two steps that the lock went to somebody else."""

        def over(self, step: str, work: Any, count: int, stop: Any) -> None:
            stop()
            work(0)

    with pytest.raises(RunStopped, match="the same command goes on"):
        unite(
            runs.store,
            Wish("all", corpora, TERMS),
            Owner("me", "here", 1),
            Loses(),
            Times(lambda: 0.0),
        )
    assert read_manifest(runs.store, "corpora/all") is None


def test_a_run_that_changes_meanwhile_is_told(runs: Any, made: Any) -> None:
    corpora = (open_corpus(runs.store, "corpora/a"),)

    class Changes:
        """Hands during whose work the run is built again."""

        def over(self, step: str, work: Any, count: int, stop: Any) -> None:
            Threads(1, lambda *_: None).over(step, work, count, stop)
            if step == "copy":
                runs.run("a", made(range(61)))

    with pytest.raises(Exception, match="changed while it was united"):
        unite(runs.store, Wish("all", corpora, TERMS), Owner("me", "here", 1), Changes())
    assert read_manifest(runs.store, "corpora/all") is None


def test_an_interrupt_lets_go_of_everything_and_can_be_gone_on_with(runs: Any) -> None:
    corpora = (open_corpus(runs.store, "corpora/a"), open_corpus(runs.store, "corpora/b"))
    wish, owner = Wish("all", corpora, TERMS), Owner("me", "here", 1)

    def interrupted(step: str, *_: int) -> None:
        if step == "copy":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        unite(runs.store, wish, owner, Threads(1, interrupted))
    assert read_manifest(runs.store, "corpora/all") is None
    assert runs.store.list("unions/all/lock") == []
    assert united(runs.store, "a", "b").kept == 90


def test_nothing_to_unite_is_no_corpus(world: Any) -> None:
    with pytest.raises(ConfigError, match="at least one"):
        united(world.store)


def test_a_damaged_book_is_told(runs: Any) -> None:
    united(runs.store, "a")
    runs.store.write("unions/all/union.json", b"{")
    with pytest.raises(Exception, match=r"union\.json is damaged"):
        united(runs.store, "a")


def test_what_is_known_of_another_store_can_be_gone(runs: Any, tmp_path: Path) -> None:
    place = Store.on_disk(tmp_path / "new")
    corpora = (open_corpus(runs.store, "corpora/a"),)
    hands, owner = Threads(1, lambda *_: None), Owner("me", "here", 1)
    unite(place, Wish("all", corpora, TERMS), owner, hands)
    for path in place.list("unions/digests"):
        place.remove(path)
    more = (open_corpus(runs.store, "corpora/b"),)
    with pytest.raises(Exception, match="is gone from unions/digests"):
        unite(place, Wish("all", more, TERMS), owner, hands)


def test_hands_let_go_at_the_first_error_and_tell_it() -> None:
    guard, over, seen = Guard(), threading.Event(), []

    def stop() -> None:
        guard.stop("Stopped.")
        over.set()

    def work(number: int) -> int:
        seen.append(number)
        if number == 1:
            raise StorageFull("No space is left.")
        if number > 1:
            over.wait(60)
        guard.alive()
        return 1

    with pytest.raises(StorageFull):
        Threads(1, lambda *_: None).over("copy", work, 50, stop)
    assert len(seen) <= 3
