"""Each query that the documentation shows: DuckDB and Polars give the same, and what is true."""

import ast
import re
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from editcorpus.storage import Store

PAGE = (Path(__file__).parents[3] / "docs" / "queries.md").read_text("utf-8")
SECTIONS = PAGE.split("\n## ")[1:]
FOUND = [
    (
        section.partition("\n")[0],
        *(re.findall(rf"```{kind}\n(.*?)```", section, re.DOTALL)[0] for kind in ("sql", "python")),
    )
    for section in SECTIONS
]
ROWS = (
    [
        ("", "hqedit", 1, 0.4),
        ("object_addition", "omniedit", 2, 0.7),
        ("style_transfer", "omniedit", 1, 0.9),
    ],
    [
        ("hqedit/3", 0.4, 0.9, 0.8, 0.7, "Add a bird, number 3."),
        ("omniedit/task_obj_add_1", 0.6, 0.9, 0.8, 0.7, "Add a bird, number 1."),
        ("omniedit/task_obj_add_0", 0.8, 0.9, 0.8, 0.7, "Add a bird, number 0."),
        ("omniedit/task_obj_add_2", 0.9, 0.9, 0.8, 0.7, "Add a bird, number 2."),
    ],
    [("CC-BY-NC-4.0", 1, 1, 0.5), ("MIT", 2, 0, 0.0)],
)


@pytest.fixture
def corpus(build: Callable[..., Store], sample: Any) -> str:
    records = (
        sample.published(0, outside_mask=0.0),
        sample.published(1, score=0.6, outside_mask=0.0),
        sample.published(2, score=0.9, task="style", subtask="style"),
        sample.published(
            3,
            id="hqedit/3",
            score=0.4,
            dataset_source="hqedit",
            task="edit",
            subtask="",
            license="CC-BY-NC-4.0",
            outside_mask=0.5,
        ),
    )
    return build(shards=(records[:2], records[2:])).url(sample.folder)


def rounded(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return [tuple(round(one, 9) if isinstance(one, float) else one for one in row) for row in rows]


def by_polars(text: str) -> list[tuple[Any, ...]]:
    """The rows of the last line of a Python block."""
    tree, names = ast.parse(text), {}
    last = tree.body.pop()
    assert isinstance(last, ast.Expr)
    exec(compile(tree, "queries.md", "exec"), names)
    frame = eval(compile(ast.Expression(last.value), "queries.md", "eval"), names)
    rows: list[tuple[Any, ...]] = frame.rows()
    return rows


def test_the_page_shows_three() -> None:
    assert len(FOUND) == len(ROWS) == 3


@pytest.mark.parametrize(
    ("query", "expected"), list(zip(FOUND, ROWS, strict=False)), ids=[one[0] for one in FOUND]
)
def test_both_give_what_is_true(
    corpus: str, query: tuple[str, str, str], expected: list[tuple[Any, ...]]
) -> None:
    _, sql, python = query
    with import_module("duckdb").connect() as connection:
        found = connection.execute(sql.replace("{corpus}", corpus)).fetchall()
    made = by_polars(python.replace("{corpus}", corpus))
    assert rounded(found) == rounded(made)
    assert sorted(rounded(found)) == sorted(expected)
