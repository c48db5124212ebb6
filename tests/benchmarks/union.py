"""Unite 1.5 million records with pictures of a few bytes: seconds, and memory by number of records.

    python tests/benchmarks/union.py [RECORDS ...]

Each number of records is united in a process of its own, out of two runs with shards of 256 records, a
tenth of which is in both. Then a third run of a hundredth is added. Printed: seconds, the peak of
resident memory, and what of it the interpreter takes with everything imported. Bars: 1.5 million in under 5
minutes and 1 GiB; at most 200 bytes of memory for each further record. The pictures are none, so that near
ones are not sought: `similar.py` measures that.
"""

import hashlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from editcorpus.layouts.corpus import Corpus, open_corpus
from editcorpus.layouts.manifest import CorpusManifest, commit_manifest
from editcorpus.layouts.parquet import ShardFile, write_outcomes
from editcorpus.layouts.schema import PICTURES, shard_options, shard_schema
from editcorpus.leases import Owner
from editcorpus.storage import Store
from editcorpus.union.hands import Threads
from editcorpus.union.terms import Terms
from editcorpus.union.unite import Wish, unite

ROWS = 256
TASKS = ("addition", "removal", "swap", "env", "style", "attribute_modification")


def _column(field: pa.Field, numbers: np.ndarray) -> pa.Array:
    """Text, numbers and pictures that differ from record to record where real ones do."""
    texts = numbers.astype("U12")
    own = {
        "id": np.char.add("omniedit/task_obj_add_", texts),
        "instruction": np.char.add("Add a bird to the left of tree number ", texts),
        "task": np.array(TASKS)[numbers % len(TASKS)],
        "response": np.array([f"{number:064x}" for number in numbers.tolist()]),
    }
    if field.name in PICTURES:
        data = pa.array([b"\xff\xd8\xff%d" % number for number in numbers.tolist()])
        names = pa.array(np.char.add(texts, f"-{field.name}.jpg"), pa.string())
        return pa.StructArray.from_arrays([data, names], fields=list(field.type))
    if field.name in own:
        return pa.array(own[field.name], pa.string())
    if field.type == pa.float64():
        return pa.array(np.modf(numbers * 0.618)[0])
    if field.type == pa.string():
        fixed = {"dataset_source": "omniedit", "license": "MIT", "instruction_type": "original"}
        fixed["previous"] = fixed["source_facts"] = ""
        return pa.repeat(pa.scalar(fixed.get(field.name, "text"), pa.string()), len(numbers))
    return pa.array(numbers % 2 == 0 if field.type == pa.bool_() else numbers % 512, field.type)


def _write_run(store: Store, name: str, first: int, count: int) -> None:
    schema, files = shard_schema(), []
    folder = store.local_file(f"corpora/{name}/data")
    assert folder is not None
    folder.mkdir(parents=True)
    for shard, start in enumerate(range(first, first + count, ROWS)):
        numbers = np.arange(start, min(start + ROWS, first + count))
        table = pa.Table.from_arrays([_column(one, numbers) for one in schema], schema=schema)
        file = folder / f"train-{shard:05d}.parquet"
        with pq.ParquetWriter(str(file), schema, **shard_options(schema)) as writer:
            writer.write_table(table)
        data = file.read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        path = f"corpora/{name}/data/{file.name}"
        files.append(ShardFile(path, len(numbers), len(data), digest))
    names = (f"corpora/{name}/{outcomes}.parquet" for outcomes in ("rejects", "failed"))
    files += [write_outcomes(store, path, ()) for path in names]
    store.write(f"corpora/{name}/README.md", b"# bench\n")
    manifest = CorpusManifest(name, count, count, {}, {}, tuple(files))
    commit_manifest(store, f"corpora/{name}", manifest)


def write_runs(folder: Path, records: int) -> None:
    """Three runs: two that share a tenth, and one to add."""
    store, half = Store.on_disk(folder), records // 2
    _write_run(store, "a", 0, half)
    _write_run(store, "b", half - records // 10, records - half)
    _write_run(store, "c", 10 * records, records // 100)


def child(folder: Path) -> None:
    """Unite, add, and print what it took as JSON."""
    store = Store.on_disk(folder)
    before = _peak()
    seconds, cpu, made = [], [], {}
    for runs in ("ab", "abc"):
        began = time.monotonic()
        corpora: list[Corpus] = [open_corpus(store, f"corpora/{run}") for run in runs]
        wish = Wish("all", tuple(corpora), Terms(near_duplicates=False))
        done = unite(store, wish, Owner("bench", "here", 1), Threads(2, lambda *_: None))
        seconds.append(round(time.monotonic() - began, 1))
        cpu.append(round(time.process_time(), 1))
        made = {"entered": done.entered, "kept": done.kept, "splits": done.splits}
    told = {
        "seconds": seconds[0],
        "more_s": seconds[1],
        "cpu_s": cpu[0],
        "peak_mib": _peak(),
        "start_mib": before,
    }
    print(json.dumps({**made, **told}))


def _peak() -> float:
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)


def main(counts: list[int]) -> None:
    """One child a number of records; print a line each and the ratio."""
    peaks = []
    for records in counts:
        with tempfile.TemporaryDirectory() as name:
            write_runs(Path(name), records)
            command = [sys.executable, __file__, "--child", name]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
        told = json.loads(done.stdout)
        peaks.append(told["peak_mib"])
        print(
            f"{records} records: {told['kept']} of {told['entered']} kept in {told['seconds']} s "
            f"({told['cpu_s']} s of CPU), a "
            f"hundredth more in {told['more_s']} s, peak {told['peak_mib']} MiB (start "
            f"{told['start_mib']})",
            flush=True,
        )
    print(f"BAR seconds {told['seconds']} (300), peak {peaks[-1]} MiB (1024)")
    if len(counts) > 1:
        each = (peaks[-1] - peaks[0]) * 2**20 / (counts[-1] - counts[0])
        print(f"MEMORY {each:.0f} bytes for each further record (bar: 200)")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(Path(sys.argv[2]))
    else:
        main([int(word) for word in sys.argv[1:]] or [500_000, 1_500_000])
