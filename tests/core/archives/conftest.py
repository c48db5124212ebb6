"""Real tar files, made as their publishers make them: with tarfile, gzip and a knife."""

import gzip
import io
import random
import tarfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from editcorpus.archives.archive import Archive
from editcorpus.archives.listing import Grain, Listing
from editcorpus.archives.parts import archives_among
from editcorpus.inputs import Inputs
from editcorpus.storage import Store

FINE = Grain(spacing=1 << 20, stretch_members=10, stretch_points=2)


def pictures(count: int, size: int, seed: int = 7) -> dict[str, bytes]:
    """Bytes that deflate can do little with, as pictures are; every third has text in it."""
    chance = random.Random(seed)
    made = {}
    for number in range(count):
        data = chance.randbytes(size)
        if number % 3 == 0:
            data = data[: size // 2] + repr(chance.random()).encode() * (size // 40)
        made[f"images/{number:05}.jpg"] = data
    return made


def tar_of(members: Mapping[str, bytes] | Iterable[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    made = io.BytesIO()
    pairs = members.items() if isinstance(members, Mapping) else members
    with tarfile.open(fileobj=made, mode="w") as archive:
        for one, data in pairs:
            header = tarfile.TarInfo(one) if isinstance(one, str) else one
            header.size = len(data) if isinstance(one, str) else header.size
            archive.addfile(header, io.BytesIO(data))
    return made.getvalue()


@dataclass(frozen=True)
class Bench:
    """A folder in which archives lie, and a store for their lists."""

    folder: Path
    store: Store

    def lay(self, data: bytes, *names: str) -> list[str]:
        """Cut into as many files as there are names."""
        self.folder.mkdir(parents=True, exist_ok=True)
        step = -(-len(data) // len(names))
        for number, name in enumerate(names):
            (self.folder / name).write_bytes(data[number * step : (number + 1) * step])
        return [str(self.folder / name) for name in names]

    def open(self, *files: str, **options) -> Archive:
        [parts] = archives_among(files or [str(one) for one in self.folder.iterdir()])
        how = Listing(grain=FINE, **options)
        return Archive.opened(parts, Inputs(), self.store, how)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "archives", Store.on_disk(tmp_path / "store"))


@pytest.fixture(scope="session")
def some() -> dict[str, bytes]:
    """Some 9 MB of pictures."""
    return pictures(60, 150_000)


@pytest.fixture(scope="session")
def packed(some: dict[str, bytes]) -> bytes:
    return gzip.compress(tar_of(some), compresslevel=6, mtime=0)


@pytest.fixture(scope="session")
def tarred() -> Callable[..., bytes]:
    return tar_of


@pytest.fixture(scope="session")
def drawn() -> Callable[..., dict[str, bytes]]:
    return pictures
