"""Records whose members say nothing of their own, and corpora of them, for the tests of all layers."""

import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from PIL import Image

from editcorpus.layouts.manifest import CorpusManifest, commit_manifest
from editcorpus.layouts.parquet import write_outcomes, write_shard
from editcorpus.records import Published, Rejected
from editcorpus.storage import Store

_ANY: dict[Any, Any] = {
    str: "text",
    int: 16,
    float: 0.5,
    bool: True,
    bytes: b"",
    float | None: None,
}
_EDGES = ("box_x", "box_y", "change_x", "change_y")
_CROPS = ("crop_left", "crop_top", "crop_right", "crop_bottom")


def plain_record(number: int, **members: Any) -> Published:
    """A record of its own: no other number gives the same id, pictures, instruction or answer.

    What is not given is any value of its type, or one that fits the others: the edit takes the whole of a
    picture of 16 x 16 px, of which nothing was cut off. The pictures only begin as a
    JPEG and a PNG do.
    """
    own: dict[str, Any] = {one.name: _ANY[one.type] for one in fields(Published)}
    own |= dict.fromkeys(_EDGES + _CROPS, 0)
    own |= {
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
        "outside_mask": -1.0,
        "lost_share": 0.0,
        "registration": "",
        "previous": "",
        "source_facts": "",
        "response": f"{number:064x}",
        "source_row": number,
    }
    return Published(**own | members)


def plain_pictures(number: int) -> dict[str, bytes]:
    """A source image and an edited image of 16 x 16 px in one colour each, as members of a record."""
    names = {"source_image": 0, "edited_image": 200}
    return {name: _png((number, 90, blue)) for name, blue in names.items()}


def _png(colour: tuple[int, int, int]) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (16, 16), colour).save(out, "PNG")
    return out.getvalue()


def write_plain_corpus(
    store: Store, run: str, *shards: Sequence[Published], lost: Sequence[Rejected] = (), **told: Any
) -> None:
    """Write the finished corpus of a run: its shards, what was rejected, and what else its manifest tells."""
    folder, rows = f"corpora/{run}", [row for shard in shards for row in shard]
    files = [
        write_shard(store, f"{folder}/data/train-{number:05d}.parquet", shard)
        for number, shard in enumerate(shards)
    ]
    files.append(write_outcomes(store, f"{folder}/rejects.parquet", lost))
    files.append(write_outcomes(store, f"{folder}/failed.parquet", ()))
    store.write(f"{folder}/README.md", f"---\npretty_name: x\n---\n# {run}\n".encode())
    rejected = Counter(str(one.reason) for one in lost)
    made = CorpusManifest(run, len(rows) + len(lost), len(rows), rejected, {}, tuple(files), **told)
    commit_manifest(store, folder, made)
