"""A report as one page that needs nothing else: no script, no request, pictures inside it.

All text from outside is escaped; a strict policy forbids scripts, and styles but the page's own. Small
pictures are at most `thumbs.MOST_BYTES` each and a few for each check, so that the page stays below 6 MB.
"""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from importlib.resources import files

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from editcorpus.linting.checks import Check
from editcorpus.linting.report import Rate, Report, as_json
from editcorpus.linting.summed import Example
from editcorpus.linting.terminal import percent
from editcorpus.renewing import renew
from editcorpus.storage import Store
from editcorpus.texts import visible

PAGE, DATA, SCHEMA = "index.html", "lint.json", "lint.schema.json"
_LISTED = 400
"""Findings that the page lists; the JSON has all."""
_BAR = 150
"""Units of the widest bar."""
_LOCAL = "no task is known to be local"
_LACKING: Mapping[Check, str] = {
    Check.CONTAMINATED: "no benchmark was given",
    Check.SPLIT_LEAK: "names of files tell no two splits",
    **dict.fromkeys((Check.EVERYTHING_CHANGED, Check.TONE_DRIFT, Check.UNLIKE_OUTSIDE), _LOCAL),
}
"""Why a check found nothing to look at; of the others, no pair could be measured."""
_LEAST_SCALE = 0.02
"""Share that the whole length of a bar stands for, at least."""


def write_report(store: Store, folder: str, report: Report, examples: Sequence[Example]) -> str:
    """Write page, JSON and its schema; gives the path of the page in the store."""
    data = as_json(report, indent=1).encode() + b"\n"
    renew(store, f"{folder}/{DATA}", data)
    renew(store, f"{folder}/{SCHEMA}", schema())
    renew(store, f"{folder}/{PAGE}", page_text(report, examples).encode("utf-8", "replace"))
    return f"{folder}/{PAGE}"


def schema() -> bytes:
    """The JSON Schema of the report."""
    made = Report.model_json_schema(mode="serialization")
    return json.dumps(made, indent=1, sort_keys=True).encode() + b"\n"


def page_text(report: Report, examples: Sequence[Example]) -> str:
    """The whole page."""
    style = _asset("style.css")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    highest = max((one.rate.high for one in report.checks if one.rate.count), default=0.0)
    scale = min(1.0, max(_LEAST_SCALE, 1.05 * highest))
    environment.filters |= {
        "count": lambda value: f"{value:,}",
        "percent": percent,
        "picture": _picture,
        "bar": lambda rate: _bar(rate, scale),
        "plain": visible,
        "lacking": lambda check: _LACKING.get(check, "no pair could be measured"),
    }
    by_check: dict[Check, list[Example]] = {}
    for one in examples:
        by_check.setdefault(one.check, []).append(one)
    return environment.from_string(_asset("page.html.jinja")).render(
        report=report,
        corpus=report.corpus,
        found=[check for check in report.checks if check.rate.count],
        unfound=[check for check in report.checks if not check.rate.count and check.rate.of],
        unasked=[check for check in report.checks if not check.rate.of],
        examples=by_check,
        listed=report.findings[:_LISTED],
        scale=scale,
        style=Markup(style),  # noqa: S704 - the package's own file
        policy=_policy(style),
    )


def _picture(data: bytes) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(data).decode()}"


def _bar(rate: Rate, scale: float) -> Markup:
    """The share as a bar, its interval as a line over it."""
    middle, low, high = (
        round(min(1.0, share / scale) * _BAR, 1) for share in (rate.rate, rate.low, rate.high)
    )
    return Markup(  # noqa: S704 - made of numbers
        f'<svg class="bar" viewBox="0 0 {_BAR} 14" width="{_BAR}" height="14" aria-hidden="true">'
        f'<rect class="well" width="{_BAR}" height="14" rx="2"/>'
        f'<rect class="fill" width="{middle}" height="14" rx="2"/>'
        f'<path class="range" d="M{low} 7H{high}M{low} 4v6M{high} 4v6"/></svg>'
    )


def _policy(style: str) -> str:
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return "; ".join(
        (
            "default-src 'none'",
            "img-src data:",
            f"style-src 'sha256-{digest}'",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def _asset(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")
