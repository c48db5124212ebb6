"""The gallery's files."""

import io
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from editcorpus.changemap import change_map
from editcorpus.gallery import GalleryEntry, change_overlay, write_gallery
from editcorpus.gallery.thumbnails import MOST_BYTES, thumbnail
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


def embedded(page: str, element: str) -> Any:
    """What lies in a page as data."""
    found = re.search(
        rf'<script id="{element}" type="application/json">(.*?)</script>', page, re.DOTALL
    )
    assert found is not None
    return json.loads(found.group(1))


def told(store: Store) -> dict[str, Any]:
    """What the page says of all triplets."""
    made: dict[str, Any] = embedded(store.read(f"{FOLDER}/index.html").decode(), "triplets")
    return made


def rows(store: Store) -> list[dict[str, Any]]:
    """All rows: those of the page, and of the parts beside it in their order."""
    summary = told(store)
    parts = [store.read(f"{FOLDER}/{path}").decode() for path in summary["parts"]]
    packed = [summary["first"], *(embedded(part, "rows") for part in parts)]
    return [
        {name: value for name, value in zip(some["names"], row, strict=True) if value is not None}
        for some in packed
        for row in some["rows"]
    ]


def shown(row: dict[str, Any], role: str) -> str:
    """The path of a picture, as the page's script puts it together."""
    return f"{FOLDER}/pictures/{row['stem']}-{role}-{row[role]}"


def test_the_page_and_its_pictures_lie_side_by_side(store: Store) -> None:
    assert write_gallery(store, FOLDER, iter([kept(1)]), "spring") == f"{FOLDER}/index.html"
    row = rows(store)[0]
    assert store.read(shown(row, "source")) == picture(1)
    assert store.read(shown(row, "edited")) == picture(101)
    assert store.read(shown(row, "mask")) == picture(1, "PNG")
    assert len(store.list(FOLDER)) == 4
    assert row["cost_usd"] == "0.0531"
    assert row["geometry"] == [24, 16, 1536, 1024, 0, 0, 1536, 1024]


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
            "detail": "cut",
        }
    ]
    assert told(store)["sentences"] == {"image_unreadable": SENTENCES[Reason.IMAGE_UNREADABLE]}


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
    assert {"source", "edited", "mask"} & set(rows(store)[0]) == {"edited"}


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


def test_entries_are_taken_a_few_at_a_time(store: Store) -> None:
    seen: list[int] = []

    def entries() -> Iterator[GalleryEntry]:
        for number in range(40):
            yield kept(number)
            seen.append(len(store.list(f"{FOLDER}/pictures")))

    write_gallery(store, FOLDER, entries(), "spring")
    assert len(seen) == 40
    assert max(3 * number - there for number, there in enumerate(seen)) <= 3 * 8


def test_the_policy_names_the_very_scripts_and_nothing_outside(store: Store) -> None:
    write_gallery(store, FOLDER, [kept(1)], "spring")
    page = store.read(f"{FOLDER}/index.html").decode()
    found = re.search(r'Content-Security-Policy" content="([^"]+)"', page)
    assert found is not None
    policy = found.group(1).replace("&#39;", "'")
    assert policy.startswith("default-src 'none'; img-src 'self' file: data:; frame-src ")
    assert policy.count("sha256-") == 2
    assert re.search(r"; script-src 'sha256-[^;]*';", policy)
    assert "unsafe" not in policy
    own = page.replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?://|innerHTML|eval\(|\son\w+=", own)


def bare(count: int) -> Iterator[GalleryEntry]:
    """Triplets without pictures."""
    one = kept(0, source=None, edited=None, mask=None)
    for number in range(count):
        yield replace(one, id=f"omniedit/task_obj_add_{number}")


def test_ten_thousand_rows_lie_in_parts_and_the_page_stays_small(store: Store) -> None:
    write_gallery(store, FOLDER, bare(10_000), "spring")
    parts = store.list(f"{FOLDER}/rows")
    assert len(parts) == 20
    assert store.size(f"{FOLDER}/index.html") < 150_000
    assert max(map(store.size, parts)) < 200_000
    assert [row["id"] for row in rows(store)] == [one.id for one in bare(10_000)]
    assert told(store)["total"] == 10_000


def test_parts_of_an_older_page_go_and_foreign_files_stay(store: Store) -> None:
    store.write(f"{FOLDER}/rows/notes.html", b"mine")
    write_gallery(store, FOLDER, bare(700), "spring")
    old = store.list(f"{FOLDER}/rows")
    write_gallery(store, FOLDER, bare(500), "spring")
    assert len(old) == 3
    assert len(store.list(f"{FOLDER}/rows")) == 2
    assert store.read(f"{FOLDER}/rows/notes.html") == b"mine"
    assert [row["id"] for row in rows(store)] == [one.id for one in bare(500)]


def test_counts_are_of_all_triplets(store: Store) -> None:
    rejected = {"verdict": "rejected", "reason": Reason.NO_EDIT, "score": None, "mask": None}
    cards = [kept(1, family="color_change"), kept(2), kept(3, **rejected)]
    write_gallery(store, FOLDER, cards, "spring")
    assert told(store)["counts"] == {
        "verdict": {"kept": 2, "rejected": 1},
        "task": {"addition": 3},
        "family": {"color_change": 1},
        "reason": {"no_edit": 1},
    }
    assert told(store)["overlays"] == {"changes": 2}
    page = store.read(f"{FOLDER}/index.html").decode()
    assert 'aria-label="Score: 2 values, median 0.8"' in page
    assert page.count("<svg") == 1


def test_text_of_a_part_cannot_leave_its_element(store: Store) -> None:
    cards = [kept(n, source=None, edited=None, mask=None, instruction=EVIL) for n in range(130)]
    write_gallery(store, FOLDER, cards, "spring")
    part = store.read(f"{FOLDER}/{told(store)['parts'][0]}").decode()
    assert part.count("<script") == part.count("</script>") == 2
    assert "<!--" not in part
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', part)
    assert policy is not None
    assert re.fullmatch(r"default-src 'none'; script-src 'sha256-[^' ]+'", policy.group(1))
    assert rows(store)[-1]["instruction"] == EVIL


def large(seed: int, size: tuple[int, int] = (1024, 768)) -> bytes:
    """Noise, which no codec makes small."""
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=90)
    return out.getvalue()


def test_large_views_have_small_pictures_in_the_list(store: Store) -> None:
    write_gallery(store, FOLDER, [kept(1, source=large(1))], "spring")
    row = rows(store)[0]
    assert store.read(shown(row, "source")) == large(1)
    small = store.read(shown(row, "source_small"))
    assert len(small) <= MOST_BYTES
    assert Image.open(io.BytesIO(small)).size == (400, 300)
    assert "edited_small" not in row
    assert len(store.list(FOLDER)) == 5
    write_gallery(store, FOLDER, [kept(2)], "spring")
    assert len(store.list(FOLDER)) == 4


def test_a_broken_view_has_no_small_picture(store: Store) -> None:
    write_gallery(store, FOLDER, [kept(1, source=b"\xff\xd8\xff" + bytes(40_000))], "spring")
    assert "source_small" not in rows(store)[0]


def test_no_thumbnail_is_larger_than_it_may_be() -> None:
    grey = Image.linear_gradient("L").resize((1600, 900)).convert("RGB")
    out = io.BytesIO()
    grey.save(out, "PNG", compress_level=0)
    for view in (large(1), large(2, (300, 900)), out.getvalue()):
        made = thumbnail(view)
        assert made is not None and len(made) <= MOST_BYTES
        before, after = (Image.open(io.BytesIO(data)).size for data in (view, made))
        assert max(after) == 400
        assert abs(after[0] / after[1] - before[0] / before[1]) < 0.01
    assert thumbnail(picture(1)) is None


def test_the_mask_shows_what_changed_and_nothing_else() -> None:
    changed = np.zeros((600, 900), np.bool_)
    changed[150:450, 300:600] = True
    text = change_map(changed, (0, 0, 900, 600), (900, 600)).change_mask
    overlay = change_overlay(text)
    assert overlay == change_overlay(text)
    mask = Image.open(io.BytesIO(overlay))
    assert mask.size == (192, 128)
    alpha = np.asarray(mask.convert("RGBA"))[..., 3]
    assert alpha[64, 96] > 0
    assert alpha[5, 5] == 0
    assert 0.16 < (alpha > 0).mean() < 0.18
    assert len(overlay) < 1000


def test_what_is_no_map_of_changes_is_refused() -> None:
    with pytest.raises(ValueError, match="no map of changes"):
        change_overlay("bm90IGEgcGljdHVyZQ==")


def luminance(colour: str) -> float:
    """Relative luminance of `#rrggbb`, as WCAG 2.2 defines it."""
    levels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in levels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_words_can_be_read_on_every_ground(scheme: int) -> None:
    style = files("editcorpus.gallery").joinpath("style.css").read_text("utf-8")
    block = re.findall(r":root \{(.*?)\}", style, re.DOTALL)[scheme]
    colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", block))
    words = [
        *((word, ground) for word in ("ink", "dim") for ground in ("ground", "paper", "reason")),
        *((word, "paper") for word in ("kept", "rejected", "failed")),
        ("accent-ink", "accent"),
    ]
    for word, ground in words:
        lighter, darker = sorted((luminance(colours[word]), luminance(colours[ground])))[::-1]
        assert (lighter + 0.05) / (darker + 0.05) >= 4.5, (word, ground)
