"""Batch mode: what a step lacks is asked in batches before the step is done in the ordinary way.

No step knows of it. The step is gone through once ahead of time, with an engine that puts into batches
what the store lacks; its records are thrown away. When the batches have ended, the answers lie in the
store, and the ordinary pass finds them there. Under `batch` that pass makes no call of its own; under
`auto` it asks call by call what the batches have left open.
"""

import logging
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from editcorpus.endpoints.endpoint import Endpoint
from editcorpus.endpoints.health import batches_served
from editcorpus.endpoints.requests import Answered, Ask, Outcome, Unanswered
from editcorpus.endpoints.stored import stored
from editcorpus.errors import ConfigError, ShardError
from editcorpus.records import Reason
from editcorpus.stages.stage import look
from editcorpus.stages.workshop import Mode, Stage, Workshop

_log = logging.getLogger(__name__)
ROUNDS: Mapping[Mode, int] = {"online": 0, "auto": 1, "batch": 3}
"""How often what a step lacks is put into batches: under `batch` once more for lines that had no answer
or a damaged one, and once more for questions that are asked again, such as unreadable verdicts."""
_OPEN = f"No batch has answered this within {ROUNDS['batch']} rounds; the next start asks again."


def check_modes(modes: Mapping[str, Mode], endpoints: Mapping[str, Endpoint]) -> None:
    """Prove that every step that is to ask in batches alone can.

    Raises:
        ConfigError: Its endpoint has no batches, or cannot be asked.
    """
    for step, mode in modes.items():
        if mode == "batch" and not batches_served(endpoints[step]):
            endpoint = endpoints[step]
            raise ConfigError(
                f"The endpoint {endpoint.name} at {endpoint.base_url} takes no batches: use "
                f"{step}=online, or {step}=auto, which asks online where there are none."
            )


def known_modes(
    modes: Mapping[str, Mode], endpoints: Mapping[str, Endpoint], *, repairs: bool
) -> dict[str, Mode]:
    """How each step asks that does not ask online, as far as its endpoint can.

    Args:
        modes: As they are wished for.
        endpoints: By the step's name.
        repairs: Whether only single triplets are done again, which is not worth a day under `auto`.
    """
    found: dict[str, Mode] = {}
    for step, mode in modes.items():
        if mode == "auto" and repairs:
            _log.info("%s asks online: a redrive is no bulk.", step)
        elif mode == "auto" and not batches_served(endpoints[step]):
            _log.info("%s asks online: %s takes no batches.", step, endpoints[step].name)
        elif mode != "online":
            found[step] = mode
    return found


def by_modes(shop: Workshop) -> Workshop:
    """The workshop as the ordinary pass sees it, in which each step asks by its mode.

    What batches have answered comes from the store.
    """
    since = shop.clocks.now()
    return shop.asking(
        {step: partial(_after, shop, mode, since) for step, mode in shop.modes.items()}
    )


def _after(shop: Workshop, mode: Mode, since: str, asks: Sequence[Ask]) -> Iterator[Outcome]:
    """What the store has; the rest is asked online, or has no answer for now."""
    missing = []
    for ask in asks:
        if shop.engine.stopped is not None:
            raise shop.engine.stopped
        found = stored(shop.responses, ask)
        if found is None:
            missing.append(ask)
            continue
        if isinstance(found, Answered) and found.answer.record.at < since:
            shop.ledger.cached()  # paid for before this start, not by one of its batches
        yield found
    if mode == "auto":
        yield from shop.engine.answers(missing)
        return
    from editcorpus.endpoints.calls import hopeless  # its client takes a second to import

    for ask in missing:
        verdict = hopeless(ask, shop.ledger.damaged(ask.key))
        yield verdict or Unanswered(ask, Reason.UNAVAILABLE, _OPEN)


def rounds(shop: Workshop, stage: Stage) -> int:
    """How often what a step lacks is put into batches; questions that follow from answers take more."""
    return ROUNDS[shop.modes[stage.name]] + stage.depth - 1


def batched(shop: Workshop) -> list[Stage]:
    """The steps that ask in batches, in their order."""
    return [stage for stage in shop.stages if stage.name in shop.modes]


def is_through(shop: Workshop, shard: int, stage: Stage) -> bool:
    """Whether a step over a shard is done, as far as can be seen without the steps before it."""
    try:
        return look(shop, shard, stage).stands is not None
    except ShardError:
        return False


def ask_ahead(shop: Workshop, shard: int, stage: Stage) -> int:
    """Put what a step lacks over a shard into batches; the steps before it must be done.

    Returns:
        How many triplets wait for a batch.

    Raises:
        RunStopped: The run must not go on.
        ShardDamaged: Columns before it are damaged.
        ValueError: The step asks nobody.
    """
    if stage.asks is None:
        raise ValueError(f"The step {stage.name} asks nobody.")
    found = look(shop.asking({stage.name: shop.engine.bulk.answers}), shard, stage)
    if found.stands is not None:
        return 0
    piece = found.piece
    deque(stage.asks(piece), maxlen=0)
    piece.columns.check()
    held = {item.id for item in piece.tally.earlier}
    waiting = [item for item in piece.tally.failed if item.id not in held]
    return sum(item.reason is Reason.NOT_REACHED for item in waiting)
