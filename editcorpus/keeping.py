"""The journal of a process, with digests of it kept as it grows, so that no start reads it whole."""

from functools import partial

from editcorpus.adding import MONEY
from editcorpus.digests import GROUP_BYTES, keep_digests
from editcorpus.history import journal_folder
from editcorpus.indexes import TEXTS
from editcorpus.journal import Journal
from editcorpus.storage import Store


def open_journal(store: Store, run: str, process: str, gather_s: float) -> Journal:
    """The writing end of a process' journal.

    Args:
        store: Where it will lie.
        run: Whose calls it will hold.
        process: Name of this process, unique over all that ever write to the store.
        gather_s: How long a write waits for others to join it, in seconds.
    """
    digest = partial(keep_digests, store, (MONEY, TEXTS), f"{run}/{process}")
    return Journal(store, journal_folder(run), process, gather_s, digest, GROUP_BYTES)
