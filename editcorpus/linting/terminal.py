"""A report in some lines, for a terminal."""

from editcorpus.linting.report import CheckResult, Rate, Report
from editcorpus.texts import visible


def summary_lines(report: Report) -> list[str]:
    """The report in some lines, for a terminal."""
    corpus = report.corpus
    drawn = "all" if corpus.whole else f"{corpus.sampled_rows:,} of"
    lines = [
        (
            f"{visible(corpus.where)}: layout {corpus.layout}, {drawn} {corpus.rows:,} rows, "
            f"{corpus.triplets:,} triplets, seed {corpus.seed}"
        ),
        f"without a defect: {_line(report.clean)}",
    ]
    lines += [_check_line(check) for check in report.checks if check.rate.count]
    if report.licence_conflict:
        lines.append(f"licences: {visible(report.licence_conflict)}")
    return lines


def _check_line(check: CheckResult) -> str:
    kind = "" if check.defect else " (remark)"
    return f"  {check.title.lower()}{kind}: {_line(check.rate)}"


def _line(rate: Rate) -> str:
    return (
        f"{rate.count:,} of {rate.of:,}, {percent(rate.rate)} "
        f"({percent(rate.low)} to {percent(rate.high)})"
    )


def percent(share: float) -> str:
    """A share with as many digits as mean something."""
    if 0 < share < 0.001:
        return "<0.1%"
    return ">99.9%" if 0.999 < share < 1 else f"{share:.1%}"
