"""Estimates as a person reads them, in 80 columns, and as `--json` prints them."""

import sys
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from editcorpus.intervals import Interval
from editcorpus.stages.estimate import Cost, Estimate
from editcorpus.stages.looking import Sample
from editcorpus.stages.pilot import Forecast, Pilot

_STEPS = {
    "classify": "kinds",
    "caption": "captions",
    "synthesize": "sources",
    "compose": "texts",
    "regenerate": "edits",
    "rewrite": "rewrites",
    "align": "verdicts",
    "embed": "vectors",
}
"""What each asking step asks for."""
_WIDTH = 80
_WHOLE = 1000
"""Dollars from which on cents are left out."""
_TERA = 1e12
_TASK = 22
"""Letters of a task's name that are shown."""


def console() -> Console:
    """Standard output, 80 columns wide where nobody watches."""
    width = None if sys.stdout.isatty() else _WIDTH
    return Console(file=sys.stdout, highlight=False, width=width, markup=False)


def dollars(usd: Decimal | float) -> str:
    """Dollars for people: with cents as long as they matter, finer below ten cents."""
    if usd >= _WHOLE:
        return f"${usd:,.0f}"
    return f"${usd:.4f}" if 0 < usd < Decimal("0.1") else f"${usd:.2f}"


def print_estimates(
    sample: Sample, found: Sequence[Estimate], chosen: str, listed: str, *, known: bool = True
) -> None:
    """A table of all presets, one of the chosen preset's kinds of calls, and what they mean.

    Args:
        sample: Rows that were looked at.
        found: What each preset would take.
        chosen: Name of the preset that the command asks for.
        listed: Which price list it is.
        known: Whether edits are known by their requests before anything is asked.
    """
    out, fit = console(), len(sample.fit)
    out.print(f"{sample.rows:,} rows; {fit} of {sample.looked_at} looked at are fit to be edited.")
    out.print("", _presets(found, chosen), "", sep="\n")
    for item in found:
        if item.preset == chosen:
            out.print(_kinds(item), "", sep="\n")
    for item in found:
        out.print(_remarks(item))
    seen = "all rows" if sample.whole else f"the {sample.looked_at} rows looked at, extrapolated"
    if not known:
        out.print(
            "Which edits lie in the store is known once their texts or source images are: every edit "
            "counts as open."
        )
    elif any(item.served is None for item in found):
        out.print("The store cannot be read: every edit counts as open.")
    else:
        out.print(
            f"Edits in the store were found by the hash of their request, over {seen}; they cost "
            "nothing more and are not counted above."
        )
    out.print(
        f"By the {listed}. low: every picture once. expected: with rewrites, judge and 2% repeats. "
        "batch: the same, sent as batches, which are answered within a day, where the endpoint has "
        "them. worst: every call at the most it can cost, repeated as often as it may be. The steps "
        "work side by side: the longest hours are those of the run."
    )


def _table(names: Sequence[str], figures: Sequence[str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=0, pad_edge=False, show_edge=False)
    for name in names:
        table.add_column(name, no_wrap=True)
    for figure in figures:
        table.add_column(figure, justify="right", no_wrap=True)
    return table


def _presets(found: Sequence[Estimate], chosen: str) -> Table:
    figures = ("calls", "low", "expected", "batch", "worst", "hours")
    table = _table(("preset", "step"), figures)
    for item in found:
        preset = f"{item.preset} *" if item.preset == chosen else item.preset
        for step, cost in item.steps.items():
            hours = item.hours.get(step, 0.0)
            table.add_row(preset, _STEPS[step], *_cells(cost), f"{hours:,.1f}")
            preset = ""
        longest = max(item.hours.values(), default=0.0)
        table.add_row("", "all", *_cells(item.total), f"{longest:,.1f}", end_section=True)
    return table


def _cells(cost: Cost) -> tuple[str, ...]:
    usd = (cost.low, cost.expected, cost.batch, cost.worst)
    return f"{cost.calls:,}", *map(dollars, usd)


def _kinds(item: Estimate) -> Table:
    table = _table((f"{item.preset}: model", "quality", "size"), ("calls", "each", "expected"))
    for kind, cost in item.kinds.items():
        each = dollars(cost.expected / cost.calls) if cost.calls else ""
        shown = (f"{cost.calls:,}", each, dollars(cost.expected))
        table.add_row(kind.model, kind.quality, kind.size, *shown)
    return table


def _remarks(item: Estimate) -> str:
    weight = item.keeps
    parts = ("answers", "pad", "filter", "corpus")
    shares = ", ".join(f"{name} {weighed(getattr(weight, name))}" for name in parts)
    served = "" if item.served is None else f"; {item.served:,} edits are in the store"
    return (
        f"{item.preset}: {item.tokens_out:.0f} output tokens an edit, {item.padded_share:.1%} of the "
        f"canvas is padding; keeps {weighed(weight.total)} ({shares}){served}."
    )


def weighed(size: float) -> str:
    """Bytes for people: in TB, or in GB where those are few."""
    return f"{size / _TERA:,.2f} TB" if size >= _TERA / 10 else f"{size / _TERA * 1000:,.2f} GB"


def estimate_json(item: Estimate) -> dict[str, Any]:
    """What `--json` prints of one preset."""
    edits = item.steps["regenerate"].calls if "regenerate" in item.steps else 0
    kinds = [
        {"step": kind.step, "model": kind.model, "quality": kind.quality, "size": kind.size}
        | _cost_json(cost)
        for kind, cost in item.kinds.items()
    ]
    steps = {
        step: {**_cost_json(cost), "hours": item.hours.get(step, 0.0)}
        for step, cost in item.steps.items()
    }
    return {
        "edits": edits,
        "served": item.served,
        "tokens_out": item.tokens_out,
        "padded_share": item.padded_share,
        **_cost_json(item.total),
        "hours": max(item.hours.values(), default=0.0),
        "terabytes": item.keeps.total / _TERA,
        "steps": steps,
        "kinds": kinds,
    }


def _cost_json(cost: Cost) -> dict[str, Any]:
    usd = {name: f"{getattr(cost, name):.4f}" for name in ("low", "expected", "batch", "worst")}
    return {"calls": cost.calls, **usd}


def print_forecast(pilot: Pilot, found: Forecast) -> None:
    """What a pilot says of the whole input: a row for each task, then all of it."""
    out = console()
    open_too = f", {pilot.open} without one" if pilot.open else ""
    out.print(
        f"Run {pilot.run}: {pilot.entered} rows entered, {pilot.judged + pilot.refused} with a "
        f"verdict{open_too}. The whole input has {found.total:,} rows."
    )
    out.print("", _tasks(pilot, found.rows), "", sep="\n")
    whole = found.whole
    facts = {
        "rows": f"{found.total:,}",
        "accepted": _interval(whole.kept, "{:,.0f}"),
        "dollars": _interval(whole.usd, "${:,.2f}"),
        "dollars per accepted": _interval(whole.usd_per_kept, "${:,.4f}"),
        "days": f"{found.days:,.2f} ({_slowest(found.hours)})",
        "kept in the store": "not known" if found.bytes is None else weighed(found.bytes),
    }
    table = _table(("whole input", "estimate (95% interval)"), ())
    for name, shown in facts.items():
        table.add_row(name, shown)
    out.print(table, "", sep="\n")
    out.print(_caveats(pilot, found))


def _tasks(pilot: Pilot, rows: Mapping[str, int]) -> Table:
    table = _table(("task",), ("rows", "pilot", "kept", "95%", "$/kept", "95%"))
    for task in sorted({*rows, *pilot.kept}):
        count = f"{rows.get(task, 0):,}"
        if not pilot.kept.get(task):
            table.add_row(task[:_TASK], count, "0", *("",) * 4)
            continue
        share, price = pilot.acceptance(task), pilot.by_task(task).usd_per_kept
        usd = (f"{price.mid:.4f}", f"{price.low:.4f}-{price.high:.4f}") if price else ("", "")
        seen = f"{len(pilot.kept[task]):,}"
        spread = f"{share.low * 100:.1f}-{share.high:.1%}"
        table.add_row(task[:_TASK], count, seen, f"{share.mid:.1%}", spread, *usd)
    return table


def _interval(found: Interval | None, form: str) -> str:
    if found is None:
        return "not known: the pilot accepted none"
    low, mid, high = map(form.format, found)
    return f"{mid} ({low} to {high})"


def _slowest(hours: Mapping[str, float]) -> str:
    if not hours:
        return "no call was made"
    step = max(hours, key=lambda name: hours[name])
    return f"the {_STEPS[step]} take the longest, at the limits given"


def _caveats(pilot: Pilot, found: Forecast) -> str:
    told = ["Each task is extrapolated by its own triplets, at the pilot's models and settings."]
    if found.unseen:
        told.append(f"{found.unseen:,} rows are of tasks that the pilot has not seen.")
    if pilot.served:
        told.append(
            f"{pilot.served} of the pilot's pictures were served from the store; they count at the price "
            "that was once paid."
        )
    return " ".join(told)


def forecast_json(pilot: Pilot, found: Forecast) -> dict[str, Any]:
    """What `--json` prints of a pilot."""
    whole = found.whole
    tasks = {
        task: {
            "rows": found.rows.get(task, 0),
            "pilot": len(kept),
            "accepted": int(sum(kept)),
            "acceptance": pilot.acceptance(task),
            "usd_per_accepted": pilot.by_task(task).usd_per_kept,
        }
        for task, kept in sorted(pilot.kept.items())
        if kept
    }
    return {
        "pilot": {
            "run": pilot.run,
            "entered": pilot.entered,
            "refused": pilot.refused,
            "open": pilot.open,
            "served": pilot.served,
            "tasks": tasks,
        },
        "rows": found.total,
        "accepted": whole.kept,
        "usd": whole.usd,
        "usd_per_accepted": whole.usd_per_kept,
        "days": found.days,
        "hours": dict(found.hours),
        "terabytes": None if found.bytes is None else found.bytes / _TERA,
    }
