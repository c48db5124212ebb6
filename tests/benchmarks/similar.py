"""Near duplicates: what is found again, what is taken for the same and is not, seconds and memory.

    python tests/benchmarks/similar.py [--pictures FOLDER] [--records N] [--tune]

With a folder of real, different pictures (or EDITCORPUS_PICTURES): each is transformed as data sets and
editors do, hashed, and looked for among all. The thresholds were chosen on the even half of the folder
(`--tune` prints the choice); printed is the odd half, counts with 95% intervals (Wilson). False matches are
counted between different pictures, and between quarters of quarters of them: these have less in them than
whole pictures, and are more alike. Then, without a folder too: CPU of a hash, and N (1.5 million) hashes
searched whole and against a benchmark, in a process of its own. Bars: 10 ms, 60 s on 2 cores, 1 GiB.
"""

import argparse
import io
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter
from rig import PHOTOS, photograph

from editcorpus.images import Limits, decode_source
from editcorpus.intervals import wilson
from editcorpus.layouts.corpus import Shard
from editcorpus.layouts.parquet import ShardFile
from editcorpus.similar.bars import Array
from editcorpus.similar.buckets import Degenerate
from editcorpus.similar.hashes import compare, hash_grey, hash_measures, is_plain, measure
from editcorpus.similar.minhash import signatures
from editcorpus.similar.search import NEAR, NONE, WEAK, Found, Rule, between, joined, matches, near
from editcorpus.similar.views import hash_views, read_grey
from editcorpus.similar.wording import wording
from editcorpus.storage import Store
from editcorpus.tables import table_writer
from editcorpus.union import looks
from editcorpus.union.batches import BATCH_RECORDS, Batch
from editcorpus.union.digests import FOLDER
from editcorpus.union.nearness import nearness

LIMITS = Limits(min_side=1)
PLANTED = 75
"""One of so many hashes is near another by intent."""
GREYS = [decode_source(one.read_bytes(), LIMITS).image.convert("L") for one in PHOTOS]
Picture = Image.Image
White, Black = (255, 255, 255), (0, 0, 0)


def encoded(image: Picture, kind: str, **options: object) -> Picture:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return Image.open(io.BytesIO(buffer.getvalue())).convert("RGB")


def scaled(image: Picture, factor: float) -> Picture:
    size = (max(16, round(image.width * factor)), max(16, round(image.height * factor)))
    return image.resize(size, Image.Resampling.BICUBIC)


def cropped(image: Picture, share: float, x: float = 0.5, y: float = 0.5) -> Picture:
    width, height = image.width * (1 - share), image.height * (1 - share)
    left, top = (image.width - width) * x, (image.height - height) * y
    return image.crop((round(left), round(top), round(left + width), round(top + height)))


def to_ratio(image: Picture, ratio: float) -> Picture:
    width, height = image.size
    if width > ratio * height:
        return cropped_to(image, round(height * ratio), height)
    return cropped_to(image, width, round(width / ratio))


def cropped_to(image: Picture, width: int, height: int) -> Picture:
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return image.crop((left, top, left + width, top + height))


def padded(image: Picture, size: tuple[int, int], colour: tuple[int, int, int]) -> Picture:
    made = Image.new("RGB", size, colour)
    made.paste(image, ((size[0] - image.width) // 2, (size[1] - image.height) // 2))
    return made


def square(image: Picture, colour: tuple[int, int, int]) -> Picture:
    return padded(image, (max(image.size),) * 2, colour)


def patched(image: Picture, share: float, number: int) -> Picture:
    """A part of it replaced by a part of itself, upside down, from elsewhere."""
    made, side = image.copy(), share**0.5
    width, height = int(image.width * side), int(image.height * side)
    left, top = (
        int(n * (0.1 + 0.03 * (number * k % 10))) for n, k in zip(image.size, (7, 3), strict=True)
    )
    far = (image.width - width - left // 2, image.height - height - top // 2)
    part = image.crop((*far, far[0] + width, far[1] + height)).transpose(Image.Transpose.ROTATE_180)
    made.paste(
        ImageEnhance.Color(ImageEnhance.Brightness(part).enhance(0.7)).enhance(3), (left, top)
    )
    return made


def noisy(image: Picture, number: int) -> Picture:
    noise = np.random.default_rng(number).normal(0, 12, (image.height, image.width, 3))
    return Image.fromarray((np.asarray(image) + noise).clip(0, 255).astype("u1"))


def marked(image: Picture) -> Picture:
    made = image.copy()
    box = (0, int(image.height * 0.9), int(image.width * 0.35), image.height)
    ImageDraw.Draw(made).rectangle(box, fill=(20, 20, 20))
    return made


TRANSFORMS: dict[str, Callable[[Picture, int], Picture]] = {
    "JPEG quality 50": lambda image, _: encoded(image, "JPEG", quality=50),
    "JPEG quality 20": lambda image, _: encoded(image, "JPEG", quality=20),
    "WebP quality 60": lambda image, _: encoded(image, "WEBP", quality=60),
    "resized to 0.7": lambda image, _: scaled(image, 0.7),
    "resized to 0.3": lambda image, _: scaled(image, 0.3),
    "stretched to 512x512": lambda image, _: image.resize((512, 512)),
    "brightness 1.3": lambda image, _: ImageEnhance.Brightness(image).enhance(1.3),
    "brightness 0.7": lambda image, _: ImageEnhance.Brightness(image).enhance(0.7),
    "contrast 1.4": lambda image, _: ImageEnhance.Contrast(image).enhance(1.4),
    "grey": lambda image, _: image.convert("L").convert("RGB"),
    "blur 3 px": lambda image, _: image.filter(ImageFilter.GaussianBlur(3)),
    "noise 12": noisy,
    "mirrored": lambda image, _: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    "turned by 1 degree": lambda image, _: image.rotate(1, Image.Resampling.BICUBIC),
    "small, bright, JPEG 70": lambda image, _: encoded(
        scaled(ImageEnhance.Brightness(cropped(image, 0.01)).enhance(1.1), 0.5), "JPEG", quality=70
    ),
    "padded by 10%, white": lambda image, _: padded(
        image, (round(image.width * 1.1), image.height), White
    ),
    "padded to a square, white": lambda image, _: square(image, White),
    "padded to a square, black": lambda image, _: square(image, Black),
    "mark in a corner": lambda image, _: marked(image),
    "5% edited": lambda image, number: patched(image, 0.05, number),
    "15% edited": lambda image, number: patched(image, 0.15, number),
    "cropped by 2%": lambda image, _: cropped(image, 0.02),
    "cropped by 5%": lambda image, _: cropped(image, 0.05),
    "cropped by 5%, off the middle": lambda image, number: cropped(
        image, 0.05, number % 3 / 2, number // 3 % 3 / 2
    ),
    "cropped by 10%": lambda image, _: cropped(image, 0.1),
    "middle square": lambda image, _: to_ratio(image, 1),
    "middle 3:2": lambda image, _: to_ratio(image, 1.5),
}


class Half:
    """One half of the pictures: originals and transformed ones, as hashes."""

    def __init__(self, folder: Path, odd: int) -> None:
        files = [one for one in sorted(folder.iterdir()) if one.suffix not in {".csv", ".md"}]
        pictures = [self._read(one) for one in files[odd::2]]
        self.whole, self.owners = self._views(pictures)
        self.crops, self.crop_owners = self._views(pictures, crops=True)
        self.plain = int(
            is_plain(np.array([hash_grey(one.convert("L")) for one in pictures])).sum()
        )
        self.tiles, self.tile_owners = self._tiles(pictures)
        self.count = len(pictures)
        self.made = {
            name: self._views([change(one, number) for number, one in enumerate(pictures)])
            for name, change in TRANSFORMS.items()
        }

    def _read(self, file: Path) -> Picture:
        image = decode_source(file.read_bytes(), LIMITS).image
        return scaled(image, 768 / max(image.size)) if max(image.size) > 768 else image

    def _views(self, pictures: list[Picture], *, crops: bool = False) -> tuple[Array, Array]:
        made = [hash_views(_grey(one), crops=crops)[1] for one in pictures]
        return np.concatenate(made), np.repeat(np.arange(len(made)), [len(one) for one in made])

    def _tiles(self, pictures: list[Picture]) -> tuple[Array, Array]:
        made, owners = [], []
        for number, one in enumerate(pictures):
            for x, y in np.ndindex(4, 4):
                wide, high = one.width / 4, one.height / 4
                box = (x * wide, y * high, (x + 1) * wide, (y + 1) * high)
                made.append(hash_grey(one.convert("L"), box))
                owners.append(number)
        hashes, numbers = np.array(made), np.array(owners)
        full = ~is_plain(hashes)
        return hashes[full], numbers[full]

    def found(self, name: str, rule: Rule, *, crops: bool = False) -> int:
        """How many of the transformed ones are found among all originals, as themselves."""
        hashes, owners = self.made[name]
        known, of_known = (self.crops, self.crop_owners) if crops else (self.whole, self.owners)
        pairs = matches(known, hashes, rule).pairs
        own = of_known[pairs.one] == owners[pairs.other]
        return len(np.unique(owners[pairs.other][own]))

    def perhaps(self, name: str) -> int:
        """How many are perhaps near to themselves, all views compared, as where instructions are equal."""
        hashes, owners = self.made[name]
        one, other = np.nonzero(self.crop_owners[:, None] == owners)
        pairs = between(self.crops, hashes, (one, other), WEAK)
        return len(np.unique(owners[pairs.other]))

    def false(self, hashes: Array, owners: Array, rule: Rule) -> tuple[int, int]:
        """Pairs of different pictures for which the rule holds, without a search, and how many there are."""
        count = pairs = 0
        for number in range(len(hashes) - 1):
            others = np.flatnonzero(owners[number + 1 :] != owners[number]) + number + 1
            pairs += len(others)
            one = np.broadcast_to(hashes[number], (len(others), hashes.shape[1]))
            count += int(rule.holds(compare(one, hashes[others])).sum())
        return count, pairs


def _grey(image: Picture) -> Picture:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=95)
    return read_grey(buffer.getvalue(), LIMITS)


def shown(count: int, total: int) -> str:
    """A share with its interval."""
    low, mid, high = wilson(count, total)
    return f"{count:>4}/{total} {mid:.3f} ({low:.3f} to {high:.3f})"


def print_recall(folder: Path) -> None:
    """The odd half."""
    half = Half(folder, 1)
    print(f"{half.count} pictures, of which {half.plain} plain (never found)")
    print(
        f"{'transform':32} {'near':32} {'near, crops hashed too':32} perhaps near, same instruction"
    )
    for name in TRANSFORMS:
        cells = [half.found(name, NEAR), half.found(name, NEAR, crops=True), half.perhaps(name)]
        print(f"{name:32} " + " ".join(f"{shown(one, half.count):32}" for one in cells))
    for label, rule in (("near", NEAR), ("perhaps near", WEAK)):
        for what, hashes, owners in (
            ("different pictures", half.whole, half.owners),
            ("crops of different pictures", half.crops, half.crop_owners),
            ("sixteenths of different pictures", half.tiles, half.tile_owners),
        ):
            count, pairs = half.false(hashes, owners, rule)
            print(
                f"FALSE {label}: {count} of {pairs} pairs of {what}; {wilson(count, pairs).high:.1e}"
            )


def print_tuning(folder: Path) -> None:
    """The even half: recall and false matches by threshold."""
    half = Half(folder, 0)
    for agreement in (0.45, 0.5, 0.55):
        for signs in (64, 72, 80, 88, 96):
            rule = Rule(signs, agreement)
            count, pairs = half.false(half.tiles, half.tile_owners, rule)
            found = [half.found(name, rule) for name in TRANSFORMS]
            share = sum(found) / half.count / len(found)
            print(f"signs {signs} agreement {agreement}: recall {share:.3f}, false {count}/{pairs}")


def print_hashing() -> None:
    """CPU of the hash of a JPEG of 1 MP, of quality 92."""
    data = [photograph(number, (1152, 896)) for number in range(2 * len(PHOTOS))]
    took = []
    for _ in range(5):
        began = time.process_time()
        for one in data:
            hash_views(read_grey(one, LIMITS))
        took.append((time.process_time() - began) / len(data) * 1e3)
    print(f"BAR hash {min(took):.1f} ms of CPU for a JPEG of 1 MP (10)")


def corpus(count: int, seed: int) -> Array:
    """Hashes as pictures have them: of mixtures of five parts of photographs, nearly all of them far apart.

    Hashing as many pictures would take hours; frequencies and differences of a mixture are the mixtures of
    theirs.
    """
    rng = np.random.default_rng(seed)
    parts = [_part(rng) for _ in range(6000)]
    frequencies, steps = (np.array(column, "f4") for column in zip(*parts, strict=True))
    made = np.empty((count, 12), "<u8")
    for first in range(0, count, 10_000):
        size = min(10_000, count - first)
        chosen = rng.integers(0, len(parts), (5, size))
        weights = rng.choice((-0.5, 0.5), (5, size, 1)) * rng.uniform(0.5, 1, (5, size, 1))
        mixed = [np.zeros((size, 256), "f4") for _ in range(2)]
        for weight, part in zip(weights.astype("f4"), chosen, strict=True):
            mixed[0] += weight * frequencies[part]
            mixed[1] += weight * steps[part]
        made[first : first + size] = hash_measures(*mixed)
    return made


def _part(rng: np.random.Generator) -> tuple[Array, Array]:
    grey = GREYS[rng.integers(len(GREYS))]
    side = min(grey.size) * rng.uniform(0.15, 0.5)
    left, top = (rng.uniform(0, length - side) for length in grey.size)
    part = grey.resize((64, 64), Image.Resampling.HAMMING, (left, top, left + side, top + side))
    turned = Image.fromarray(np.rot90(np.asarray(part), rng.integers(4)))
    return measure(turned)


def planted(hashes: Array, count: int) -> tuple[Array, Array]:
    """Change the last `count` of some hashes into near ones of the first, and say how many signs differ."""
    rng = np.random.default_rng(7)
    bits = np.unpackbits(hashes[:count].view("u1"), axis=1)
    share = rng.uniform(0, 0.2, (count, 1))
    bits ^= rng.random(bits.shape) < share * np.where(np.arange(bits.shape[1]) < 256, 1, 0.3)
    hashes[-count:] = np.packbits(bits, axis=1).view("<u8")
    return np.arange(count), np.arange(len(hashes) - count, len(hashes))


def child(folder: Path) -> None:
    """Search, and print what it took as JSON."""
    hashes, queries = np.load(folder / "corpus.npy"), np.load(folder / "queries.npy")
    start = _peak()
    told = {"start_mib": start, "near": _timed(lambda: near(hashes), len(hashes))}
    told["matches"] = _timed(lambda: in_batches(queries, hashes), len(hashes))
    texts = [
        f"Put a {n % 977} red balloon, number {n}, left of tree {n % 31}." for n in range(100_000)
    ]
    began = time.process_time()
    signed = signatures(texts)
    told["signature_us"] = round((time.process_time() - began) / len(texts) * 1e6, 1)
    many = np.resize(signed, (len(hashes), signed.shape[1]))
    many[:, ::3] ^= np.arange(len(many), dtype="u8")[:, None] // np.uint64(4)
    began = time.process_time()
    wording(many)
    told["wording_cpu_s"] = round(time.process_time() - began, 1)
    told["peak_mib"] = _peak()
    print(json.dumps(told))


def in_batches(queries: Array, hashes: Array) -> Found:
    """Hold a corpus against a benchmark batch by batch, as uniting does."""
    pairs, found = [], Found(NONE, Degenerate(), 0)
    for first in range(0, len(hashes), BATCH_RECORDS):
        found = matches(hashes[first : first + BATCH_RECORDS], queries)
        ours = found.pairs.one + np.uint32(first)
        pairs.append(found.pairs._replace(one=found.pairs.other, other=ours))
    return Found(joined(pairs), found.degenerate, found.plain)


def union_child(folder: Path, total: int) -> None:
    """Find what is near as uniting does, from files, and print what it took as JSON."""
    store, start = Store.on_disk(folder), _peak()
    began, cpu = time.monotonic(), time.process_time()
    made = nearness(store, fake_batches(total), [slice(0, total)], lambda: None)[0]
    told = {"seconds": round(time.monotonic() - began, 1), "start_mib": start}
    told |= {"cpu_s": round(time.process_time() - cpu, 1), "peak_mib": _peak()}
    print(json.dumps({**told, "near": len(made.sources[0]), "triplets": len(made.triplets[0])}))


def fake_batches(total: int) -> list[Batch]:
    """Batches of a corpus of which there are digests alone."""
    made = []
    for first in range(0, total, BATCH_RECORDS):
        count = min(BATCH_RECORDS, total - first)
        file = ShardFile(f"data/train-{first:09d}.parquet", count, 1, f"{first:064x}")
        made.append(Batch(0, (Shard(None, 0, 0, file),), first))
    return made


def write_looks(folder: Path, hashes: Array) -> None:
    """Digests of the pictures of a corpus, in which the planted ones say the same as those they are of."""
    total, count = len(hashes), len(hashes) // PLANTED
    words = np.arange(1, total + 1, dtype="u8")
    words[-count:] = words[:count]
    for batch in fake_batches(total):
        rows = slice(batch.first, batch.first + batch.records)
        data = {name: np.zeros(batch.records, "u8") for name in looks.SCHEMA.names}
        data |= {"broken": np.zeros(batch.records, "u1"), "words": words[rows]}
        data |= {"text": [""] * batch.records, "signature": [bytes(128)] * batch.records}
        data |= {f"{name}_content": [bytes(96)] * batch.records for name in looks.PICTURES}
        whole = [row.tobytes() for row in hashes[rows]]
        data |= {f"{name}_whole": whole for name in looks.PICTURES}
        path = folder / looks.looks_path(FOLDER, batch)
        path.parent.mkdir(parents=True, exist_ok=True)
        with table_writer(looks.SCHEMA, path) as writer:
            writer.write_table(pa.Table.from_pydict(data, looks.SCHEMA))


def _timed(job: Callable[[], Found], total: int) -> dict[str, object]:
    began, cpu = time.monotonic(), time.process_time()
    found = job()
    told = {"seconds": round(time.monotonic() - began, 1), "peak_mib": _peak()}
    told["cpu_s"] = round(time.process_time() - cpu, 1)
    count = total // PLANTED
    known = found.pairs.other - found.pairs.one == total - count
    planted = len(np.unique(found.pairs.one[known & (found.pairs.one < count)]))
    told |= {"pairs": len(found.pairs.one), "planted": planted}
    return {**told, "degenerate": found.degenerate.buckets}


def _peak() -> float:
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)


def print_scale(records: int) -> None:
    """Search in a process of its own."""
    with tempfile.TemporaryDirectory() as name:
        hashes = corpus(records, 1)
        count = records // PLANTED
        low, high = planted(hashes, count)
        held = NEAR.holds(compare(hashes[low], hashes[high])).sum()
        np.save(Path(name) / "corpus.npy", hashes)
        np.save(Path(name) / "queries.npy", hashes[:70_000])
        command = [sys.executable, __file__, "--child", name]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        write_looks(Path(name), hashes)
        command[2:] = ["--union-child", name, str(records)]
        united = subprocess.run(command, check=True, capture_output=True, text=True)
    told, union = json.loads(done.stdout), json.loads(united.stdout)
    print(f"{records} hashes, {count} planted near ones, of which {held} are near by the rule")
    print(f"whole: {told['near']}\nagainst 70,000 views of a benchmark: {told['matches']}")
    print(f"instructions: {told['signature_us']} us each; report {told['wording_cpu_s']} s of CPU")
    print(
        f"BAR near {told['near']['seconds']} s, {told['near']['cpu_s']} s of CPU (60 s on 2 cores)"
    )
    print(
        f"BAR peak {told['near']['peak_mib']} MiB (1024), with instructions {told['peak_mib']} MiB"
    )
    print(f"near sources and triplets of a union, from its digests: {union}")
    print(f"BAR union {union['seconds']} s (60 on 2 cores), peak {union['peak_mib']} MiB (1024)")


def main() -> None:
    """Print what the arguments ask for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--pictures", default=os.environ.get("EDITCORPUS_PICTURES", ""))
    parser.add_argument("--records", type=int, default=1_500_000)
    parser.add_argument("--tune", action="store_true")
    parser.add_argument("--only", choices=("recall", "hashing", "scale"))
    wanted = parser.parse_args()
    if wanted.tune:
        print_tuning(Path(wanted.pictures))
        return
    if wanted.pictures and wanted.only in {None, "recall"}:
        print_recall(Path(wanted.pictures))
    elif not wanted.pictures:
        print("No recall: name a folder of different pictures with --pictures.")
    if wanted.only in {None, "hashing"}:
        print_hashing()
    if wanted.only in {None, "scale"}:
        print_scale(wanted.records)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(Path(sys.argv[2]))
    elif sys.argv[1:2] == ["--union-child"]:
        union_child(Path(sys.argv[2]), int(sys.argv[3]))
    else:
        main()
