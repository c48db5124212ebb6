"""Vectors of pictures and texts, made of pixels and words: what belongs together lies near."""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from editcorpus.sandbox.chance import digest
from editcorpus.sandbox.described import description

Vector = NDArray[np.float32]

#: Numbers of a vector: those that pixels make, and those that words make.
_SIDE = 12
_PIXELS = _SIDE * _SIDE * 3
_WORDS = 336
DIMENSIONS = _PIXELS + _WORDS

#: How much of a picture's vector its pixels make up; the rest are the words that describe it. So a
#: picture and a text that describes it well have a cosine of about 0.4, as CLIP has them at best.
_OF_PIXELS = 0.9

_WORD = re.compile(r"\w+")


def vector_of(pictures: Sequence[Image.Image], texts: Sequence[str]) -> Vector:
    """A vector of length 1 for what is shown and said; the same input gives the same vector.

    Args:
        pictures: RGB; more than one count alike.
        texts: What is said beside them, or alone.
    """
    words = _bag([*map(description, pictures), *texts])
    if not pictures:
        return np.concatenate([np.zeros(_PIXELS, np.float32), words])
    pixels = _unit(np.sum([_layout(picture) for picture in pictures], axis=0))
    rest = float(np.sqrt(1 - _OF_PIXELS**2))
    return _unit(np.concatenate([_OF_PIXELS * pixels, rest * words]))


def canned_vector(*names: str) -> Vector:
    """A vector of length 1 that only names decide."""
    return _bag([digest("canned", *names)], DIMENSIONS)


def _layout(picture: Image.Image) -> Vector:
    """Where a picture is lighter, darker, of another colour than it is on the whole."""
    small = picture.resize((_SIDE, _SIDE), Image.Resampling.BOX, reducing_gap=2.0)
    pixels = np.asarray(small, np.float32)
    return _unit((pixels - pixels.mean(axis=(0, 1))).ravel())


def _bag(texts: Sequence[str], size: int = _WORDS) -> Vector:
    """The words of texts, each of which stands for a direction."""
    found = np.zeros(size, np.float32)
    for word in _WORD.findall(" ".join(texts).lower()):
        seed = int(digest("word", word)[:8], 16)
        found += np.random.default_rng(seed).standard_normal(size, np.float32)
    return _unit(found)


def _unit(values: NDArray[np.float32]) -> Vector:
    """The same direction with length 1; where there is none, the first one that there is."""
    length = float(np.linalg.norm(values))
    if length < 1e-6:
        first = np.zeros_like(values)
        first[0] = 1
        return first
    return np.asarray(values / length, np.float32)
