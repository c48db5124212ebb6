"""How the pictures and instructions of a batch look: hashes, by which what is nearly the same is found.

They lie beside the digest, in a file of their own, since each costs some milliseconds a picture and is
made only where near duplicates or benchmarks are asked for; once, however often its runs are united.

A picture that does not decode has hashes of zeros, which are near nothing, and is counted: the audit says
which it is. One with too little in it to be told from others has a hash of its pixels, too.
"""

import hashlib
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from editcorpus.errors import SourceError
from editcorpus.images import MOST_PIXELS, Limits, decode, pixel_hash
from editcorpus.similar import hashes, minhash
from editcorpus.similar.hashfile import INSTRUCTION_BYTES, PICTURE_BYTES
from editcorpus.similar.views import hash_views, read_grey
from editcorpus.union.batches import Batch

VERSION = 1
"""Raised when the same records would be told otherwise, but for what the versions of the hashes say."""
PICTURES = ("source", "edited")
TEXT_CHARACTERS = 300
"""Characters of an instruction that are kept, for people."""

SCHEMA = pa.schema(
    [
        *(
            field
            for name in PICTURES
            for field in (
                (f"{name}_whole", pa.binary(PICTURE_BYTES)),
                (f"{name}_content", pa.binary(PICTURE_BYTES)),
                (f"{name}_pixels", pa.uint64()),
            )
        ),
        ("broken", pa.uint8()),
        ("words", pa.uint64()),
        ("signature", pa.binary(INSTRUCTION_BYTES)),
        ("text", pa.string()),
    ]
)
"""A row for each record: of both pictures the hash of the whole, of what bars enclose (zeros where there are
none), and of the pixels (0 where the first says enough); how many of the two do not decode; the hash of
the instruction's words (0 where it has none), its signature, and its beginning."""

_LIMITS = Limits(MOST_PIXELS, 1)
_ZEROS = bytes(PICTURE_BYTES)


class Look(NamedTuple):
    """One picture.

    Attributes:
        whole: Its hash; zeros where it does not decode.
        content: Likewise, of what bars enclose; zeros where there are none.
        pixels: Hash of its pixels where it is plain, else 0.
        broken: Whether it does not decode.
    """

    whole: bytes
    content: bytes
    pixels: int
    broken: bool


def looks_path(folder: str, batch: Batch) -> str:
    """Where the hashes of a batch lie."""
    versions = f"{VERSION}.{hashes.VERSION}.{minhash.VERSION}"
    return f"{folder}/{batch.key}-looks-{versions}.parquet"


def look_rows(table: pa.Table) -> pa.Table:
    """The rows of some records."""
    members: dict[str, Any] = {name: [] for name in SCHEMA.names}
    broken = np.zeros(table.num_rows, "u1")
    for name in PICTURES:
        found = _looks(table.column(f"{name}_image"))
        for part in ("whole", "content", "pixels"):
            members[f"{name}_{part}"] = [getattr(one, part) for one in found]
        broken += np.array([one.broken for one in found], "u1")
    texts = table.column("instruction").to_pylist()
    members["broken"] = broken
    members["words"] = [words_key(text) for text in texts]
    members["signature"] = [row.tobytes() for row in minhash.signatures(texts)]
    members["text"] = [text[:TEXT_CHARACTERS] for text in texts]
    return pa.Table.from_pydict({field.name: members[field.name] for field in SCHEMA}, SCHEMA)


def _looks(column: pa.ChunkedArray) -> list[Look]:
    """The pictures of a column; edits of one source lie together, and it is looked at once."""
    made: list[Look] = []
    last: tuple[bytes, Look] | None = None
    for picture in column:
        data = picture["bytes"].as_buffer().to_pybytes()
        if last is None or data != last[0]:
            last = data, look(data)
        made.append(last[1])
    return made


def look(data: bytes) -> Look:
    """How an encoded picture looks."""
    try:
        views = hash_views(read_grey(data, _LIMITS))[1]
        plain = bool(hashes.is_plain(views[:1])[0])
        pixels = int(pixel_hash(decode(data))[:16], 16) if plain else 0
    except SourceError:
        return Look(_ZEROS, _ZEROS, 0, broken=True)
    content = views[1].tobytes() if len(views) > 1 else _ZEROS
    return Look(views[0].tobytes(), content, pixels, broken=False)


def words_key(text: str) -> int:
    """64 bits in place of the words of an instruction; 0 where it has none."""
    plain = minhash.plain_text(text)
    if not plain:
        return 0
    digest = hashlib.sha256(plain.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "little")


def numbers(column: pa.ChunkedArray, width: int) -> np.ndarray[Any, np.dtype[Any]]:
    """Hashes of a column as numbers of 64 bits, shape (N, width).

    Args:
        column: Of fixed width, without null.
        width: Numbers of each.
    """
    size = 8 * width
    parts = [
        np.frombuffer(chunk.buffers()[1], "<u8", len(chunk) * width, chunk.offset * size)
        for chunk in column.chunks
        if len(chunk)
    ]
    return np.concatenate([np.empty(0, "<u8"), *parts]).reshape(-1, width)
