"""Claims: what a process that holds a lease, or wants one, says of itself in the store."""

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from editcorpus.storage import Store

Claim = Mapping[str, Any]


def living(store: Store, folder: str, host: str, clock: Callable[[], float]) -> list[Claim]:
    """The claims below a folder, at any depth, whose owners have not been seen to die.

    Args:
        store: Where they lie.
        folder: Such as `leases`.
        host: Name of this machine, whose own dead processes are known.
        clock: Seconds since 1970.
    """
    found = [_read_claim(store, path) for path in store.list(folder)]
    return [claim for claim in found if claim and not is_over(claim, host, clock())]


def is_over(claim: Claim, host: str, now: float) -> bool:
    """Whether a claim has expired, or its owner is known to be dead.

    Args:
        claim: Anybody's.
        host: Name of this machine, whose own dead processes are known.
        now: Seconds since 1970.
    """
    expires, pid = claim.get("expires"), claim.get("pid")
    if not isinstance(expires, int | float) or expires < now:
        return True
    here = (claim.get("host"), claim.get("realm")) == (host, realm())
    return here and isinstance(pid, int) and not _alive(pid)


def _read_claim(store: Store, path: str) -> dict[str, Any] | None:
    """A claim; None where it was just withdrawn, or is none."""
    try:
        return parse_claim(store.read(path))
    except FileNotFoundError:
        return None


def parse_claim(data: bytes) -> dict[str, Any] | None:
    """A claim; None where the bytes are none."""
    try:
        claim = json.loads(data)
    except ValueError:
        return None
    return claim if isinstance(claim, dict) else None


def realm() -> str:
    """Where process numbers mean the same: this boot, this container; empty where nobody says."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True
