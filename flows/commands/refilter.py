"""`editcorpus refilter`: make a run's corpus anew with other thresholds; nothing is paid.

Every figure that a verdict hangs on is on record, so that columns are read and encoded pictures copied.
What it would change is shown first, and written with --yes alone, as a corpus of its own.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from editcorpus.bands import LEAST
from editcorpus.errors import ConfigError, RunStopped, StorageError
from editcorpus.refiltering.basis import Basis, open_basis
from editcorpus.refiltering.difference import WAYS, Difference, usd_a_judgement
from editcorpus.refiltering.refilter import Wish, check_name, difference, refilter, with_bands
from editcorpus.refiltering.thresholds import NAMES, Thresholds
from editcorpus.rows import Shelf
from editcorpus.runs import corpus_folder
from flows.commands.redrive import recipe_on_record
from flows.connections import input_options, open_store
from flows.sources import source_names
from flows.starting import input_of, interruptible, source_of, this_process


@dataclass(frozen=True, slots=True)
class _Told:
    """What would be another, or is: the JSON line.

    Attributes:
        thresholds: Value in the run and value here, by the threshold's name.
        unjudged_usd: About what it would cost to judge those whom nobody has.
    """

    run: str
    name: str
    thresholds: Mapping[str, tuple[Any, Any]]
    difference: Difference
    unjudged_usd: Decimal
    corpus: str = ""

    def line(self, seconds: float) -> str:
        """For programs."""
        made = {
            "run": self.run,
            "name": self.name,
            "thresholds": {name: list(values) for name, values in self.thresholds.items()},
            **self.difference.as_json(),
            "unjudged_usd": f"{self.unjudged_usd:.4f}",
            "written": bool(self.corpus),
            "corpus": self.corpus,
            "seconds": seconds,
        }
        return json.dumps(made, ensure_ascii=False) + "\n"

    def text(self) -> Iterator[str]:
        """For a person."""
        for name, (old, new) in self.thresholds.items():
            bands = name == "bands"
            yield (
                f"bands of {len(new)} families"
                if bands
                else f"{name}: {_json(old)} -> {_json(new)}"
            )
        if not self.thresholds:
            yield "No threshold is another one."
        found = self.difference
        yield f"{found.kept:,} kept"
        for way, sign in (("lost", "-"), ("won", "+")):
            reasons = getattr(found, way)
            yield f"{reasons.total():,} {way}"
            yield from (f"  {sign} {count:,} {reason}" for reason, count in reasons.most_common())
        yield from _families(found)
        if count := found.unjudged.total():
            yield (
                f"{count:,} more would pass the filter, but nobody was asked to judge them, which would "
                f"need as many paid judgements, {_about(self.unjudged_usd)}. To have them, build with these "
                "thresholds under another run name."
            )
            told = (f"  {count:,} {reason}" for reason, count in found.unjudged.most_common())
            yield from told


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument("run", metavar="RUN", help="name of a finished run of the store")
    parser.add_argument("--store", default="store", help="folder or s3:// URL (store)")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="STEP.NAME=VALUE",
        help=f"a threshold, such as publish.min_done=0.6; may be repeated: {', '.join(NAMES)}",
    )
    parser.add_argument(
        "--bands",
        action="store_true",
        help="leave out who lies beyond the 1st to 99th percentile of its family's figures in this run",
    )
    parser.add_argument("--name", default="", help="name of the new corpus (RUN-refiltered)")
    parser.add_argument("--yes", action="store_true", help="write it; else it is only shown")
    parser.add_argument("--json", action="store_true", help="print one JSON object at the end")


def run(arguments: argparse.Namespace) -> int:
    """Show the difference, and write the corpus if that is wished; a second call goes on with it."""
    began = time.monotonic()
    name = arguments.name or f"{arguments.run}-refiltered"
    try:
        with interruptible():
            basis = open_basis(open_store(os.environ, arguments.store), arguments.run)
            check_name(basis.store, name)
            known = Thresholds.of(basis.identity)
            wanted = known.changed(arguments.set)
            if arguments.bands:
                wanted = with_bands(basis, wanted, chained=_chained(basis))
                if not wanted.bands:
                    sys.stderr.write(
                        f"editcorpus: No family has {LEAST} records, and so no bands.\n"
                    )
            told = _told(basis, name, wanted)
            if not arguments.json:
                _say("\n".join(told.text()))
            if arguments.yes:
                told = _written(basis, told, wanted)
    except StorageError as error:
        raise RunStopped(f"{error} Run the same again to go on.") from error
    seconds = round(time.monotonic() - began, 1)
    if arguments.json:
        sys.stdout.write(told.line(seconds))
    elif told.corpus:
        _say(f"{told.corpus}, {seconds} s")
    else:
        _say(f"Nothing is written: --yes writes the corpus {name}.")
    return 0


def _told(basis: Basis, name: str, wanted: Thresholds) -> _Told:
    changes = Thresholds.of(basis.identity).against(wanted)
    found = difference(basis, wanted, chained=_chained(basis))
    count = found.unjudged.total()
    usd = usd_a_judgement(basis) * count if count else Decimal(0)
    return _Told(basis.run, name, changes, found, usd)


def _written(basis: Basis, told: _Told, wanted: Thresholds) -> _Told:
    wish = Wish(told.name, wanted, _chained(basis), lambda: _input(basis))
    _, changed = refilter(basis, wish, this_process(), _shown)
    corpus = basis.store.url(corpus_folder(told.name))
    return _Told(basis.run, told.name, told.thresholds, changed, told.unjudged_usd, corpus)


def _chained(basis: Basis) -> bool:
    """Whether rows are turns of conversations; of a source of one's own nobody says so: perhaps."""
    if basis.identity.get("source") not in source_names():
        return True
    return source_of(*recipe_on_record(basis.store, basis.run)).rounds > 1


@contextmanager
def _input(basis: Basis) -> Iterator[Shelf]:
    """The run's input, opened for the source images of triplets that come in."""
    if basis.identity.get("source") not in source_names():
        raise ConfigError(
            "Triplets come in whose source images lie in the input, and the run is of a source of your "
            "own: build with these thresholds under another run name, which pays for nothing twice."
        )
    name, recipe = recipe_on_record(basis.store, basis.run)
    source, options = source_of(name, recipe), input_options(os.environ)
    inputs = input_of(source, recipe, basis.store, options)
    with closing(source.reader.shelf(source, inputs, basis.store)) as shelf:
        yield shelf


def _families(found: Difference) -> Iterator[str]:
    """A table of families; whoever is not told by the source has none."""
    rows = found.families()
    widest = max([len(name) for name in rows] + [len("family")])
    yield f"{'family':<{widest}}  " + "  ".join(f"{way:>8}" for way in WAYS)
    for name, row in rows.items():
        yield f"{name or '-':<{widest}}  " + "  ".join(f"{row[way]:>8,}" for way in WAYS)


def _shown(done: int, of: int) -> None:
    """Progress for a person who looks on; a log gets none."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{done:,} of {of:,} shards" + ("\n" if done == of else ""))


def _about(usd: Decimal) -> str:
    return f"about ${usd:,.4f}" if usd >= Decimal("0.0001") else "at less than $0.0001"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
