"""An edited image that belongs to another row is found, with that row beside it, and nothing else is."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageOps

from editcorpus.linting import strays
from editcorpus.linting.checks import Check
from editcorpus.linting.drawn import place_of
from editcorpus.linting.lint import Settings, look
from editcorpus.linting.page import page_text
from editcorpus.linting.report import Report
from editcorpus.linting.strays import Small, Strays, reduced
from editcorpus.linting.summed import Example, summed
from editcorpus.records import Triplet


def linted(where: Path, **settings: Any) -> tuple[Report, tuple[Example, ...]]:
    return summed(look(str(where), {}, Settings(**settings)))


def wrong(report: Report) -> dict[str, str]:
    return {one.id: one.detail for one in report.findings if one.check is Check.WRONG_PICTURE}


def exchanged(planted: Any, first: int, second: int) -> list[Any]:
    """Two rows, each with the edited image of the other."""
    rows = []
    for name, own, other in (("a", first, second), ("b", second, first)):
        edited = planted.edited(planted.scene(other), other)
        said = f"Give it a lantern, as in {name}{own}."
        row = (f"swapped-{name}", said, planted.jpeg(planted.scene(own)), planted.jpeg(edited))
        rows.append(planted.row(*row, {"task": "object_addition"}))
    return rows


def test_exchanged_images_are_found_and_shown_beside_where_they_belong(
    tmp_path: Path, planted: Any
) -> None:
    rows = [*planted.clean_rows(), *exchanged(planted, 8, 10)]
    report, examples = linted(planted.write_folder(tmp_path / "corpus", rows, {}))
    found = wrong(report)
    assert set(found) == {"swapped-a", "swapped-b"}
    assert found["swapped-a"].startswith("It fits the source image of swapped-b: correlation 0.")
    assert {one.id for one in report.findings} == set(found)
    (result,) = (one for one in report.checks if one.check is Check.WRONG_PICTURE)
    assert (result.rate.count, result.rate.of) == (2, 10)
    shown = [one for one in examples if one.check is Check.WRONG_PICTURE]
    assert {(one.id, one.partner) for one in shown} == {
        ("swapped-a", "swapped-b"),
        ("swapped-b", "swapped-a"),
    }
    assert all(one.pair and one.partner_pair for one in shown)
    assert 'id="wrong_picture"' in page_text(report, examples)
    assert json.loads(report.model_dump_json())["checks"]


def test_nothing_is_found_where_nothing_is_wrong(tmp_path: Path, planted: Any) -> None:
    report, _ = linted(planted.write_folder(tmp_path / "corpus", planted.clean_rows(12), {}))
    assert report.clean.count == 12


def test_the_row_that_it_belongs_to_need_not_be_in_the_sample(tmp_path: Path, planted: Any) -> None:
    rows = [*planted.clean_rows(6), *exchanged(planted, 8, 10)]
    where = planted.write_folder(tmp_path / "corpus", rows, {})
    for seed in range(20):
        alone, _ = linted(where, sample=4, seed=seed, together=0)
        sampled = {one.id for one in alone.findings} - set(wrong(alone))
        if len(sampled) == 1:
            break
    assert wrong(alone) == {}
    together, examples = linted(where, sample=4, seed=seed)
    assert set(wrong(together)) == sampled
    (one,) = (one for one in examples if one.check is Check.WRONG_PICTURE)
    assert (one.partner, one.partner_pair) == (
        "swapped-b" if one.id == "swapped-a" else "swapped-a",
        None,
    )


def test_an_edit_and_its_inverse_are_no_exchange(tmp_path: Path, planted: Any) -> None:
    """Nor is the picture that the next row goes on from."""
    before = planted.scene(8)
    after = ImageOps.solarize(planted.scene(10).rotate(90, expand=True).resize(before.size), 90)
    last = ImageOps.invert(planted.scene(9).transpose(Image.Transpose.TRANSPOSE)).resize(after.size)
    pairs = {"there": (before, after), "back": (after, before), "on": (after, last)}
    rows = [
        planted.row(name, f"Turn all of it {name}.", planted.png(one), planted.jpeg(other, 92))
        for name, (one, other) in pairs.items()
    ]
    report, _ = linted(planted.write_folder(tmp_path / "corpus", rows, {}))
    assert {one.id for one in report.findings if one.check is Check.UNREGISTERED} == set(pairs)
    assert wrong(report) == {}


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as made:
        yield made


def triplet(number: int, **changes: Any) -> Triplet:
    told: dict[str, Any] = {
        "id": f"r{number}",
        "dataset_source": "own",
        "task": "",
        "subtask": "",
        "instruction": "x",
        "instruction_index": 0,
        "license": "",
        "file": "f#.parquet",
        "row_group": 0,
        "row": number,
    }
    return Triplet(**told | changes)


def given(planted: Any, source: int, edited: int | None = None) -> Small:
    one = reduced(planted.scene(source))
    other = b"" if edited is None else reduced(planted.edited(planted.scene(edited), 3))
    return Small(one, other)


def test_what_is_kept_is_bounded(
    pool: ThreadPoolExecutor, planted: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(strays, "_MOST_OPEN", 2)
    made = Strays(pool, window=3)
    for number, edited in enumerate((11, 9, 10)):
        made.add(triplet(number), given(planted, number, edited))
    assert (made.waiting, made.found, len(made._rows), len(made._open)) == (True, {}, 0, 2)
    made.add(triplet(3), given(planted, 9))
    made.add(triplet(4), given(planted, 11))
    made.close()
    (one,) = made.found.items()
    assert one[0] == place_of(triplet(1))
    assert one[1].partner.id == "r3"
    assert [row.triplet.id for row in made._open] == ["r2"]


def test_turns_of_a_conversation_are_not_held_against_each_other(
    pool: ThreadPoolExecutor, planted: Any
) -> None:
    for row, found in ((0, 0), (1, 1)):
        made = Strays(pool)
        made.add(triplet(0, id="a#1", turn=1), given(planted, 8, 9))
        made.add(triplet(row, id="a#2", turn=2), given(planted, 9))
        made.close()
        assert len(made.found) == found
