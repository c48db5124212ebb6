"""The section of a dataset card that says what a corpus measured of itself."""

from collections.abc import Iterable, Sequence

from editcorpus.layouts.markdown import code, inline
from editcorpus.layouts.previews import SPREADS
from editcorpus.layouts.spreads import is_drawn
from editcorpus.quality import Quality, Rate, Spread
from editcorpus.reasons import SENTENCES, Reason

_ABOUT = (
    "Counted over all kept triplets. The 95% interval (Wilson) says what more triplets of the same kind "
    "would show. How often the methods err is told in editcorpus's own pages, `docs/vision.md` and "
    "`docs/duplicates.md`."
)

_BLOCKS = "·▁▂▃▄▅▆▇█"


def quality_section(quality: Quality, sheet: str = "", united: bool = False) -> str:
    """The section in Markdown; empty where nothing was counted.

    Args:
        quality: What was measured.
        sheet: Path of the picture sheet, relative to the card; empty where there is none.
        united: Whether duplicates and benchmarks were asked for, which only a united corpus does.
    """
    if not any(rate.of for rate in quality.rates):
        return ""
    lines = ["## Quality", "", _ABOUT, "", *_rates("in the kept triplets", quality.rates)]
    if quality.rejected:
        lines += ["", *_rates("given up, of all that entered", map(_sentence, quality.rejected))]
    lines += ["", *_spreads("figure", quality.spreads)]
    if quality.families:
        lines += ["", *_spreads("share that changed, by family", quality.families)]
    if any(map(is_drawn, (*quality.spreads, *quality.families))):
        lines += ["", f"![how each of these figures is spread]({SPREADS})"]
    if not united:
        lines += [
            "",
            "Duplicates and pictures of benchmarks: not looked for in a run; `editcorpus corpus` does.",
        ]
    if sheet:
        lines += [
            "",
            "### Look for yourself",
            "",
            "Kept triplets of each family, and rejected ones with the reason, drawn at random:",
            "",
            f"![random kept and rejected triplets of each family]({sheet})",
        ]
    return "\n".join(lines) + "\n"


def _rates(title: str, rates: Iterable[Rate]) -> list[str]:
    head = [f"| {title} | triplets | rate | 95% interval |", "| --- | ---: | ---: | --- |"]
    return head + [f"| {rate.title} | {_counted(rate)} |" for rate in rates]


def _counted(rate: Rate) -> str:
    if not rate.of:
        return "not measured | | "
    low, middle, high = rate.interval
    return f"{rate.count:,} of {rate.of:,} | {middle:.2%} | {low:.2%} to {high:.2%}"


def _sentence(rate: Rate) -> Rate:
    known = rate.title in set(Reason)
    told = f"{code(rate.title)} {SENTENCES[Reason(rate.title)]}" if known else inline(rate.title)
    return Rate(told, rate.count, rate.of, rate.interval)


def _spreads(title: str, spreads: Iterable[Spread]) -> list[str]:
    head = [
        f"| {title} | triplets | 5% are below | half are below | 95% are below | from | | to |",
        "| --- | ---: | ---: | ---: | ---: | ---: | --- | --- |",
    ]
    return head + [f"| {_name(spread)} | {_quantiles(spread)} |" for spread in spreads]


def _name(spread: Spread) -> str:
    return code(spread.family) if spread.family else spread.title


def _quantiles(spread: Spread) -> str:
    if not spread.quantiles:
        return "not measured | | | | | | "
    low, high = (f"{end:g}" for end in spread.axis)
    told = (*(f"{value:g}" for value in spread.quantiles), low, _drawn(spread.bars), high)
    return " | ".join((f"{spread.of:,}", *told))


def _drawn(bars: Sequence[int]) -> str:
    """A histogram in one line of text; a bar that is not empty can be seen."""
    tallest = max(*bars, 1)
    levels = (-(-bar * (len(_BLOCKS) - 1) // tallest) for bar in bars)
    return f"`{''.join(_BLOCKS[level] for level in levels)}`"
