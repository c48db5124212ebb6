"""How the figures of a corpus are spread, drawn beside its card; the card has the same as text."""

from editcorpus.histograms import Counted, histograms
from editcorpus.layouts.previews import SPREADS
from editcorpus.quality import Quality, Spread
from editcorpus.renewing import renew
from editcorpus.storage import Store
from editcorpus.texts import visible


def write_spreads(store: Store, folder: str, quality: Quality) -> None:
    """Write the drawing of a corpus, unless the same is there; none where nothing is known."""
    path = f"{folder}/{SPREADS}"
    if figures := _figures(quality):
        renew(store, path, histograms(figures).encode("utf-8", "replace"))
    elif store.exists(path):
        store.remove(path)


def _figures(quality: Quality) -> list[Counted]:
    spreads = (*quality.spreads, *quality.families)
    return [_counted(one) for one in spreads if is_drawn(one)]


def is_drawn(spread: Spread) -> bool:
    """Whether enough is known of a figure to draw it."""
    return bool(spread.quantiles and spread.bars)


def _counted(spread: Spread) -> Counted:
    title = f"changed: {spread.family}" if spread.family else spread.title
    middle = spread.quantiles[len(spread.quantiles) // 2]
    return Counted(visible(title), spread.of, middle, spread.bars, *spread.axis)
