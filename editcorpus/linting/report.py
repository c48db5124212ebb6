"""What a lint came to, as data: the JSON report, whose schema follows from these classes."""

import json
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from editcorpus.intervals import wilson
from editcorpus.linting.checks import TOLD, Check

VERSION = 1
"""Raised when a member is renamed, removed, or means something else."""

Count = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]


class Part(BaseModel):
    """Anything in a report: it cannot be changed, and has no members that nobody knows."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Rate(Part):
    """How many of some triplets, with Wilson's 95% interval."""

    count: Count
    of: Count = Field(description="How many were looked at; 0: the check found nothing to look at.")
    rate: Share
    low: Share
    high: Share


class CheckResult(Part):
    """What a check came to."""

    check: Check
    title: str
    defect: bool = Field(description="Whether it is wrong by itself; else it is a remark.")
    meaning: str
    rate: Rate
    examples: tuple[str, ...] = Field(description="Ids that the page shows, drawn by the seed.")


class Found(Part):
    """One finding."""

    id: str = Field(description="Of the record, as the corpus names it, else its place.")
    check: Check
    detail: str
    in_sample: bool = Field(
        description="Else it was found when the whole corpus was held together."
    )


class Percentiles(Part):
    """How a figure is spread over the triplets of which it is known."""

    of: Count
    p5: float
    p50: float
    p95: float
    p99: float
    largest: float


class Counted(Part):
    """How many sampled triplets have a value in common; the largest first."""

    value: str = Field(description="Empty: the corpus does not tell.")
    triplets: Count


class Licence(Part):
    """How many sampled triplets of a source are under a licence."""

    source: str
    licence: str
    triplets: Count
    closed: bool = Field(description="Whether its name says that commercial use is not allowed.")


class Benchmark(Part):
    """What a corpus and a benchmark have in common."""

    benchmark: str
    items: Count
    hits: Count = Field(description="Triplets with a picture of it.")
    text_only: Count = Field(description="Triplets with only an instruction of it: no finding.")


class Corpus(Part):
    """What was looked at."""

    where: str
    layout: str
    recognised_by: str
    columns: dict[str, str] = Field(description="What holds what, where that was no fixed layout.")
    files: Count = Field(description="Files of rows in this layout.")
    other_files: Count = Field(
        description="Files that may hold rows and are not in it: not looked at."
    )
    rows: Count
    sampled_rows: Count
    triplets: Count = Field(description="Of the sampled rows, those that are none included.")
    seed: int
    whole: bool = Field(description="Whether all rows were sampled.")


class Report(Part):
    """A whole report."""

    version: Literal[1] = 1
    corpus: Corpus
    clean: Rate = Field(description="Sampled triplets without a defect.")
    checks: tuple[CheckResult, ...]
    findings: tuple[Found, ...]
    duplicates_among: Count = Field(description="Triplets that were held against each other.")
    duplicates_whole: bool = Field(description="Whether those are all of the corpus.")
    shared_sources: Count = Field(description="Of those, how many share their source image.")
    benchmarks: tuple[Benchmark, ...]
    licences: tuple[Licence, ...]
    licence_conflict: str = Field(description="A sentence; empty where none is known.")
    known_defects: tuple[str, ...] = Field(
        description="Of its sources, known before anybody looks."
    )
    moved_px: Percentiles | None = Field(
        description="Of the corner that moved most, where trusted."
    )
    border_fraction: Percentiles | None
    changed_share: Percentiles | None
    psnr_outside: Percentiles | None = Field(description="In dB, outside of the edit.")
    ssim_outside: Percentiles | None
    tone_drift: Percentiles | None = Field(
        description="Change of tone outside of the edit, 0 to 1."
    )
    families: tuple[Counted, ...]
    instruction_types: tuple[Counted, ...]
    languages: tuple[Counted, ...]
    sizes: tuple[Counted, ...]
    ratios: tuple[Counted, ...]
    seconds: float


def as_json(report: Report, indent: int | None = None) -> str:
    """The report as JSON; halves of characters, which texts of corpora may hold, become question marks."""
    text = json.dumps(report.model_dump(mode="json"), ensure_ascii=False, indent=indent)
    return text.encode("utf-8", "replace").decode()


def rate(count: int, of: int) -> Rate:
    """A share with its interval; of nothing it is unknown, which is 0 to 1."""
    low, middle, high = wilson(count, of)
    return Rate(count=count, of=of, rate=middle, low=low, high=high)


def result(check: Check, found: Rate, examples: tuple[str, ...]) -> CheckResult:
    """What a check came to."""
    title, defect, meaning = TOLD[check]
    return CheckResult(
        check=check, title=title, defect=defect, meaning=meaning, rate=found, examples=examples
    )
