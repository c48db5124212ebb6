"""Make the corpus of a finished run anew with other thresholds, or say what they would change.

While files are being written there is no manifest, and so no corpus; the same call goes on behind the
last file that is whole. The run is owned meanwhile, so that nobody builds it.
"""

import json
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace

from editcorpus.ahead import ahead
from editcorpus.bands import bands_of
from editcorpus.errors import ConfigError, ShardError
from editcorpus.layouts.corpus import open_corpus
from editcorpus.layouts.manifest import NAME as MANIFEST
from editcorpus.layouts.manifest import CorpusManifest
from editcorpus.layouts.parquet import ShardFile
from editcorpus.leases import Owner, Times, Wanted, leased
from editcorpus.refiltering.basis import Basis
from editcorpus.refiltering.closing import Written, card_of, close
from editcorpus.refiltering.copying import Copier, Input, Place
from editcorpus.refiltering.deciding import Decided, decisions, figures_of
from editcorpus.refiltering.difference import Difference
from editcorpus.refiltering.thresholds import Thresholds
from editcorpus.runs import corpus_folder, own_run
from editcorpus.shards import hash_of
from editcorpus.storage import Store
from editcorpus.union.hands import Guard

VERSION = 1
"""Raised when the same thresholds give another corpus."""
_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,63}")
_SIDE_BY_SIDE = 2
"""Files that are written at once; of each some row groups are in memory."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be made.

    Attributes:
        name: Of the corpus.
        chained: Whether rows are turns of conversations (see `deciding.decisions`).
        opens: Opens the run's input.
    """

    name: str
    thresholds: Thresholds
    chained: bool
    opens: Input


def difference(basis: Basis, thresholds: Thresholds, *, chained: bool = False) -> Difference:
    """What other thresholds change; columns are read, nothing is written.

    Raises:
        ConfigError: The run was not finished by this version, or has not measured what they ask.
        ShardError: A manifest or columns are missing or damaged.
    """
    basis.check_measured(thresholds)
    return Difference.of(decisions(basis, thresholds, chained=chained))


def with_bands(basis: Basis, thresholds: Thresholds, *, chained: bool = False) -> Thresholds:
    """The same, and the bands of what the run itself has accepted (see `bands.py`); errors likewise."""
    found = decisions(basis, Thresholds.of(basis.identity), chained=chained)
    rows = (figures_of(item) for decided in found for item in decided.kept)
    return replace(thresholds, bands=bands_of(rows))


def refilter(
    basis: Basis,
    wish: Wish,
    owner: Owner,
    told: Callable[[int, int], None],
    times: Times | None = None,
) -> tuple[CorpusManifest, Difference]:
    """Make the corpus; what is made already is not made again.

    Args:
        basis: The run.
        wish: What is to be made.
        owner: This process.
        told: Hears after each shard how many are done, and of how many.
        times: The clock of the locks.

    Returns:
        The manifest of the corpus, and what is another in it.

    Raises:
        ConfigError: The name is taken, the run was finished by another version, or somebody is at work.
        ShardError: A file is missing or damaged, or the run has changed meanwhile.
        StorageFull: No space is left; files that are whole stay.
    """
    store, guard = basis.store, Guard()
    check_name(store, wish.name)
    wanted = Wanted(
        f"refilters/{wish.name}/lock",
        f"the corpus {wish.name!r}",
        lambda _: f"The corpus {wish.name!r} is being refiltered",
    )
    with ExitStack() as stack:
        stack.enter_context(own_run(store, basis.run, owner, guard.stop, times))
        stack.enter_context(leased(store, wanted, owner, guard.stop, times or Times()))
        _check_same(basis)
        basis.check_measured(wish.thresholds)
        card_of(basis)
        place = Place(store, wish.name, _noted(basis, wish))
        return _written(basis, wish, place, (guard, told))


def _written(
    basis: Basis, wish: Wish, place: Place, watch: tuple[Guard, Callable[[int, int], None]]
) -> tuple[CorpusManifest, Difference]:
    made, copier, (guard, told) = Written(), Copier(basis, place, wish.opens), watch

    def copied(decided: Decided) -> tuple[Decided, ShardFile | None]:
        guard.alive()
        return decided, copier.file(decided)

    decided = decisions(basis, wish.thresholds, chained=wish.chained)
    changed = Difference()
    with ThreadPoolExecutor(_SIDE_BY_SIDE, "editcorpus-copies") as pool:
        for number, (one, file) in enumerate(ahead(pool, copied, decided, _SIDE_BY_SIDE)):
            made.add(one, file)
            changed.add(one)
            told(number + 1, basis.shards)
    guard.alive()
    _check_same(basis)
    return close(basis, wish.name, wish.thresholds, made), changed


def check_name(store: Store, name: str) -> None:
    """Prove that a corpus can have this name.

    Raises:
        ConfigError: It is none, or stands for a run or another corpus.
    """
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"{name!r:.100} is no name of a corpus; it is of small letters, digits, dot and dash."
        )
    corpus = store.exists(f"{corpus_folder(name)}/{MANIFEST}")
    ours = store.exists(_note(name))
    others = f"runs/{name}/run.json", f"unions/{name}/union.json"
    if (corpus and not ours) or any(store.exists(path) for path in others):
        raise ConfigError(
            f"{name!r} is the name of a run or corpus that is there; give another --name."
        )


def _noted(basis: Basis, wish: Wish) -> str:
    """Note what the corpus is, or prove that a known one is the same; the hash of it.

    Raises:
        ConfigError: There is a corpus of this name with other thresholds, or of another state of the run.
    """
    store, path = basis.store, _note(wish.name)
    wanted = {
        "version": VERSION,
        "run": basis.run,
        "manifest_sha256": basis.corpus.sha256,
        "thresholds": wish.thresholds.told(),
    }
    known = _known(store, path)
    if store.exists(f"{corpus_folder(wish.name)}/{MANIFEST}"):
        changes = [name for name in wanted if known.get(name) != wanted[name]]
        if changes:
            raise ConfigError(
                f"The corpus {wish.name!r} is there, and is another one: it differs in "
                f"{', '.join(changes)}. Give this one another --name."
            )
    if known != wanted:
        store.write(path, json.dumps(wanted, indent=1, sort_keys=True).encode() + b"\n")
    return hash_of(wanted)


def _known(store: Store, path: str) -> dict[str, object]:
    try:
        found = json.loads(store.read(path))
    except (FileNotFoundError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _note(name: str) -> str:
    return f"refilters/{name}/refilter.json"


def _check_same(basis: Basis) -> None:
    """Prove that the run's corpus is still the one that was opened.

    Raises:
        ShardError: It is another one.
    """
    if open_corpus(basis.store, basis.corpus.folder).sha256 != basis.corpus.sha256:
        raise ShardError(
            f"The run {basis.run!r} has changed meanwhile; start the same again under another --name."
        )
