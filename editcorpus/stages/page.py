"""The gallery of a run, beside its corpus."""

import json
from decimal import Decimal

from editcorpus.gallery import write_gallery
from editcorpus.gallery.page import INDEX, page_text
from editcorpus.layouts.manifest import CorpusManifest, read_manifest
from editcorpus.layouts.removals import read_removals
from editcorpus.ledger import read_totals
from editcorpus.runs import corpus_folder, read_identity
from editcorpus.shards import hash_of
from editcorpus.stages.exhibit import exhibits
from editcorpus.stages.opening import SANDBOX
from editcorpus.stages.plan import need_plan
from editcorpus.storage import Store

_EMULATED = (
    "EMULATED: the answers came from the sandbox, not from a model. The edits are simple drawings, "
    "good for trying the pipeline out and for nothing else."
)
_BY = {
    "regenerate": "Edited by",
    "rewrite": "Rewritten by",
    "caption": "Described by",
    "synthesize": "Source images by",
    "compose": "Composed by",
    "classify": "Sorted by",
    "align": "Judged by",
    "embed": "Vectors by",
}
"""What the models of the steps did, in words."""
_VERSION = 2
"""Raised when the same run would be shown otherwise."""


def make_gallery(store: Store, name: str, limit: int, spent: Decimal | None = None) -> str:
    """Write the gallery of a run beside its corpus; gives where the page lies.

    Where `editcorpus gc` removed the run's pictures, the page of the time before stays as it is;
    that of a finished corpus stays while it would come out the same.

    Args:
        store: Where everything lies.
        name: Of the run.
        limit: Most triplets that are shown.
        spent: Dollars that are booked for the run, if they are known; else they are added up.

    Raises:
        ConfigError: There is no such run, or its plan is not whole yet.
    """
    need_plan(store, name)
    folder = corpus_folder(name)
    index = f"{folder}/gallery/{INDEX}"
    if read_removals(store, name) is not None and store.exists(index):
        return store.url(index)
    manifest = read_manifest(store, folder)
    booked = read_totals(store, name).spent if spent is None else spent
    facts = _facts(booked, manifest)
    providers = read_identity(store, name).get("providers", {})
    notice = _EMULATED if SANDBOX in providers.values() else ""
    page, note = f"{folder}/gallery", f"runs/{name}/gallery.json"
    told = manifest.encode().decode() if manifest else ""
    key = hash_of([_VERSION, told, limit, page_text(name, facts, notice)])
    if manifest is None or _noted(store, note) != [key, *store.list(page)]:
        write_gallery(store, page, exhibits(store, name, limit), name, facts, notice)
        store.write(note, json.dumps([key, *store.list(page)]).encode() + b"\n")
    return store.url(index)


def _noted(store: Store, path: str) -> list[str]:
    """What the gallery that lies there was made of, and its files; empty where nobody knows."""
    try:
        found = json.loads(store.read(path))
    except (FileNotFoundError, ValueError):
        return []
    return found if isinstance(found, list) else []


def _facts(booked: Decimal, manifest: CorpusManifest | None) -> list[tuple[str, str]]:
    facts = [("Booked", f"${booked:.4f}")]
    if manifest is not None:
        rejected = sum(manifest.rejected.values())
        facts += [
            ("Entered", f"{manifest.entered:,}"),
            ("Kept", f"{manifest.kept:,}"),
            ("Rejected", f"{rejected:,}"),
            ("Failed", f"{sum(manifest.failed.values()):,}"),
            *((_BY.get(step, step), model) for step, model in manifest.models.items()),
        ]
    return facts
