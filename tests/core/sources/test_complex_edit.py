"""Complex-Edit over the files of OmniEdit: composed, edited, judged, and paid for once."""

from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from editcorpus.demo.complex_edit import write_complex_edit
from editcorpus.endpoints.requests import Picture, request_hash
from editcorpus.ledger import read_history
from editcorpus.sandbox import Running
from editcorpus.sources import complex_edit, omniedit
from editcorpus.steps import align, pad
from editcorpus.storage import Store
from flows.parameters import Recipe
from flows.settling import settled

SOURCE = complex_edit.SOURCE


def read_table(store: Store, path: str) -> list[dict[str, Any]]:
    with store.open(path) as file:
        found: list[dict[str, Any]] = pq.read_table(file).to_pylist()
        return found


def test_it_reads_the_files_of_omniedit() -> None:
    assert SOURCE.columns == omniedit.SOURCE.columns
    assert SOURCE.pictures == omniedit.SOURCE.pictures
    assert SOURCE.kind == omniedit.SOURCE.kind


def test_any_padding_that_is_left_discards_a_result_and_no_instruction_is_rewritten() -> None:
    recipe = settled(Recipe(run="r", input="x"), SOURCE)
    assert recipe.filter.judge.residual_padding == 0
    assert recipe.rewrite.share == 0
    assert recipe.compose.level == 3
    given = Recipe.model_validate(
        {"run": "r", "input": "x", "filter": {"judge": {"residual_padding": 0.005}}}
    )
    assert settled(given, SOURCE).filter.judge.residual_padding == 0.005


def test_records_are_complex_and_the_books_are_those_of_the_api(
    build_rows: Callable[..., Any], source_server: Running, tmp_path: Path
) -> None:
    source_server.admin("reset", {})
    built = build_rows(SOURCE, write_complex_edit(tmp_path / "input"))
    assert len(built.kept) == 5
    assert built.rejected == {"complex-edit/task_obj_swap_50006": "image_unreadable"}
    for record in built.kept.values():
        assert record.instruction_type == "complex"
        assert record.family == "compositional_editing"
        assert record.task == "complex-edit"
        assert record.instruction_original not in ("", record.instruction)
    billed = source_server.admin("journal?billed=true")["calls"]
    history = read_history(Store.on_disk(tmp_path / "store-output"), "r")
    booked = {one.request_id: one.usd for one in history.records if one.outcome == "settled"}
    assert booked == {call["request_id"]: Decimal(call["usd"]) for call in billed}
    assert not history.open
    steps = Counter(one.step for one in history.records)
    assert steps == {"compose": 5 * (1 + 3 + 1), "regenerate": 5, "align": 5 * 3}


def test_a_record_is_judged_by_the_instruction_that_was_composed(
    build_rows: Callable[..., Any], tmp_path: Path
) -> None:
    """The requests of the verdicts, made again of the corpus, are those that were paid for."""
    built = build_rows(SOURCE, write_complex_edit(tmp_path / "input"))
    store = Store.on_disk(tmp_path / "store-output")
    shown = {"pad": "source_view", "filter": "edited_view"}
    views: dict[str, dict[str, Picture]] = {}
    for step, column in shown.items():
        for row in read_table(store, f"runs/r/shards/00000/{step}.parquet"):
            size = row.get("source_width", 0), row.get("source_height", 0)
            views.setdefault(row["id"], {})[step] = Picture(
                row[f"{column}_hash"], "image/jpeg", pad.Config().view_quality, size, bytes
            )
    keys = {one.key for one in read_history(store, "r").records if one.step == "align"}
    for key, record in built.kept.items():
        pair = views[key]["pad"], views[key]["filter"]
        asked = align.requests(record.instruction, *pair, align.Config()).values()
        assert {request_hash("sandbox", chat, 0) for chat in asked} <= keys


def test_the_base_variant_has_the_published_pair_and_its_own_instruction(
    build_rows: Callable[..., Any], tmp_path: Path
) -> None:
    built = build_rows(SOURCE, write_complex_edit(tmp_path / "input"), "base")
    assert {one.instruction_type for one in built.kept.values()} == {"original"}
