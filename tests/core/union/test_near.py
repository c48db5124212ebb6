"""Near duplicates and benchmarks' pictures are left out, and near pictures lie in one split."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image, ImageDraw, ImageEnhance

import editcorpus.demo
from editcorpus.errors import ConfigError, ShardError
from editcorpus.layouts.corpus import open_corpus
from editcorpus.layouts.parquet import read_outcomes
from editcorpus.leases import Owner
from editcorpus.records import Published, Rejected
from editcorpus.similar.hashfile import Item, known
from editcorpus.similar.views import hash_views
from editcorpus.storage import Store
from editcorpus.union.against import Benchmark, Met
from editcorpus.union.hands import Threads
from editcorpus.union.results import United
from editcorpus.union.terms import Terms
from editcorpus.union.unite import Wish, unite
from editcorpus.union.verdicts import SPLITS

PHOTOS = sorted((Path(editcorpus.demo.__file__).parent / "photos").glob("*.jpg"))
HALVES = {"validation_share": 0.45, "test_share": 0.45}
SAYS = "Put a red hat on the man who stands at the left"
Make = Callable[..., Published]


@pytest.fixture(scope="module")
def photos() -> list[Image.Image]:
    made = []
    for path in PHOTOS:
        with Image.open(path) as photo:
            image = photo.convert("RGB")
            image.thumbnail((320, 320))
            made.append(image)
    return made


def jpeg(image: Image.Image, quality: int = 90) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def edited(image: Image.Image, colour: str = "red") -> Image.Image:
    made = image.copy()
    box = (image.width // 3, image.height // 3, image.width // 2, image.height // 2)
    ImageDraw.Draw(made).rectangle(box, fill=colour)
    return made


def again(image: Image.Image) -> Image.Image:
    """The same picture as another data set has it: mirrored, smaller, brighter."""
    small = image.resize((image.width * 3 // 4, image.height * 3 // 4))
    turned = small.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return ImageEnhance.Brightness(turned).enhance(1.08)


@pytest.fixture
def pair(one: Make) -> Callable[..., Published]:
    """A record of a photo and its edited form, as they are or as another data set has them."""

    def made(number: int, image: Image.Image, *, twin: bool = False, **changes: Any) -> Published:
        source, target = image, edited(image)
        if twin:
            source, target = again(source), again(target)
        own = {"source_image": jpeg(source), "edited_image": jpeg(target), "instruction": SAYS}
        return one(number, **own | changes)

    return made


def rejects(world: Any, name: str = "all") -> dict[str, tuple[str, str]]:
    rows = read_outcomes(world.store, f"corpora/{name}/rejects.parquet", Rejected)
    return {row.id: (row.reason.value, row.detail) for row in rows}


def splits(world: Any, name: str = "all") -> dict[str, str]:
    return {row.id: split for split in SPLITS for row in world.kept(name, split)}


def test_of_near_triplets_the_best_by_score_stays(world: Any, pair: Make, photos: Any) -> None:
    world.run("a", [pair(n, photos[n], score=0.4) for n in range(4)])
    world.run("b", [pair(10 + n, photos[n], twin=True, score=0.2 * n) for n in range(4)])
    done = world.unite("a", "b")
    assert (done.entered, done.kept, done.rejected) == (8, 4, {"near_duplicate": 4})
    assert {row.id for row in world.kept()} == {f"omniedit/{n}" for n in (0, 1, 2, 13)}
    assert rejects(world)["omniedit/3"] == (
        "near_duplicate",
        "omniedit/13 of the run b has nearly the same pictures and the same words.",
    )


def test_who_is_in_stays_however_good_the_newcomer_is_and_no_file_changes(
    world: Any, pair: Make, photos: Any
) -> None:
    world.run("a", [pair(n, photos[n], score=0.1) for n in range(4)])
    world.run("b", [pair(10 + n, photos[n + 2], twin=True, score=0.9) for n in range(4)])
    world.unite("a")
    before = {
        path: world.store.read(path)
        for folder in ("corpora/all/data", "unions/digests", "unions/pairs")
        for path in world.store.list(folder)
    }
    root = Path(world.store.root)
    inodes = {path: (root / path).stat().st_ino for path in before}
    done = world.unite("b")
    assert (done.kept, done.rejected) == (6, {"near_duplicate": 2})
    assert set(rejects(world)) == {"omniedit/10", "omniedit/11"}
    assert {path: world.store.read(path) for path in before} == before
    assert {path: (root / path).stat().st_ino for path in before} == inodes


def test_edits_of_one_picture_in_other_words_stay_and_lie_in_one_split(
    world: Any, pair: Make, photos: Any
) -> None:
    told = [f"{SAYS}, and paint wall number {n} {'blue' if n % 2 else 'green'}" for n in range(5)]
    world.run("a", [pair(n, photo) for n, photo in enumerate(photos)])
    rows = [
        pair(100 + 10 * n + at, photo, twin=bool(at % 2), instruction=told[at])
        for n, photo in enumerate(photos)
        for at in range(5)
    ]
    world.run("b", rows)
    world.unite("a", **HALVES)
    first = splits(world)
    assert len(set(first.values())) > 1
    done = world.unite("b", **HALVES)
    assert done.rejected == {}
    found = splits(world)
    assert first.items() <= found.items()
    for n in range(len(photos)):
        group = {found[f"omniedit/{100 + 10 * n + at}"] for at in range(5)}
        assert group == {found[f"omniedit/{n}"]}


def test_they_can_be_kept_and_splits_then_follow_the_bytes(
    world: Any, pair: Make, photos: Any
) -> None:
    world.run("a", [pair(n, photos[n]) for n in range(4)])
    world.run("b", [pair(10 + n, photos[n], twin=True) for n in range(4)])
    done = world.unite("a", "b", near_duplicates=False)
    assert (done.kept, done.rejected) == (8, {})
    assert world.store.list("unions/pairs") == []
    assert "were not sought" not in open_corpus(world.store, "corpora/all").card()


def test_other_edits_of_a_picture_in_the_same_words_are_no_duplicates(
    world: Any, pair: Make, photos: Any
) -> None:
    other = jpeg(photos[5].resize(photos[0].size))
    world.run("a", [pair(0, photos[0])])
    world.run("b", [pair(1, photos[0], edited_image=other)])
    assert world.unite("a", "b").kept == 2


def benchmark(photos: list[Image.Image], says: str, *, shown: bool = True) -> Benchmark:
    items = []
    for number, photo in enumerate(photos):
        names, views = hash_views(photo.convert("L"), crops=True)
        thumbnail = jpeg(photo.resize((64, 64))) if shown else b""
        items.append(Item(f"<b>{number}</b>", tuple(names), views, says, thumbnail))
    return Benchmark(known("gedit", items), "ab" * 32)


def united(world: Any, *runs: str, against: tuple[Benchmark, ...], **terms: Any) -> United:
    corpora = tuple(open_corpus(world.store, f"corpora/{run}") for run in runs)
    wish = Wish("all", corpora, Terms(**terms), against=against)
    return unite(world.store, wish, Owner("me", "here", 1), Threads(2, lambda *_: None))


def test_a_benchmarks_picture_is_left_out_wherever_it_stands(
    world: Any, pair: Make, photos: Any
) -> None:
    gedit = benchmark(photos[6:], "Make the sky in the picture green")
    side = min(photos[6].size)
    middle = photos[6].crop((0, 0, side, side)) if photos[6].width < photos[6].height else photos[6]
    rows = [pair(n, photos[n], instruction=f"{SAYS} {n}") for n in range(4)]
    rows += [
        pair(10, middle),
        pair(11, photos[4], edited_image=jpeg(again(photos[7]), 60)),
        pair(12, photos[5], instruction="Make the sky in the picture green."),
    ]
    world.run("a", rows)
    world.run("b", [pair(20, photos[7], twin=True), pair(21, photos[5])])
    done = united(world, "a", against=(gedit,))
    assert (done.kept, done.rejected) == (5, {"contaminated": 2})
    reason, detail = rejects(world)["omniedit/11"]
    assert reason == "contaminated"
    assert detail.startswith("The edited image is that of item <b>1</b> of gedit (its ")
    done = united(world, "b", against=(gedit,))
    assert (done.kept, done.rejected) == (6, {"contaminated": 3})
    card = open_corpus(world.store, "corpora/all").card()
    assert "| `gedit` | 2 | 3 | 0 | 1 |" in card
    assert "`hits/1.0.0.html`, `hits/1.1.0.html`" in card


def test_the_page_shows_both_pictures_and_no_text_from_outside_acts_on_it(
    world: Any, pair: Make, photos: Any
) -> None:
    gedit = benchmark(photos[6:], SAYS)
    hostile = "<script>alert(1)</script>"
    world.run("a", [pair(0, photos[0], instruction=hostile), pair(1, photos[7])])
    world.run("b", [pair(2, photos[0], twin=True, instruction=hostile, score=0.1)])
    united(world, "a", "b", against=(gedit,))
    page = world.store.read("corpora/all/hits/1.0.0.html").decode()
    assert page.count("data:image/jpeg;base64,") == 4 + 3
    assert "<script" not in page
    assert "<b>1</b>" not in page
    assert "&lt;script&gt;" in page
    assert world.store.list("corpora/all/hits") == ["corpora/all/hits/1.0.0.html"]


def test_a_corpus_stays_held_against_the_same_benchmarks(
    world: Any, pair: Make, photos: Any
) -> None:
    gedit = benchmark(photos[6:], SAYS, shown=False)
    world.run("a", [pair(0, photos[0])])
    world.run("b", [pair(1, photos[7])])
    united(world, "a", against=(gedit,))
    with pytest.raises(
        ConfigError, match=r"is held against gedit \(abababababab\), not against none"
    ):
        world.unite("b")
    assert united(world, "b", against=(gedit,), near_duplicates=True).kept == 1


def test_plain_pictures_are_near_only_to_the_pixel(world: Any, one: Make, photos: Any) -> None:
    def page(colour: int, kind: str) -> bytes:
        image = Image.fromarray(np.full((64, 64, 3), colour, "u1"))
        buffer = io.BytesIO()
        image.save(buffer, kind)
        return buffer.getvalue()

    rows = [
        one(n, source_image=page(colour, kind), edited_image=page(9, kind), instruction=SAYS)
        for n, (colour, kind) in enumerate([(200, "PNG"), (200, "BMP"), (90, "PNG")])
    ]
    world.run("a", rows)
    done = world.unite("a")
    assert (done.kept, done.rejected) == (2, {"near_duplicate": 1})
    assert (
        "3 source images have too little in them" in open_corpus(world.store, "corpora/all").card()
    )


def test_a_page_of_an_addition_that_was_given_up_goes(world: Any, pair: Make, photos: Any) -> None:
    world.run("a", [pair(0, photos[0]), pair(1, photos[0], twin=True)])
    world.run("b", [pair(2, photos[1])])
    world.unite("a")
    first = world.store.read("corpora/all/hits/1.0.0.html")
    world.store.write("corpora/all/hits/1.1.0.html", b"half")
    world.unite("b")
    assert world.store.list("corpora/all/hits") == ["corpora/all/hits/1.0.0.html"]
    assert world.store.read("corpora/all/hits/1.0.0.html") == first


def test_a_corpus_of_the_version_that_sought_none_goes_on_without(
    world: Any, pair: Make, photos: Any
) -> None:
    world.run("a", [pair(0, photos[0])])
    world.run("b", [pair(1, photos[0], twin=True)])
    world.unite("a", near_duplicates=False)
    told = json.loads(world.store.read("unions/all/union.json"))
    del told["against"], told["terms"]["near_duplicates"]
    world.store.write("unions/all/union.json", json.dumps(told | {"version": 1}).encode())
    with pytest.raises(ConfigError, match="near_duplicates was false and is now true"):
        world.unite("b")
    assert world.unite("b", near_duplicates=False).kept == 2
    world.store.write("unions/all/union.json", json.dumps(told | {"version": 0}).encode())
    with pytest.raises(ConfigError, match="united by another version"):
        world.unite("b", near_duplicates=False)


def test_what_is_known_of_near_ones_can_be_damaged(world: Any, pair: Make, photos: Any) -> None:
    world.run("a", [pair(0, photos[0]), pair(1, photos[1])])
    world.run("b", [pair(2, photos[2])])
    world.unite("a")
    (path,) = world.store.list("unions/pairs")
    pq.write_table(pa.table({"kind": [1]}), world.store.local_file(path))
    with pytest.raises(ShardError, match="is damaged; remove it, and run the same again"):
        world.unite("b")
    world.store.remove(path)
    assert world.unite("b").kept == 3


def test_instructions_that_repeat_are_told_and_stay(world: Any, pair: Make, photos: Any) -> None:
    world.run("a", [pair(n, photos[n], instruction="Remove | the <b>sky</b>!") for n in range(4)])
    assert world.unite("a").kept == 4
    card = open_corpus(world.store, "corpora/all").card()
    assert "Of 4 instructions 1 differ in their words, and 1 by more than a few" in card
    assert "| Remove &#124; the &#60;b&#62;sky&#60;/b&#62;&#33; | 4 |" in card


def test_a_picture_of_a_run_that_is_gone_is_missing_from_the_page(
    world: Any, pair: Make, photos: Any, tmp_path: Path
) -> None:
    other = type(world)(Store.on_disk(tmp_path / "other"))
    other.run("a", [pair(0, photos[0])])
    world.run("b", [pair(1, photos[0], twin=True), pair(2, photos[1], source_image=b"\xff\xd8")])
    for there, run in ((other, "a"), (world, "b")):
        wish = Wish("all", (open_corpus(there.store, f"corpora/{run}"),), Terms())
        unite(world.store, wish, Owner("me", "here", 1), Threads(1, lambda *_: None))
        for path in other.store.list("corpora/a/data"):
            other.store.remove(path)
    page = world.store.read("corpora/all/hits/1.1.0.html").decode()
    assert page.count("data:image/jpeg;base64,") == 2
    assert "(its run lies elsewhere, or is gone)" in page
    card = open_corpus(world.store, "corpora/all").card()
    assert "1 pictures did not decode" in card


def test_a_run_that_was_built_again_since_is_missing_from_the_page(
    world: Any, pair: Make, photos: Any
) -> None:
    world.run("a", [pair(0, photos[0])])
    world.run("b", [pair(1, photos[0], twin=True)])
    world.unite("a")
    world.run("a", [pair(0, photos[3]), pair(5, photos[4])])
    assert world.unite("b").rejected == {"near_duplicate": 1}
    page = world.store.read("corpora/all/hits/1.1.0.html").decode()
    assert "(its run lies elsewhere, or is gone)" in page


def test_a_likeness_with_the_same_instruction_says_both(world: Any) -> None:
    met = Met("b\nench", 3, "k\u202e", "picture_and_instruction", "source", "1:1", 80, 0.5, True)
    assert met.sentence == (
        "The source image resembles that of item k of b ench (its 1:1 view, mirrored; 80 of 256 signs "
        "differ, 0.50 of the firm differences agree), and the instruction is nearly the same."
    )
