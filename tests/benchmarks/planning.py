"""Time and memory of a plan over 1.5 million rows in the schema of OmniEdit; pictures are a few bytes.

    python tests/benchmarks/planning.py [ROWS]

500 files, with row groups of 250 rows. The plan is made in a process of its own, as a run makes it, shards
written. Bars: 3 minutes on two cores, and 1 GiB resident.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from editcorpus.demo.rows import published_schema
from editcorpus.inputs import Inputs
from editcorpus.planning import Selection
from editcorpus.sources.omniedit import SOURCE
from editcorpus.stages.plan import make_plan
from editcorpus.storage import Store

TASKS = ("addition", "removal", "swap", "attribute_modification", "env", "style")
FILES, GROUP = 500, 250
_TEXT = "Replace the {} in the foreground with a weathered wooden bench, number {}."


def write(folder: Path, rows: int) -> None:
    """The files, each of one task, as the published ones are sorted."""
    schema = published_schema()
    each = rows // FILES
    picture = [{"bytes": b"x", "path": "x.jpg"}] * each
    same = {
        "src_img": picture,
        "edited_img": picture,
        "sc_reasoning": ["The edit follows the instruction and keeps the rest."] * each,
        "pq_reasoning": ["The picture looks natural."] * each,
    }
    numbers = {
        field.name: [8] * each
        for field in schema
        if pa.types.is_integer(field.type) or pa.types.is_floating(field.type)
    }
    for number in range(FILES):
        task, places = TASKS[number % len(TASKS)], range(number * each, (number + 1) * each)
        texts = {
            "omni_edit_id": [f"task_obj_{task}_{place}" for place in places],
            "task": [task] * each,
            "edited_prompt_list": [
                [_TEXT.format(task, place), f"Now {_TEXT.format(task, place)}"] for place in places
            ],
        }
        table = pa.table({**same, **numbers, **texts}).select(schema.names).cast(schema)
        pq.write_table(table, folder / f"train-{number:05d}.parquet", row_group_size=GROUP)


def child(where: str, store: str) -> None:
    """Plan all of it, and print what that took as JSON."""
    from flows.memory import keep_memory_tight

    keep_memory_tight()
    began, cpu = time.monotonic(), time.process_time()
    inputs = Inputs.find(where)
    plan = make_plan(Store.on_disk(Path(store)), "bench", SOURCE, inputs, Selection())
    status = Path("/proc/self/status").read_text("ascii")
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    told = {
        "rows": plan.entered,
        "shards": plan.shards,
        "seconds": round(time.monotonic() - began, 1),
        "cpu_s": round(time.process_time() - cpu, 1),
        "peak_mib": round(int(peak.split()[1]) / 1024, 1),
    }
    print(json.dumps(told))


def main(rows: int) -> None:
    """Write, plan in a child, and print a line."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "input")
        folder.mkdir()
        write(folder, rows)
        command = [sys.executable, __file__, "--child", str(folder), str(Path(name, "store"))]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        found = json.loads(done.stdout.splitlines()[-1])
        print(
            f"{found['rows']} rows planned in {found['shards']} shards: {found['seconds']} s (bar: 180), "
            f"{found['cpu_s']} s CPU, peak {found['peak_mib']} MiB (bar: 1024)"
        )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2], sys.argv[3])
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_500_000)
