"""Who takes a run's partitions, where this process does not."""

from editcorpus.stages.opening import Job
from editcorpus.stages.permitting import Permits
from flows.handing import Crew
from flows.parameters import Recipe
from flows.processes import Processes
from flows.sharing import Order
from flows.workers import Place, Workers, check_deployment, deployment_named


def check_crew(recipe: Recipe) -> None:
    """Find out, before anything is paid, whether there is somebody to hand partitions to.

    Raises:
        ConfigError: The deployment that is named is none.
    """
    if recipe.effort.workers:
        check_deployment(recipe.effort.workers)


def crew_for(job: Job, recipe: Recipe, permits: Permits, *, several: bool) -> Crew | None:
    """Who takes the partitions; nobody but this process where there is no need.

    Args:
        job: The run.
        recipe: What is built, and by whom.
        permits: What is out of its money.
        several: Whether there is work for several processes.
    """
    order = Order(job.source.origin or job.source.name, recipe)
    if name := recipe.effort.workers:
        return Workers(order, Place(job.store, deployment_named(name), permits.is_taken))
    return Processes(order) if several else None
