"""Files that clients upload, or that batches make: on disk, each with a page about it beside it."""

import hashlib
import json
import shutil
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Lock
from typing import Any

from editcorpus.sandbox.chance import digest
from editcorpus.sandbox.refusals import ApiError, no_file


@dataclass(frozen=True, slots=True)
class Stored:
    """One file.

    Attributes:
        number: From 1, in the order in which files came.
        bytes: Its length.
        created_at: Emulated seconds since 1970.
        expires_at: Likewise; None keeps it until it is deleted.
        filename: As the client named it; never a path of this machine.
    """

    id: str
    number: int
    bytes: int
    created_at: int
    expires_at: int | None
    filename: str
    purpose: str

    def shown(self) -> dict[str, Any]:
        """As the API shows it."""
        members = {name: value for name, value in asdict(self).items() if name != "number"}
        return {"object": "file", **members, "status": "processed", "status_details": None}


@dataclass(frozen=True, slots=True)
class Kept:
    """What is said of a file that is to be kept."""

    filename: str
    purpose: str
    created_at: int
    expires_at: int | None


class Files:
    """All files of one server. Safe to be used from several threads."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._folder = folder
        self._seed = seed
        self._lock = Lock()
        self._stored: dict[str, Stored] = {}
        self._made: dict[str, float] = {}
        self._last = 0
        folder.mkdir(parents=True, exist_ok=True)
        for page in folder.glob("*.json"):
            self._take(Stored(**json.loads(page.read_text())))

    def add(self, data: bytes, kept: Kept) -> Stored:
        """Keep bytes under a new id; when this returns, killing the server no longer loses them."""
        with self._lock:
            self._last += 1
            number = self._last
        seen = hashlib.sha256(data).hexdigest()
        name = "file-" + digest("file", self._seed, number, seen)[:24]
        self.path(name).write_bytes(data)
        return self._described(name, number, kept)

    def adopt(self, path: Path, name: str, kept: Kept) -> Stored:
        """Keep a finished file under a given id; it is moved, and doing so twice changes nothing."""
        if path.exists():
            path.replace(self.path(name))
        with self._lock:
            if name in self._stored:
                return self._stored[name]
            self._last += 1
            number = self._last
        return self._described(name, number, kept)

    def find(self, file_id: str, now: float, keep_s: float, param: str | None = "id") -> Stored:
        """A file that is there.

        Args:
            file_id: Whatever a client sent.
            now: Emulated seconds since 1970.
            keep_s: Real seconds for which no file expires.
            param: Named in the error.

        Raises:
            ApiError: 404.
        """
        with self._lock:
            found = self._stored.get(file_id)
        if found is None or self._is_over(found, now, keep_s):
            raise no_file(file_id, param)
        return found

    def data(self, stored: Stored) -> bytes:
        """What a file holds.

        Raises:
            ApiError: 404; it was deleted just now.
        """
        try:
            return self.path(stored.id).read_bytes()
        except FileNotFoundError:
            raise no_file(stored.id) from None

    def path(self, file_id: str) -> Path:
        """Where the bytes of a file lie; the id is one that this server made."""
        return self._folder / file_id

    def delete(self, stored: Stored) -> None:
        """Drop a file; nothing happens if it is gone."""
        with self._lock:
            self._stored.pop(stored.id, None)
            self._page(stored.id).unlink(missing_ok=True)
            self.path(stored.id).unlink(missing_ok=True)

    def listed(self, now: float, keep_s: float) -> Iterable[Stored]:
        """All that are there, newest first."""
        with self._lock:
            stored = sorted(self._stored.values(), key=lambda one: -one.number)
        return [one for one in stored if not self._is_over(one, now, keep_s)]

    def reset(self) -> None:
        """Drop all of them."""
        with self._lock:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder.mkdir(parents=True, exist_ok=True)
            self._stored.clear()
            self._made.clear()
            self._last = 0

    def latest(self) -> float:
        """The last moment on record, in emulated seconds since 1970; 0 where there is none."""
        return max((one.created_at for one in self._stored.values()), default=0)

    def _described(self, name: str, number: int, kept: Kept) -> Stored:
        size = self.path(name).stat().st_size if self.path(name).exists() else 0
        stored = Stored(
            name, number, size, kept.created_at, kept.expires_at, kept.filename, kept.purpose
        )
        _write_whole(self._page(name), json.dumps(asdict(stored)))
        with self._lock:
            self._take(stored)
        return stored

    def _take(self, stored: Stored) -> None:
        self._stored[stored.id] = stored
        self._made[stored.id] = time.monotonic()
        self._last = max(self._last, stored.number)

    def _page(self, file_id: str) -> Path:
        return self._folder / f"{file_id}.json"

    def _is_over(self, stored: Stored, now: float, keep_s: float) -> bool:
        if stored.expires_at is None or now < stored.expires_at:
            return False
        return time.monotonic() - self._made.get(stored.id, 0.0) >= keep_s


def _write_whole(path: Path, text: str) -> None:
    """Write a file so that a kill leaves the old one or the new one."""
    temporary = path.with_suffix(".new")
    temporary.write_text(text)
    temporary.replace(path)


def refused_download(stored: Stored) -> ApiError:
    """400: what was uploaded for models to look at is not given back."""
    return ApiError(400, f"Not allowed to download files of purpose: {stored.purpose}")
