"""What is planted in the answer to one request."""

from dataclasses import dataclass, replace

from PIL import Image

from editcorpus.sandbox.chance import pick
from editcorpus.sandbox.config import SandboxConfig
from editcorpus.sandbox.defects import Defect, struck
from editcorpus.sandbox.edits import Plan, is_padded
from editcorpus.sandbox.others import Other, Others


@dataclass(frozen=True, slots=True)
class Draw:
    """On what of a request its defect hangs.

    Attributes:
        key: Hash of the request's content.
        forced: Names of defects that a marker in its prompt asks for.
        masked: Whether a mask was sent.
    """

    key: str
    forced: tuple[str, ...]
    masked: bool


def planted(
    plan: Plan, canvas: Image.Image, draw: Draw, others: Others, config: SandboxConfig
) -> Plan:
    """The plan with the defect that strikes, if any does; every picture of an answer has the same.

    Args:
        plan: How the edit would come out without one.
        canvas: What was sent, RGB.
        draw: On what of the request it hangs.
        others: What may be shown in its place.
        config: How many edits have which defect.
    """
    key, forced = draw.key, draw.forced
    asked = {defect for defect in Defect if config.defects.get(defect) or defect in forced}
    partner = others.partner(canvas) if Defect.SWAPPED in asked else None
    names = dict.fromkeys(asked, key)
    names[Defect.SWAPPED] = partner.pair if partner else ""
    impossible = {
        Defect.SWAPPED: partner is None,
        Defect.BENCHMARK: not others.benchmark,
        Defect.PADDING: not is_padded(canvas),
        Defect.LEAK: not draw.masked,
    }
    possible = {defect: name for defect, name in names.items() if not impossible.get(defect)}
    defect = struck(config.defects, config.seed, possible, forced)
    if defect is Defect.SWAPPED and partner is not None:
        return _showing(plan, defect, partner)
    if defect is Defect.BENCHMARK:
        return _showing(plan, defect, pick(others.benchmark, config.seed, "benchmark", key))
    return replace(plan, defect=defect)


def _showing(plan: Plan, defect: Defect, other: Other) -> Plan:
    prompt = other.prompt or plan.prompt
    return replace(plan, defect=defect, prompt=prompt, instead=other.pixels())
