"""Small finished corpora to unite, made of bytes that look like pictures."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from editcorpus.layouts.corpus import open_corpus
from editcorpus.layouts.manifest import CorpusManifest, commit_manifest
from editcorpus.layouts.parquet import read_shard, write_outcomes, write_shard
from editcorpus.leases import Owner
from editcorpus.records import Published, Reason, Rejected
from editcorpus.storage import Store
from editcorpus.union.hands import Threads
from editcorpus.union.results import United
from editcorpus.union.terms import Terms
from editcorpus.union.unite import Wish, unite

KINDS: dict[type, Any] = {str: "", int: 16, float: 0.5, bool: True, bytes: b"", float | None: None}
OWNER = Owner("me", "here", 1)


def record(number: int, **changes: Any) -> Published:
    """A record of its own: no other number gives the same id, pictures or instruction."""
    members = {name: KINDS[kind] for name, kind in Published.__annotations__.items()}
    own = {
        "id": f"omniedit/{number}",
        "dataset_source": "omniedit",
        "task": "addition",
        "family": "object_addition",
        "variant": "output",
        "instruction": f"Add bird {number}.",
        "instruction_type": "original",
        "source_image": b"\xff\xd8\xff source %d" % number,
        "edited_image": b"\x89PNG\r\n\x1a\n edited %d" % number,
        "license": "MIT",
        "model": "gpt-image-2.5-sunburst",
        "outside_mask": -1.0,
        "change_x": 0,
        "change_y": 0,
        **dict.fromkeys(("crop_left", "crop_top", "crop_right", "crop_bottom"), 0),
        "lost_share": 0.0,
        "response": f"{number:064x}",
        "source_row": number,
    }
    return Published(**members | own | changes)


def records(numbers: Iterable[int], **changes: Any) -> list[Published]:
    return [record(number, **changes) for number in numbers]


@dataclass(frozen=True)
class World:
    """A store with runs, and what is asked of it."""

    store: Store

    def run(self, name: str, *shards: list[Published], store: Store | None = None) -> None:
        """Write the finished corpus of a run; one triplet of it was rejected."""
        place, folder = store or self.store, f"corpora/{name}"
        lost = [Rejected(f"{name}/lost", "filter", Reason.NO_EDIT, "0.000 changed")]
        files = [
            write_shard(place, f"{folder}/data/train-{number:05d}.parquet", rows)
            for number, rows in enumerate(shards)
        ]
        files.append(write_outcomes(place, f"{folder}/rejects.parquet", lost))
        files.append(write_outcomes(place, f"{folder}/failed.parquet", ()))
        place.write(f"{folder}/README.md", f"---\npretty_name: x\n---\n# {name}\n".encode())
        rows = [row for shard in shards for row in shard]
        manifest = CorpusManifest(
            run=name,
            entered=len(rows) + 1,
            kept=len(rows),
            rejected={"no_edit": 1},
            failed={},
            files=tuple(files),
            models={"regenerate": "gpt-image-2.5-sunburst"},
            tasks=Counter(row.task for row in rows),
            licences=Counter(row.license for row in rows),
        )
        commit_manifest(place, folder, manifest)

    def unite(self, *runs: str, name: str = "all", **asked: Any) -> United:
        """Unite runs of the store; `release` and `anew` aside, what is asked are terms."""
        own = {key: asked.pop(key) for key in ("release", "anew") if key in asked}
        corpora = tuple(open_corpus(self.store, f"corpora/{run}") for run in runs)
        wish = Wish(name, corpora, Terms(**asked), **own)
        return unite(self.store, wish, OWNER, Threads(2, lambda *_: None))

    def kept(self, name: str = "all", split: str = "") -> list[Published]:
        """All records of a corpus in the order of its files."""
        corpus = open_corpus(self.store, f"corpora/{name}")
        files = [shard for shard in corpus.shards if shard.stem.startswith(split)]
        return [row for shard in files for row in read_shard(self.store, shard.path)]

    def data(self, name: str = "all") -> dict[str, bytes]:
        """The files with records, byte by byte."""
        paths = self.store.list(f"corpora/{name}/data")
        return {path.rpartition("/")[2]: self.store.read(path) for path in paths}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(Store.on_disk(tmp_path / "store"))


@pytest.fixture
def made() -> Callable[..., list[Published]]:
    return records


@pytest.fixture
def one() -> Callable[..., Published]:
    return record
