"""How many requests a run sends to its bucket: for each triplet, and for each shard.

    python tests/benchmarks/bucket_requests.py [FEW MANY]

Every stage of the pipeline runs over one shard, once with few rows and once with many, on a bucket of a
local S3 server and against the sandbox. What grows with the rows belongs to the triplets, the rest to
the shard. Puts count as S3 counts them for its limits: PUT, POST, DELETE and listings. Uploads of more
than 50 MiB come in parts; here none is so large. `editcorpus/capacity.py` holds the result.
"""

import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import s3fs

from editcorpus.planning import Selection
from editcorpus.sandbox import Running, SandboxConfig, running
from editcorpus.stages.order import STAGES
from editcorpus.stages.plan import make_plan
from editcorpus.stages.stage import run_stage
from editcorpus.storage import Store

sys.path.insert(0, str(Path(__file__).parent))
import rig
from text_call import bucket

_SIZE = (1024, 1024)
_READS = ("get_", "head_")


@contextmanager
def counted() -> Iterator[Counter[str]]:
    """What is asked of S3 while the block lasts, by method, and bytes that are no pictures."""
    found: Counter[str] = Counter()
    call = s3fs.S3FileSystem._call_s3

    async def counting(self: Any, method: str, *args: Any, **named: Any) -> Any:
        found[method] += 1
        return await call(self, method, *args, **named)

    s3fs.S3FileSystem._call_s3 = counting
    try:
        yield found
    finally:
        s3fs.S3FileSystem._call_s3 = call


def small_bytes(store: Store) -> int:
    """Bytes of everything that is neither a table nor a paid picture: journals, manifests."""
    sizes = {path: size for top in ("journal", "runs") for path, size in store.sizes(top).items()}
    return sum(size for path, size in sizes.items() if not path.endswith(".parquet"))


def shard_of(rows: int, server: Running, folder: Path) -> tuple[Counter[str], int]:
    """Requests and small bytes of one shard of so many rows."""
    source = rig.write_input(folder / "input", rows, _SIZE)
    made = rig.job(folder / "none", source, server, shard_size=rows)
    with bucket() as store:
        made = replace(made, store=store)
        with rig.workshop(made) as shop:
            make_plan(shop.store, shop.run, shop.source, shop.inputs, Selection(shard_size=rows))
            before = small_bytes(store)
            with counted() as found:
                for stage in STAGES:
                    run_stage(shop, 0, stage)
        return found, small_bytes(store) - before


def main(few: int, many: int) -> None:
    """Measure twice, and print a line for each kind of request."""
    told: list[tuple[Counter[str], int]] = []
    for rows in (few, many):
        with tempfile.TemporaryDirectory() as name, running(SandboxConfig(time_scale=0.001)) as api:
            told.append(shard_of(rows, api, Path(name)))
    (first, lean), (second, fat) = told
    each = {name: (second[name] - first[name]) / (many - few) for name in sorted(first | second)}
    for name, share in each.items():
        print(f"{name:32s} {share:6.2f} a triplet {first[name] - share * few:6.1f} a shard")
    for kind, reads in (("gets", True), ("puts", False)):
        mine = [name for name in each if name.startswith(_READS) is reads]
        triplet = sum(each[name] for name in mine)
        shard = sum(first[name] for name in mine) - triplet * few
        print(f"{kind}: {triplet:.2f} a triplet and {shard:.0f} a shard")
    print(f"journals and manifests: {(fat - lean) / (many - few):.0f} bytes a triplet")


if __name__ == "__main__":
    words = [int(word) for word in sys.argv[1:]] or [8, 32]
    main(*words)
