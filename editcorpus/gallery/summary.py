"""What the page says of all triplets before it has read them: counts, and how figures are spread."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from editcorpus.histograms import histogram
from editcorpus.records import SENTENCES

_SPREADS = (
    ("score", "Score", 1.0),
    ("score_done", "Done as asked", 1.0),
    ("score_preserved", "All else preserved", 1.0),
    ("score_clean", "Free of artefacts", 1.0),
    ("changed_share", "Share that changed", 1.0),
    ("residual_padding", "Padding left at border", 0.02),
    ("border_fraction", "Border in padding colour", 1.0),
)
_OVERLAYS = {
    "changes": "mask",
    "grid": "shift_x",
    "border": "residual_padding",
    "scores": "score_done",
}
"""What can be laid over the pictures of a triplet, and the column that it takes."""
_GROUPS = ("verdict", "task", "family", "reason")


class Summary:
    """Counts of the triplets that went by, in the memory of a few numbers each."""

    def __init__(self) -> None:
        self.total = 0
        self._counts: dict[str, Counter[str]] = {name: Counter() for name in _GROUPS}
        self._shown: Counter[str] = Counter()
        self._spreads: dict[str, tuple[list[float], list[float]]] = {
            name: ([], []) for name, _, _ in _SPREADS
        }

    def add(self, row: Mapping[str, Any]) -> None:
        """Count a triplet, as `to_row` makes it."""
        self.total += 1
        for name, counts in self._counts.items():
            counts.update([row[name]] if name in row else [])
        self._shown.update(name for name, column in _OVERLAYS.items() if column in row)
        for name, spread in self._spreads.items():
            if name in row:
                spread[row["verdict"] != "kept"].append(row[name])

    def told(self) -> dict[str, Any]:
        """Counts by group and value, those of the overlays, and the sentence of each reason."""
        reasons = self._counts["reason"]
        return {
            "total": self.total,
            "counts": {name: dict(counts) for name, counts in self._counts.items()},
            "overlays": dict(self._shown),
            "sentences": {
                reason.value: SENTENCES[reason] for reason in SENTENCES if reason in reasons
            },
        }

    def plots(self) -> list[str]:
        """A histogram of each figure that any triplet has."""
        return [
            histogram(title, kept, others, high=high)
            for name, title, high in _SPREADS
            for kept, others in (self._spreads[name],)
            if kept or others
        ]
