"""What of a corpus is a benchmark's, and what only sounds like it."""

import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from editcorpus.similar.bars import Array
from editcorpus.similar.contamination import Hashed, Kind, contamination
from editcorpus.similar.hashes import compare, is_plain
from editcorpus.similar.hashfile import Item, Known, known
from editcorpus.similar.minhash import signatures
from editcorpus.similar.search import NEAR, WEAK
from editcorpus.similar.views import hash_views

SAYS = "Raise the left arm of the person in the picture"
OTHER = "Put a red balloon above the roof of the house"


def benchmark(photos: list[Image.Image]) -> Known:
    items = []
    for number, photo in enumerate(photos):
        names, views = hash_views(photo.convert("L"), crops=True)
        items.append(Item(f"{number}", tuple(names), views, SAYS))
    return known("GEdit", items)


def corpus(pictures: list[tuple[Image.Image, Image.Image]], says: list[str]) -> Hashed:
    hashes, records = [], []
    for number, pair in enumerate(pictures):
        for picture in pair:
            views = hash_views(picture.convert("L"))[1]
            hashes.append(views)
            records += [number] * len(views)
    return Hashed(np.concatenate(hashes), np.array(records, "u4"), signatures(says))


def other(number: int) -> Image.Image:
    """A picture that no benchmark has."""
    noise = np.random.default_rng(number).integers(0, 256, (9, 12, 3), "u1")
    return Image.fromarray(noise).resize((480, 360), Image.Resampling.BICUBIC)


def test_a_source_or_an_edited_image_of_a_benchmark_is_a_hit(photos: list[Image.Image]) -> None:
    small = photos[0].resize((300, 200))
    turned = photos[2].transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    pictures = [(small, other(0)), (other(1), other(2)), (other(3), turned)]
    found = contamination(benchmark(photos), corpus(pictures, [OTHER, OTHER, OTHER]))
    assert [(hit.record, hit.item, hit.kind) for hit in found.hits] == [
        (0, 0, Kind.PICTURE),
        (2, 2, Kind.PICTURE),
    ]
    assert [hit.mirrored for hit in found.hits] == [False, True]
    assert [hit.picture for hit in found.hits] == [0, 5]
    assert (found.benchmark, found.text_only, found.degenerate) == ("GEdit", 0, 0)


def test_an_instruction_alone_is_no_hit_and_is_counted(photos: list[Image.Image]) -> None:
    pictures = [(other(0), other(1)), (other(2), other(3)), (photos[1], other(4))]
    found = contamination(benchmark(photos[:3]), corpus(pictures, [SAYS, OTHER, SAYS.upper()]))
    assert [(hit.record, hit.item) for hit in found.hits] == [(2, 1)]
    assert found.text_only == 1


@pytest.fixture
def faint(hashes: Array, changed: Callable[..., Array]) -> tuple[Array, Array]:
    """Hashes, and others that are perhaps near them."""
    rich = hashes[~is_plain(hashes)]
    turned = changed(rich, 76, 0.48)
    found = compare(rich, turned)
    rows = WEAK.holds(found) & ~NEAR.holds(found)
    assert rows.sum() >= 3
    return rich[rows][:3], turned[rows][:3]


def test_a_weak_likeness_counts_with_the_same_instruction(faint: tuple[Array, Array]) -> None:
    there, ours = faint
    items = [Item(str(n), ("whole",), there[n : n + 1], SAYS) for n in range(3)]
    made = Hashed(ours, np.arange(3, dtype="u4"), signatures([SAYS, OTHER, SAYS + "."]))
    found = contamination(known("ImgEdit", items), made)
    assert [(hit.record, hit.item, hit.kind) for hit in found.hits] == [
        (0, 0, Kind.BOTH),
        (2, 2, Kind.BOTH),
    ]


def test_an_item_of_many_views_takes_no_more_memory(
    faint: tuple[Array, Array], monkeypatch: pytest.MonkeyPatch
) -> None:
    there, ours = faint
    views = np.repeat(there[:1], 1000, axis=0)
    bench = known("Wide", [Item("0", ("whole",) * len(views), views, SAYS)])
    made = Hashed(
        np.repeat(ours[:1], 800, axis=0), np.arange(800, dtype="u4"), signatures([SAYS] * 800)
    )
    monkeypatch.setattr("editcorpus.similar.contamination._BLOCK", 1 << 13)
    tracemalloc.start()
    found = contamination(bench, made)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [(hit.record, hit.item, hit.view) for hit in found.hits] == [
        (n, 0, 0) for n in range(800)
    ]
    assert peak < 40_000_000


def test_items_and_records_without_words_or_pictures_are_no_trouble(
    photos: list[Image.Image],
) -> None:
    names, views = hash_views(photos[0].convert("L"))
    bench = known("RISE", [Item("a", tuple(names), views, "")])
    empty = Hashed(np.empty((0, 12), "<u8"), np.empty(0, "u4"), signatures(["", SAYS]))
    assert contamination(bench, empty).hits == ()
    silent = Hashed(views, np.ones(1, "u4"), signatures(["", ""]))
    assert [hit.record for hit in contamination(bench, silent).hits] == [1]


def test_the_nearest_view_is_told(photos: list[Image.Image]) -> None:
    bench = benchmark(photos)
    side = min(photos[1].size)
    left, top = ((length - side) // 2 for length in photos[1].size)
    middle = photos[1].crop((left, top, left + side, top + side))
    made = corpus([(ImageEnhance.Brightness(middle).enhance(1.1), other(5))], [OTHER])
    (hit,) = contamination(bench, made).hits
    assert bench.views[hit.view] == "1:1"
    assert bench.items[hit.view] == hit.item == 1


def test_what_is_found_of_a_record_does_not_depend_on_the_others(
    photos: list[Image.Image],
) -> None:
    bench = benchmark(photos)
    pictures = [(photos[n].resize((300, 200)), other(n)) for n in range(4)]
    says = [SAYS, OTHER, SAYS, OTHER]
    whole = contamination(bench, corpus(pictures, says))
    parts = [
        contamination(bench, corpus([pair], [said]))
        for pair, said in zip(pictures, says, strict=True)
    ]
    alone = [(n, hit.item, hit.signs) for n, part in enumerate(parts) for hit in part.hits]
    assert [(hit.record, hit.item, hit.signs) for hit in whole.hits] == alone
    assert len(alone) == 4
