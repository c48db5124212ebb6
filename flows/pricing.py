"""What a build would cost by a sample of its rows, for whoever asks before it is paid."""

from collections.abc import Mapping

from editcorpus.endpoints.endpoint import Endpoint
from editcorpus.errors import StorageError
from editcorpus.ledger import image_path
from editcorpus.rows import Source
from editcorpus.stages.estimate import Estimate, Prices, edit_keys, estimate
from editcorpus.stages.foreseen import asking_steps
from editcorpus.stages.looking import Sample, sample_rows
from editcorpus.stages.opening import Job
from editcorpus.storage import Store
from flows.parameters import Recipe

LOOKED_AT = 64
"""Rows of an input that are looked at where nobody says how many."""


def prices_of(source: Source, chosen: Recipe, endpoints: Mapping[str, Endpoint]) -> Prices:
    """What a settled recipe would do, and by whom."""
    return Prices(
        endpoints,
        chosen.pad,
        chosen.regenerate,
        chosen.rewrite,
        chosen.align,
        steps=asking_steps(source, chosen.variant, embeds=bool(chosen.embed.models)),
        describing=chosen.caption,
        making=chosen.synthesize,
        composing=chosen.compose,
        sorting=chosen.classify,
        embedding=chosen.embed,
    )


def may_have_answers(store: Store) -> bool:
    """Whether it is worth laying canvases to look for their edits; a bucket is always asked."""
    return store.local is None or (store.local / "responses").is_dir()


def priced(name: str, sample: Sample, prices: Prices, store: Store) -> Estimate:
    """What a build would take, less the edits that the store has."""
    served = _served(store, edit_keys(sample, prices)) if prices.known else None
    return estimate(name, sample, prices, served)


def foretold(job: Job, recipe: Recipe) -> tuple[Sample, Estimate]:
    """What a run would take whose recipe is settled.

    Raises:
        ConfigError: Its input cannot be read, or a model has no price.
    """
    prices = prices_of(job.source, recipe, job.endpoints)
    laid = may_have_answers(job.store)
    of = (job.source, job.inputs, recipe.selection)
    sample = sample_rows(*of, LOOKED_AT, [prices.padding], canvases=laid)
    return sample, priced(recipe.preset, sample, prices, job.store)


def _served(store: Store, keys: Mapping[str, str]) -> set[str] | None:
    """Ids of rows whose edits the store has; None where it cannot be read, or not yet."""
    try:
        return {one for one, key in keys.items() if store.exists(image_path(key))}
    except StorageError:
        return None
