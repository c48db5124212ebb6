"""What a gallery of 10,000 triplets costs a browser, against one of 200, in one run.

    python tests/benchmarks/gallery.py [TRIPLETS]

Both pages are opened from a disk by Chromium, in turns. Told is the time that the page's main thread was
busy, which waits for nobody, as the median of the turns; the first paint alone is by the clock. Pictures are
the demo's photographs on both ends of the list; what their thumbnails weigh is told as well.
"""

import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from statistics import mean, median
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "servers"))
from chromium import launched

from editcorpus import demo, images
from editcorpus.gallery import GalleryEntry, write_gallery
from editcorpus.gallery.thumbnails import MOST_BYTES, thumbnail
from editcorpus.records import Geometry, Reason
from editcorpus.storage import Store

FEW, MANY, TURNS, ENDS = 200, 10_000, 5, 60
_TOLD = (
    "Replace the bench in front of the house by a red one, and keep the light as it is, number {}."
)


def photographs() -> list[bytes]:
    """Views of the demo's photographs, as the pad step makes them."""
    files = sorted((Path(demo.__file__).parent / "photos").iterdir())
    pictures = [file.read_bytes() for file in files if file.suffix in {".jpg", ".png", ".webp"}]
    return [images.encode_jpeg(images.fit(images.decode(data))) for data in pictures]


def entries(count: int, views: list[bytes]) -> Iterator[GalleryEntry]:
    """Triplets as a run has them, with pictures at both ends."""
    one = GalleryEntry(
        id="",
        verdict="kept",
        task="obj_swap",
        family="object_replacement",
        model="gpt-image-2.5-sunburst",
        license="CC-BY-4.0",
        geometry=Geometry(1024, 768, 1536, 1024, 85, 0, 1365, 1024),
        cost_usd=Decimal("0.0531"),
        **dict.fromkeys(("score", "score_done", "score_preserved", "score_clean"), 0.81234),  # type: ignore[arg-type]
        **dict.fromkeys(("changed_share", "shift_x", "shift_y", "residual_padding"), 0.01234),  # type: ignore[arg-type]
        scale_x=1.0012,
        scale_y=0.9991,
        registered=True,
        registration="corrected",
    )
    for number in range(count):
        view = views[number % len(views)] if min(number, count - 1 - number) < ENDS else None
        refused = number % 4 == 3
        yield replace(
            one,
            id=f"omniedit/task_obj_swap_{number:06d}",
            verdict="rejected" if refused else "kept",
            reason=Reason.NO_EDIT if refused else None,
            instruction=_TOLD.format(number),
            source=view,
            edited=view,
        )


class Watch:
    """Milliseconds that a page's main thread was busy, step by step."""

    def __init__(self, page: Any) -> None:
        self._page = page
        self._session = page.context.new_cdp_session(page)
        self._session.send("Performance.enable")
        self._before = 0.0

    def step(self) -> float:
        """Since the step before, once the page has come to rest."""
        self._page.wait_for_timeout(400)
        metrics = self._session.send("Performance.getMetrics")["metrics"]
        now = next(one["value"] for one in metrics if one["name"] == "TaskDuration")
        spent, self._before = now - self._before, now
        return 1000 * float(spent)


def measured(browser: Any, folder: Path) -> dict[str, float]:
    """Milliseconds by step, and the most nodes of the document."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    watch = Watch(page)
    page.goto((folder / "index.html").as_uri())
    page.locator("#reading").wait_for(state="hidden")
    paint = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
    made = {
        "first paint (by the clock)": float(page.evaluate(paint)),
        "opened, all read": watch.step(),
    }
    nodes = [page.evaluate("document.querySelectorAll('*').length")]
    page.keyboard.press("End")
    made["to the end"] = watch.step()
    nodes.append(page.evaluate("document.querySelectorAll('*').length"))
    page.keyboard.press("Home")
    watch.step()
    for _ in range(20):
        page.keyboard.press("j")
    made["20 triplets by key"] = watch.step()
    page.locator("#search").press_sequentially("bench number 19")
    made["15 letters of a search"] = watch.step()
    page.locator("#search").fill("")
    watch.step()
    page.locator("#order").select_option("score-low")
    made["another order"] = watch.step()
    nodes.append(page.evaluate("document.querySelectorAll('*').length"))
    page.close()
    return made | {"most nodes": float(max(nodes))}


def main(many: int) -> None:
    """Print a table."""
    views = photographs()
    with tempfile.TemporaryDirectory() as root, launched() as browser:
        folders = {}
        for count in (FEW, many):
            store = Store.on_disk(Path(root) / str(count))
            write_gallery(store, "g", entries(count, views), "benchmark")
            folders[count] = Path(root) / str(count) / "g"
        found: dict[int, dict[str, list[float]]] = {n: defaultdict(list) for n in folders}
        for _ in range(TURNS):
            for count, folder in folders.items():
                for name, value in measured(browser, folder).items():
                    found[count][name].append(value)
        rows = sum(file.stat().st_size for file in (folders[many] / "rows").iterdir())
        page = (folders[many] / "index.html").stat().st_size
    print(f"{'ms of the main thread':28} {FEW:>8,} {many:>8,}   ratio")
    for name, values in found[many].items():
        few, most = median(found[FEW][name]), median(values)
        print(f"{name:28} {few:8.0f} {most:8.0f} {most / few:7.1f}")
    small = [len(thumbnail(view) or view) for view in views]
    print(f"page {page / 1000:.0f} kB; rows {rows / many:.0f} B a triplet, in parts")
    print(
        f"thumbnails {mean(small) / 1000:.1f} kB each, at most {MOST_BYTES / 1000:.1f}; "
        f"views {mean(map(len, views)) / 1000:.1f} kB each"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else MANY)
