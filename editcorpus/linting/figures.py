"""What is told of a sample beside its faults: licences, kinds, languages, sizes, and spread of figures."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from editcorpus.fidelity import UNKNOWN
from editcorpus.language import written
from editcorpus.layouts.known import conflict, defects, is_closed
from editcorpus.linting.examine import Examined
from editcorpus.linting.report import Counted, Licence, Percentiles
from editcorpus.records import Triplet

_RATIOS = {
    "1:1": 1.0,
    "4:3": 4 / 3,
    "3:4": 3 / 4,
    "3:2": 1.5,
    "2:3": 2 / 3,
    "16:9": 16 / 9,
    "9:16": 9 / 16,
    "5:4": 5 / 4,
    "4:5": 4 / 5,
}
_NEAR = 0.02
"""Share by which a ratio may differ from one that has a name."""
_MOST = 12
"""Values that are told; the others are summed up."""
OTHERS = "others"


def licences(triplets: Sequence[Triplet]) -> dict[str, Any]:
    """Licences by source, whether they conflict, and what is known of the sources."""
    counts = Counter((one.dataset_source, one.license) for one in triplets)
    sources = dict.fromkeys(source for source, _ in sorted(counts))
    return {
        "licences": tuple(
            Licence(source=source, licence=name, triplets=count, closed=is_closed(name))
            for (source, name), count in sorted(counts.items(), key=lambda one: (-one[1], one[0]))
        ),
        "licence_conflict": conflict(name for _, name in counts),
        "known_defects": defects(sources),
    }


def figures(examined: Sequence[Examined]) -> dict[str, Any]:
    """Counts of kinds, languages and sizes, and percentiles of what was measured."""
    sizes = [one.size for one in examined if one.size is not None]
    measured = [one.measured for one in examined]
    kinds = [_fact(one.triplet, "instruction_type") for one in examined]
    tongues = [written(one.triplet.instruction).language for one in examined]
    return {
        "moved_px": _spread(one.moved_px for one in measured),
        "border_fraction": _spread(one.border for one in measured),
        "changed_share": _spread(one.changed for one in measured),
        "psnr_outside": _spread(_known(one.kept.psnr) if one.kept else None for one in measured),
        "ssim_outside": _spread(_known(one.kept.ssim) if one.kept else None for one in measured),
        "tone_drift": _spread(_known(one.kept.drift) if one.kept else None for one in measured),
        "families": _counted(one.family for one in examined),
        "instruction_types": _counted(kinds),
        "languages": _counted(tongues),
        "sizes": _counted(f"{width}x{height}" for width, height in sizes),
        "ratios": _counted(_ratio(width / height) for width, height in sizes),
    }


def _known(value: float) -> float | None:
    return None if value == UNKNOWN else value


def _fact(triplet: Triplet, name: str) -> str:
    told = json.loads(triplet.facts).get(name) if triplet.facts else ""
    return told if isinstance(told, str) else ""


def _ratio(value: float) -> str:
    """The name of the nearest ratio; else on which side it lies."""
    name = min(_RATIOS, key=lambda one: abs(value / _RATIOS[one] - 1))
    if abs(value / _RATIOS[name] - 1) <= _NEAR:
        return name
    return "other, wide" if value > 1 else "other, tall"


def _counted(values: Iterable[str]) -> tuple[Counted, ...]:
    counts = sorted(Counter(values).items(), key=lambda one: (-one[1], one[0]))
    told = [Counted(value=value, triplets=count) for value, count in counts[:_MOST]]
    rest = sum(count for _, count in counts[_MOST:])
    return (*told, Counted(value=OTHERS, triplets=rest)) if rest else tuple(told)


def _spread(values: Iterable[float | None]) -> Percentiles | None:
    known = [value for value in values if value is not None]
    if not known:
        return None
    p5, p50, p95, p99, largest = np.percentile(known, (5, 50, 95, 99, 100)).round(4).tolist()
    return Percentiles(of=len(known), p5=p5, p50=p50, p95=p95, p99=p99, largest=largest)
