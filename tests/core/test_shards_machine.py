"""A step is written again and again and dies at any write: a manifest never speaks of what is not there."""

import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from editcorpus.errors import ShardDamaged
from editcorpus.failpoints import Failpoint, FragileStore
from editcorpus.records import Reason, Rejected
from editcorpus.shards import (
    Columns,
    Manifest,
    read_manifest,
    shard_folder,
    write_columns,
    write_manifest,
)
from editcorpus.storage import Store

FOLDER = shard_folder("spring", 17)
STEPS = ("pad", "align")
NEVER = Failpoint("before", "*", 1_000_000)


class Dead(Exception):
    """Stands for the end of the process."""


def die() -> None:
    raise Dead


@dataclass(frozen=True, slots=True)
class Padded:
    id: str
    width: int
    canvas: bytes
    view: bytes | None


@dataclass(frozen=True, slots=True)
class Aligned:
    id: str
    score: float


Row = Padded | Aligned
CLASSES: dict[str, type[Row]] = {"pad": Padded, "align": Aligned}


def row(step: str, number: int, version: int) -> Row:
    if step == "align":
        return Aligned(f"toy/{number}", version / 7)
    view = None if number % 3 else b"view %d" % version
    return Padded(f"toy/{number}", version, b"%d of %d" % (number, version) * 9, view)


@dataclass(frozen=True)
class Result:
    """What one time of doing a step makes."""

    step: str
    version: int
    kept: int
    rejected: int

    @property
    def rows(self) -> list[Row]:
        return [row(self.step, number, self.version) for number in range(self.kept)]

    def write(self, store: Store) -> None:
        rows: Iterator[Row] = iter(self.rows)
        done = write_columns(store, FOLDER, self.step, CLASSES[self.step], rows)
        gone = tuple(
            Rejected(f"toy/{self.kept + number}", self.step, Reason.NO_EDIT, "None.")
            for number in range(self.rejected)
        )
        write_manifest(
            store,
            FOLDER,
            Manifest(
                step=self.step,
                version=self.version,
                fingerprint=f"{self.version:064x}",
                entered=self.kept + self.rejected,
                kept=done.records,
                rejected=gone,
                failed=(),
                sha256=done.sha256,
                size=done.size,
                pictures_sha256=done.pictures_sha256,
                pictures_size=done.pictures_size,
            ),
        )


results = st.builds(
    Result, st.sampled_from(STEPS), st.integers(1, 4), st.integers(0, 9), st.integers(0, 3)
)


class Committing(RuleBasedStateMachine):
    """Two steps over one shard, in many lives.

    `told` is the newest manifest of each step that can be durable; `whole` says that all which was
    written for a step since belongs to it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.store = Store.on_disk(self.folder.name)
        self.told: dict[str, Result] = {}
        self.whole: dict[str, bool] = {}

    def teardown(self) -> None:
        self.folder.cleanup()

    @rule(result=results)
    def do_a_step(self, result: Result) -> None:
        result.write(FragileStore(NEVER, die, self.folder.name))
        self.told[result.step], self.whole[result.step] = result, True

    @rule(
        result=results,
        when=st.sampled_from(["before", "during", "after"]),
        name=st.sampled_from(["parquet", "pictures.parquet", "json"]),
    )
    def die_in_a_step(self, result: Result, when: str, name: str) -> None:
        path = f"{FOLDER}/{result.step}.{name}"
        store = FragileStore(Failpoint(when, path, 1), die, self.folder.name)
        died = True
        with suppress(Dead):
            result.write(store)
            died = False
        if not died or (when == "after" and name == "json"):
            self.told[result.step], self.whole[result.step] = result, True
        else:
            self.whole[result.step] = False

    @precondition(lambda self: self.told)
    @rule(data=st.data(), gone=st.booleans(), where=st.floats(0, 1, exclude_max=True))
    def damage(self, data: st.DataObject, gone: bool, where: float) -> None:
        path = data.draw(st.sampled_from(self.store.list(FOLDER)))
        file = Path(self.folder.name) / path
        content = bytearray(file.read_bytes())
        content[int(where * len(content))] ^= 4
        file.write_bytes(bytes(content))
        if gone:
            file.unlink()
        self.whole[path.rpartition("/")[2].partition(".")[0]] = False

    def read(self, step: str) -> list[Row]:
        """Every row of a step, with its pictures, as the next step reads it."""
        columns = Columns(self.store, FOLDER)
        found = columns.facts(step, CLASSES[step])
        if step == "align":
            return found
        with columns.pictures(step, "canvas") as canvases, columns.pictures(step, "view") as views:
            assert len(canvases) == len(found)
            pairs = [(canvases.need(number), views[number]) for number in range(len(found))]
        return [
            replace(one, canvas=canvas, view=view)
            for one, (canvas, view) in zip(found, pairs, strict=True)
        ]

    @invariant()
    def what_a_manifest_says_is_there_or_is_known_to_be_damaged(self) -> None:
        for step in STEPS:
            told, whole = self.told.get(step), self.whole.get(step, False)
            try:
                manifest = read_manifest(self.store, FOLDER, step)
                rows = None if manifest is None else self.read(step)
            except ShardDamaged:
                assert not whole
                continue
            if manifest is None or rows is None:
                assert not whole
                continue
            assert told is not None
            assert rows == told.rows
            assert (manifest.entered, manifest.kept) == (told.kept + told.rejected, told.kept)
            assert len(manifest.rejected) == told.rejected

    @invariant()
    def nothing_but_whole_files_is_listed(self) -> None:
        names = {path.rpartition("/")[2] for path in self.store.list(FOLDER)}
        assert names <= {"pad.parquet", "pad.pictures.parquet", "pad.json"} | {
            "align.parquet",
            "align.json",
        }


TestCommitting = Committing.TestCase
TestCommitting.settings = settings(
    max_examples=40,
    stateful_step_count=15,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
