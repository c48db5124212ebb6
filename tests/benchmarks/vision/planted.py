"""What is found of everything that the sandbox can plant in real pictures, and whom of the others it costs.

    EDITCORPUS_PHOTOGRAPHS=FOLDER python tests/benchmarks/vision/planted.py [HALF] [EVERY] [KIND ...]

Every picture of a half is padded, edited by the sandbox with each defect and with none, written as JPEG 85,
and judged as in a build: by the filter, and where it asks for that, by comparison with the other sources,
which are one shard. Of what passes and may change the whole picture, the sandbox's judge is asked what has
to stay, and the limits of publish hold. All else as in `changes.py`. Copies of the pictures, smaller and
written anew, are looked for among them; and those of pictures of the other half, which stand for a benchmark.

An edit that changes less than 0.5% of the picture visibly is left out: nobody can tell it from none. So is
padding on a side where the source is white itself. Which pictures were missed, and which were refused with
nothing planted in them, is told on standard error.
"""

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from changes import Source, sources
from photographs import REPORTED, TUNED, WAYS
from PIL import Image

from editcorpus.doubts import Doubt
from editcorpus.geometry import padded_sides
from editcorpus.intervals import wilson
from editcorpus.neighbours import Neighbour, Neighbours
from editcorpus.preservation import STAYS, Kind
from editcorpus.records import Rejected, Triplet
from editcorpus.sandbox.defects import Defect
from editcorpus.sandbox.edits import Plan, edited, margin_box
from editcorpus.sandbox.judge import measured as measured_change
from editcorpus.sandbox.judge import verdict
from editcorpus.similar.bars import Array
from editcorpus.similar.contamination import Hashed, contamination
from editcorpus.similar.hashes import is_plain
from editcorpus.similar.hashfile import Item, known
from editcorpus.similar.minhash import signatures
from editcorpus.similar.search import near
from editcorpus.similar.views import hash_views
from editcorpus.steps.filter import Config, Judged, judge, suspected
from editcorpus.steps.publish import Config as PublishConfig
from editcorpus.steps.publish import Scores, decide
from editcorpus.taxonomy import Family, family_of

LOCAL = (
    ("addition", "Add a red ball on the left."),
    ("swap", "Replace what lies on the right with a blue box."),
    ("attribute_modification", "Make the bottom part green."),
    ("removal", "Remove what lies at the top."),
)
WHOLE = (("env", "Let an orange sunset fall on the scene."), ("style", "Turn it into a poster."))
"""Tasks and instructions: those that change a part, and those that change all of it."""
GROUND = (("background_replacement", "Replace the background with a blue wall."),)
"""One that leaves a subject."""
VISIBLE, LEAST = 25, 0.005
CONFIG = Config()
PUBLISH, QUESTIONS = PublishConfig(), "three-2"


class Planted(NamedTuple):
    """What the sandbox plants, how strong it is, as a share of a side, and in which edits."""

    defect: Defect | None
    drift: float = 0.03
    asked: tuple[tuple[str, str], ...] = LOCAL


KINDS = {
    "padding left": Planted(Defect.PADDING),
    "shift 3%": Planted(Defect.SHIFT),
    "shift 1%": Planted(Defect.SHIFT, 0.01),
    "zoom 3%": Planted(Defect.ZOOM),
    "zoom 1%": Planted(Defect.ZOOM, 0.01),
    "echo": Planted(Defect.ECHO),
    "blank": Planted(Defect.BLANK),
    "unrelated, local task": Planted(Defect.EVERYTHING),
    "unrelated, whole task": Planted(Defect.EVERYTHING, asked=WHOLE),
    "unrelated, background": Planted(Defect.EVERYTHING, asked=GROUND),
    "swapped, local task": Planted(Defect.SWAPPED),
    "swapped, whole task": Planted(Defect.SWAPPED, asked=WHOLE),
    "swapped, background": Planted(Defect.SWAPPED, asked=GROUND),
    "benchmark's, local task": Planted(Defect.BENCHMARK),
    "clean, local task": Planted(None),
    "clean, whole task": Planted(None, asked=WHOLE),
    "clean, background": Planted(None, asked=GROUND),
}


@dataclass(slots=True)
class Tally:
    """How a kind fared: how many were planted, left out, and doubted; who found how many; which are odd."""

    planted: int = 0
    left_out: int = 0
    doubted: int = 0
    found: Counter[str] = field(default_factory=Counter)
    odd: list[str] = field(default_factory=list)


class Half:
    """The sources of a half, as one shard, and pictures of others."""

    def __init__(self, shard: Sequence[Source], others: Sequence[Source]) -> None:
        self.shard = shard
        self._others = others
        self._neighbours = Neighbours([_neighbour(source) for source in shard])
        self.held = known("stand-in", list(_items(others)))

    def verdict(self, number: int, planted: Planted) -> str | None:
        """What becomes of a result: a reason, `corrected`, or `kept`; None where it is left out."""
        source = self.shard[number]
        task, prompt = planted.asked[number % len(planted.asked)]
        plan = Plan(prompt, source.canvas.size, source.name, 0, planted.defect, planted.drift)
        if planted.defect is Defect.PADDING and not _has_margin(source):
            return None
        if planted.defect is Defect.SWAPPED:
            plan = replace(plan, instead=self._partner(number))
        elif planted.defect is Defect.BENCHMARK:
            plan = replace(plan, instead=self._others[number % len(self._others)].image)
        if planted.defect in {Defect.SWAPPED, Defect.BENCHMARK} and plan.instead is None:
            return None
        answer = edited(source.canvas, plan)
        if planted.defect is None and _changed(source.canvas, answer) < LEAST:
            return None
        answer = WAYS["jpeg 85"](answer)
        verdict = self._judged(source, task, answer)
        if planted.defect is Defect.BENCHMARK and verdict in {"kept", "doubted", "corrected"}:
            shown = answer.crop(_box(source))
            return "contaminated" if contamination(self.held, _corpus([shown])).hits else verdict
        return verdict

    def _partner(self, number: int) -> Image.Image | None:
        """The next canvas of the same size, which is that of another request."""
        own = self.shard[number]
        later = [*self.shard[number + 1 :], *self.shard[:number]]
        return next((one.canvas for one in later if one.canvas.size == own.canvas.size), None)

    def _judged(self, source: Source, task: str, answer: Image.Image) -> str:
        triplet = Triplet(source.name, "omniedit", task, "", "", 0, "", "", 0, 0)
        made = judge(triplet, source.geometry, source.canvas, answer, CONFIG)
        if suspected(made) and self._neighbours.whose(source.name, answer) is not None:
            return "wrong_picture"
        if isinstance(made, Rejected):
            return made.reason.value
        if not preserved(triplet, made):
            return "not_preserved"
        if Doubt.NOTHING_ALIKE in made.doubts.split():
            return "doubted"
        return "corrected" if made.measures.registration == "corrected" else "kept"


def preserved(triplet: Triplet, made: Judged) -> bool:
    """Whether the sandbox's judge lets pass a result that may change the whole picture; others are."""
    family = family_of(triplet.dataset_source, triplet.task) or ""
    question = STAYS[QUESTIONS].get(Family(family)) if family else None
    if question is None:
        return True
    change = measured_change(made.pair.small_source, made.pair.small_edited, question)
    sure = verdict(question, change, triplet.id)
    scores = Scores(1.0, sure, 1.0, QUESTIONS, made.doubts)
    return decide(triplet.id, Kind(triplet.task, "original", family), scores, PUBLISH) is None


def _neighbour(source: Source) -> Neighbour:
    grey = source.image.convert("L")
    return Neighbour(source.name, source.geometry, lambda _: grey)


def _has_margin(source: Source) -> bool:
    """Whether a side was padded, and the source is not white itself there."""
    return bool(padded_sides(source.geometry)) and margin_box(source.canvas) == _box(source)


def _box(source: Source) -> tuple[int, int, int, int]:
    one = source.geometry
    return one.box_x, one.box_y, one.box_x + one.box_width, one.box_y + one.box_height


def _changed(canvas: Image.Image, answer: Image.Image) -> float:
    one, other = (np.asarray(image, np.int16) for image in (canvas, answer))
    return float((np.abs(one - other).max(axis=2) > VISIBLE).mean())


def measured(half: Half, kinds: Sequence[str]) -> dict[str, Tally]:
    """Every kind over all pictures."""
    made = {}
    for name in kinds:
        planted = KINDS[name]
        tally = made[name] = Tally()
        for number in range(len(half.shard)):
            verdict = half.verdict(number, planted)
            if verdict is None:
                tally.left_out += 1
                continue
            tally.planted += 1
            set_right = planted.defect in {Defect.SHIFT, Defect.ZOOM}
            tally.doubted += verdict == "doubted"
            found = verdict not in {"kept", "doubted"} and (verdict != "corrected" or set_right)
            if found:
                tally.found[verdict] += 1
            if found == (planted.defect is None):
                tally.odd.append(f"{half.shard[number].name} ({verdict})")
    return made


def _hashes(images: Sequence[Image.Image], *, crops: bool = False) -> list[tuple[list[str], Array]]:
    return [hash_views(image.convert("L"), crops=crops) for image in images]


def _copy(image: Image.Image, share: float) -> Image.Image:
    size = (round(image.width * share), round(image.height * share))
    return WAYS["jpeg 75"](image.resize(size))


def copies(half: Half, others: Sequence[Source]) -> Iterator[tuple[str, Tally]]:
    """Copies of the pictures among them, and copies of a benchmark's pictures among them."""
    own = [source.image for source in half.shard]
    wholes = np.stack(
        [hashed[0] for _, hashed in _hashes([*own, *(_copy(one, 0.9) for one in own)])]
    )
    pairs = near(wholes).pairs
    count = len(own)
    met = set(zip(pairs.one.tolist(), pairs.other.tolist(), strict=True))
    plain = is_plain(wholes)
    asked = [number for number in range(count) if not plain[number]]
    found = sum((number, number + count) in met for number in asked)
    tally = Tally(len(asked), count - len(asked), found=Counter({"near": found}))
    yield "near copy of a source", tally
    false = {
        number for one, other in met if one < count and other < count for number in (one, other)
    }
    yield "clean, other sources", Tally(count, found=Counter({"near": len(false)} if false else {}))
    for name, images in (
        ("source of a benchmark", [_copy(source.image, 0.8) for source in others]),
        ("clean, a benchmark", own),
    ):
        hit = {one.record for one in contamination(half.held, _corpus(images)).hits}
        yield name, Tally(len(images), found=Counter({"contaminated": len(hit)} if hit else {}))


def _items(others: Sequence[Source]) -> Iterator[Item]:
    """The pictures of a stand-in for a benchmark."""
    found = _hashes([one.image for one in others], crops=True)
    for source, (names, hashed) in zip(others, found, strict=True):
        yield Item(source.name, tuple(names), hashed, "")


def _corpus(images: Sequence[Image.Image]) -> Hashed:
    hashed = [one for _, one in _hashes(images)]
    records = np.repeat(np.arange(len(images), dtype="u4"), [len(one) for one in hashed])
    return Hashed(np.concatenate(hashed), records, signatures([""] * len(images)))


def line(name: str, tally: Tally) -> str:
    """A row of the table."""
    found = tally.found.total()
    low, mid, high = wilson(found, tally.planted)
    by = ", ".join(f"{count} {reason}" for reason, count in tally.found.most_common())
    rate = f"{mid:.1%} | {low:.1%} to {high:.1%}"
    apart = f"{tally.left_out} | {tally.doubted}"
    return f"| {name} | {tally.planted} | {found} | {rate} | {apart} | {by} |"


def main(name: str, every: int = 1, kinds: Sequence[str] = ()) -> None:
    """Measure one half of the pictures, or every so many of them; all kinds, or some of them."""
    other = TUNED if name == REPORTED else REPORTED
    shard, others = list(sources(name, every)), list(sources(other, every))
    half = Half(shard, others)
    told = measured(half, kinds or list(KINDS))
    if not kinds:
        told |= copies(half, others)
    for title, clean in (("planted", False), ("not planted", True)):
        print(f"\n| {title} | cases | found | rate | 95% interval | left out | only doubted | by |")
        print("| --- | --- | --- | --- | --- | --- | --- | --- |")
        for kind, tally in told.items():
            if kind.startswith("clean") == clean:
                print(line(kind, tally))
    for kind, tally in told.items():
        print(f"{kind}: {', '.join(tally.odd) or 'none'}", file=sys.stderr)


if __name__ == "__main__":
    words = sys.argv[1:] or [REPORTED]
    main(words[0], *map(int, words[1:2]), kinds=words[2:])
