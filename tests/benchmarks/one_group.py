"""Memory and bytes of reading a table of ScaleEdit with one row group of 4 GB, in shards of 256.

    python tests/benchmarks/one_group.py [GIGABYTES]

The file is read in a process of its own, as a run reads it: planned, and then gone through by the shelf,
shard after shard. Once its pages hold one row each, and once 1,024 as Arrow writes them for its own tables,
so that a page takes 512 MB. Pictures are noise of 0.5 MB, which nothing packs. Bars: 1 GiB resident; each
byte of the column read once. Needs twice the gigabytes on the disk of the temporary folder, and says so
where they are not there.
"""

import json
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from editcorpus.inputs import Inputs
from editcorpus.planning import Selection, plan
from editcorpus.sources.scaleedit import SOURCE

PICTURE = 2**19
"""Bytes of a picture."""
TASK = "object_addition"


@dataclass(frozen=True)
class Counted(Inputs):
    """Inputs that count the bytes that are read of their files."""

    read: list[int] = field(default_factory=list)

    def open(self, url: str) -> IO[bytes]:
        return _Counting(Path(url), self.read)  # type: ignore[return-value]


class _Counting:
    def __init__(self, path: Path, told: list[int]) -> None:
        self._file, self._told = path.open("rb"), told

    def read(self, size: int = -1) -> bytes:
        found = self._file.read(size)
        self._told.append(len(found))
        return found

    def seek(self, *place: int) -> int:
        return self._file.seek(*place)

    def __enter__(self) -> "_Counting":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def write(path: Path, rows: int, page_rows: int) -> None:
    """One row group whose pages of pictures hold so many rows; no picture is in memory twice."""
    noise = pa.py_buffer(np.random.default_rng(0).bytes(page_rows * PICTURE + rows))
    offsets = pa.py_buffer(np.arange(page_rows + 1, dtype=np.int32) * PICTURE)
    chunks = [
        pa.Array.from_buffers(
            pa.binary(),
            min(page_rows, rows - start),
            [None, offsets, noise.slice(start // page_rows)],
        )
        for start in range(0, rows, page_rows)
    ]
    small = {
        "id": pa.array(range(rows), pa.int64()),
        "edit_task": pa.array([TASK] * rows),
        "edit_instruction": pa.array(
            [f"Add hat number {row} to the scene." for row in range(rows)]
        ),
        "source_image": pa.chunked_array(chunks),
        "edited_image": pa.array([b""] * rows),
    }
    path.parent.mkdir(parents=True)
    pq.write_table(pa.table(small), path, row_group_size=rows, use_dictionary=["edit_task"])


def child(where: str) -> None:
    """Read all of it, and print what that took as JSON."""
    from flows.memory import keep_memory_tight

    keep_memory_tight()
    began = time.monotonic()
    inputs = Counted(Inputs.find(where).files)
    shards = list(plan(SOURCE, inputs, Selection()))
    planned = sum(inputs.read)
    inputs.read.clear()
    shelf = SOURCE.reader.shelf(SOURCE, inputs, None)
    rows = size = 0
    for shard in shards:
        for _, found in shelf.read(shard.triplets, ("source",)):
            assert isinstance(found, dict)
            rows, size = rows + 1, size + len(found["source"])
    shelf.close()
    told = {
        "rows": rows,
        "shards": len(shards),
        "pictures": size,
        "read": sum(inputs.read),
        "planned": planned,
        "seconds": round(time.monotonic() - began, 1),
        "peak_mib": peak_mib(),
    }
    print(json.dumps(told))


def peak_mib() -> float:
    """Most resident memory of this process; `getrusage` counts that of whoever started it, too."""
    status = Path("/proc/self/status").read_text("ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return round(int(line.split()[1]) / 1024, 1)


def main(gigabytes: float) -> None:
    """Write, read in a child, and print a line for each size of pages."""
    rows = int(gigabytes * 2**30) // PICTURE
    with tempfile.TemporaryDirectory() as name:
        free = shutil.disk_usage(name).free
        if free < 1.5 * gigabytes * 2**30:
            print(f"SKIPPED: {name} has room for {free / 2**30:.1f} GiB, not for {gigabytes} GiB.")
            return
        for page_rows in (1, 1024):
            folder = Path(name) / str(page_rows)
            write(folder / f"{TASK}_0000.parquet", rows, page_rows)
            command = [sys.executable, __file__, "--child", str(folder)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            found = json.loads(done.stdout.splitlines()[-1])
            shutil.rmtree(folder)
            print(
                f"{found['rows']} rows in {found['shards']} shards, {page_rows} rows a page: "
                f"peak {found['peak_mib']} MiB (bar: 1024), {found['seconds']} s, "
                f"{found['read'] / found['pictures']:.4f} bytes read for each byte of pictures (bar: 1.01), "
                f"{found['planned'] / 2**20:.1f} MiB for the plan"
            )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2])
    else:
        main(float(sys.argv[1]) if len(sys.argv) > 1 else 4.0)
