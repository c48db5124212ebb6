"""The gallery's files."""

import io
import json
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from editcorpus.gallery import GalleryEntry, change_mask, write_gallery
from editcorpus.records import SENTENCES, Geometry, Reason
from editcorpus.storage import Store

FOLDER = "corpora/spring/gallery"
EVIL = "</script><script>alert(1)</script><!-- \u2028 & \"'"


def picture(colour: int, kind: str = "JPEG") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (24, 16), (colour, 90, 40)).save(out, kind)
    return out.getvalue()


def kept(number: int, **changes: object) -> GalleryEntry:
    facts: dict[str, object] = {
        "id": f"omniedit/task_obj_add_{number}",
        "verdict": "kept",
        "task": "addition",
        "instruction": "Add a bird.",
        "score": 0.8,
        "geometry": Geometry(24, 16, 1536, 1024, 0, 0, 1536, 1024),
        "cost_usd": Decimal("0.0531"),
        "source": picture(number),
        "edited": picture(number + 100),
        "mask": picture(number, "PNG"),
    }
    return GalleryEntry(**{**facts, **changes})  # type: ignore[arg-type]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.on_disk(tmp_path)


def rows(store: Store) -> list[dict[str, object]]:
    page = store.read(f"{FOLDER}/index.html").decode()
    found = re.search(
        r'<script id="triplets" type="application/json">(.*?)</script>', page, re.DOTALL
    )
    assert found is not None
    made: list[dict[str, object]] = json.loads(found.group(1))
    return made


def test_the_page_and_its_pictures_lie_side_by_side(store: Store) -> None:
    assert write_gallery(store, FOLDER, iter([kept(1)]), "spring") == f"{FOLDER}/index.html"
    row = rows(store)[0]
    pictures = row["pictures"]
    assert isinstance(pictures, dict)
    assert list(pictures) == ["edited", "mask", "source"]
    assert store.read(f"{FOLDER}/{pictures['source']}") == picture(1)
    assert store.read(f"{FOLDER}/{pictures['mask']}") == picture(1, "PNG")
    assert len(store.list(FOLDER)) == 4
    assert row["cost_usd"] == "0.0531"
    assert row["geometry"] == {
        "source_width": 24,
        "source_height": 16,
        "canvas_width": 1536,
        "canvas_height": 1024,
        "box_x": 0,
        "box_y": 0,
        "box_width": 1536,
        "box_height": 1024,
    }


def test_a_reject_has_its_sentence_and_what_is_unknown_is_left_out(store: Store) -> None:
    entry = GalleryEntry(
        id="omniedit/r",
        verdict="rejected",
        step="pad",
        reason=Reason.IMAGE_UNREADABLE,
        detail="cut",
        score=float("nan"),
    )
    write_gallery(store, FOLDER, [entry], "spring")
    assert rows(store) == [
        {
            "id": "omniedit/r",
            "verdict": "rejected",
            "step": "pad",
            "reason": "image_unreadable",
            "sentence": SENTENCES[Reason.IMAGE_UNREADABLE],
            "detail": "cut",
            "pictures": {},
        }
    ]


def test_text_cannot_leave_its_element(store: Store) -> None:
    entry = kept(1, id=EVIL, instruction=EVIL, detail="\ud800", task=EVIL)
    write_gallery(store, FOLDER, [entry], EVIL, [(EVIL, EVIL)], EVIL)
    page = store.read(f"{FOLDER}/index.html").decode()
    assert page.count("<script") == page.count("</script>") == 2
    assert "<!--" not in page
    assert "alert(1)</script>" not in page
    assert rows(store)[0]["instruction"] == EVIL


def test_ids_never_become_paths(store: Store) -> None:
    ids = ["../../etc/passwd", "a/b", "a_b", "/", "é" * 400, "CON", "a\0b", "..", "%2e%2e", EVIL]
    write_gallery(store, FOLDER, [kept(1, id=name) for name in ids], "spring")
    names = store.list(FOLDER)
    assert len(names) == 3 * len(ids) + 1
    pattern = re.compile(rf"{FOLDER}/pictures/[A-Za-z0-9_-]{{1,100}}\.(jpg|png)")
    assert all(pattern.fullmatch(name) for name in names if not name.endswith("index.html"))


@pytest.mark.parametrize("data", [b"", b"<svg onload=alert(1)>", b"GIF89a", b"\0" * 20])
def test_what_is_no_jpeg_png_or_webp_is_not_shown(store: Store, data: bytes) -> None:
    write_gallery(store, FOLDER, [kept(1, source=data, mask=None)], "spring")
    assert list(rows(store)[0]["pictures"]) == ["edited"]  # type: ignore[call-overload]


def test_webp_is_shown(store: Store) -> None:
    write_gallery(store, FOLDER, [kept(1, source=picture(1, "WEBP"))], "spring")
    assert sum(path.endswith(".webp") for path in store.list(FOLDER)) == 1


def test_writing_it_again_touches_no_file(store: Store) -> None:
    def stamps() -> dict[str, tuple[int, bytes]]:
        files = {path: store.local_file(path) for path in store.list(FOLDER)}
        return {path: (file.stat().st_ino, file.read_bytes()) for path, file in files.items()}  # type: ignore[union-attr]

    entries = [kept(1), kept(2)]
    write_gallery(store, FOLDER, entries, "spring", [("Kept", "2")])
    before = stamps()
    write_gallery(store, FOLDER, entries, "spring", [("Kept", "2")])
    assert stamps() == before


def test_pictures_of_an_older_page_go_and_foreign_files_stay(store: Store) -> None:
    write_gallery(store, FOLDER, [kept(1), kept(2)], "spring")
    store.write(f"{FOLDER}/pictures/notes.txt", b"mine")
    write_gallery(store, FOLDER, [kept(2)], "spring")
    assert len(store.list(FOLDER)) == 5
    assert store.read(f"{FOLDER}/pictures/notes.txt") == b"mine"


def test_entries_are_taken_one_at_a_time(store: Store) -> None:
    seen: list[int] = []

    def entries() -> Iterator[GalleryEntry]:
        for number in range(3):
            yield kept(number)
            seen.append(len(store.list(f"{FOLDER}/pictures")))

    write_gallery(store, FOLDER, entries(), "spring")
    assert seen == [3, 6, 9]


def test_the_policy_names_the_very_scripts_and_nothing_outside(store: Store) -> None:
    write_gallery(store, FOLDER, [kept(1)], "spring")
    page = store.read(f"{FOLDER}/index.html").decode()
    found = re.search(r'Content-Security-Policy" content="([^"]+)"', page)
    assert found is not None
    policy = found.group(1).replace("&#39;", "'")
    assert policy.startswith("default-src 'none'; img-src 'self' file: data:; style-src 'sha256-")
    assert "unsafe" not in policy
    own = page.replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?://|innerHTML|eval\(|\son\w+=", own)


def test_the_mask_shows_what_changed_and_nothing_else() -> None:
    source = Image.fromarray(np.full((600, 900, 3), 128, np.uint8))
    edited = source.copy()
    edited.paste((250, 128, 128), (300, 150, 600, 450))
    mask = Image.open(io.BytesIO(change_mask(source, edited)))
    assert mask.size == (384, 256)
    alpha = np.asarray(mask.convert("RGBA"))[..., 3]
    assert alpha[128, 192] > 0
    assert alpha[10, 10] == 0
    assert 0.16 < (alpha > 0).mean() < 0.18


def test_the_mask_of_equal_pictures_is_empty_and_sizes_may_differ() -> None:
    source = Image.new("L", (40, 1), 77)
    mask = Image.open(io.BytesIO(change_mask(source, source.convert("RGB").resize((80, 2)))))
    assert mask.size == (40, 1)
    assert np.asarray(mask.convert("RGBA"))[..., 3].max() == 0


def test_the_mask_has_the_same_bytes_each_time() -> None:
    one, two = Image.new("RGB", (50, 60)), Image.new("RGB", (50, 60), (0, 99, 0))
    assert change_mask(one, two) == change_mask(one, two)
