"""Planted against found, as a section of a card: of the demo's united corpus, and of no other."""

from collections.abc import Sequence

from editcorpus.intervals import wilson
from editcorpus.layouts.manifest import CARD
from editcorpus.layouts.markdown import code
from editcorpus.lookups.planted import CLEAN, Kind
from editcorpus.renewing import renew
from editcorpus.storage import Store

HEAD = "## Planted against found"


def planted_section(run: str, kinds: Sequence[Kind], entered: int, unasked: int) -> str:
    """The section in Markdown.

    Args:
        run: In which the sandbox planted.
        kinds: As `planted.table` gives them.
        entered: Triplets that entered the run.
        unasked: Those of which no answer was asked for.
    """
    about = (
        f"The sandbox answered the run {code(run)} with defects at known rates, and rows of its input "
        f"were copies or showed pictures of a benchmark. {entered:,} triplets entered, of {unasked:,} no "
        f"answer was asked for. Of {code(CLEAN)} ones, found are false rejects. *Gone* were given up for "
        "something else before; intervals are Wilson's, of 95%."
    )
    head = "| | planted | gone | found | missed | share found | by |"
    lines = [HEAD, "", about, "", head, "| --- | ---: | ---: | ---: | ---: | --- | --- |"]
    return "\n".join([*lines, *map(_row, kinds)]) + "\n"


def write_section(store: Store, folder: str, section: str) -> None:
    """Put the section at the end of a corpus' card, in place of an earlier one.

    Raises:
        FileNotFoundError: The corpus has no card.
    """
    path = f"{folder}/{CARD}"
    card = store.read(path).decode().partition(f"\n{HEAD}\n")[0].rstrip()
    renew(store, path, f"{card}\n\n{section}".encode())


def _row(kind: Kind) -> str:
    found, of = kind.found.total(), kind.of
    low, share, high = wilson(found, of)
    told = f"{share:.0%} ({low:.0%} to {high:.0%})" if of else ""
    by = ", ".join(f"{number:,} {code(reason)}" for reason, number in sorted(kind.found.items()))
    counts = (kind.planted, kind.gone, found, len(kind.missed))
    return f"| {code(kind.name)} | {' | '.join(f'{one:,}' for one in counts)} | {told} | {by} |"
