"""How fast an export is against a copy of the same bytes, in one run on one disk.

`.venv/bin/python tests/benchmarks/export_speed.py [RECORDS]`; the corpus is read once before, so that both
find it in the memory of the machine, and both force what they wrote to the disk. The best of three of each,
one after the other. The seconds of CPU behind a speed are of the whole process; they tell more than the speed
does where the machine has other work.
"""

import hashlib
import os
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from editcorpus.layouts.catalogue import LAYOUTS
from editcorpus.layouts.corpus import open_corpus
from editcorpus.layouts.export import export
from editcorpus.layouts.manifest import CorpusManifest, commit_manifest
from editcorpus.layouts.parquet import write_outcomes, write_shard
from editcorpus.records import Published
from editcorpus.storage import Store

sys.path.insert(0, str(Path(__file__).parents[1] / "corpora"))
from plain_corpus import plain_record

NAMES = ("parquet", "webdataset")
TIMES = 3
LEAST = 0.8
"""Of the speed of a copy."""
_SHARD = 256
_SOURCE, _EDITED = 300_000, 1_500_000
"""Bytes of the pictures: what a JPEG and a PNG of 1024 x 1024 pixels have. Only their marks are true."""


def _records(first: int, count: int) -> Iterator[Published]:
    for number in range(first, first + count):
        mark = hashlib.sha256(b"%d" % number).digest()
        source = b"\xff\xd8\xff\xe0" + mark * (_SOURCE // len(mark))
        edited = b"\x89PNG\r\n\x1a\n" + mark * (_EDITED // len(mark))
        yield plain_record(number, source_image=source, edited_image=edited)


def _corpus(store: Store, records: int) -> None:
    files = []
    for number, first in enumerate(range(0, records, _SHARD)):
        made = _records(first, min(_SHARD, records - first))
        files.append(write_shard(store, f"corpora/bench/data/train-{number:05d}.parquet", made))
    names = [f"corpora/bench/{name}.parquet" for name in ("rejects", "failed")]
    files += [write_outcomes(store, name, ()) for name in names]
    store.write("corpora/bench/README.md", b"# bench\n")
    manifest = CorpusManifest("bench", records, records, {}, {}, tuple(files))
    commit_manifest(store, "corpora/bench", manifest)


def _copied(source: Path, target: Path) -> None:
    """A plain copy that would survive a power cut, as an export does."""
    for file in sorted(path for path in source.rglob("*") if path.is_file()):
        place = target / file.relative_to(source)
        place.parent.mkdir(parents=True, exist_ok=True)
        with file.open("rb") as opened, place.open("wb") as written:
            shutil.copyfileobj(opened, written, 8 * 2**20)
            written.flush()
            os.fsync(written.fileno())


class Measure(NamedTuple):
    """Megabytes a second, and seconds of CPU for a gigabyte."""

    speed: float
    cpu: float

    def __str__(self) -> str:
        return f"{self.speed:,.0f} MB/s ({self.cpu:.2f} s of CPU a GB)"


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _measured(target: Path, write: Callable[[], object]) -> Measure:
    began, used = time.perf_counter(), _cpu()
    write()
    seconds, used = time.perf_counter() - began, _cpu() - used
    size = sum(file.stat().st_size for file in target.rglob("*") if file.is_file())
    shutil.rmtree(target)
    return Measure(size / seconds / 1e6, used / size * 1e9)


def main(records: int) -> int:
    """Print speeds and shares; 1 where a layout is too slow."""
    slow = 0
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        store = Store.on_disk(root / "store")
        _corpus(store, records)
        source, target = root / "store/corpora/bench", root / "out"
        corpus, outside = open_corpus(store, "corpora/bench"), Store.on_disk(root)
        _copied(source, target)  # so that every file is in memory
        shutil.rmtree(target)
        for name in NAMES:
            pairs = [
                (
                    _measured(target, lambda: _copied(source, target)),
                    _measured(target, lambda n=name: export(corpus, LAYOUTS[n], outside, "out")),
                )
                for _ in range(TIMES)
            ]
            copy, made = map(max, zip(*pairs, strict=True))
            share = made.speed / copy.speed
            slow += share < LEAST
            sys.stdout.write(f"{name}: {made}; a copy {copy}; share {share:.2f}\n")
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000))
