"""The stages in the order in which a shard goes through them."""

from editcorpus.stages import filter as filter_stage
from editcorpus.stages import judging, pad, publish, regenerate
from editcorpus.stages.stage import Stage

STAGES: tuple[Stage, ...] = (
    pad.STAGE,
    regenerate.STAGE,
    filter_stage.STAGE,
    judging.REWRITE,
    judging.ALIGN,
    publish.STAGE,
)
