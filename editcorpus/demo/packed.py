"""Archives as publishers of large sets make them: one tar, packed with gzip, cut into numbered files."""

import gzip
import io
import tarfile
from collections.abc import Mapping
from pathlib import Path


def write_parts(
    folder: Path, name: str, members: Mapping[str, bytes], parts: tuple[str, ...]
) -> None:
    """Write an archive in parts of nearly the same size; always the same bytes.

    Args:
        folder: Made where it is not there.
        name: Of the archive, such as `multi_turn.tar.gz`.
        members: Bytes by path, in their order.
        parts: What each part's name ends in, such as `part-aa`.
    """
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for path, data in members.items():
            header = tarfile.TarInfo(path)
            header.size = len(data)
            archive.addfile(header, io.BytesIO(data))
    packed = gzip.compress(made.getvalue(), mtime=0)
    size = -(-len(packed) // len(parts))
    folder.mkdir(parents=True, exist_ok=True)
    for number, part in enumerate(parts):
        (folder / f"{name}.{part}").write_bytes(packed[number * size : (number + 1) * size])
