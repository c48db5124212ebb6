"""A gallery that is open in a real browser, from a disk and over HTTP."""

import io
import os
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from editcorpus.gallery import GalleryEntry, change_mask, write_gallery
from editcorpus.records import Geometry, Reason
from editcorpus.storage import Store

SCRIPT = "<script>document.title='taken'</script><img src=x onerror=\"document.title='taken'\">"
QUOTED = 'omniedit/it\'s "quoted" <b>&amp;/../x'
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@dataclass
class Opened:
    """A page, and what it complained about or asked for."""

    page: Any
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    script: str = SCRIPT
    quoted: str = QUOTED


def entry(number: int, **changes: object) -> GalleryEntry:
    pixels = np.random.default_rng(number).integers(0, 256, (9, 12, 3), np.uint8)
    source = Image.fromarray(pixels).resize((240, 180), Image.Resampling.BICUBIC)
    edited = source.copy()
    ImageDraw.Draw(edited).ellipse((140, 50, 210, 120), fill=(230, 60, 40))
    facts: dict[str, object] = {
        "id": f"omniedit/task_{number}",
        "verdict": "kept",
        "task": ("addition", "removal")[number % 2],
        "subtask": "obj",
        "instruction": f"Add a red balloon, number {number}.",
        "instruction_type": "original",
        "score": (number * 37 % 100) / 100,
        "score_done": 0.9,
        "score_preserved": 0.8,
        "score_clean": 0.7,
        "changed_share": 0.12,
        "geometry": Geometry(240, 180, 1536, 1024, 85, 0, 1365, 1024),
        "cost_usd": Decimal("0.0531"),
        "model": "gpt-image-2.5-sunburst",
        "source": encoded(source),
        "edited": encoded(edited),
        "mask": change_mask(source, edited),
    }
    return GalleryEntry(**{**facts, **changes})  # type: ignore[arg-type]


def encoded(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "JPEG")
    return out.getvalue()


def entries() -> Iterator[GalleryEntry]:
    yield entry(0, instruction=SCRIPT, detail=SCRIPT)
    yield entry(1, id=QUOTED, instruction_type="rewrite", instruction_original="Put a ball in.")
    unreadable = {"step": "pad", "reason": Reason.IMAGE_UNREADABLE, "detail": "It ends early."}
    nothing = {"source": None, "edited": None, "mask": None, "score": None}
    yield entry(2, verdict="rejected", **unreadable, **nothing)
    yield entry(3, verdict="rejected", step="filter", reason=Reason.NO_EDIT, score=None)
    gone = {"step": "regenerate", "reason": Reason.UNAVAILABLE, "edited": None, "mask": None}
    yield entry(4, verdict="failed", score=None, **gone)
    yield from map(entry, range(5, 130))


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        found = shutil.which("chromium") or shutil.which("chromium-browser")
        path = found or driver.chromium.executable_path
        if not Path(path).exists():
            if os.environ.get("CI"):
                pytest.fail("No Chromium is installed, and CI must not skip this.")
            pytest.skip("No Chromium is installed: apt-get install chromium.")
        made = driver.chromium.launch(executable_path=path, args=FLAGS)
        yield made
        made.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("gallery")
    facts = [("Entered", "130"), ("At list price", "$6.90")]
    write_gallery(Store.on_disk(root), "g", entries(), "spring", facts, "EMULATED. Not a model.")
    return root / "g"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module", params=["file", "http"])
def address(request: pytest.FixtureRequest, folder: Path) -> Iterator[str]:
    if request.param == "file":
        yield folder.as_uri()
        return
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def opened(browser: Any, address: str) -> Iterator[Opened]:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    made = Opened(page)
    page.on("console", lambda message: made.complaints.append(message.text))
    page.on("pageerror", lambda error: made.complaints.append(str(error)))
    page.on("requestfailed", lambda request: made.complaints.append(request.url[:200]))
    page.on("request", lambda request: made.requests.append(request.url))
    page.goto(f"{address}/index.html")
    yield made
    page.close()
    outside = [url for url in made.requests if not url.startswith((address, "data:"))]
    assert (made.complaints, outside) == ([], [])
