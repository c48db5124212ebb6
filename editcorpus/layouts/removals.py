"""What garbage collection took away of a run: `runs/<run>/gc.json`, written before anything goes.

The audit reads it, so that what was removed on purpose is not taken for damage.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from editcorpus.storage import Store


@dataclass(frozen=True, slots=True)
class Removals:
    """What was taken away.

    Attributes:
        at: When it was last done, ISO 8601, UTC.
        answers: Whether paid pictures were, too, and not only what can be made again.
    """

    at: str
    answers: bool


def read_removals(store: Store, run: str) -> Removals | None:
    """What was taken away of a run; None where nothing was, or nobody can read it."""
    try:
        members = json.loads(store.read(_path(run)))
        return Removals(str(members["at"])[:40], members["answers"] is True)
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def last_removals(store: Store, runs: Iterable[str]) -> Removals | None:
    """What was taken away of any of some runs, last; None where nothing was.

    A corpus that was refiltered rests on the answers of the run that it comes from.
    """
    named = (_origin(store, run) for run in runs)
    found = [one for one in (read_removals(store, run) for run in named) if one is not None]
    if not found:
        return None
    return Removals(max(one.at for one in found), any(one.answers for one in found))


def note_removals(store: Store, run: str, removals: Removals) -> None:
    """Say of a run what is about to be taken away; what was said before stays true."""
    before = read_removals(store, run)
    answers = removals.answers or (before is not None and before.answers)
    made = Removals(removals.at, answers)
    store.write(_path(run), json.dumps(asdict(made)).encode() + b"\n")


def _origin(store: Store, name: str) -> str:
    """The run that a refiltered corpus comes from; of all others, the name itself."""
    try:
        return str(json.loads(store.read(f"refilters/{name}/refilter.json"))["run"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return name


def _path(run: str) -> str:
    return f"runs/{run}/gc.json"
