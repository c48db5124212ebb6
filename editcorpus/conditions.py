"""Whether a store honours conditional writes, found out by trying, and what follows from it.

A server that does not know the conditions ignores them and answers that all went well, so an answer
alone proves nothing: each look is followed by another write that must be refused, and by a read.
"""

import hashlib
import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from editcorpus.errors import StorageError

_CALLERS = 8
"""Who create the same name at once: a server that looks first and writes then lets several of them."""


class Swapping(Protocol):
    """What is asked of a store."""

    def read(self, path: str, /) -> bytes:
        """The whole content."""

    def remove(self, path: str, /) -> None:
        """Delete a file."""

    def tag(self, path: str, /) -> str:
        """What the present content is known by; empty where there is none."""

    def swap(self, path: str, data: bytes, tag: str, /) -> bool:
        """Write only if the content is still the one of `tag`; whether this call did it."""


@dataclass(frozen=True, slots=True)
class Promise:
    """What a store was found to promise.

    Attributes:
        conditional: Whether it writes only where its condition holds: where nothing has the name, or
            where the content is still the one that was read.
        why: Where it does not, what it did instead; the end of a sentence.
    """

    conditional: bool
    why: str = ""

    @property
    def sentence(self) -> str:
        """How this store keeps two from paying for the same request, for whoever starts a run."""
        if self.conditional:
            return "One payer per request: by conditional writes, which this store honours."
        return (
            "One payer per request: by leases with a settling time; this store does not honour "
            f"conditional writes: {self.why}."
        )


def probed(store: Swapping) -> Promise:
    """Find out what a store promises; it can be written and read, as is known before.

    A tiny object under a name of its own is written a dozen times and removed; where it cannot be
    removed, it stays.
    """
    path = f"probe-{uuid.uuid4().hex}"
    try:
        why = _broken(store, path)
    except (StorageError, FileNotFoundError) as error:
        why = f"asked for one, it said: {str(error).rstrip('.')}"
    finally:
        with suppress(StorageError):
            store.remove(path)
    return Promise(not why, why)


def _broken(store: Swapping, path: str) -> str:
    """Which condition is not honoured; empty where all are."""
    with ThreadPoolExecutor(_CALLERS, "editcorpus-probe") as pool:
        made = [_text(number) for number in range(_CALLERS)]
        done = pool.map(lambda data: store.swap(path, data, ""), made)
        won = [data for data, first in zip(made, done, strict=True) if first]
    if len(won) != 1:
        return f"{len(won)} of {_CALLERS} who created the same name were told that they did"
    if store.read(path) != won[0] or store.swap(path, _text(0), "") or store.read(path) != won[0]:
        return "it wrote over an object that was there"
    if store.swap(path, _text(1), hashlib.md5(b"", usedforsecurity=False).hexdigest()):
        return "it wrote over an object that was not the one named"
    first, second = store.tag(path), _text(2)
    if not store.swap(path, second, first) or store.read(path) != second:
        return "it did not write over the object that was named"
    if store.swap(path, _text(3), first) or store.read(path) != second:
        return "it wrote over an object that had changed"
    return ""


def _text(number: int) -> bytes:
    return json.dumps([number, uuid.uuid4().hex]).encode()
