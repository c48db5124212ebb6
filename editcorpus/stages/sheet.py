"""The picture sheet of a run: random kept and rejected triplets of each family, beside its card."""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress

from editcorpus import images
from editcorpus.errors import ShardError, SourceError
from editcorpus.geometry import way_back
from editcorpus.layouts.parquet import ShardFile
from editcorpus.layouts.previews import SHEET
from editcorpus.layouts.sheet import MOST_FAMILIES, PER_SIDE, Sample, draw_sheet
from editcorpus.records import Triplet
from editcorpus.renewing import renew
from editcorpus.sampling import number
from editcorpus.shards import PLAN, Columns, hash_of
from editcorpus.stages.workshop import Workshop
from editcorpus.steps import filter as filter_step
from editcorpus.steps import pad, regenerate
from editcorpus.taxonomy import name_of_family

VERSION = 1
"""Raised when the same run would be shown otherwise."""
_SEED = 0
_MOST_SHARDS = 24
"""Shards that are looked into: enough for every family of a mixed input."""

Chosen = dict[str, dict[str, str]]
"""By family, the ids that are shown, and why each was rejected; empty where it was kept."""


def make_sheet(shop: Workshop, shards: int, folder: str, files: Sequence[ShardFile]) -> str:
    """Draw the sheet of a run, unless the one that is there was drawn of the same.

    Args:
        shop: Of the run, all stages of which are done.
        shards: How many it has.
        folder: Of its corpus.
        files: The records' and the rejects' files: others make another sheet.

    Returns:
        Its path in the corpus; empty where there is nothing to show.

    Raises:
        ShardError: A manifest or a column file is missing or damaged.
    """
    store, note = shop.store, f"runs/{shop.run}/sheet.json"
    key = hash_of([VERSION, [(file.path, file.sha256) for file in files]])
    path = f"{folder}/{SHEET}"
    if _noted(shop, note) == key and store.exists(path):
        return SHEET
    families: dict[str, list[Sample]] = defaultdict(list)
    full: Chosen = defaultdict(dict)
    for shard in sorted(range(shards), key=lambda one: number(_SEED, "sheet", one))[:_MOST_SHARDS]:
        with suppress(ShardError):  # whoever needs these columns says that they are damaged
            for family, sample in _of_shard(shop, Columns(store, shop.folder(shard)), full):
                families[family].append(sample)
    if not families:
        return ""
    shown = dict(sorted(families.items(), key=lambda one: (not one[0], one[0]))[:MOST_FAMILIES])
    renew(store, path, draw_sheet(shown))
    store.write(note, json.dumps(key).encode() + b"\n")
    return SHEET


def _noted(shop: Workshop, note: str) -> str:
    """What the sheet was drawn of that lies there; empty where nobody knows."""
    try:
        found = json.loads(shop.store.read(note))
    except (FileNotFoundError, ValueError):
        return ""
    return found if isinstance(found, str) else ""


def _of_shard(shop: Workshop, columns: Columns, taken: Chosen) -> Iterator[tuple[str, Sample]]:
    """Samples of families of which there are too few so far."""
    triplets = {one.id: one for one in columns.facts(PLAN, Triplet)}
    gone = {
        item.id: item
        for stage in shop.stages
        for item in columns.manifest(stage.name).rejected
        if item.id in triplets
    }
    failed = {item.id for stage in shop.stages for item in columns.manifest(stage.name).failed}
    order = sorted(
        (key for key in triplets if key not in failed), key=lambda key: number(_SEED, key)
    )
    with ExitStack() as stack:
        views = _Views(shop, columns, stack)
        for key in order:
            one, reason = triplets[key], gone.get(key)
            family = name_of_family(one)
            told = str(reason.reason) if reason else ""
            same = sum(bool(other) == bool(told) for other in taken[family].values())
            sample = views.sample(key, told) if same < PER_SIDE else None
            if sample is not None:
                taken[family][key] = told
                yield family, sample


class _Views:
    """The small pictures of a shard."""

    def __init__(self, shop: Workshop, columns: Columns, stack: ExitStack) -> None:
        self._answers = shop.responses
        self._padded = {
            row.id: (place, row) for place, row in enumerate(columns.facts(pad.NAME, pad.Padded))
        }
        answers = columns.facts(regenerate.NAME, regenerate.Regenerated)
        self._asked = {row.id: row.response for row in answers if row.response}
        self._filtered = {key: place for place, key in enumerate(columns.ids(filter_step.NAME))}
        self._sources = stack.enter_context(columns.pictures(pad.NAME, "source_view"))
        self._crops = stack.enter_context(columns.pictures(filter_step.NAME, "cropped_view"))
        self._edits = stack.enter_context(columns.pictures(filter_step.NAME, "edited_view"))

    def sample(self, key: str, reason: str) -> Sample | None:
        """Both pictures of a triplet; None where there are not two."""
        if key not in self._padded:
            return None
        place = self._filtered.get(key)
        edited = self._refused(key) if place is None else self._edits[place]
        source = None if place is None else self._crops[place]
        source = source or self._sources[self._padded[key][0]]
        return Sample(reason, source, edited) if source and edited else None

    def _refused(self, key: str) -> bytes | None:
        """What a model made of a triplet that the filter rejected, without its padding."""
        if key not in self._asked:
            return None
        try:
            answer = images.decode(self._answers.picture(self._asked[key]))
        except (ShardError, SourceError):
            return None
        left, top, right, bottom = map(round, way_back(self._padded[key][1].geometry, answer.size))
        content = answer.crop((left, top, max(right, left + 1), max(bottom, top + 1)))
        return images.encode_jpeg(images.fit(content, 256))
