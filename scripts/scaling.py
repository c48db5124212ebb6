"""Writes the tables of docs/scaling.md: `make docs`. With --check, only compares."""

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from editcorpus.capacity import Capacity, Demand
from flows.commands.plan_capacity import add_arguments, planned
from flows.forecasts import dollars, weighed

PAGE = Path(__file__).resolve().parents[1] / "docs" / "scaling.md"
SIZES = (("10e3", "50"), ("100e3", "250"), ("1.5e6", "1000"), ("12e6", "5000"))
"""Triplets, and pictures a minute that the image API takes."""
WORKERS = ("1", "3", "10", "32", "100")
_BY_SIZE = (
    *("triplets", "pictures a minute", "workers", "`in_flight`", "online", "in batches"),
    *("days", "storage", "Prefect's database", "first to bind"),
)
_BY_WORKERS = (
    *("workers", "edits out at once", "pictures a minute", "triplets a day", "days for 1.5M"),
    *("busy cores", "of the server", "puts a second", "first to bind"),
)


def _plan(*words: str) -> tuple[Demand, Capacity]:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return planned(parser.parse_args(words))


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |\n"


def _table(names: Sequence[str], lines: Iterable[str]) -> str:
    rule = _line(*["---:"] * (len(names) - 1), "---").replace(" ", "")
    return "".join([_line(*names), rule, *lines])


def _by_size() -> Iterator[str]:
    for triplets, pictures in SIZES:
        demand, found = _plan("--triplets", triplets, "--images-per-minute", pictures)
        yield _line(
            f"{demand.triplets:,}",
            f"{int(pictures):,}",
            f"{found.workers}",
            f"{found.allowed:,}",
            dollars(demand.usd),
            dollars(demand.usd_batch),
            f"{found.days:.2f}",
            weighed(demand.stored_bytes),
            f"{found.database_bytes / 1e6:,.0f} MB",
            found.binds,
        )


def _by_workers() -> Iterator[str]:
    for workers in WORKERS:
        _, found = _plan("--triplets", "1.5e6", "--workers", workers)
        yield _line(
            workers,
            f"{found.in_flight:,.0f}",
            f"{found.rate * 60:,.0f}",
            f"{found.rate * 86_400:,.0f}",
            f"{found.days:.2f}",
            f"{found.cores:,.1f}",
            f"{found.server_cores:.3f}",
            f"{found.puts:,.0f}",
            found.binds,
        )


TABLES: Mapping[str, Callable[[], str]] = {
    "sizes": lambda: _table(_BY_SIZE, _by_size()),
    "workers": lambda: _table(_BY_WORKERS, _by_workers()),
}


def page(text: str) -> str:
    """The page with its tables as the calculator has them."""
    for name, made in TABLES.items():
        head, start, rest = text.partition(f"<!-- {name} -->\n")
        _, end, tail = rest.partition("<!-- end -->")
        text = f"{head}{start}{made()}{end}{tail}"
    return text


if __name__ == "__main__":
    stands = PAGE.read_text("utf-8")
    if "--check" in sys.argv:
        sys.exit(page(stands) != stands and "docs/scaling.md is out of date: run make docs.")
    PAGE.write_text(page(stands), "utf-8")
