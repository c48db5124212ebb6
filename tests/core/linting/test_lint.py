"""Each planted fault is found under its name, on its record, and nothing else is."""

import json
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from editcorpus.errors import ConfigError
from editcorpus.linting import lint
from editcorpus.linting.checks import TOLD, Check
from editcorpus.linting.lint import Settings, benchmark, look
from editcorpus.linting.report import Report
from editcorpus.linting.summed import EXAMPLES, summed
from editcorpus.linting.terminal import summary_lines
from editcorpus.similar.hashfile import write_known
from editcorpus.storage import Store


def found(report: Report) -> dict[str, set[str]]:
    """Checks that found something, by the record."""
    made: dict[str, set[str]] = defaultdict(set)
    for one in report.findings:
        made[one.id].add(str(one.check))
    return dict(made)


def result(report: Report, check: str) -> Any:
    return next(one for one in report.checks if one.check == check)


def test_each_planted_fault_is_found_and_nothing_else(linted: Any, planted: Any) -> None:
    expected = {name: {check} for name, check in planted.faults.items()}
    expected["unrelated"].add("unregistered")
    assert found(linted.report) == expected
    assert (linted.report.clean.count, linted.report.clean.of) == (9, 22)


def test_findings_say_what_was_measured(linted: Any) -> None:
    told = {one.id: one.detail for one in linted.report.findings}
    assert told["padding"].endswith("is a flat bar: left 14 px.")
    assert told["shifted"].startswith("A corner lies 5.7 px off: shifted by +4.0, +4.0 px")
    assert told["exact"] == "It repeats clean-0."
    assert told["near"] == "It repeats clean-1."
    assert told["bench"] == "The source image is that of item/7 in Bench-1."
    assert told["bomb"].startswith("The source image: The image declares 40000x40000 px")


def test_rates_are_of_what_could_be_looked_at(linted: Any) -> None:
    for check, of in (("row_unusable", 22), ("echo", 18), ("no_edit", 17), ("displaced", 16)):
        assert (result(linted.report, check).rate.count, result(linted.report, check).rate.of) == (
            1,
            of,
        )
    for one in linted.report.checks:
        assert one.rate.low <= one.rate.rate <= one.rate.high
    (against,) = linted.report.benchmarks
    assert (against.benchmark, against.items, against.hits) == ("Bench-1", 1, 1)


def test_every_check_is_told_and_shown_by_few_examples(linted: Any) -> None:
    assert set(TOLD) == set(Check)
    assert [one.check for one in linted.report.checks] == list(TOLD)
    for one in linted.report.checks:
        assert len(one.examples) == min(EXAMPLES, one.rate.count)
    near = next(one for one in linted.examples if one.check is Check.NEAR_DUPLICATE)
    assert (near.partner, near.pair is None, near.partner_pair is None) == ("clean-1", False, False)


def test_figures_and_licences_are_counted(linted: Any) -> None:
    report = linted.report
    assert report.moved_px.of == 16
    assert report.moved_px.p50 < 0.1
    assert report.moved_px.largest == pytest.approx(5.66, abs=0.1)
    assert {one.licence: one.triplets for one in report.licences}["CC0-1.0"] == 8
    assert {one.value: one.triplets for one in report.sizes} == {"336x272": 18}
    assert sum(one.triplets for one in report.languages) == 21


def test_the_json_keeps_to_its_schema_and_comes_back(linted: Any) -> None:
    schema = json.loads((linted.folder / "lint.schema.json").read_bytes())
    told = json.loads((linted.folder / "lint.json").read_bytes())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(told)
    assert Report.model_validate_json((linted.folder / "lint.json").read_bytes()) == linted.report
    with pytest.raises(jsonschema.ValidationError, match="'clean' is a required property"):
        jsonschema.validate({name: told[name] for name in told if name != "clean"}, schema)


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory, planted: Any) -> Path:
    """Forty small rows; the first and the last are the same."""
    folder = tmp_path_factory.mktemp("many")
    rows = [
        planted.row(
            f"r{number}",
            f"Turn it into number {number}, {'abcdefgh'[number % 8] * 3}.",
            planted.jpeg(planted.scene(number % 12, (96, 80))),
            planted.jpeg(planted.edited(planted.scene(number % 12, (96, 80)), number)),
        )
        for number in range(39)
    ]
    return planted.write_folder(folder / "corpus", [*rows, replace(rows[0], id="again")], {})


def drawn(where: Path, **settings: Any) -> tuple[Report, list[str]]:
    looked = look(str(where), {}, Settings(**settings))
    return summed(looked)[0], [one.triplet.id for one in looked.examined]


def test_the_same_seed_draws_the_same_sample(many: Path) -> None:
    (first, ids), (second, again) = (drawn(many, sample=10, seed=5, together=0) for _ in range(2))
    assert ids == again
    assert first.model_copy(update={"seconds": 0.0}) == second.model_copy(update={"seconds": 0.0})
    assert (first.corpus.rows, first.corpus.sampled_rows, first.corpus.whole) == (40, 10, False)
    _, other = drawn(many, sample=10, seed=6, together=0)
    assert set(other) != set(ids)
    _, more = drawn(many, sample=20, seed=5, together=0)
    assert set(ids) < set(more)


def test_duplicates_are_searched_in_all_of_a_small_corpus(many: Path) -> None:
    report, ids = drawn(many, sample=5)
    assert (report.duplicates_among, report.duplicates_whole) == (40, True)
    assert "again" not in ids
    (one,) = (one for one in report.findings if one.check is Check.EXACT_DUPLICATE)
    assert (one.id, one.detail, one.in_sample) == ("again", "It repeats r0.", False)
    assert report.clean.of == 5
    alone, _ = drawn(many, sample=5, together=39)
    assert (alone.duplicates_among, alone.duplicates_whole) == (5, False)


def test_pictures_that_were_not_sampled_are_not_examined(
    many: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[str, int, int]] = []
    look(str(many), {}, Settings(sample=5), tell=lambda *one: told.append(one))
    assert [one for one in told if one[0] == "examined"] == [
        ("examined", n, 5) for n in range(1, 6)
    ]
    assert told[-1] == ("compared", 35, 35)
    monkeypatch.setattr(lint, "_PAIRS_BYTES", 0)
    looked = look(str(many), {}, Settings(sample=5, together=0))
    assert [one.pair for one in looked.examined] == [None] * 5


def test_a_benchmark_is_read_from_its_file_of_hashes(tmp_path: Path, planted: Any) -> None:
    write_known(planted.benchmark(), tmp_path / "bench.parquet")
    known = benchmark(str(tmp_path / "bench.parquet"), {})
    assert (known.benchmark, known.ids) == ("Bench-1", ("item/7",))
    with pytest.raises(ConfigError, match=r"No parquet file is found"):
        benchmark(str(tmp_path / "none"), {})


def test_the_summary_for_a_terminal_holds_no_command_for_it(linted: Any) -> None:
    where = linted.report.corpus.model_copy(update={"where": "a\x1b[2Jb\u202ec"})
    lines = summary_lines(linted.report.model_copy(update={"corpus": where}))
    assert lines[0].startswith("a\ufffd[2Jb\ufffdc: layout folder, all 22 rows, 22 triplets")
    assert lines[1] == "without a defect: 9 of 22, 40.9% (23.3% to 61.3%)"
    assert "  echo: 1 of 18, 5.6% (1.0% to 25.8%)" in lines


def test_lists_of_archives_are_kept(tmp_path: Path, planted: Any) -> None:
    where = planted.write_folder(tmp_path / "c", planted.clean_rows(1), {})
    kept = Store.on_disk(tmp_path / "lists")
    assert look(str(where), {}, Settings(), (), kept).found.inputs.store is kept
