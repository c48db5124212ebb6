"""`editcorpus build SOURCE --dry-run`: what the build would cost, once all of it was checked."""

import json
import sys

from editcorpus.stages.opening import Job
from flows.forecasts import estimate_json, print_estimates
from flows.parameters import Recipe
from flows.pricing import foretold, prices_of
from flows.settling import settled


def foretell(job: Job, recipe: Recipe, *, as_json: bool) -> int:
    """Print what a checked build would cost, and build nothing.

    Raises:
        ConfigError: Its input cannot be read, or a model has no price.
    """
    recipe = settled(recipe, job.source)
    sample, found = foretold(job, recipe)
    known = prices_of(job.source, recipe, job.endpoints).known
    listed = job.endpoints["regenerate"].tariffs.told
    print_estimates(sample, [found], recipe.preset, listed, known=known)
    if as_json:
        members = {"run": job.run, "dry_run": True, "rows": sample.rows, **estimate_json(found)}
        sys.stdout.write(json.dumps(members) + "\n")
    return 0
