"""The state that a run over very many shards leaves in its store, without the calls and the pictures.

Plan, manifests, tables of the corpus and journals are written by the project's own code; what is left
out is what nobody reads again once a partition is finished: columns, canvases and paid pictures.
"""

import io
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from editcorpus.bookings import Intent, Record, to_fields
from editcorpus.journal import encode
from editcorpus.layouts.parquet import ShardFile, write_shard
from editcorpus.ledger import journal_folder
from editcorpus.manifests import Manifest, fingerprint, hash_of
from editcorpus.partitions import PARTITION_SHARDS
from editcorpus.records import Reason, Rejected, Triplet
from editcorpus.responses import text_line
from editcorpus.runs import corpus_file
from editcorpus.shards import PLAN, need_manifest, read_facts, write_manifest
from editcorpus.stages.workshop import Workshop

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "corpora"))
from plain_corpus import plain_record

_REJECTED_EACH = 20
"""Of so many shards, one has its triplet rejected."""
_AT = "2026-11-20T00:00:00.000+00:00"


def write_many(folder: Path, rows: int) -> Path:
    """An input of so many rows with one small picture, in the layout of OmniEdit; gives the file."""
    folder.mkdir(parents=True)
    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    members = [("omni_edit_id", pa.string()), ("task", pa.string()), ("src_img", image)]
    schema = pa.schema([*members, ("edited_prompt_list", pa.list_(pa.string()))])
    picture, path = _picture(), folder / "train-00000.parquet"
    with pq.ParquetWriter(path, schema) as writer:
        for first in range(0, rows, PARTITION_SHARDS):
            part = [
                {
                    "omni_edit_id": f"task_obj_add_{number}",
                    "task": "addition",
                    "src_img": {"bytes": picture, "path": None},
                    "edited_prompt_list": [f"Put balloon {number} into the picture."],
                }
                for number in range(first, min(rows, first + PARTITION_SHARDS))
            ]
            writer.write_table(pa.Table.from_pylist(part, schema))
    return path


def _picture() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (8, 8), (90, 120, 150)).save(out, "JPEG")
    return out.getvalue()


def finish_shards(shop: Workshop, shards: int) -> None:
    """Write what the stages leave of shards of one triplet each, and what their calls were."""
    lines: list[bytes] = []
    for shard in range(shards):
        (triplet,) = read_facts(shop.store, shop.folder(shard), PLAN, Triplet)
        made = None if shard % _REJECTED_EACH == 0 else _published(shop, shard, triplet)
        _write_manifests(shop, shard, triplet, made)
        lines += _lines(shop, shard, triplet)
        if (shard + 1) % PARTITION_SHARDS == 0 or shard + 1 == shards:
            process = f"{shard // PARTITION_SHARDS:05d}-0-{'0' * 32}"
            path = f"{journal_folder(shop.run)}/{process}/000000.jsonl"
            shop.store.write(path, b"".join(lines))
            lines = []


def _write_manifests(shop: Workshop, shard: int, triplet: Triplet, made: ShardFile | None) -> None:
    before, kept = need_manifest(shop.store, shop.folder(shard), PLAN), 1
    for stage in shop.stages:
        entered, rejected = kept, ()
        if stage.name == "filter" and made is None:
            rejected = (Rejected(triplet.id, "filter", Reason.EVERYTHING_CHANGED, "All of it."),)
            kept = 0
        last = stage is shop.stages[-1]
        proof = (made.sha256, made.bytes) if last and made else ("", 0)
        if not last:
            proof = (hash_of([stage.name, shard]), 1000)
        config = shop.configs[stage.name]
        print_ = fingerprint(before.digest, stage.name, stage.version, config)
        past: tuple[dict[str, Any], ...] = ({"at": _AT, "seconds": 1.0, "usd": "0.01"},)
        before = Manifest(
            stage.name, stage.version, print_, entered, kept, rejected, (), *proof, past
        )
        write_manifest(shop.store, shop.folder(shard), before)


def _published(shop: Workshop, shard: int, triplet: Triplet) -> ShardFile:
    told = {"dataset_source": triplet.dataset_source, "task": triplet.task}
    told |= {"instruction": triplet.instruction, "license": "mit"}
    row = plain_record(shard, id=triplet.id, source_image=_PICTURE, edited_image=_PICTURE, **told)
    return write_shard(shop.store, corpus_file(shop.run, shard), [row])


def _lines(shop: Workshop, shard: int, triplet: Triplet) -> Iterator[bytes]:
    """An edit and three questions to the judge, as their journal has them."""
    for step, sample in (("regenerate", 0), ("align", 0), ("align", 1), ("align", 2)):
        key = hash_of([shard, step, sample])
        name = f"bench-{shard}-{step}-{sample}"
        where = (shop.run, shard, triplet.id, step, sample, "model")
        intent = Intent(name, key, *where, Decimal("0.02"), _AT)
        record = Record.of(intent, Decimal("0.01"), _AT, "settled", request_id=f"req_{key[:20]}")
        yield encode("intent", key, **to_fields(intent))
        if step == "align":
            yield text_line(record, '{"choices":[{"logprobs":"%s"}]}' % ("0" * 500))
        else:
            yield encode("end", key, **to_fields(record))


_PICTURE = _picture()
