"""The steps that ask a model, and which models each of them asks."""

from collections.abc import Mapping
from types import MappingProxyType

from editcorpus.steps import (
    align,
    caption,
    classify,
    compose,
    embed,
    regenerate,
    rewrite,
    synthesize,
)

Asks = (
    regenerate.Config
    | rewrite.Config
    | caption.Config
    | synthesize.Config
    | compose.Config
    | classify.Config
    | align.Config
    | embed.Config
)
"""The Config of a step that asks a model."""
ASKING: Mapping[str, type[Asks]] = MappingProxyType(
    {
        regenerate.NAME: regenerate.Config,
        rewrite.NAME: rewrite.Config,
        caption.NAME: caption.Config,
        synthesize.NAME: synthesize.Config,
        compose.NAME: compose.Config,
        classify.NAME: classify.Config,
        align.NAME: align.Config,
        embed.NAME: embed.Config,
    }
)
"""The class of each one's Config, by the step's name."""


def models_of(config: Asks) -> tuple[str, ...]:
    """The models that a step asks."""
    return config.models if isinstance(config, embed.Config) else (config.model,)
