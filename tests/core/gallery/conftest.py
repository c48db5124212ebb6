"""A gallery that is open in a real browser, from a disk and over HTTP."""

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from chromium import launched, page_of
from PIL import Image, ImageDraw

from editcorpus.changemap import change_map
from editcorpus.gallery import GalleryEntry, change_overlay, write_gallery
from editcorpus.records import Geometry, Reason
from editcorpus.storage import Store

SCRIPT = "<script>document.title='taken'</script><img src=x onerror=\"document.title='taken'\">"
ENDLESS = "\u202e\u0627\u062c\u0639\u0644 " + "very long " * 10_000 + "end"
QUOTED = 'omniedit/it\'s "quoted" <b>&amp;/../x'


@dataclass
class Opened:
    """A page, and what it complained about or asked for."""

    page: Any
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    script: str = SCRIPT
    quoted: str = QUOTED
    endless: str = ENDLESS


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
        "family": ("object_addition", "object_removal")[number % 2],
        "instruction": f"Add a red balloon, number {number}.",
        "instruction_type": "original",
        "score": (number * 37 % 100) / 100,
        "score_done": 0.9,
        "score_preserved": 0.8,
        "score_clean": 0.7,
        "changed_share": 0.12,
        "border_fraction": 0.02,
        "residual_padding": 0.0,
        "shift_x": 0.01,
        "shift_y": 0.0,
        "scale_x": 1.0,
        "scale_y": 1.0,
        "registered": number != 7,
        "geometry": Geometry(240, 180, 1536, 1024, 85, 0, 1365, 1024),
        "cost_usd": Decimal("0.0531"),
        "model": "gpt-image-2.5-sunburst",
        "source": encoded(source),
        "edited": encoded(edited),
        "mask": change_overlay(_map(source, edited)),
    }
    return GalleryEntry(**{**facts, **changes})  # type: ignore[arg-type]


def _map(source: Image.Image, edited: Image.Image) -> str:
    apart = np.abs(np.asarray(source, np.int16) - np.asarray(edited, np.int16)).max(axis=2)
    return change_map(apart > 25, (0, 0, *source.size), source.size).change_mask


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
    left = {"residual_padding": 0.0121, "residual_sides": "right bar", "shift_x": 0.0}
    yield entry(3, verdict="rejected", step="filter", reason=Reason.NO_EDIT, score=None, **left)
    gone = {"step": "regenerate", "reason": Reason.UNAVAILABLE, "edited": None, "mask": None}
    yield entry(4, verdict="failed", score=None, **gone)
    yield from map(entry, range(5, 9))
    yield entry(9, instruction=ENDLESS, doubts="tiny_edit tone_drift")
    yield from map(entry, range(10, 130))


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with launched() as made:
        yield made


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("gallery")
    facts = [("Entered", "130"), ("At list price", "$6.90")]
    write_gallery(Store.on_disk(root), "g", entries(), "spring", facts, "EMULATED. Not a model.")
    return root / "g"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        """Say nothing."""


@contextmanager
def _served(folder: Path) -> Iterator[str]:
    """The address of a server of files."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module", params=["file", "http"])
def address(request: pytest.FixtureRequest, folder: Path) -> Iterator[str]:
    if request.param == "file":
        yield folder.as_uri()
        return
    with _served(folder) as url:
        yield url


@pytest.fixture(scope="module")
def served() -> Any:
    """What serves a folder over HTTP."""
    return _served


def _failure(request: Any) -> list[str]:
    """What is wrong about a request; a picture that left the window may be given up."""
    given_up = "/pictures/" in request.url and request.failure == "net::ERR_ABORTED"
    return [] if given_up else [f"{request.failure} {request.url[:200]}"]


@contextmanager
def _watched(browser: Any, address: str, place: str = "") -> Iterator[Opened]:
    """A page all of whose parts have been read; it must not complain nor ask anybody else."""
    page = page_of(browser, viewport={"width": 1280, "height": 900})
    made = Opened(page)
    page.on("console", lambda message: made.complaints.append(message.text))
    page.on("pageerror", lambda error: made.complaints.append(str(error)))
    page.on("requestfailed", lambda request: made.complaints.extend(_failure(request)))
    page.on("request", lambda request: made.requests.append(request.url))
    page.goto(f"{address}/index.html{place}")
    page.locator("#reading").wait_for(state="hidden")
    yield made
    page.close()
    outside = [url for url in made.requests if not url.startswith((address, "data:"))]
    assert (made.complaints, outside) == ([], [])


@pytest.fixture
def opened(browser: Any, address: str) -> Iterator[Opened]:
    with _watched(browser, address) as made:
        yield made


@pytest.fixture(scope="module")
def watched() -> Any:
    """What opens a page of an address and listens to it."""
    return _watched


MANY = 10_000
SHOWN_AT_ENDS = 60
"""Triplets at either end that have pictures: as many as a window could ever hold."""


def many() -> Iterator[GalleryEntry]:
    one, bare = entry(0), {"source": None, "edited": None, "mask": None}
    for number in range(MANY):
        pictured = min(number, MANY - 1 - number) < SHOWN_AT_ENDS
        verdict = ("kept", "kept", "rejected")[number % 3]
        reason = Reason.NO_EDIT if verdict == "rejected" else None
        told = f"Add balloon number {number}."
        facts = {"id": f"many/{number}", "verdict": verdict, "reason": reason, "instruction": told}
        yield replace(one, **facts, **({} if pictured else bare))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("many")
    write_gallery(Store.on_disk(root), "g", many(), "many")
    return root / "g"
