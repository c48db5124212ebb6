"""Photographs of the demo and what is made of them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import editcorpus.demo
from editcorpus.similar.bars import Array
from editcorpus.similar.hashes import hash_grey

PHOTOS = sorted((Path(editcorpus.demo.__file__).parent / "photos").glob("*.jpg"))


@pytest.fixture(scope="session")
def photos() -> list[Image.Image]:
    """Eight photographs, RGB, 512 px on the long side."""
    made = []
    for path in PHOTOS:
        with Image.open(path) as photo:
            image = photo.convert("RGB")
            image.thumbnail((512, 512))
            made.append(image)
    return made


@pytest.fixture(scope="session")
def hashes(photos: list[Image.Image]) -> Array:
    """Hashes of some hundred different parts of the photographs."""
    made = []
    for photo in photos:
        for x, y in np.ndindex(4, 4):
            wide, high = photo.width / 4, photo.height / 4
            box = (x * wide, y * high, (x + 1) * wide, (y + 1) * high)
            made.append(hash_grey(photo.convert("L"), box))
    return np.array(made)


@pytest.fixture(scope="session")
def changed() -> Callable[..., Array]:
    """Turns some bits over in copies of hashes, as many signs and as large a share of the rest as told."""

    def made(hashes: Array, signs: int, share: float = 0.0, seed: int = 0) -> Array:
        rng = np.random.default_rng(seed)
        bits = np.unpackbits(np.ascontiguousarray(hashes).view("u1"), axis=1, bitorder="little")
        for row in bits:
            row[rng.choice(256, signs, replace=False)] ^= 1
        kept = rng.random(bits[:, 256:].shape) >= share
        bits[:, 256:] &= kept
        return np.packbits(bits, axis=1, bitorder="little").view("<u8")

    return made
