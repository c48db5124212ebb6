"""What typical triplets need of the model APIs and of the store, where no row of them is at hand yet."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from editcorpus import figures
from editcorpus.capacity import Demand
from editcorpus.endpoints.endpoint import Endpoint
from editcorpus.errors import ConfigError
from editcorpus.records import Triplet
from editcorpus.stages.estimate import Prices, estimate
from editcorpus.stages.foreseen import edit_of, laid
from editcorpus.stages.looking import Look, Sample
from editcorpus.stages.pace import seconds_a_call
from editcorpus.stages.weights import answer_bytes
from editcorpus.steps import align, pad, regenerate, rewrite

_TRIPLET = Triplet(
    id="typical/0",
    dataset_source="typical",
    task="addition",
    subtask="",
    instruction="Replace the dog on the left side of the picture with a sleeping grey cat.",
    instruction_index=0,
    license="MIT",
    file="typical.parquet",
    row_group=0,
    row=0,
)


@dataclass(frozen=True, slots=True)
class Typical:
    """Triplets that are all alike.

    Attributes:
        triplets: How many there are; at least 1.
        size: Width and height of their source pictures, in pixels.
        padding: How they are laid on canvases.
        edit: Which model edits them, and how well.
        edit_s: Seconds until an edit is answered; 0 is as usual for its quality.
    """

    triplets: int
    size: tuple[int, int] = (1408, 1056)
    padding: pad.Config = field(default_factory=pad.Config)
    edit: regenerate.Config = field(default_factory=regenerate.Config)
    edit_s: float = 0


def demand_of(typical: Typical, endpoints: Mapping[str, Endpoint]) -> Demand:
    """What such triplets need, with the usual share of rewrites, the judge, and 2% of repeats.

    Args:
        typical: The triplets.
        endpoints: Of the steps `regenerate`, `rewrite` and `align`: their prices.

    Raises:
        ConfigError: A model has no price, or such pictures are none that would be edited.
    """
    prices = Prices(endpoints, typical.padding, typical.edit, rewrite.Config(), align.Config())
    look = Look(_TRIPLET, typical.size, answer_bytes(typical.size, "jpeg"))
    sample = Sample(typical.triplets, 1, (look,))
    rows = laid(sample, prices)
    if not rows:
        raise ConfigError(
            f"Pictures of {'x'.join(map(str, typical.size))} pixels would be padded by more than "
            f"{typical.padding.max_padded_share:.0%} of their canvas, and are not edited."
        )
    what, endpoint = edit_of(*rows[0], prices), endpoints[regenerate.NAME]
    cost, found = endpoint.cost(what), estimate("typical", sample, prices)
    return Demand(
        triplets=typical.triplets,
        usd=found.total.expected,
        usd_batch=found.total.batch,
        usd_call=endpoint.worst(what),
        edit_s=typical.edit_s or seconds_a_call(regenerate.NAME, what),
        images=cost.images,
        tokens=cost.tokens,
        pixels=typical.size[0] * typical.size[1],
        stored={
            "answers": found.keeps.answers,
            "canvases": found.keeps.pad,
            "edited pictures": found.keeps.filter,
            "corpus": found.keeps.corpus,
            "journals": float(figures.JOURNAL_BYTES * typical.triplets),
        },
    )
