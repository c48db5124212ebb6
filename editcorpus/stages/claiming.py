"""Claims on triplets: no two runs pay for the same ones at the same time.

Whoever is about to pay for the triplets of some shards holds a lease on their ids (`leases.py`) as long
as that lasts. Two runs over the same rows of a source, or a run and what a dead one left behind, thus
come one after the other, and the later finds the answers of the earlier in the store. Ids are held as
the first eight bytes of their SHA-256: two sets of 25,600 different ids look as if they had one in
common once in 28 billion times, and then one run waits.
"""

import base64
import binascii
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from typing import Any

import numpy as np

from editcorpus.claims import Claim
from editcorpus.leases import Owner, Times, Wanted, leased
from editcorpus.storage import Store

_Ids = np.ndarray[Any, np.dtype[np.uint64]]


@contextmanager
def claimed(
    store: Store,
    run: str,
    ids: Sequence[str],
    owner: Owner,
    lost: Callable[[str], None],
    times: Times | None = None,
) -> Iterator[None]:
    """Be the only one who pays for these triplets while the block lasts.

    Args:
        store: Where the answers lie.
        run: For which run.
        ids: Of the triplets, all of one source.
        owner: This process.
        lost: Is called once with a sentence, from another thread, when that is so no more.
        times: The clock, and how often the lease is renewed.

    Raises:
        Taken: Somebody else pays for some of them now.
    """
    hashes = _hashes(ids)

    def against(claim: Claim) -> str:
        common = _overlap(hashes, claim)
        return f"{common} of these triplets are in work for the run {claim.get('run')!r}" * (
            common > 0
        )

    members = {"run": run, "ids": base64.b64encode(hashes.tobytes()).decode()}
    wanted = Wanted("leases", f"the triplets of run {run!r}", against, members)
    with leased(store, wanted, owner, lost, times or Times()):
        yield


def _hashes(ids: Sequence[str]) -> _Ids:
    digests = b"".join(sha256(one.encode("utf-8", "surrogatepass")).digest()[:8] for one in ids)
    return np.unique(np.frombuffer(digests, "<u8"))


def _overlap(hashes: _Ids, claim: Claim) -> int:
    """How many ids another's claim has in common; all of them where the claim cannot be read."""
    try:
        other = np.frombuffer(base64.b64decode(claim["ids"], validate=True), "<u8")
    except (KeyError, TypeError, ValueError, binascii.Error):
        return len(hashes)
    return len(np.intersect1d(hashes, other))
