"""Near duplicates and benchmarks' pictures, planted in runs that are united: how many are found.

    python tests/benchmarks/similar_union.py [--pictures FOLDER]

Of a folder of real, different pictures (or EDITCORPUS_PHOTOGRAPHS; else those of the demo) the odd half is
taken: a sixth is a benchmark, the others are a run with an edit of 5% each, all in the same words, so that
nothing but pictures tells triplets apart. For each transform another run holds them again, transformed, and
the benchmark's pictures, too. Printed: by transform, triplets found as duplicates of their own original,
near or exact, and records found as the benchmark's, with 95% intervals (Wilson); triplets taken for
another picture's duplicate; pairs of near source images that were kept in two splits.
"""

import argparse
import io
import os
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image
from rig import PHOTOS
from similar import TRANSFORMS, patched, scaled, shown

from editcorpus.images import Limits, decode_source
from editcorpus.layouts.corpus import open_corpus
from editcorpus.layouts.parquet import read_outcomes, read_shard
from editcorpus.leases import Owner
from editcorpus.records import Published, Rejected
from editcorpus.similar.clusters import leaks
from editcorpus.similar.hashfile import Item, known
from editcorpus.similar.search import near
from editcorpus.similar.views import hash_views, read_grey
from editcorpus.storage import Store
from editcorpus.union.against import Benchmark
from editcorpus.union.hands import Threads
from editcorpus.union.terms import Terms
from editcorpus.union.unite import Wish, unite
from editcorpus.union.verdicts import SPLITS

sys.path.insert(0, str(Path(__file__).parents[1] / "corpora"))
from plain_corpus import plain_record, write_plain_corpus

LIMITS = Limits(min_side=1)
SAYS = "Make the whole scene look like a stormy evening"
TERMS = Terms(validation_share=0.3, test_share=0.3)
NAMED = re.compile(r"omniedit/(\d+) of the run \w+ has ")
Picture = Image.Image


def pictures(folder: str) -> list[Picture]:
    """The odd half, at most 768 px a side."""
    files = sorted(Path(folder).iterdir()) if folder else PHOTOS
    images = [one for one in files if one.suffix not in {".csv", ".md"}]
    made = [decode_source(one.read_bytes(), LIMITS).image for one in images[1::2]]
    return [scaled(one, min(1.0, 768 / max(one.size))) for one in made]


def jpeg(image: Picture) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def record(number: int, source: Picture, edited: Picture, words: str = SAYS) -> Published:
    pictures = {"source_image": jpeg(source), "edited_image": jpeg(edited)}
    return plain_record(number, instruction=words, **pictures)


def benchmark(items: list[Picture]) -> Benchmark:
    made = []
    for number, one in enumerate(items):
        names, views = hash_views(read_grey(jpeg(one), LIMITS), crops=True)
        made.append(Item(str(number), tuple(names), views, ""))
    return Benchmark(known("bench", made), "0" * 64)


def planted(
    number: int, change: Callable[[Picture, int], Picture], images: list[Picture], count: int
) -> list[Published]:
    """A run of twins; the first `count` pictures are the benchmark's."""
    rows = []
    for place, image in enumerate(images):
        source, target = change(image, place), change(patched(image, 0.05, place), place)
        words = f"{SAYS} {number} {place}" if place < count else SAYS
        rows.append(record(1000 * (number + 1) + place, source, target, words))
    return rows


def torn(store: Store) -> int:
    """Pairs of near source images that are kept, in two splits."""
    splits, views = [], []
    for shard in open_corpus(store, "corpora/all").shards:
        for row in read_shard(store, shard.path):
            found = hash_views(read_grey(row.source_image, LIMITS))[1]
            views.append(found)
            splits += [SPLITS.index(shard.split)] * len(found)
    return len(leaks(near(np.concatenate(views)).pairs, np.array(splits)).one)


def united(store: Store, names: list[str], against: Benchmark) -> None:
    corpora = tuple(open_corpus(store, f"corpora/{name}") for name in names)
    wish = Wish("all", corpora, TERMS, against=(against,))
    done = unite(store, wish, Owner("bench", "here", 1), Threads(2, lambda *_: None))
    print(f"{', '.join(names[:3])} ...: {done.entered} entered, {done.kept} kept, {done.rejected}")


def main(folder: str, most: int) -> None:
    """Plant, unite, and print what was found."""
    images, changes = pictures(folder), dict(list(TRANSFORMS.items())[:most])
    count = len(images) // 6
    with tempfile.TemporaryDirectory() as name:
        store, against = Store.on_disk(name), benchmark(images[:count])
        own = [(place, one) for place, one in enumerate(images) if place >= count]
        rows = [record(place, one, patched(one, 0.05, place)) for place, one in own]
        write_plain_corpus(store, "a", rows)
        for number, change in enumerate(changes.values()):
            write_plain_corpus(store, f"t{number}", planted(number, change, images, count))
        united(store, ["a"], against)
        united(store, [f"t{number}" for number in range(len(changes))], against)
        found, theirs, others = Counter[int](), Counter[int](), 0
        for one in read_outcomes(store, "corpora/all/rejects.parquet", Rejected):
            run, place = divmod(int(one.id.rpartition("/")[2]), 1000)
            named = NAMED.match(one.detail)
            found[run - 1] += named is not None and int(named[1]) % 1000 == place
            theirs[run - 1] += one.reason == "contaminated"
            others += named is not None and int(named[1]) % 1000 != place
        print(f"{'transform':32} {'duplicates':32} the benchmark's")
        for number, what in enumerate(changes):
            cells = shown(found[number], len(own)), shown(theirs[number], count)
            print(f"{what:32} {cells[0]:32} {cells[1]}")
        print(f"FALSE {others} triplets taken for a duplicate of another picture")
        print(f"LEAKS {torn(store)} pairs of near source images in two splits")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--pictures", default=os.environ.get("EDITCORPUS_PHOTOGRAPHS", ""))
    parser.add_argument("--transforms", type=int, default=len(TRANSFORMS))
    wanted = parser.parse_args()
    main(wanted.pictures, wanted.transforms)
