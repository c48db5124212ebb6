"""`editcorpus push`: send a finished corpus, or an export of it, to a dataset repository on the Hub."""

import argparse
import json
import logging
import os
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

from huggingface_hub.utils import disable_progress_bars  # type: ignore[attr-defined]

from editcorpus.errors import ConfigError, RunStopped, StorageError
from editcorpus.layouts.catalogue import LAYOUTS
from editcorpus.layouts.comparison import Plan, plan_push
from editcorpus.layouts.contents import Contents, File, contents
from editcorpus.layouts.corpus import open_corpus
from editcorpus.layouts.export import export
from editcorpus.layouts.push import push
from editcorpus.layouts.repository import ENDPOINT, Repository
from flows.connections import open_store
from flows.corpora import named_folder
from flows.starting import interruptible

_SHOWN = 20
"""Files that a dry run names."""


@dataclass(frozen=True, slots=True)
class _Pushed:
    """What was done, or would be: the JSON line."""

    repo: str
    revision: str
    commit: str
    url: str
    sent: dict[str, int]
    there: dict[str, int]
    removed: int
    dry_run: bool
    seconds: float

    def line(self) -> str:
        return json.dumps({name: getattr(self, name) for name in self.__slots__}) + "\n"

    def text(self) -> str:
        """The same for a person."""
        done = "would be sent" if self.dry_run else "sent"
        lines = [f"{_amount(self.sent)} {done}, {_amount(self.there)} there already"]
        if self.removed:
            gone = "would be removed" if self.dry_run else "removed"
            lines.append(f"{self.removed:,} files of an earlier state {gone}")
        commit = f", commit {self.commit}" if self.commit else ""
        return "\n".join([*lines, f"{self.url}{commit}", ""])


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument("--store", default="store", help="folder or s3:// URL (store)")
    parser.add_argument(
        "--corpus",
        required=True,
        help="name of a run in the store, or folder or URL of a corpus or export",
    )
    parser.add_argument(
        "--repo", required=True, help="<user or organisation>/<name>; made if missing"
    )
    parser.add_argument(
        "--layout",
        choices=tuple(LAYOUTS),
        help="export first, into exports/ of the store (or beside the folder), and push that",
    )
    parser.add_argument("--revision", default="main", help="branch; made if missing (main)")
    parser.add_argument("--private", action="store_true", help="make the repository private")
    parser.add_argument(
        "--dry-run", action="store_true", help="say what would be sent; send nothing"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object at the end")


def run(arguments: argparse.Namespace) -> int:
    """Push, and print what was sent; started again after a kill, it goes on."""
    began = time.monotonic()
    disable_progress_bars()
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # its warnings hold signed URLs
    repository = _repository(arguments)
    try:
        with interruptible():
            cargo = _cargo(arguments)
            plan = plan_push(cargo, repository, private=arguments.private)
            commit = "" if arguments.dry_run else _pushed(cargo, repository, plan, arguments)
    except StorageError as error:
        raise RunStopped(f"{error} Run the same again to go on.") from error
    if arguments.dry_run and not arguments.json:
        sys.stdout.write("".join(f"{line}\n" for line in _listed(plan)))
    made = _told(arguments, plan, (commit, repository.url), round(time.monotonic() - began, 1))
    sys.stdout.write(made.line() if arguments.json else made.text())
    return 0


def _repository(arguments: argparse.Namespace) -> Repository:
    token = os.environ.get("HF_TOKEN", "").strip()
    if not token and not arguments.dry_run:
        raise ConfigError(
            "HF_TOKEN is not set; a push needs a token of the Hub with the right to write."
        )
    endpoint = os.environ.get("HF_ENDPOINT") or ENDPOINT
    return Repository(arguments.repo, arguments.revision, token, endpoint)


def _cargo(arguments: argparse.Namespace) -> Contents:
    opens = partial(open_store, os.environ)
    store, folder = named_folder(opens(arguments.store), arguments.corpus, opens)
    if arguments.layout is None:
        return contents(store, folder)
    corpus = open_corpus(store, folder)
    above, _, name = folder.rpartition("/")
    place = f"exports/{name}" if above == "corpora" else f"{above}/{name}".removeprefix("/")
    place = f"{place}-{arguments.layout}"
    export(corpus, LAYOUTS[arguments.layout], store, place)
    return contents(store, place)


def _pushed(
    cargo: Contents, repository: Repository, plan: Plan, arguments: argparse.Namespace
) -> str:
    return push(cargo, repository, plan, private=arguments.private, told=_shown)


def _told(
    arguments: argparse.Namespace, plan: Plan, place: tuple[str, str], seconds: float
) -> _Pushed:
    sent = _counted((*plan.missing, *plan.last))
    return _Pushed(
        arguments.repo,
        arguments.revision,
        *place,
        sent=sent,
        there=_counted(plan.there),
        removed=len(plan.removed),
        dry_run=arguments.dry_run,
        seconds=seconds,
    )


def _listed(plan: Plan) -> Iterable[str]:
    files = (*plan.missing, *plan.last)
    yield from (f"{file.path}  {file.bytes:,} bytes" for file in files[:_SHOWN])
    if len(files) > _SHOWN:
        yield f"... and {len(files) - _SHOWN:,} more"
    yield from (f"{path}  is removed" for path in plan.removed[:_SHOWN])


def _counted(files: Iterable[File]) -> dict[str, int]:
    sizes = [file.bytes for file in files]
    return {"files": len(sizes), "bytes": sum(sizes)}


def _amount(counts: dict[str, int]) -> str:
    return f"{counts['files']:,} files of {counts['bytes']:,} bytes"


def _shown(done: int, of: int) -> None:
    """Progress for a person who looks on; a log gets none."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{done:,} of {of:,} bytes" + ("\n" if done == of else ""))
