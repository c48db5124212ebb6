"""The pictures of a gallery: files named after id and content, so that none is written twice."""

import hashlib
import re
from collections.abc import Mapping

from editcorpus.gallery.entries import GalleryEntry
from editcorpus.gallery.thumbnails import thumbnail
from editcorpus.storage import Store

FOLDER = "pictures"
_ROLES = ("source", "edited", "mask")
_NAME = re.compile(r"[A-Za-z0-9_]+-[a-z_]+-[0-9a-f]{16}\.(?:jpg|png|webp)")


class Album:
    """Where the pictures of one gallery lie. Several threads may place pictures at once."""

    def __init__(self, store: Store, folder: str) -> None:
        self._store = store
        self._folder = f"{folder}/{FOLDER}"
        self._there = frozenset(store.list(self._folder))

    def place(self, card: GalleryEntry) -> dict[str, str]:
        """Write what pictures an entry has, thumbnails included.

        Returns:
            Columns of the row: `stem`, which all names begin with, and by role what they end with.
        """
        stem = _stem(card.id)
        made: dict[str, str] = {}
        for role in _ROLES:
            data = getattr(card, role)
            kind = _extension(data) if data else ""
            if kind:
                digest = _digest(card.id, data)
                made[role] = f"{digest}.{kind}"
                self._keep(file_name(stem, role, made[role]), data)
                made |= self._small(stem, role, digest, data)
        return made | ({"stem": stem} if made else {})

    def remove_others(self, used: set[str]) -> None:
        """Delete pictures of an older page, and nothing else that may lie there."""
        for path in sorted(self._there):
            name = path.removeprefix(f"{self._folder}/")
            if _NAME.fullmatch(name) and name not in used:
                self._store.remove(path)

    def _small(self, stem: str, role: str, digest: str, data: bytes) -> dict[str, str]:
        if role == "mask":
            return {}
        name = f"{role}_small"
        tail = f"{digest}.jpg"
        path = file_name(stem, name, tail)
        if f"{self._folder}/{path}" not in self._there:
            small = thumbnail(data)
            if small is None:
                return {}
            self._store.write(f"{self._folder}/{path}", small)
        return {name: tail}

    def _keep(self, name: str, data: bytes) -> None:
        path = f"{self._folder}/{name}"
        if path not in self._there:
            self._store.write(path, data)


def file_name(stem: str, role: str, tail: str) -> str:
    """The name of a picture; the page's script puts it together likewise."""
    return f"{stem}-{role}-{tail}"


def names_of(row: Mapping[str, str]) -> list[str]:
    """The names of all pictures of a row that has the columns of `place`."""
    roles = (*_ROLES, *(f"{role}_small" for role in _ROLES))
    return [file_name(row["stem"], role, row[role]) for role in roles if role in row]


def _stem(entry_id: str) -> str:
    """What can be read of an id: letters, digits and `_`."""
    return re.sub(r"[^A-Za-z0-9]+", "_", entry_id).strip("_")[:60] or "triplet"


def _digest(entry_id: str, data: bytes) -> str:
    """Different for every id and content."""
    known = hashlib.sha256(entry_id.encode("utf-8", "surrogatepass") + b"\0" + data)
    return known.hexdigest()[:16]


def _extension(data: bytes) -> str:
    """The extension of a picture that every browser shows; empty for anything else, SVG included."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    return "jpg" if data.startswith(b"\xff\xd8\xff") else ""
