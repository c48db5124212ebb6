"""One triplet by its pictures: everything that is wrong with it, and how it looks."""

import hashlib
import json
from dataclasses import dataclass, field

from PIL import Image

from editcorpus import images
from editcorpus.errors import RowsDamaged, SourceError
from editcorpus.linting.checks import Check
from editcorpus.linting.finding import Finding
from editcorpus.linting.pair import Measured, measure
from editcorpus.linting.strays import Small, small
from editcorpus.linting.thumbs import Shown, shown
from editcorpus.records import Reason, Triplet
from editcorpus.rows import Found, Role, Unread
from editcorpus.similar.bars import Array
from editcorpus.similar.views import hash_views, read_grey
from editcorpus.taxonomy import Family, name_of_family

LIMITS = images.Limits(images.MAX_PIXELS, 1)
"""A picture that declares more pixels is a bomb, and is not decoded."""


@dataclass(frozen=True, slots=True)
class Looks:
    """The pictures of a triplet as hashes.

    Attributes:
        files: SHA-256 in hex of the bytes of source and edited image.
        source: Perceptual hashes of the source image's views, shape (n, 12).
        edited: Likewise of the edited image.
    """

    files: tuple[str, str]
    source: Array
    edited: Array


@dataclass(frozen=True, slots=True)
class Examined:
    """A triplet and what was found.

    Attributes:
        family: In the vocabulary of `taxonomy.py`; empty where the corpus does not tell.
        measured: What was found, and figures.
        size: Width and height of the edited image, in px; None where it was not decoded.
        looks: None where a picture cannot be read.
        pair: Both pictures, small, with what was found marked; None where one was not decoded.
        small: What it is held against other rows by, until that is done; None where one was not decoded.
    """

    triplet: Triplet
    family: str
    measured: Measured = field(default_factory=Measured)
    size: tuple[int, int] | None = None
    looks: Looks | None = None
    pair: Shown | None = None
    small: Small | None = None


def examine(triplet: Triplet, found: Found) -> Examined:
    """Everything that is wrong with a triplet.

    Args:
        triplet: What its row says.
        found: Its pictures, encoded, or why they cannot be read.
    """
    family = family_name(triplet)
    if isinstance(found, Unread):
        return Examined(triplet, family, Measured([_unread(found)]))
    roles: tuple[Role, Role] = ("source", "edited")
    pictures = [_decoded(role, found.get(role)) for role in roles]
    bad = [one for one in pictures if isinstance(one, Finding)]
    good = [one for one in pictures if isinstance(one, Image.Image)]
    if bad:
        return Examined(triplet, family, Measured(bad))
    source, edited = good
    measured = measure(source, edited, family)
    boxes = [box for one in measured.findings for box in one.boxes]
    return Examined(
        triplet,
        family,
        measured,
        edited.size,
        looks(found.get("source"), found.get("edited")),
        shown(source, edited, boxes),
        small(source, edited, measured),
    )


def looks(source: bytes | None, edited: bytes | None) -> Looks | None:
    """The hashes of a pair of encoded pictures; None where one cannot be read."""
    try:
        views = [hash_views(read_grey(data or b"", LIMITS))[1] for data in (source, edited)]
    except SourceError:
        return None
    first, second = (hashlib.sha256(data or b"").hexdigest() for data in (source, edited))
    return Looks((first, second), *views)


def family_name(triplet: Triplet) -> str:
    """The family of a triplet, as its corpus or its task says it; empty where neither does."""
    told = json.loads(triplet.facts) if triplet.facts else {}
    if told.get("family") in set(Family):
        return str(told["family"])
    kind = told.get("instruction_type", "original")
    return name_of_family(triplet, kind)


def _unread(why: Unread) -> Finding:
    if isinstance(why, RowsDamaged):
        return Finding(Check.ROW_UNUSABLE, str(why))
    return _refused("A picture", why)


def _refused(what: str, why: SourceError) -> Finding:
    bomb = why.reason is Reason.IMAGE_TOO_LARGE
    return Finding(Check.SIZE_BOMB if bomb else Check.PICTURE_BROKEN, f"{what}: {why.detail}")


def _decoded(role: str, data: bytes | None) -> Image.Image | Finding:
    if not data:
        return Finding(Check.PICTURE_MISSING, f"There is no {role} image.")
    try:
        return images.decode_source(data, LIMITS).image
    except SourceError as error:
        return _refused(f"The {role} image", error)
