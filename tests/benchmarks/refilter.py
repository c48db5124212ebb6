"""Judge a finished run anew, and write its corpus: CPU and seconds for each triplet.

    .venv/bin/python tests/benchmarks/refilter.py [SHARDS] [PICTURE_BYTES]

A run of SHARDS shards (40) of 256 triplets with pictures of PICTURE_BYTES (40,000) each is written as its
stages leave it; half of its shards then lose a triplet, and all others are copied as they are. Printed are
the reading of the difference, the writing, and what both come to for 100,000 triplets. Bar: minutes.
"""

import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, fields, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from editcorpus.frames import Standing
from editcorpus.layouts.card import CardFacts, encode
from editcorpus.layouts.manifest import CorpusManifest, commit_manifest
from editcorpus.layouts.parquet import ShardFile, write_outcomes, write_shard
from editcorpus.leases import Owner
from editcorpus.manifests import Manifest, fingerprint
from editcorpus.records import Triplet
from editcorpus.refiltering.basis import open_basis
from editcorpus.refiltering.refilter import Wish, difference, refilter
from editcorpus.refiltering.thresholds import Thresholds
from editcorpus.rows import Shelf
from editcorpus.runs import corpus_file, corpus_folder, identify_run
from editcorpus.shards import Columns, Written, shard_folder, write_columns, write_manifest
from editcorpus.stages.filter import Config as FilterConfig
from editcorpus.stages.filter import Filtered
from editcorpus.stages.finish import card_file
from editcorpus.stages.order import STAGES, USUAL
from editcorpus.stages.plan import Plan
from editcorpus.stages.publish import joined, records
from editcorpus.steps import align, pad, publish, regenerate, rewrite
from editcorpus.storage import Store

ROWS = 256
RUN = "bench"
CONFIGS: dict[str, Any] = {
    "pad": pad.Config(),
    "regenerate": regenerate.Config(),
    "filter": FilterConfig(),
    "rewrite": rewrite.Config(),
    "align": align.Config(),
    "publish": publish.Config(),
}
CLASSES: dict[str, Any] = {
    "plan": Triplet,
    "pad": pad.Padded,
    "regenerate": regenerate.Regenerated,
    "filter": Filtered,
    "rewrite": rewrite.Rewritten,
    "align": align.Aligned,
}
USUALLY = {"changed_share": 0.2, "changed_share_no_tone": 0.2, "scale_x": 1.0, "scale_y": 1.0}
NONE = {"border_fraction", "residual_padding", "shift_x", "shift_y", "lost_share"}
ZERO: dict[Any, Any] = {
    str: "",
    int: 64,
    float: 0.9,
    bool: True,
    bytes: b"x",
    Standing: Standing.ALIGNED,
}


def row(cls: Any, number: int) -> Any:
    """A record of a step, of values that every threshold lets through."""
    made = {item.name: USUALLY.get(item.name, ZERO.get(item.type)) for item in fields(cls)}
    made |= {name: 0 for name in made if name in NONE or name.startswith("crop_")}
    own = {"id": f"omniedit/{number:09d}", "dataset_source": "omniedit", "task": "addition"}
    own |= {"license": "MIT", "file": "a.parquet", "instruction": f"Add bird number {number}."}
    made |= {name: value for name, value in own.items() if name in made}
    if number % (2 * ROWS) == 0 and "score_done" in made:
        made["score_done"] = 0.6
    return cls(**made)


def write_shard_of(store: Store, shard: int, picture: bytes) -> ShardFile:
    """What the stages leave of a shard, and its part of the corpus."""
    folder, numbers = shard_folder(RUN, shard), range(shard * ROWS, (shard + 1) * ROWS)
    digest = ""
    for name, cls in CLASSES.items():
        written = write_columns(store, folder, name, cls, iter([row(cls, n) for n in numbers]))
        stage = next((one for one in STAGES if one.name == name), None)
        version = stage.version if stage else 1
        print_ = fingerprint(digest, name, version, CONFIGS[name]) if stage else ""
        digest = _manifest(store, folder, (name, version, print_), written)
    columns = Columns(store, folder)
    items = list(joined(columns, USUAL))
    found = ((item.triplet, picture) for item in items)
    path = corpus_file(RUN, shard)
    pictured = (
        replace(one, edited_image=picture) for one in records(columns, items, found, "output")
    )
    file = write_shard(store, path, (replace(one, source_image=picture) for one in pictured))
    stage = STAGES[-1]
    print_ = fingerprint(digest, stage.name, stage.version, CONFIGS[stage.name])
    proof = Written(ROWS, file.sha256, file.bytes)
    _manifest(store, folder, (stage.name, stage.version, print_), proof)
    return file


def _manifest(store: Store, folder: str, which: tuple[str, int, str], written: Written) -> str:
    name, version, print_ = which
    proof = written.sha256, written.size, (), written.pictures_sha256, written.pictures_size
    made = Manifest(name, version, print_, ROWS, ROWS, (), (), *proof)
    write_manifest(store, folder, made)
    return made.digest


def write_run(store: Store, shards: int, picture: bytes) -> None:
    """A finished run."""
    told = {name: config.model_dump(mode="json") for name, config in CONFIGS.items()}
    identify_run(store, RUN, {"steps": list(USUAL), "variant": "output", **told})
    plan = Plan(shards, shards * ROWS, "plan", {})
    store.write(f"runs/{RUN}/plan.json", json.dumps({**asdict(plan), "seal": plan.seal}).encode())
    files = [write_shard_of(store, shard, picture) for shard in range(shards)]
    folder, kept = corpus_folder(RUN), shards * ROWS
    files += [
        write_outcomes(store, f"{folder}/{name}.parquet", ()) for name in ("rejects", "failed")
    ]
    manifest = CorpusManifest(RUN, kept, kept, {}, {}, tuple(files))
    commit_manifest(store, folder, manifest)
    facts = CardFacts(
        run=RUN, location=folder, emulated=False, editor="", entered=kept, kept=kept,
        paid_usd=Decimal(0), list_usd=Decimal(0), configuration={},
    )  # fmt: skip
    store.write(card_file(RUN), encode(facts))


@contextmanager
def measured(name: str, rows: int) -> Iterator[None]:
    """Print seconds and CPU of a block for each triplet, and what 100,000 come to."""
    began, cpu = time.monotonic(), time.process_time()
    yield
    seconds, cpu = time.monotonic() - began, time.process_time() - cpu
    print(
        f"{name}: {1e3 * cpu / rows:.2f} ms of CPU and {1e3 * seconds / rows:.2f} ms each; "
        f"{cpu / rows * 1e5:.0f} s of CPU and {seconds / rows * 1e5:.0f} s for 100,000"
    )


def main() -> None:
    """Write a run, and refilter it."""
    shards = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    picture = b"\xff\xd8\xff" + os.urandom(int(sys.argv[2]) if len(sys.argv) > 2 else 40_000)
    with tempfile.TemporaryDirectory() as folder:
        store = Store.on_disk(Path(folder))
        write_run(store, shards, picture)
        basis, rows = open_basis(store, RUN), shards * ROWS
        wanted = Thresholds.of(basis.identity).changed(["publish.min_done=0.7"])
        with measured("difference", rows):
            found = difference(basis, wanted)
        assert found.lost == {"not_done": (shards + 1) // 2}
        wish = Wish("other", wanted, False, _nothing)
        with measured("writing", rows):
            manifest, _ = refilter(basis, wish, Owner("me", "here", os.getpid()), lambda *_: None)
        assert manifest.kept == found.kept
        size = sum(file.bytes for file in manifest.files)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{rows:,} triplets, {size / 1e9:.2f} GB written, at most {peak:.0f} MiB of memory")


def _nothing() -> AbstractContextManager[Shelf]:
    raise AssertionError("nobody comes in")


if __name__ == "__main__":
    main()
