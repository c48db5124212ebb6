"""What a look at a corpus costs, and what it finds where nothing is wrong.

    [EDITCORPUS_PHOTOGRAPHS=FOLDER] python tests/benchmarks/linting.py

Pictures are those of the folder, or else the demo's, at most 1024 px on the long side, as JPEG of quality
95; edited images have a ball drawn on them and are JPEGs of quality 85. A busy machine changes the seconds,
hardly the CPU.
"""

import json
import os
import resource
import tempfile
import time
import warnings
from pathlib import Path

from PIL import Image, ImageDraw

import editcorpus.demo
from editcorpus.linting.lint import Looked, Settings, look
from editcorpus.linting.summed import summed


def written(folder: Path) -> Path:
    """A corpus of one pair for each picture."""
    given = os.environ.get("EDITCORPUS_PHOTOGRAPHS")
    photos = Path(given) if given else Path(editcorpus.demo.__file__).parent / "photos"
    lines = []
    (folder / "images").mkdir()
    kinds = {".jpg", ".jpeg", ".png", ".webp"}
    for path in sorted(one for one in photos.iterdir() if one.suffix in kinds):
        with warnings.catch_warnings(), Image.open(path) as photo:
            warnings.simplefilter("ignore")
            image = photo.convert("RGB")
        image.thumbnail((1024, 1024))
        edited, (width, height) = image.copy(), image.size
        box = (width * 0.3, height * 0.35, width * 0.5, height * 0.6)
        ImageDraw.Draw(edited).ellipse(box, fill=(200, 40, 90))
        image.save(folder / "images" / f"{path.name}.source", "JPEG", quality=95)
        edited.save(folder / "images" / f"{path.name}.edited", "JPEG", quality=85)
        row = {
            "id": path.name,
            "instruction": f"Add a ball to picture {path.stem}.",
            "task": "object_addition",
            "source_image": f"images/{path.name}.source",
            "edited_image": f"images/{path.name}.edited",
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


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        where = written(Path(folder))
        for threads in (1, 2):
            looked, cpu, wall = measured(where, threads)
            pairs = len(looked.examined)
            print(f"{threads} threads: {1000 * cpu / pairs:.0f} ms CPU a pair, {wall:.1f} s")
    report, _ = summed(looked)
    clean = report.clean
    print(f"without a defect: {clean.count} of {clean.of} ({clean.low:.2%} to {clean.high:.2%})")
    for one in report.findings:
        print(f"  {one.check}: {one.id}: {one.detail}")
    print(f"most memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")


if __name__ == "__main__":
    main()
