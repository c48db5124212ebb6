"""What a look at a corpus costs, and what it finds where nothing is wrong, and where pictures were exchanged.

    [EDITCORPUS_PHOTOGRAPHS=FOLDER] python tests/benchmarks/linting.py

Pictures are those of the folder, or else the demo's, at most 1024 px on the long side, as JPEG of quality
95; edited images have a ball drawn on them and are JPEGs of quality 85. Then edited images, also redrawn
ones, are held against all sources: each row with its own, with that of the next row, and with one of a
picture that no row has. A busy machine changes the seconds, hardly the CPU.
"""

import json
import os
import resource
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter, ImageOps

import editcorpus.demo
from editcorpus.linting.lint import Looked, Settings, look
from editcorpus.linting.report import rate
from editcorpus.linting.strays import Small, Strays, reduced
from editcorpus.linting.summed import summed
from editcorpus.records import Triplet
from editcorpus.registration import JUDGED_SIDE, shrunk


def photographs() -> Iterator[tuple[str, Image.Image]]:
    """Each picture, and the name of its file."""
    given = os.environ.get("EDITCORPUS_PHOTOGRAPHS")
    folder = Path(given) if given else Path(editcorpus.demo.__file__).parent / "photos"
    kinds = {".jpg", ".jpeg", ".png", ".webp"}
    for path in sorted(one for one in folder.iterdir() if one.suffix in kinds):
        with warnings.catch_warnings(), Image.open(path) as photo:
            warnings.simplefilter("ignore")
            image = photo.convert("RGB")
        image.thumbnail((1024, 1024))
        yield path.name, image


def with_ball(image: Image.Image) -> Image.Image:
    made, (width, height) = image.copy(), image.size
    box = (width * 0.3, height * 0.35, width * 0.5, height * 0.6)
    ImageDraw.Draw(made).ellipse(box, fill=(200, 40, 90))
    return made


def redrawn(image: Image.Image) -> Image.Image:
    """As a drawing in other colours."""
    flat = ImageOps.posterize(image.filter(ImageFilter.ModeFilter(9)), 2)
    return ImageOps.solarize(ImageOps.autocontrast(flat), 100)


def written(folder: Path) -> Path:
    """A corpus of one pair for each picture."""
    lines = []
    (folder / "images").mkdir()
    for name, image in photographs():
        image.save(folder / "images" / f"{name}.source", "JPEG", quality=95)
        with_ball(image).save(folder / "images" / f"{name}.edited", "JPEG", quality=85)
        row = {
            "id": name,
            "instruction": f"Add a ball to picture {name}.",
            "task": "object_addition",
            "source_image": f"images/{name}.source",
            "edited_image": f"images/{name}.edited",
        }
        lines.append(json.dumps(row))
    (folder / "rows.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    return folder


def measured(where: Path, threads: int) -> tuple[Looked, float, float]:
    """CPU and wall seconds of a look."""
    before, began = resource.getrusage(resource.RUSAGE_SELF), time.monotonic()
    looked = look(str(where), {}, Settings(threads=threads))
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return looked, cpu, time.monotonic() - began


def said(looked: Looked) -> None:
    """What was found in pairs with nothing wrong."""
    report, _ = summed(looked)
    clean = report.clean
    print(f"without a defect: {clean.count} of {clean.of} ({clean.low:.2%} to {clean.high:.2%})")
    for one in report.findings:
        print(f"  {one.check}: {one.id}: {one.detail}")


def strays(what: str, sources: Sequence[bytes], edited: Sequence[bytes]) -> None:
    """How many edited images are said to be another row's, if each is suspected; and what asking takes."""
    with ThreadPoolExecutor(1) as pool:
        gathered = Strays(pool)
        for number, pair in enumerate(zip(sources, edited, strict=True)):
            row = Triplet(str(number), "own", "", "", "x", 0, "", "rows.jsonl", 0, number)
            gathered.add(row, Small(*pair))
        before = time.process_time()
        gathered.close()
        cpu = time.process_time() - before
    found = rate(len(gathered.found), len(sources))
    told = f"{found.count} of {found.of} ({found.low:.2%} to {found.high:.2%})"
    print(
        f"{what}: {told} are said to be another row's, {1000 * cpu / len(sources):.0f} ms CPU each"
    )


def exchanges() -> None:
    """Pairs as they are, exchanged by twos, and with edited images of pictures that no row has."""
    pictures = [shrunk(image, JUDGED_SIDE) for _, image in photographs()]
    pictures = pictures[: len(pictures) // 2 * 2]
    sources, half = [reduced(one) for one in pictures], len(pictures) // 2
    for name, edit in (("with a ball", with_ball), ("redrawn", redrawn)):
        edited = [reduced(edit(one)) for one in pictures]
        strays(f"{name}, each its own", sources, edited)
        strays(f"{name}, exchanged", sources, [edited[place ^ 1] for place in range(len(edited))])
        strays(f"{name}, of pictures that no row has", sources[:half], edited[half:])


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        where = written(Path(folder))
        for threads in (1, 2):
            looked, cpu, wall = measured(where, threads)
            pairs = len(looked.examined)
            print(f"{threads} threads: {1000 * cpu / pairs:.0f} ms CPU a pair, {wall:.1f} s")
        said(looked)
    exchanges()
    print(f"most memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")


if __name__ == "__main__":
    main()
