"""The quality section of a card, from a corpus' own columns to its table and its picture sheet."""

import io
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
from PIL import Image

from editcorpus.layouts.corpus import open_corpus
from editcorpus.layouts.measured import decode, encode, measured
from editcorpus.layouts.previews import SPREADS
from editcorpus.layouts.quality_section import quality_section
from editcorpus.layouts.sheet import MOST_FAMILIES, Sample, draw_sheet
from editcorpus.layouts.spreads import write_spreads
from editcorpus.quality import Counts, Quality, quality
from editcorpus.records import Reason
from editcorpus.storage import Store

NOTE = "runs/spring/quality.json"


def files_of(store: Store, sample: Any) -> list[Any]:
    corpus = open_corpus(store, sample.folder)
    return [
        file.__class__(f"{sample.folder}/{file.path}", file.records, file.bytes, file.sha256)
        for file in (shard.file for shard in corpus.shards)
    ]


def test_columns_of_a_corpus_become_rates_with_intervals(sample: Any, build: Any) -> None:
    shards = (
        (sample.published(0, residual_padding=0.01, registration="corrected", score=0.25),),
        (
            sample.published(1, registration="aligned", displacement_px=0.3, doubts="tiny_edit"),
            sample.published(2, family="", registration="unregistered"),
        ),
    )
    store = build(shards)
    counts = measured(store, files_of(store, sample), NOTE)
    told = quality_section(quality(counts, 5, {Reason.NO_EDIT: 1}), "previews/sheet.jpg")
    assert "| any residual padding left | 1 of 3 | 33.33% | 6.15% to 79.23% |" in told
    assert "| alignment cannot be told | 1 of 3 | 33.33% | 6.15% to 79.23% |" in told
    assert "| a corner still more than 0.5 px off | 0 of 1 | 0.00% | 0.00% to 79.35% |" in told
    assert "`no_edit` The result shows no change against the source. | 1 of 5 | 20.00% |" in told
    assert "| DINO: source and result | not measured | | | | | | |" in told.replace("  ", " ")
    drawn = "`·····▄··········█···`"  # one of 0.25, two of 0.8
    assert (
        f"| judge: all three, geometric mean, 0 to 1 | 3 | 0.25 | 0.8 | 0.8 | 0 | {drawn} | 1 |"
        in told
    )
    assert "| `object_addition` | 2 | 0.2 | 0.2 | 0.2 |" in told
    assert "![random kept and rejected triplets of each family](previews/sheet.jpg)" in told
    assert "not looked for in a run" in told
    assert "![how each of these figures is spread](previews/spreads.svg)" in told


def test_the_same_is_drawn_beside_the_card(sample: Any, build: Any) -> None:
    store = build(((sample.published(0, score=0.25), sample.published(1)),))
    made = quality(measured(store, files_of(store, sample), NOTE), 2, {})
    write_spreads(store, sample.folder, made)
    drawn = store.read(f"{sample.folder}/{SPREADS}")
    words = [one.text for one in ET.fromstring(drawn).iter("{http://www.w3.org/2000/svg}text")]
    known = [one.title for one in made.spreads if one.quantiles]
    assert [one for one in words if one in known] == known
    assert "changed: object_addition" in words
    write_spreads(store, sample.folder, made)
    assert store.read(f"{sample.folder}/{SPREADS}") == drawn
    write_spreads(store, sample.folder, Quality())
    assert not store.exists(f"{sample.folder}/{SPREADS}")
    assert SPREADS not in quality_section(quality(Counts(), 3, {Reason.NO_EDIT: 1}))


def test_no_file_is_counted_twice(sample: Any, build: Any) -> None:
    store = build()
    files = files_of(store, sample)
    first = measured(store, files, NOTE)
    for file in files:
        store.remove(file.path)
    assert measured(store, files, NOTE) == first
    store.write(NOTE, b'{"version": 0}')
    assert decode(store.read(NOTE)) == decode(b"[[") == {}
    assert decode(encode({"a": first})) == {"a": first}


def test_a_corpus_of_which_nothing_is_known_has_no_section() -> None:
    assert quality_section(Quality()) == ""
    assert quality_section(quality(Counts(), 0, {}), "previews/sheet.jpg") == ""


def picture(seed: int, size: tuple[int, int]) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG")
    return out.getvalue()


def test_a_sheet_is_bounded_and_shows_what_decodes() -> None:
    good = Sample("", picture(0, (300, 200)), picture(1, (20, 400)))
    gone = Sample("residual_padding", picture(2, (64, 64)), b"no picture")
    families = {f"family_{number:02d}": [good, gone, *[good] * 9] for number in range(40)}
    made = Image.open(io.BytesIO(draw_sheet(families)))
    one = Image.open(io.BytesIO(draw_sheet({"": [good]})))
    assert made.width == one.width
    assert made.height - one.height == (MOST_FAMILIES - 1) * (one.height - 40)
    assert draw_sheet(families) == draw_sheet(families)
    assert len(draw_sheet(families)) < 1_500_000
