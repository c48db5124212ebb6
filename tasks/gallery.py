"""Task `gallery`: make the page on which a person looks at the run's triplets."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from editcorpus.stages.page import make_gallery
from tasks.workshop import WORKSHOP


@task(task_run_name="gallery", cache_policy=NO_CACHE, persist_result=False)
def gallery(limit: int) -> str:
    """Make the page on which a person looks at the run's triplets; gives where it lies."""
    shop = WORKSHOP.get()
    return make_gallery(shop.store, shop.run, limit, shop.ledger.spent)
